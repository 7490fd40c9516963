"""Runs that exist side by side: what is shown of them, and what is left in the folder."""

import json
import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kindling.__main__ import main

Make = Any
Compare = Callable[..., Path]

LSTM = [0.5, 0.6, 0.55]
GRU = [0.4, 0.52, 0.43, 9.0]


@pytest.fixture
def compare(logs: Path, monkeypatch: pytest.MonkeyPatch) -> Compare:
    """The folder of a comparison of these runs."""
    monkeypatch.setattr("sys.argv", ["kindling", "compare", "--runs", "some"])

    def run(*records: Any, flags: tuple[str, ...] = (), status: int = 0) -> Path:
        folders = [str(record.folder) for record in records]
        args = ["compare", "--runs", *folders, "--name=mine", f"--logs={logs}", *flags]
        assert main(args) == status
        return logs / "toy" / "compare" / "mine"

    return run


@pytest.fixture
def cells(make: Make) -> list[Any]:
    """Two variants over seeds, one of which the first does not have; on test, they are far off."""
    return [
        make(f"{c}_{s}", {"mse": 770.0 + s}, validation=v, seed=s, cell=c, seconds=t)
        for c, values, t in (("lstm", LSTM, 8.0), ("gru", GRU, 4.0))
        for s, v in enumerate(values)
    ]


def lines(text: str) -> list[str]:
    """Without the blanks that align cells."""
    return [re.sub(r" +", " ", line) for line in text.splitlines()]


def test_validation_is_shown_and_test_is_not(
    cells: list[Any], compare: Compare, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = compare(*cells)
    shown = capsys.readouterr().out
    text = (folder / "compare.md").read_text()
    rows = lines(text)
    assert "| validation | model.cell=lstm | model.cell=gru |" in rows
    assert "| runs | 3 | 4 |" in rows
    assert "| mse | 0.55 ± 0.05 | 2.587 ± 4.3 |" in rows
    assert "| mse | -0.1 (-0.15 to -0.0503) |" in rows
    assert "| training_s | 8 | 4 |" in rows
    for words in ("model.cell", "95 % interval", "validation split, best epoch, 20 samples"):
        assert words in text
        assert words in shown
    assert "not a score on real data" in text
    assert "command: kindling compare --runs some" in text
    for path in folder.glob("*.csv"):
        assert ",77" not in path.read_text()
    assert "last value" not in shown, "a baseline is scored on test alone"
    assert {path.name for path in folder.iterdir()} == {
        *("compare.md", "scores.csv", "runs.csv"),
    }


def test_scores_are_over_all_runs_and_differences_over_pairs(
    cells: list[Any], compare: Compare
) -> None:
    folder = compare(*cells)
    table = pd.read_csv(folder / "scores.csv", index_col=["metric", "variant"])
    lstm, gru = (table.loc[("mse", f"model.cell={name}")] for name in ("lstm", "gru"))
    assert list(table) == ["runs", "mean", "deviation", "minus", "difference", "low", "high"]
    assert lstm["mean"] == pytest.approx(statistics.mean(LSTM))
    assert lstm["deviation"] == pytest.approx(statistics.stdev(LSTM))
    assert pd.isna(lstm["difference"])
    assert (gru["runs"], gru["minus"]) == (4, "model.cell=lstm")
    assert gru["difference"] == pytest.approx(-0.1)
    assert gru["low"] < gru["difference"] < gru["high"] < 0
    runs = pd.read_csv(folder / "runs.csv")
    assert list(runs["mse"]) == pytest.approx([*LSTM, *GRU])
    assert all(Path(run).is_dir() for run in runs["run"])


def test_test_scores_beside_what_they_have_to_beat(make: Make, compare: Compare) -> None:
    lr = {0.5: 0.1, 0.25: 1.0}
    runs = [make(f"version_{k}", {"mse": v}, lr=rate) for k, (v, rate) in enumerate(lr.items())]
    folder = compare(*runs, flags=("--test",))
    rows = lines((folder / "compare.md").read_text())
    assert "| test | model.lr=0.1 | model.lr=1.0 | last value |" in rows
    assert "| mse | 0.5 | 0.25 | 1 |" in rows
    assert "| mse | -0.25 |" in rows, "of a single pair, without interval"
    assert "- scores: one run each: no spread and no interval; they need several seeds" in rows
    assert any("test split, 20 samples" in row for row in rows)


def test_a_single_variant_differs_from_what_it_has_to_beat(make: Make, compare: Compare) -> None:
    runs = [make(f"version_{seed}", {"mse": 0.5 + seed}, seed=seed) for seed in (0, 1)]
    table = pd.read_csv(compare(*runs, flags=("--test",)) / "scores.csv", index_col="variant")
    assert set(table["minus"]) == {"last value"}
    mse = table[table["metric"] == "mse"]
    assert mse.loc["runs", "difference"] == pytest.approx(0.0)


def test_the_time_of_a_run_that_was_resumed_is_not_shown(make: Make, compare: Compare) -> None:
    run = make(seconds=3.0)
    record = run.provenance | {"command": "kindling train --run logs/version_0"}
    (run.folder / "provenance.json").write_text(json.dumps(record))
    rows = lines((compare(run) / "compare.md").read_text())
    assert "| parameters | 100 |" in rows
    assert not [row for row in rows if "training_s" in row]


def test_many_variants_have_rows(make: Make, compare: Compare) -> None:
    folder = compare(*(make(f"version_{k}", None, lr=0.1 * k) for k in range(8)))
    assert "| validation | runs | loss | mse | parameters | training_s |" in lines(
        (folder / "compare.md").read_text()
    )


def test_the_heads_of_two_runs_may_have_other_names(make: Make, compare: Compare) -> None:
    runs = [make("both", {"age/mae": 1.0}), make("age", {"mae": 2.0}, lr=1.0)]
    table = pd.read_csv(compare(*runs, flags=("--test",)) / "scores.csv")
    assert {"age/mae", "mae"} & {*table["metric"]} == {"age/mae"}


def test_runs_that_cannot_be_compared(
    make: Make, compare: Compare, capsys: pytest.CaptureFixture[str]
) -> None:
    good, untested = make("version_0", {"mse": 1.0}), make("version_1", None, seed=1)
    compare(good, untested)

    def refused(*records: Any, flags: tuple[str, ...] = ()) -> str:
        capsys.readouterr()
        compare(*records, flags=flags, status=2)
        return capsys.readouterr().err

    assert "version_1: has no results.json; first: make" in refused(untested, flags=("--test",))
    other = make("version_0", {"mse": 1.0}, task="other")
    assert "runs of other and toy: only runs of one task" in refused(good, other)
    assert "two runs have the same seed" in refused(good, make("version_2", {"mse": 2.0}))
    changed = make("version_3", {"mse": 2.0}, seed=1, sha256="e")
    assert "the data have changed between these runs" in refused(good, changed)
    (good.folder / "metrics.csv").unlink()
    assert "version_0: has no validation scores in metrics.csv" in refused(good)
