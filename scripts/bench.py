"""Kindling's training beside hand-written loops: time per epoch and step, peak memory.

python scripts/bench.py --loops course_loop.py --data real_data

The loops are a script outside of the project that is called as ``LOOPS PROBLEM --data DIR
--epochs N --steps N [--limit]`` and prints a JSON line with ``epoch_s``, ``step_us`` and
``peak_mib``; ``--limit`` is its floor, with every tensor in memory and no metrics. Both sides take
turns. Everything that a normal run does is left on: validation, metrics, checkpoints, TensorBoard
and, in a terminal of its own, the progress bar. The first epoch is left out on both sides. An
epoch of Kindling's sees the same rows: what it holds out of training it validates on.
"""

import argparse
import importlib.util
import json
import os
import platform
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from torch.utils.data import DataLoader, Dataset

from kindling.data.dataset import FieldDataset
from kindling.data.loader import Batches, load
from kindling.images import Augment, ImageBatch, load_images, scan

WATCH = Path(__file__).with_name("watch.py")

FIGURES = ("epoch_s", "step_us", "peak_mib")


@dataclass(frozen=True)
class Case:
    """The same net on both sides.

    Args:
        problem: As the loops call it.
        configs: Of Kindling's run.
        folder: Of the data, below the real data's.
        epochs: Of Kindling's run; the loops, which only repeat themselves, take fewer.
        loop_epochs: Of the loops.
        flags: Of Kindling's run.
        steps: Training batches in an epoch; all if none are given.
        variants: Further flags of Kindling's run, by their name in the table.
    """

    problem: str
    configs: Sequence[str]
    folder: str
    epochs: int
    loop_epochs: int
    flags: Sequence[str] = ()
    steps: int | None = None
    variants: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"": ()})


CASES = (
    Case(
        "potability",
        ("potability", "potability_elu"),
        "potability",
        epochs=1000,
        loop_epochs=200,
        flags=("--data.train=water_train.csv", "--data.test=water_test.csv"),
    ),
    Case(
        "clouds",
        ("clouds", "clouds_course"),
        "clouds",
        epochs=4,
        loop_epochs=2,
        variants={"": (), ", bf16": ("--trainer.precision=bf16-mixed",)},
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
            *("--model.increments=false", "--model.bins=0", "--model.patch=1"),
            *("--data.lags=[]", "--data.calendar=false", "--data.batch_size=32"),
            # As large a part of the validation windows as of the training windows.
            *("--trainer.limit_train_batches=150", "--trainer.limit_val_batches=0.05"),
        ),
    ),
    Case("prices", ("prices",), "prices", epochs=50, loop_epochs=10),
    Case("faces", ("faces",), "faces", epochs=40, loop_epochs=5),
)


