"""How time and memory of an epoch grow with rows, windows and photos, over a factor of 100.

python scripts/growth.py

Writes data of three sizes, trains a small net of each problem on them, and draws both. The first
epoch, which decodes photos, is left out. With --reading, it only measures how long a large table
takes to be read and split, and in how much memory.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from bench import timed_run
from matplotlib.figure import Figure
from PIL import Image

FACTORS = (1, 10, 100)
CLIENTS = 370
EPOCHS = 3


def main(args: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("logs/growth.csv"))
    parser.add_argument("--scale", type=float, default=1.0, help="of all sizes, to try it out")
    parser.add_argument("--reading", action="store_true", help="read large tables alone")
    chosen = parser.parse_args(args)
    if chosen.reading:
        read_tables(chosen.scale)
        return
    rows = []
    for name, (size, write, flags) in PROBLEMS.items():
        for factor in FACTORS:
            samples = round(size * factor * chosen.scale)
            with tempfile.TemporaryDirectory() as folder:
                write(Path(folder), samples)
                run = timed_run(
                    [
                        *flags,
                        "--threads=1",
                        f"--data.root={folder}",
                        f"--trainer.max_epochs={EPOCHS}",
                    ]
                )
            rows.append({"problem": name, "samples": samples, **run})
            print(f"{name:10} {samples:>9,}  {run['epoch_s']:8.3f} s  {run['peak_mib']:6.0f} MiB")
    table = pd.DataFrame(rows)
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(chosen.output, index=False)
    draw(table).savefig(chosen.output.with_suffix(".png"), dpi=100)
    print(f"chart  {chosen.output.with_suffix('.png')}")


READING = {"long": (1_000_000, 20), "wide": (2_000, 5_000)}
"""Rows and columns of tables that are read alone."""

READ = """
import resource, sys, time
from pathlib import Path
from kindling.tables.datamodule import TableDataModule
class Table(TableDataModule):
    task = "reading"
from kindling.tables.read import read_table
start = time.process_time()
read_table(Path(sys.argv[1]), typed=True)
read = time.process_time() - start
data = Table(Path(sys.argv[1]).parent, target="x0")
data.setup("fit")
both = time.process_time() - start - read
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"read {read:.1f} s, read and split {both:.1f} s (CPU), {peak:.0f} MiB at most")
"""


def read_tables(scale: float) -> None:
    """Print what reading takes: of the file alone, then by a data module up to its tensors."""
    for name, (rows, columns) in READING.items():
        rng, size = np.random.default_rng(0), round(rows * scale)
        with tempfile.TemporaryDirectory() as folder:
            table = pd.DataFrame(rng.normal(50, 9, (size, columns)).round(4))
            table.columns = [f"x{k}" for k in range(columns)]
            if name == "long":
                table["x18"] = rng.integers(0, 1000, size)
                table["x19"] = rng.choice(["north", "south", "west"], size)
            table.to_csv(path := Path(folder, "table.csv"), index=False)
            print(f"{name:10} {size:>9,} x {columns:,}", end="  ", flush=True)
            subprocess.run([sys.executable, "-c", READ, str(path)], check=True)


def write_rows(folder: Path, samples: int) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(samples, 9)), columns=[f"x{k}" for k in range(9)])
    table["Potability"] = (table.sum(axis=1) > 0).astype(int)
    table.to_csv(folder / "water_potability.csv", index=False)


def write_windows(folder: Path, samples: int) -> None:
    rng = np.random.default_rng(0)
    for name, steps in (("train", samples), ("test", 2000)):
        times = pd.date_range("2011-01-01", periods=steps, freq="15min")
        values = np.sin(np.arange(steps) / 15) + 0.1 * rng.normal(size=steps)
        table = pd.DataFrame({"timestamp": times, "consumption": values})
        table.to_csv(folder / f"electricity_{name}.csv", index=False)


def write_panel(folder: Path, samples: int) -> None:
    """The layout of the UCI electricity set, a row for each client and step."""
    rng, steps = np.random.default_rng(0), samples // CLIENTS
    times = pd.date_range("2011-01-01", periods=steps, freq="15min").astype(str)
    for client in range(CLIENTS):
        values = (1 + client) * (2 + np.sin(np.arange(steps) / 15) + 0.1 * rng.normal(size=steps))
        table = pd.DataFrame({"timestamp": times, "client": f"MT_{client:03}", "kW": values})
        table.to_csv(
            folder / "panel.csv", index=False, header=not client, mode="a", float_format="%.3f"
        )


def write_photos(folder: Path, samples: int) -> None:
    rng = np.random.default_rng(0)
    for part, count in (("train", samples), ("test", 20)):
        for label in range(2):
            (folder / f"clouds_{part}" / f"{label}").mkdir(parents=True)
        for k in range(count):
            pixels = rng.integers(100 * (k % 2), 100 + 100 * (k % 2), (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"clouds_{part}" / f"{k % 2}" / f"{k}.jpg")


def draw(table: pd.DataFrame) -> Figure:
    """Time and peak memory by samples, beside what is linear."""
    figure = Figure(figsize=(9, 4.2))
    left, right = figure.subplots(1, 2)
    figure.subplots_adjust(0.08, 0.14, 0.98, 0.9, 0.25)
    for name, rows in table.groupby("problem", sort=False):
        left.loglog(rows["samples"], rows["epoch_s"], "o-", label=name)
        right.semilogx(rows["samples"], rows["peak_mib"], "o-", label=name)
        last = rows.iloc[-1]
        linear = rows["samples"] * last["epoch_s"] / last["samples"]
        left.loglog(rows["samples"], linear, ":", color="0.6")
    left.set(title="Seconds an epoch (dotted: linear)", xlabel="samples")
    right.set(title="Peak memory, MiB", xlabel="samples", ylim=(0, None))
    for axes in (left, right):
        axes.grid(color="0.93")
        axes.legend(loc="upper left", frameon=False)
    return figure


Write = Callable[[Path, int], None]
PROBLEMS: dict[str, tuple[int, Write, Sequence[str]]] = {
    "rows": (2_000, write_rows, ("--config=potability",)),
    "windows": (
        10_000,
        write_windows,
        ("--config=timeseries", "--model.hidden=8", "--data.lags=[]", "--data.calendar=false"),
    ),
    "panel": (
        518_000,  # at most, 370 clients of four years by the quarter hour
        write_panel,
        (
            *("--config=timeseries", "--data.train=panel.csv", "--data.test=null"),
            *("--data.value=kW", "--data.series=client", "--data.stride=96", "--data.lags=[]"),
            *("--model.hidden=8", "--trainer.limit_train_batches=300"),
        ),
    ),
    "photos": (
        150,
        write_photos,
        ("--config=clouds", "--data.image_size=32", "--model.channels=[8,16]"),
    ),
}

if __name__ == "__main__":
    main()
