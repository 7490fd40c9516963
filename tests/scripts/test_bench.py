"""The benchmark's own arithmetic, on a loop that says how long it took and a run of Kindling's."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from kindling.data import paths

LOOPS = """
import json, sys
floor = "--limit" in sys.argv
print("epochs:", [arg for arg in sys.argv if arg.startswith("--epochs")])
print(json.dumps({"epoch_s": 2.0 - floor, "step_us": 200.0 - 100 * floor, "peak_mib": 100.0}))
"""


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script, which its neighbours import by its name."""
    monkeypatch.syspath_prepend(str(paths.PROJECT / "scripts"))
    yield importlib.import_module("bench")
    for name in ("bench", "growth"):
        sys.modules.pop(name, None)


def test_the_table_has_medians_and_their_ratios(
    bench: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    times = iter([5.0, 3.0, 4.0])
    run: dict[str, Any] = {"step_us": 300.0, "peak_mib": 115.0}
    monkeypatch.setattr(bench, "run_kindling", lambda *_: {**run, "epoch_s": next(times)})
    monkeypatch.setattr(bench, "CASES", [bench.CASES[0]])
    output, loops = tmp_path / "out" / "bench.csv", tmp_path / "loops.py"
    loops.write_text(LOOPS)
    (tmp_path / "potability").mkdir()
    bench.main(
        ["--only=potability", f"--loops={loops}", f"--data={tmp_path}", f"--output={output}"]
    )
    [row] = pd.read_csv(output).to_dict("records")
    assert (row["loop_epoch_s"], row["floor_epoch_s"], row["kindling_epoch_s"]) == (2, 1, 4)
    assert (row["epoch_s / loop"], row["step_us / floor"]) == (2, 3)
    assert row["peak_mib / floor"] == pytest.approx(115 / row["floor_peak_mib"])
    assert 5 < row["floor_peak_mib"] < 100, "of a script that imports nothing"
    assert "cores" in row["machine"]
    assert "potability" in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_is_timed_in_a_terminal(bench: ModuleType) -> None:
    pytest.importorskip("problems.potability.data")
    flags = ["--config=potability", "--config=smoke", "--trainer.max_epochs=3"]
    timed = bench.timed_run(flags)
    assert 0 < timed["epoch_s"] < 60
    # Five batches an epoch.
    assert timed["step_us"] == pytest.approx(1e6 * timed["epoch_s"] / 5)
    assert 100 < timed["peak_mib"] < 20_000


@pytest.mark.slow
def test_growth_is_measured_and_drawn(
    tmp_path: Path, bench: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    growth = importlib.import_module("growth")
    monkeypatch.setattr(growth, "CLIENTS", 4)
    _, *panel = growth.PROBLEMS["panel"]
    monkeypatch.setitem(growth.PROBLEMS, "panel", (30_000, *panel))
    growth.main(["--scale=0.05", f"--output={tmp_path / 'growth.csv'}"])
    table = pd.read_csv(tmp_path / "growth.csv")
    assert list(table["problem"].unique()) == ["rows", "windows", "panel", "photos"]
    assert (tmp_path / "growth.png").stat().st_size > 10_000