def main(args: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--loops", type=Path, required=True, help="script with the plain loops")
    parser.add_argument("--data", type=Path, required=True, help="folder of the real data sets")
    parser.add_argument("--rounds", type=int, default=3, help="times that each side is measured")
    parser.add_argument("--only", nargs="*", help="problems to measure")
    parser.add_argument("--output", type=Path, default=Path("logs/bench.csv"))
    chosen = parser.parse_args(args)
    loops, data = chosen.loops.resolve(), chosen.data.resolve()
    if not loops.is_file():
        parser.error(f"{chosen.loops}: no such file (--loops)")
    cases = [case for case in CASES if wanted(case.problem, chosen.only, data / case.folder)]
    rows = [row for case in cases for row in measure(case, loops, data, chosen.rounds)]
    shown = wanted("photos", chosen.only, data / "clouds")
    photos = [measure_photos(loops, data)] if shown else []
    table = pd.DataFrame([*rows, *photos]).assign(**machine())
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(chosen.output, index=False)
    show(rows, Console(width=None if sys.stdout.isatty() else 120))
    for row in photos:
        show_photos(row)
    print(f"table  {chosen.output}")


def wanted(name: str, only: Sequence[str] | None, folder: Path) -> bool:
    """Whether a part is asked for and its data are there; if they are not, a line says so."""
    if only and name not in only:
        return False
    if not folder.is_dir():
        print(f"{name}: left out, no folder {folder}")
    return folder.is_dir()


def measure(case: Case, loops: Path, data: Path, rounds: int) -> list[dict[str, Any]]:
    """Medians of all sides, which take turns: a row for each variant."""
    found: dict[str, list[Mapping[str, float]]] = defaultdict(list)
    for _ in range(rounds):
        found["loop"].append(run_loop(case, loops, data))
        found["floor"].append(run_loop(case, loops, data, "--limit"))
        for name, flags in case.variants.items():
            found[f"kindling{name}"].append(run_kindling(case, data, flags))
    return [
        {"case": f"{case.problem}{name}"}
        | compared({s: found[s] for s in ("loop", "floor")}, found[f"kindling{name}"])
        for name in case.variants
    ]


def compared(
    others: Mapping[str, Sequence[Mapping[str, float]]], ours: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """Each side's median of each figure, and its ratio to those of the others."""
    row: dict[str, float] = {}
    for side, runs in {**others, "kindling": ours}.items():
        for name in FIGURES:
            row[f"{side}_{name}"] = statistics.median(run[name] for run in runs)
    for side in others:
        for name in FIGURES:
            row[f"{name} / {side}"] = row[f"kindling_{name}"] / row[f"{side}_{name}"]
    return row


def measure_photos(loops: Path, data: Path, batch_size: int = 32) -> dict[str, Any]:
    """Photos a second without a net: read, resized, augmented and batched, on both sides.

    The loops' script has ``problem(name, data)``, whose first item is a data set of the photos.
    """
    files = scan(data / "clouds" / "clouds_train").files
    theirs = seconds(DataLoader(_photos_of(loops, data), batch_size, shuffle=True))
    with tempfile.TemporaryDirectory() as cache:
        start = time.perf_counter()
        images = load_images(files, (128, 128), Path(cache))
        decoding = time.perf_counter() - start
        every = torch.arange(len(files))
        fields = {"image": every, "label": torch.zeros_like(every)}
        photos = FieldDataset(ImageBatch, fields, {"image": images})
        batches, augment = load(photos, Batches(len(files), batch_size, seed=0)), Augment().train()
        first, *later = [seconds(augment(b.image) for b in batches) for _ in range(4)]
    rates = {
        "loop_photos_s": len(files) / theirs,
        "kindling_first_photos_s": len(files) / (decoding + first),
        "kindling_later_photos_s": len(files) / statistics.median(later),
    }
    ratios = {
        f"{name} photos / loop": rates[f"kindling_{name}_photos_s"] / rates["loop_photos_s"]
        for name in ("first", "later")
    }
    return {"case": "photos", **rates, **ratios}


def seconds(batches: Iterable[Any]) -> float:
    """How long it takes to have seen all batches."""
    start = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - start


def run_loop(case: Case, loops: Path, data: Path, *flags: str) -> dict[str, float]:
    steps = [f"--steps={case.steps}"] if case.steps else []
    command = [sys.executable, str(loops), case.problem, f"--data={data}"]
    command += [f"--epochs={case.loop_epochs}", *steps, *flags]
    with watched(command) as (watch, usage):
        done = subprocess.run(watch, check=True, capture_output=True, text=True)
        return {**json.loads(done.stdout.splitlines()[-1]), "peak_mib": peak(usage)}


@contextmanager
def watched(command: Sequence[str]) -> Iterator[tuple[list[str], Path]]:
    """A command that leaves its peak memory in a file, and that file.

    The system counts for a process what the one that started it had in use: this one, a lot.
    """
    with tempfile.TemporaryDirectory() as folder:
        usage = Path(folder) / "usage.json"
        usage.write_text(json.dumps({"starts": [{}]}))
        yield [sys.executable, "-S", str(WATCH), str(usage), *command], usage


def peak(usage: Path) -> float:
    return float(json.loads(usage.read_text())["starts"][-1]["peak_mib"])


def run_kindling(case: Case, data: Path, flags: Sequence[str] = ()) -> dict[str, float]:
    configs = [f"--config={name}" for name in case.configs]
    root, epochs = f"--data.root={data / case.folder}", f"--trainer.max_epochs={case.epochs}"
    return timed_run([*configs, root, epochs, *case.flags, *flags])


def timed_run(flags: Sequence[str]) -> dict[str, float]:
    """A normal run, timed by what it wrote into TensorBoard at the end of each epoch."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "kindling", "fit", f"--logs={folder}", *flags]
        with watched(command) as (watch, usage):
            run_in_terminal(watch)
            peak_mib = peak(usage)
        [run] = Path(folder).glob("*/version_0")
        events = EventAccumulator(str(run / "train"), {"tensors": 0})
        events.Reload()
        curve = events.Tensors("curves/loss")
    seconds = curve[-1].wall_time - curve[0].wall_time
    return {
        "epoch_s": seconds / (len(curve) - 1),
        "step_us": 1e6 * seconds / (curve[-1].step - curve[0].step),
        "peak_mib": peak_mib,
    }


def run_in_terminal(command: Sequence[str]) -> None:
    """Run in a terminal of its own, so that the progress bar is drawn."""
    ours, its = pty.openpty()
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, close_fds=True)
    os.close(its)
    shown: list[bytes] = []
    reader = threading.Thread(target=_drain, args=(ours, shown))
    reader.start()
    status = process.wait()
    reader.join()
    os.close(ours)
    if status:
        sys.exit(b"".join(shown).decode(errors="replace")[-2000:])


def _drain(terminal: int, shown: list[bytes]) -> None:
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other end is closed
            return
        if not part:
            return
        shown.append(part)


def _photos_of(loops: Path, data: Path) -> Dataset[Any]:
    """The loops' own training photos."""
    spec = importlib.util.spec_from_file_location("loops", loops)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.problem("clouds", data)[0]  # type: ignore[no-any-return]


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
    table.add_column("problem", no_wrap=True)
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


def show_photos(row: Mapping[str, Any]) -> None:
    print(
        f"photos a second without a net: loop {row['loop_photos_s']:.0f}, kindling in the first "
        f"epoch {row['kindling_first_photos_s']:.0f} ({row['first photos / loop']:.1f} times), "
        f"later {row['kindling_later_photos_s']:.0f} ({row['later photos / loop']:.1f} times)"
    )


if __name__ == "__main__":
    main()
