"""The list of all runs."""

from pathlib import Path
from typing import Any

import pytest

from kindling.tools.runs import listing, main

Make = Any


def rows(logs: Path, *args: Any) -> dict[str, dict[str, str]]:
    header, *found = listing.grid(listing.found(logs, *args))
    return {Path(row[0]).name: dict(zip(header, row, strict=True)) for row in found}


@pytest.mark.usefixtures("toy")
def test_each_run_says_what_it_is(make: Make, logs: Path) -> None:
    make("version_0", {"mse": 0.1234})
    make("version_1", None, seed=3, lr=0.1, start="2026-01-01T00:00:00+00:00", seconds=None)
    found = rows(logs)
    assert list(found) == ["version_1", "version_0"], "in the order of their start"
    first = found["version_0"]
    assert first["commit"] == "0123456789*"
    assert first["data"] == "sample"
    assert first["best validation"] == "loss 0.3"
    assert first["test"] == "mse 0.1234"
    assert first["training"] == "4 s"
    assert first["changed"] == "max_epochs=4", "all else is as it is configured"
    assert found["version_1"]["changed"] == "max_epochs=4, lr=0.1, seed=3"
    assert found["version_1"]["test"] == "–"  # noqa: RUF001
    assert found["version_1"]["training"] == "unfinished"


def test_runs_of_comparisons_are_listed_if_asked_for(make: Make, logs: Path) -> None:
    make("version_0", {"mse": 1.0})
    make("compare/x/runs/a/seed_0/toy/version_7", {"mse": 1.0})
    assert list(rows(logs)) == ["version_0"]
    assert set(rows(logs, "toy", True)) == {"version_0", "version_7"}


def test_links_are_not_runs(make: Make, logs: Path) -> None:
    run = make("version_0", {"mse": 1.0}).folder
    for link in (run.parent / "latest", logs / ".tensorboard" / "toy" / "version_0"):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(run)
    assert len(listing.found(logs, None, True)) == 1


def test_a_damaged_run_is_listed_with_what_it_has(make: Make, logs: Path) -> None:
    run = make("version_0", {"mse": 1.0}).folder
    (run / "results.json").write_text("{")
    (run / "provenance.json").write_text("[]")
    found = rows(logs)["version_0"]
    assert found["best validation"] == "loss 0.3"
    assert found["test"] == found["when"] == "–"  # noqa: RUF001


@pytest.mark.usefixtures("toy")
def test_the_command(make: Make, logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make("version_0", {"mse": 0.1234})
    assert main([f"--logs={logs}"]) == 0
    assert "mse 0.1234" in capsys.readouterr().out
    assert main([f"--logs={logs.parent}", "--task=toy"]) == 2
    assert "no runs of toy there; start one with: make train" in capsys.readouterr().err
    assert main(["--task=toys"]) == 2
    assert "toys: no such task; did you mean toy?" in capsys.readouterr().err
