"""TensorBoard on a fresh run: what it serves, and what a browser shows of it."""

import importlib
import json
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kindling.__main__ import main
from kindling.data import paths
from kindling.runs import folder as runs
from scripts import board, browser
from scripts.browser import Page

pytestmark = pytest.mark.slow
RUN = "timeseries/version_0"
Ask = Callable[..., bytes]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("problems.timeseries.data")
    logs = tmp_path_factory.mktemp("logs")
    flags = ["--config=smoke", "--trainer.enable_progress_bar=false", f"--logs={logs}"]
    assert main(["train", "--config=timeseries", *flags]) == 0
    return logs


@pytest.fixture(scope="module")
def address(logs: Path) -> Iterator[str]:
    with board.tensorboard(logs / runs.TENSORBOARD) as address:
        yield address


@pytest.fixture
def ask(address: str) -> Ask:
    """What TensorBoard answers; a body makes it a POST."""

    def ask(path: str, body: Any = None, **query: Any) -> bytes:
        url = f"{address}data/plugin/{path}?{urllib.parse.urlencode(query)}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: bytes = answer.read()
        return content

    return ask


chromium = pytest.mark.skipif(browser.find() is None, reason="no Chromium")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    if browser.find() is None:
        pytest.skip("no Chromium")
    with browser.chromium() as page:
        yield page


def test_curves_of_both_stages_are_served(ask: Ask) -> None:
    tags = json.loads(ask("scalars/tags"))
    assert {f"{RUN}{part}" for part in ("", "/train", "/val", "/test", "/final")} <= tags.keys()
    for stage in ("train", "val"):
        assert {"curves/loss", "curves/mse", "curves/mae"} <= tags[f"{RUN}/{stage}"].keys()
        points = json.loads(ask("scalars/scalars", run=f"{RUN}/{stage}", tag="curves/loss"))
        assert [step for _, step, _ in points] == [4, 9]
    assert any(tag.startswith("gradient_norm/") for tag in tags[RUN])


def test_figures_are_served_as_pictures(ask: Ask) -> None:
    tags = json.loads(ask("images/tags"))
    for stage in ("val", "test"):
        assert {"figures/forecast", "figures/residuals"} <= tags[f"{RUN}/{stage}"].keys()
    found = ask("images/images", run=f"{RUN}/test", tag="figures/forecast", sample=0)
    query = dict(urllib.parse.parse_qsl(json.loads(found)[0]["query"]))
    assert ask("images/individualImage", **query).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("tab", "shown"),
    [
        ("", ("curves", "/loss", "/mae", "gradient_norm", "Smoothed", f"{RUN}/val")),
        ("#images", ("figures/forecast", "figures/residuals", f"{RUN}/test")),
        ("#hparams", ("model.cell", "lstm", "test/mse", "trainer.max_epochs")),
    ],
)
def test_a_browser_shows_cards_figures_and_settings(
    tab: str, shown: tuple[str, ...], page: Page, address: str
) -> None:
    page.open(f"{address}{tab}")
    page.wait_for(*shown)


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """The script that takes the pictures, which finds its neighbours as it does when it is run."""
    monkeypatch.syspath_prepend(str(paths.PROJECT / "scripts"))
    for name in ("board", "browser", "pictures"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    pictures = importlib.import_module("pictures")
    yield lambda *args: pictures.main([*args])
    for name in ("board", "browser", "pictures"):
        sys.modules.pop(name, None)


@chromium
def test_pictures_are_taken_of_fresh_runs(
    take: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("--config=smoke", "--trainer.enable_progress_bar=false")
    monkeypatch.setattr("pictures.FRESH", (flags, (*flags, "--model.cell=rnn")))
    assert take("--output", str(tmp_path)) == 0
    shown = ("table", "tensorboard", "tensorboard_hparams", "tensorboard_images")
    assert [p.name for p in sorted(tmp_path.iterdir())] == [f"timeseries_{n}.png" for n in shown]
    for path in tmp_path.iterdir():
        assert path.stat().st_size < 150_000
        with Image.open(path) as picture:
            assert min(picture.size) > 200
            assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 10


def test_no_chromium_is_one_line(
    take: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert take("--output", str(tmp_path / "images")) == 2
    assert capsys.readouterr().err.startswith("kindling: no Chromium found (chromium, ")
    assert not (tmp_path / "images").exists()
