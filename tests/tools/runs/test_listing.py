"""The list of all runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kindling.__main__ import main

Make = Any


Rows = Callable[..., dict[str, dict[str, str]]]


@pytest.fixture
def rows(logs: Path, capsys: pytest.CaptureFixture[str]) -> Rows:
    """What is listed, by the name of the run's folder and the name of the column."""

    def listed(*flags: str) -> dict[str, dict[str, str]]:
        assert main(["runs", f"--logs={logs}", *flags]) == 0
        table = [line[1:-1].split("|") for line in capsys.readouterr().out.splitlines()]
        names, _, *cells = [[cell.strip() for cell in row] for row in table]
        return {Path(row[0]).name: dict(zip(names, row, strict=True)) for row in cells}

    return listed


@pytest.mark.usefixtures("toy")
def test_each_run_says_what_it_is(make: Make, rows: Rows) -> None:
    make("version_0", {"mse": 0.1234})
    make("version_1", None, seed=3, lr=0.1, start="2026-01-01T00:00:00+00:00", seconds=None)
    assert "test" not in rows()["version_0"], "nobody shall choose by test scores"
    found = rows("--test", "--task=toy")
    assert list(found) == ["version_1", "version_0"], "in the order of their start"
    first = found["version_0"]
    assert first["commit"] == "0123456789*"
    assert first["data"] == "sample"
    assert first["best validation"] == "loss 0.3"
    assert first["test"] == "mse 0.1234"
    assert first["training"] == "4 s"
    assert first["settings"] == "seed_everything=0, lr=0.008"
    assert found["version_1"]["settings"] == "seed_everything=3, lr=0.1"
    assert found["version_1"]["test"] == "–"  # noqa: RUF001
    assert found["version_1"]["training"] == "unfinished"


def test_runs_of_comparisons_are_listed_if_asked_for(make: Make, rows: Rows) -> None:
    make("version_0", {"mse": 1.0})
    make("compare/x/runs/a/seed_0/toy/version_7", {"mse": 1.0})
    assert list(rows()) == ["version_0"]
    assert set(rows("--all")) == {"version_0", "version_7"}


def test_links_are_not_runs(make: Make, rows: Rows, logs: Path) -> None:
    run = make("version_0", {"mse": 1.0}).folder
    for link in (run.parent / "latest", logs / ".tensorboard" / "toy" / "version_0"):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(run)
    assert list(rows("--all")) == ["version_0"]


def test_a_damaged_run_is_listed_with_what_it_has(make: Make, rows: Rows) -> None:
    run = make("version_0", {"mse": 1.0}).folder
    (run / "results.json").write_text("{")
    (run / "provenance.json").write_text("[]")
    found = rows("--test")["version_0"]
    assert found["best validation"] == "loss 0.3"
    assert found["test"] == found["when"] == "–"  # noqa: RUF001
