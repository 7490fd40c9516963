"""Kindling's training beside hand-written loops: time per epoch and step, peak memory.

python scripts/bench.py --loops course_loop.py --data real_data

The loops are a script outside of the project that is called as ``LOOPS PROBLEM --data DIR
--epochs N --steps N [--limit]`` and prints a JSON line with ``epoch_s``, ``step_us`` and
``peak_mib``; ``--limit`` is its floor, with every tensor in memory and no metrics. Both sides take
turns. Everything that a normal run does is left on: validation, metrics, checkpoints, TensorBoard
and, in a terminal of its own, the progress bar. The first epoch is left out on both sides.
"""

import argparse
import json
import os
import platform
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


@dataclass(frozen=True)
class Case:
    """The same net on both sides.

    Args:
        problem: As the loops call it.
        configs: Of Kindling's run.
        folder: Of the data, below the real data's.
        flags: Of Kindling's run.
        epochs: Of Kindling's run; the loops, which only repeat themselves, take fewer.
        loop_epochs: Of the loops.
        steps: Training batches in an epoch; all if none are given.
        name: In the table.
    """

    problem: str
    configs: Sequence[str]
    folder: str
    epochs: int
    loop_epochs: int
    flags: Sequence[str] = field(default=())
    steps: int | None = None
    name: str = ""


CASES = (
    Case(
        "potability",
        ("potability", "potability_elu"),
        "potability",
        epochs=1000,
        loop_epochs=200,
        flags=("--data.train=water_train.csv", "--data.test=water_test.csv"),
    ),
    Case("clouds", ("clouds", "clouds_course"), "clouds", epochs=5, loop_epochs=4),
    Case(
        "clouds",
        ("clouds", "clouds_course"),
        "clouds",
        epochs=5,
        loop_epochs=4,
        flags=("--trainer.precision=bf16-mixed",),
        name="clouds, bf16",
    ),
    Case(
        "timeseries",
        ("timeseries",),
        "electricity",
        epochs=4,
        loop_epochs=3,
        steps=150,
        flags=(
            *("--model.cell=gru", "--model.layers=2", "--model.hidden=32", "--data.window=96"),
            *("--data.lags=[]", "--data.calendar=false", "--data.batch_size=32"),
            # As large a part of the validation windows as of the training windows.
            *("--trainer.limit_train_batches=150", "--trainer.limit_val_batches=0.05"),
        ),
    ),
)


def main(args: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--loops", type=Path, required=True, help="script with the plain loops")
    parser.add_argument("--data", type=Path, required=True, help="folder of the real data sets")
    parser.add_argument("--rounds", type=int, default=3, help="times that each side is measured")
    parser.add_argument("--only", nargs="*", help="problems to measure")
    parser.add_argument("--output", type=Path, default=Path("logs/bench.csv"))
    chosen = parser.parse_args(args)
    rows = [
        measure(case, chosen.loops.resolve(), chosen.data.resolve(), chosen.rounds)
        for case in CASES
        if not chosen.only or case.problem in chosen.only
    ]
    table = pd.DataFrame(rows).assign(**machine())
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(chosen.output, index=False)
    show(rows, Console(soft_wrap=True))
    print(f"table  {chosen.output}")


def measure(case: Case, loops: Path, data: Path, rounds: int) -> dict[str, Any]:
    """Medians of all sides, which take turns."""
    found: dict[str, list[Mapping[str, float]]] = {"loop": [], "floor": [], "kindling": []}
    for _ in range(rounds):
        found["loop"].append(run_loop(case, loops, data))
        found["floor"].append(run_loop(case, loops, data, "--limit"))
        found["kindling"].append(run_kindling(case, data))
    row: dict[str, Any] = {"case": case.name or case.problem}
    for side, runs in found.items():
        for name in ("epoch_s", "step_us", "peak_mib"):
            row[f"{side}_{name}"] = statistics.median(run[name] for run in runs)
    for side in ("loop", "floor"):
        for name in ("epoch_s", "step_us", "peak_mib"):
            row[f"{name} / {side}"] = row[f"kindling_{name}"] / row[f"{side}_{name}"]
    print(json.dumps(row), flush=True)
    return row


def run_loop(case: Case, loops: Path, data: Path, *flags: str) -> dict[str, float]:
    steps = [f"--steps={case.steps}"] if case.steps else []
    command = [sys.executable, str(loops), case.problem, f"--data={data}"]
    command += [f"--epochs={case.loop_epochs}", *steps, *flags]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run_kindling(case: Case, data: Path) -> dict[str, float]:
    flags = [f"--config={name}" for name in case.configs]
    flags += [f"--data.root={data / case.folder}", f"--trainer.max_epochs={case.epochs}"]
    return timed_run([*flags, *case.flags])


def timed_run(flags: Sequence[str]) -> dict[str, float]:
    """A normal run, timed by what it wrote into TensorBoard at the end of each epoch."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "kindling", "fit", f"--logs={folder}", *flags]
        peak = run_in_terminal(command)
        [run] = Path(folder).glob("*/version_0")
        events = EventAccumulator(str(run / "train"), {"tensors": 0})
        events.Reload()
        curve = events.Tensors("curves/loss")
    seconds = curve[-1].wall_time - curve[0].wall_time
    return {
        "epoch_s": seconds / (len(curve) - 1),
        "step_us": 1e6 * seconds / (curve[-1].step - curve[0].step),
        "peak_mib": peak,
    }


def run_in_terminal(command: Sequence[str]) -> float:
    """Run in a terminal of its own, so that the progress bar is drawn; MiB at its peak."""
    ours, its = pty.openpty()
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, close_fds=True)
    os.close(its)
    shown: list[bytes] = []
    reader = threading.Thread(target=_drain, args=(ours, shown))
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    os.close(ours)
    if process.returncode:
        sys.exit(b"".join(shown).decode(errors="replace")[-2000:])
    return usage.ru_maxrss / 1024


def _drain(terminal: int, shown: list[bytes]) -> None:
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other end is closed
            return
        if not part:
            return
        shown.append(part)


def machine() -> dict[str, str]:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    threads = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    return {"machine": f"{cpu}, {threads}, torch {torch.__version__}", "date": f"{date.today()}"}


def show(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("problem")
    for name in ("loop", "floor", "kindling", "epoch / loop", "step / loop", "step / floor"):
        table.add_column(name, justify="right")
    table.add_column("memory / floor", justify="right")
    for row in rows:
        sides = ("loop", "floor", "kindling")
        seconds = [f"{1000 * row[f'{side}_epoch_s']:,.1f} ms" for side in sides]
        names = ("epoch_s / loop", "step_us / loop", "step_us / floor", "peak_mib / floor")
        table.add_row(row["case"], *seconds, *(f"{row[name]:.2f}" for name in names))
    console.print("time of an epoch, and ratios of kindling to the others")
    console.print(table)


if __name__ == "__main__":
    main()
