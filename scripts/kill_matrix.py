"""Kills runs of every problem at every kind of moment, lets them go on, and compares bit by bit.

python scripts/kill_matrix.py [--tasks clouds faces] [--workers 0 2]

Each run is a short one on the sample, killed by SIGKILL and gone on with by ``kindling train
--run``; beside it, the same run that nothing happens to. Prints a line each; the exit status is
the number of runs that differ.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kindling.runs import checkpoints

PHOTOS = ("--data.image_size=16", "--model.channels=[4,8]")
TASKS = {
    "timeseries": ("--model.hidden=4", "--data.window=8", "--data.lags=[]"),
    "potability": ("--model.hidden=[8]",),
    "clouds": PHOTOS,
    "prices": PHOTOS,
    "faces": PHOTOS,
}
QUIET = "--trainer.enable_progress_bar=false"
SHORT = (
    "--config=deterministic",
    "--data.batch_size=8",
    "--trainer.max_epochs=4",
    "--trainer.limit_train_batches=4",
    "--trainer.limit_val_batches=2",
    "--trainer.limit_test_batches=2",
    "--trainer.num_sanity_val_steps=0",
    "--model.schedule=cosine",
    QUIET,
)
MOMENTS = {
    "in mid-epoch": "training_step 11",
    "in validation": "validation_step 4",
    "at the end of an epoch": "on_train_epoch_end 3",
    "while a checkpoint is written": "fsync 3",
    "behind a checkpoint": "log_metrics 2",
}

# Runs a command that kills itself when something is called for the n-th time.
KILLED = """
import functools, itertools, os, signal, sys
from kindling.__main__ import main
from kindling.runs.metrics_table import MetricsTable
from kindling.training.module import Module

name, count = sys.argv[1].split()
owner = {"fsync": os, "log_metrics": MetricsTable}.get(name, Module)
called, calls = getattr(owner, name), itertools.count(1)

@functools.wraps(called)
def call(*args, **kwargs):
    if next(calls) == int(count):
        os.kill(os.getpid(), signal.SIGKILL)
    return called(*args, **kwargs)

setattr(owner, name, call)
sys.exit(main(sys.argv[2:]))
"""


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=[*TASKS])
    parser.add_argument("--workers", nargs="+", type=int, default=[0, 2])
    chosen = parser.parse_args(args)
    wrong = 0
    for task in chosen.tasks:
        with tempfile.TemporaryDirectory() as folder:
            whole = run(task, 0, Path(folder, "whole"))
            for workers in chosen.workers:
                for moment in MOMENTS:
                    resumed = killed_run(task, moment, workers, Path(folder, f"{workers} {moment}"))
                    found = differences(whole, resumed)
                    wrong += bool(found)
                    verdict = f"differs: {', '.join(found)}" if found else "bit-equal"
                    print(f"{task:10}  {moment:30}  {workers} workers  {verdict}", flush=True)
    return wrong


def flags(task: str, workers: int, logs: Path) -> list[str]:
    own = [*TASKS[task], f"--data.num_workers={workers}", f"--logs={logs}"]
    return [f"--config={task}", *SHORT, *own]


def run(task: str, workers: int, logs: Path) -> Path:
    """The run that nothing happens to."""
    _call([sys.executable, "-m", "kindling", "train", *flags(task, workers, logs)], 0)
    return logs / task / "version_0"


def killed_run(task: str, moment: str, workers: int, logs: Path) -> Path:
    """The run that is killed at a moment, and goes on."""
    command = [sys.executable, "-c", KILLED, MOMENTS[moment], "fit", *flags(task, workers, logs)]
    _call(command, -signal.SIGKILL)
    run = logs / task / "version_0"
    # TensorBoard reads files in the order of the second in their names, then of the process.
    time.sleep(1 - time.time() % 1)
    _call([sys.executable, "-m", "kindling", "train", "--run", str(run), QUIET], 0)
    return run


def _call(command: Sequence[str], status: int) -> None:
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=one_thread, capture_output=True, text=True, check=False)
    if done.returncode != status:
        sys.exit(f"status {done.returncode} instead of {status}: {done.stderr[-1500:]}")


def differences(one: Path, other: Path) -> list[str]:
    """What is not the same, to the last bit, in two runs."""
    last = [checkpoints.load(run / "checkpoints" / "last.ckpt") for run in (one, other)]
    parts = ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch")
    found = [part for part in parts if not same(last[0][part], last[1][part])]
    files = ("metrics.csv", "predictions.csv")
    found += [file for file in files if (one / file).read_text() != (other / file).read_text()]
    scores = [json.loads((run / "results.json").read_text())["metrics"] for run in (one, other)]
    found += ["results.json"] * (scores[0] != scores[1])
    return found + ["TensorBoard"] * (curves(one) != curves(other))


def same(one: Any, other: Any) -> bool:
    """Equal to the last bit, in nested lists and mappings too."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(same(a, b) for a, b in pairs)
    return bool(one == other)


def curves(run: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows."""
    found = {}
    for stage in ("train", "val"):
        events = EventAccumulator(str(run / stage))
        events.Reload()
        for tag in (t for t in events.Tags()["tensors"] if t.startswith("curves/")):
            points = events.Tensors(tag)
            found[f"{stage}/{tag}"] = [(p.step, p.tensor_proto.float_val[0]) for p in points]
    return found


if __name__ == "__main__":
    sys.exit(main())
