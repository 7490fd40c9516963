"""The benchmark's own arithmetic, on a loop that says how long it took and a run of Kindling's."""

import importlib.util
import sys
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
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench", paths.PROJECT / "scripts" / "bench.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bench", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def loops(tmp_path: Path) -> Path:
    path = tmp_path / "loops.py"
    path.write_text(LOOPS)
    return path


def test_the_table_has_medians_and_their_ratios(
    bench: ModuleType,
    loops: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    times = iter([5.0, 3.0, 4.0])
    run: dict[str, Any] = {"step_us": 300.0, "peak_mib": 115.0}
    monkeypatch.setattr(bench, "run_kindling", lambda *_: {**run, "epoch_s": next(times)})
    monkeypatch.setattr(bench, "CASES", [bench.CASES[0]])
    output = tmp_path / "out" / "bench.csv"
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


def test_a_part_without_its_data_is_left_out_by_name(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not bench.wanted("faces", None, tmp_path / "faces")
    assert capsys.readouterr().out == f"faces: left out, no folder {tmp_path / 'faces'}\n"
    assert bench.wanted("faces", ["faces"], tmp_path)
    assert not bench.wanted("faces", ["prices"], tmp_path)
    assert capsys.readouterr().out == ""


def test_a_run_is_timed_in_a_terminal(bench: ModuleType) -> None:
    pytest.importorskip("problems.potability.data")
    flags = ["--config=potability", "--config=smoke", "--trainer.max_epochs=3"]
    timed = bench.timed_run(flags)
    assert 0 < timed["epoch_s"] < 60
    # Five batches an epoch.
    assert timed["step_us"] == pytest.approx(1e6 * timed["epoch_s"] / 5)
    assert 100 < timed["peak_mib"] < 20_000


def test_a_run_that_fails_says_why(bench: ModuleType) -> None:
    pytest.importorskip("problems.potability.data")
    with pytest.raises(SystemExit, match=r"no such option"):
        bench.timed_run(["--config=potability", "--model.nothing=1"])


@pytest.mark.slow
def test_growth_is_measured_and_drawn(tmp_path: Path, bench: ModuleType) -> None:
    path = paths.PROJECT / "scripts" / "growth.py"
    spec = importlib.util.spec_from_file_location("growth", path)
    assert spec is not None
    assert spec.loader is not None
    growth = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(growth)
    growth.main(["--scale=0.05", f"--output={tmp_path / 'growth.csv'}"])
    table = pd.read_csv(tmp_path / "growth.csv")
    assert list(table["problem"].unique()) == ["rows", "windows", "photos"]
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_the_loops_are_called_as_they_ask_for(
    bench: ModuleType, loops: Path, tmp_path: Path
) -> None:
    case = bench.Case("clouds", (), "clouds", epochs=3, loop_epochs=7)
    timed = bench.run_loop(case, loops, tmp_path)
    assert (timed["epoch_s"], timed["step_us"]) == (2, 200)
    assert bench.run_loop(case, loops, tmp_path, "--limit")["epoch_s"] == 1


def test_photos_are_counted_against_the_loops_own(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clouds = pytest.importorskip("problems.clouds.sample")
    clouds.write_sample(tmp_path / "clouds")
    script = tmp_path / "loops.py"
    script.write_text("def problem(name, data):\n    return ([1] * 64, None)\n")
    output = tmp_path / "photos.csv"
    bench.main(["--only=photos", f"--loops={script}", f"--data={tmp_path}", f"--output={output}"])
    [row] = pd.read_csv(output).to_dict("records")
    for name in ("first", "later"):
        ratio = row[f"kindling_{name}_photos_s"] / row["loop_photos_s"]
        assert row[f"{name} photos / loop"] == pytest.approx(ratio)
    assert row["kindling_later_photos_s"] > row["kindling_first_photos_s"]
    assert "photos a second without a net" in capsys.readouterr().out
