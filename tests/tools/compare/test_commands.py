"""The commands over real runs, the smallest that there are."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kindling.__main__ import main as kindling
from kindling.data import paths
from kindling.tools.compare import commands
from tests.test_makefile import make

SMALL = ["--config=smoke", "--data.window=8", "--data.lags=[]", "--model.hidden=8"]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (
            ["compare", "TASK=t", "NAME=a b", "SEEDS=5", "DATA=d", "model.lr=1"],
            "compare.py --task t --name 'a b' --seeds 5 --data.root='d' '--model.lr=1'",
        ),
        (["compare", "RUNS=a b", "NAME=n"], "compare.py --runs a b --name 'n'"),
        (["compare"], "compare needs TASK="),
        (["crossval", "TASK=t", "FOLDS=3"], "crossval.py --task t --folds 3"),
        (["results", "DATA=d", "ARGS=--only t"], "results.py --data 'd' --only t"),
        (["runs", "TASK=t", "ARGS=--all"], "runs.py --task t --all"),
        (["reproduce", "RUN=r"], "reproduce.py --run 'r'"),
        (["reproduce"], "reproduce needs RUN="),
    ],
)
def test_make(words: list[str], command: str) -> None:
    assert command in " ".join(make(*words).split())


@pytest.mark.parametrize(
    ("script", "args", "said"),
    [
        ("compare", ["--task=x"], "x: no such task"),
        ("compare", ["--task=timeseries", "--seeds=0"], "seeds=0: must be at least 1"),
        ("compare", ["--task=timeseries", "--model.cel=x"], "model.cel: no such option"),
        ("compare", ["--task=timeseries", "--data.root=none"], "none: no such folder"),
        ("compare", ["--task=timeseries", "--name=../x"], "not a name"),
        ("compare", ["--runs", "none"], "none: no such run"),
        ("compare", ["--runs", "none", "--model.lr=1"], "compared as they are"),
        ("crossval", ["--task=timeseries", "--folds=1"], "folds=1: must be at least 2"),
        ("reproduce", ["--run=none"], "none: no such run"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_leaves_nothing(
    script: str, args: list[str], said: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert getattr(commands, script)([*args, f"--logs={logs}"]) == 2
    captured = capsys.readouterr().err
    assert captured.startswith("kindling: ")
    assert captured.count("\n") == 1
    assert said in captured
    assert not logs.exists()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    logs = tmp_path_factory.mktemp("made")
    flags = ["--threads=1", f"--logs={logs}", "--trainer.enable_progress_bar=false"]
    assert kindling(["train", "--config=timeseries", *SMALL, *flags]) == 0
    return logs / "timeseries" / "version_0"


@pytest.mark.slow
def test_a_run_is_reproduced(run: Path, logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.reproduce(["--run", str(run), f"--logs={logs}"]) == 0
    assert "all 3 scores, to the last digit" in capsys.readouterr().out
    [again] = (logs / "timeseries" / "reproduce").glob("*/timeseries/version_0")
    assert (again / "results.json").is_file()


def altered(run: Path, tmp_path: Path, file: str, *keys: str, value: Any) -> Path:
    """A copy of a run, one thing in one of its files changed."""
    copy = tmp_path / "version_0"
    shutil.copytree(run, copy)
    content = json.loads((copy / file).read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    (copy / file).write_text(json.dumps(content))
    return copy


@pytest.mark.slow
def test_what_came_out_differently_is_named(
    run: Path, logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = altered(run, tmp_path, "results.json", "metrics", "mse", "value", value=0.5)
    record = json.loads((other / "provenance.json").read_text())
    record["packages"]["torch"] = "1.0"
    record["command"] = "kindling train --run logs/timeseries/version_0"
    (other / "provenance.json").write_text(json.dumps(record))
    assert commands.reproduce(["--run", str(other), f"--logs={logs}"]) == 1
    captured = capsys.readouterr()
    assert "mse: not the same" in captured.err
    assert "mae" not in captured.err
    assert "torch        1.0, now" in captured.out


def test_other_data_cannot_reproduce(
    run: Path, logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = altered(run, tmp_path, "results.json", "data", "sha256", value="0" * 64)
    assert commands.reproduce(["--run", str(other), f"--logs={logs}"]) == 2
    assert "the data have changed since the run" in capsys.readouterr().err
    assert not logs.exists()


@pytest.mark.slow
def test_compare_killed_and_started_again(logs: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("seeds: 1\nvariants: {rnn: --model.cell=rnn, gru: --model.cell=gru}")
    script = str(paths.PROJECT / "scripts" / "compare.py")
    flags = ["--trainer.max_epochs=40", "--early_stopping.patience=40"]
    flags += ["--trainer.limit_train_batches=2", "--trainer.limit_val_batches=2"]
    command = [sys.executable, script, "--task=timeseries", f"--plan={plan}", f"--logs={logs}"]
    command += ["--jobs=1", "--name=x", *SMALL, *flags]
    runs = logs / "timeseries" / "compare" / "x" / "runs"
    first = runs / "rnn" / "seed_0" / "timeseries" / "version_0"
    second = runs / "gru" / "seed_0" / "timeseries" / "version_0"
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    patience = time.monotonic() + 300
    while not (second / "checkpoints" / "last.ckpt").exists():
        assert time.monotonic() < patience
        time.sleep(0.05)
    started.send_signal(signal.SIGTERM)
    _, said = started.communicate(timeout=100)
    assert started.returncode == 143
    assert "1 of 2 runs are finished; the same command goes on" in said
    before = (first / "results.json").stat().st_mtime_ns
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (first / "results.json").stat().st_mtime_ns == before
    assert [p.name for p in sorted(second.parent.glob("version_*"))] == ["version_0"]
    starts = json.loads((runs / "gru" / "seed_0" / "usage.json").read_text())["starts"]
    assert len(starts) == 2, "it went on"
    for variant in ("rnn", "gru"):
        [run] = (runs / variant / "seed_0").glob("timeseries/version_*")
        with (run / "metrics.csv").open() as stream:
            assert sum(1 for _ in stream) == 41
    assert (runs.parent / "compare.md").is_file()


@pytest.mark.slow
def test_crossval(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--task=timeseries", "--folds=2", f"--logs={logs}", *SMALL]
    assert commands.crossval(args) == 0
    shown = capsys.readouterr().out
    for words in ("minus last value", "over folds", "rmse"):
        assert words in shown
    folder = logs / "timeseries" / "crossval" / "sample"
    rows = (folder / "runs.csv").read_text().splitlines()
    assert [row.split(",")[2] for row in rows] == ["fold", "0", "1"]
