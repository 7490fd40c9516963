"""A comparison over real runs, the smallest that there are."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.usefixtures("toy")
def test_compare_killed_and_started_again(logs: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("seeds: 1\nvariants:\n  few: --model.hidden=[4]\n  many: --model.hidden=[8]\n")
    flags = ["--trainer.max_epochs=40", "--early_stopping.patience=40"]
    flags += ["--trainer.limit_train_batches=2", "--trainer.limit_val_batches=2"]
    command = [
        sys.executable,
        "-m",
        "kindling",
        "compare",
        "--task=toy",
        f"--plan={plan}",
        f"--logs={logs}",
    ]
    command += ["--jobs=1", "--name=x", *flags]
    runs = logs / "toy" / "compare" / "x" / "runs"
    first = runs / "few" / "seed_0" / "toy" / "version_0"
    second = runs / "many" / "seed_0" / "toy" / "version_0"
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    patience = time.monotonic() + 300
    while not (second / "checkpoints" / "last.ckpt").exists():
        assert time.monotonic() < patience
        time.sleep(0.05)
    started.send_signal(signal.SIGTERM)
    _, said = started.communicate(timeout=100)
    assert started.returncode == 143
    assert "1 of 2 runs are finished; the same command continues" in said
    before = (first / "results.json").stat().st_mtime_ns
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (first / "results.json").stat().st_mtime_ns == before
    assert [p.name for p in sorted(second.parent.glob("version_*"))] == ["version_0"]
    starts = json.loads((runs / "many" / "seed_0" / "usage.json").read_text())["starts"]
    assert len(starts) == 2, "it went on"
    for variant in ("few", "many"):
        [run] = (runs / variant / "seed_0").glob("toy/version_*")
        with (run / "metrics.csv").open() as stream:
            assert sum(1 for _ in stream) == 41
    assert (runs.parent / "compare.md").is_file()
