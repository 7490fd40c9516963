"""The page to try a model: by its API, and as headless Chromium shows it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import gradio_client
import pandas as pd
import pytest

import kindling
from kindling.__main__ import main
from kindling.data import paths
from kindling.errors import short
from kindling.tools.demo.page import form
from scripts import browser
from tests.engine.toy import PHOTOS, QUIET, SERIES, TABLE, write_photos, write_series, write_table

FLAGS = {"toy": TABLE, "toy_photos": PHOTOS, "toy_series": SERIES}
WRITERS = {"toy": write_table, "toy_photos": write_photos, "toy_series": write_series}


PANEL = ("--data.series=shop", "--data.known=[price]")


def write_panel(folder: Path) -> None:
    """Eighty hours of two shops, whose prices are known ahead."""
    folder.mkdir()
    hours = pd.date_range("2024-01-01", periods=80, freq="h")
    table = pd.DataFrame({"timestamp": hours, "value": range(80), "price": 2.5})
    pd.concat([table.assign(shop=shop) for shop in "AB"]).to_csv(folder / "toy.csv", index=False)


def trained(task: str, folder: Path, *flags: str) -> kindling.Run:
    """A run of a toy problem on the folder's files."""
    where = [f"--data.root={folder}", f"--logs={folder.parent / 'logs'}", QUIET]
    assert main(["train", *FLAGS[task], *where, *flags]) == 0
    return kindling.load(folder.parent / "logs" / task / "latest")


@contextmanager
def served(run: Path) -> Iterator[str]:
    """The page's address, while the command runs."""
    command = [sys.executable, "-m", "kindling", "demo", "--run", str(run), "--port", "0"]
    with subprocess.Popen(
        command, cwd=paths.PROJECT, stdout=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if line.startswith("page"))
            assert "for this machine only" in line
            yield line.split()[1]
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("task", "write", "flags"),
    [*((task, write, ()) for task, write in WRITERS.items()), ("toy_series", write_panel, PANEL)],
)
def test_a_sample_is_predicted_as_it_was_in_the_test(
    task: str, write: Callable[[Path], object], flags: Sequence[str], tmp_path: Path
) -> None:
    write(tmp_path / "files")
    run = trained(task, tmp_path / "files", *flags)
    tested = pd.read_csv(run.folder / "predictions.csv", dtype=str)
    made = form(run, tested)
    [target] = run.data.target_names.values()
    scores = [name for name in tested if name.startswith("probability")] or ["prediction"]
    chosen = tested.iloc[:: max(1, len(tested) // 6)].head(6)
    assert 2 <= len(made.examples) <= 6
    for (*values, answer), (_, row) in zip(made.examples, chosen.iterrows(), strict=False):
        found = run.predict(made.given(*values)).iloc[-1]
        if "timestamp" in tested:
            names = [name for name in ("timestamp", "shop") if name in tested]
            same = (tested[names] == found[names].astype(str)).all(axis=1)
            row = tested[same].iloc[0]
        assert answer == f"{target}: {row[target].removesuffix('.0')}"
        assert [float(row[name]) for name in scores] == pytest.approx([*found[scores]], rel=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio_client")
def test_its_api_answers_as_the_run_does_and_refuses_in_a_sentence(tmp_path: Path) -> None:
    write_table(tmp_path / "files")
    run = trained("toy", tmp_path / "files")
    with served(run.folder) as address:
        asked = gradio_client.Client(address, verbose=False)
        answer = asked.predict(110, 0.5, "x", api_name="/predict")
        frame = pd.DataFrame({"a": [110], "b": [0.5], "kind": ["x"]})
        shown = {c["label"]: c["confidence"] for c in answer["confidences"]}
        assert shown["1"] == pytest.approx(run.predict(frame)["probability_1"][0])
        with pytest.raises(Exception, match="the DataFrame: a header and no rows"):
            asked.predict(None, None, None, api_name="/predict")


EXAMPLE = "document.querySelector('tbody tr, button.gallery-item').click()"
PREDICT = "[...document.querySelectorAll('button')].find(b => b.innerText == 'Predict').click()"
ANSWER = "[...document.querySelectorAll('input, textarea')].map(e => e.value).join('; ')"
WRONG = {
    "toy_series": "paste rows under the header timestamp,value",
    "toy_photos": "drop a photo first",
}


def fields(page: browser.Page, text: str) -> None:
    """Wait until a field holds the text."""
    end = time.monotonic() + 30
    while text not in (values := page.evaluate(ANSWER)):
        assert time.monotonic() < end, f"{text!r} is not in {values!r}"
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="there is no Chromium")
@pytest.mark.parametrize("task", FLAGS)
def test_a_browser_shows_a_sample_and_its_answer(task: str, tmp_path: Path) -> None:
    WRITERS[task](tmp_path / task)
    run = trained(task, tmp_path / task)
    tested = pd.read_csv(run.folder / "predictions.csv", dtype=str).iloc[0]
    target = next(iter(run.data.target_names.values()))
    with served(run.folder) as address, browser.chromium(1180, 900) as page:
        page.open(address.replace("127.0.0.1", "localhost"))
        page.wait_for("Predict", "samples of the test split", run.data.root.name)
        if task != "toy":
            page.evaluate(PREDICT)
            page.wait_for(WRONG[task])
        page.evaluate(EXAMPLE)
        fields(page, f"{target}: {tested[target]}")
        page.evaluate(PREDICT)
        if task == "toy_series":
            page.wait_for(short(float(tested["prediction"])))
        else:
            share = float(tested[f"probability_{tested['prediction']}"])
            page.wait_for(f"{100 * share:.0f}%")
        (tmp_path / f"{task}.png").write_bytes(page.still())


def test_without_the_extra_a_line_says_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["demo", "--run=logs/timeseries/latest"]) == 2
    assert "needs Gradio" in capsys.readouterr().err
