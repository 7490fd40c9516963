"""Small sound data of each problem, and runs on them."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kindling.__main__ import main

Rows = list[list[str]]
SMALL = ("--data.image_size=8", "--model.channels=[4]")
TASKS = {
    "potability": ("--model.hidden=[4]",),
    "timeseries": ("--model.hidden=4", "--data.window=4", "--data.lags=[]", "--data.test=null"),
    "clouds": SMALL,
    "prices": SMALL,
    "faces": SMALL,
}
TABLES = {"potability": "water_potability.csv", "timeseries": "electricity_train.csv"}
TABLES |= {"prices": "offers.csv", "faces": "faces.csv"}
NUMBER = {"potability": 0, "timeseries": 1, "prices": 0, "faces": 2}
"""The column of each table that holds a number."""

PHOTOS = {"clouds": "clouds_train/fog/0.png", "prices": "p/0.png", "faces": "p/0.png"}
"""A photo of each problem."""


def quick(tasks: Iterable[str], chosen: Sequence[str]) -> list[Any]:
    """The tasks, of which all but the chosen ones are left to `make test-all`."""
    return [t if t in chosen else pytest.param(t, marks=pytest.mark.slow) for t in tasks]


Refused = Callable[..., str]
"""What training says of data that it refuses."""


def rows_of(task: str) -> Rows:
    if task == "potability":
        body = [[f"{k % 7}.5", "" if k % 5 == 0 else f"{k % 3}", f"{k % 2}"] for k in range(40)]
        return [["a", "b", "Potability"], *body]
    if task == "timeseries":
        times = np.datetime64("2024-01-01T00") + np.arange(80) * np.timedelta64(1, "h")
        return [
            ["timestamp", "consumption"],
            *([str(time), f"{k % 24}.5"] for k, time in enumerate(times)),
        ]
    if task == "prices":
        body = [[f"{30 + k}.5", "ab"[k % 2], f"p/{k}.png", f"{1000 + 9 * k}"] for k in range(24)]
        return [["area", "place", "front", "price"], *body]
    return [["file", "identity", "age"], *([f"p/{k}.png", "XYZ"[k % 3], f"{k}"] for k in range(24))]


def as_text(rows: Rows, separator: str = ",") -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def photo(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    Image.fromarray(pixels).save(path, "PNG")


def write(task: str, root: Path) -> Path:
    root.mkdir(parents=True)
    if task == "clouds":
        for number, split in enumerate(["clouds_train"] * 6 + ["clouds_test"] * 3):
            for kind in ("fog", "sun"):
                photo(root / split / kind / f"{number}.png", 2 * number + (kind == "sun"))
        return root
    write_table(task, root, rows_of(task))
    if task in PHOTOS:
        for number in range(24):
            photo(root / "p" / f"{number}.png", number)
    return root


def write_table(task: str, root: Path, rows: Rows) -> None:
    (root / TABLES[task]).write_text(as_text(rows))


def train(task: str, root: Path, *flags: str, command: str = "train") -> int:
    logs = root.parents[1] / "logs"
    quick = ("--config=smoke", "--trainer.max_epochs=1", "--threads=1", f"--logs={logs}")
    quiet = "--trainer.enable_progress_bar=false"
    own = (*TASKS[task], f"--data.root={root}")
    return main([command, f"--config={task}", *quick, *own, quiet, *flags])


def run_of(task: str, root: Path) -> Path:
    return (root.parents[1] / "logs" / task / "latest").resolve()


def state(folder: Path) -> dict[Path, tuple[int, int, str | bytes]]:
    """All that is below a folder: kinds and permissions, times, contents."""

    def content(path: Path) -> str | bytes:
        if path.is_symlink():
            return str(path.readlink())
        return path.read_bytes() if path.is_file() else ""

    found = [folder, *folder.rglob("*")]
    return {p: (p.lstat().st_mode, p.lstat().st_mtime_ns, content(p)) for p in found}


def files_predicted(task: str, root: Path, source: Path) -> set[str]:
    """The names in the predictions of what lies in a folder."""
    run = run_of(task, root)
    quiet = "--trainer.enable_progress_bar=false"
    assert main(["predict", f"--run={run}", f"--data.input={source}", quiet]) == 0
    return {row["file"] for row in table_of(run / "predictions" / f"{source.stem}.csv")}


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", errors="surrogateescape") as stream:
        return list(csv.DictReader(stream))


def changed(column: int, cell: str, row: int | None = 3) -> Callable[[Rows], Rows]:
    """Rows with another cell; in all rows but the header where none is named."""

    def change(rows: Rows) -> Rows:
        for number in range(1, len(rows)) if row is None else [row]:
            rows[number][column] = cell
        return rows

    return change
