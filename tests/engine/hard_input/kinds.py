"""Small sound files of each kind that the engine reads, and runs on them."""

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path

from kindling.__main__ import main
from tests.engine import toy
from tests.engine.toy import QUIET, Run

Rows = list[list[str]]
Refused = Callable[..., str]
"""What training says of data that it refuses."""

KINDS = {"table": toy.TABLE, "series": toy.SERIES, "listed": toy.LISTED, "photos": toy.PHOTOS}
TABLES = ("table", "series", "listed")
NUMBER = {"table": 0, "series": 1, "listed": 0}
"""The column of each table that holds a number."""

PHOTO = {"listed": "p/0.png", "photos": "train/blue/0.png"}


def write(kind: str, root: Path) -> Path:
    writers = {"series": toy.write_series, "listed": toy.write_listed, "photos": toy.write_photos}
    return writers.get(kind, toy.write_table)(root)


def first_file(kind: str, root: Path) -> Path:
    return root / (PHOTO[kind] if kind == "photos" else "toy.csv")


def read_rows(root: Path) -> Rows:
    with (root / "toy.csv").open(newline="") as stream:
        return list(csv.reader(stream))


def as_text(rows: Iterable[list[str]], separator: str = ",") -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def flags_of(kind: str, root: Path) -> list[str]:
    """An epoch of a model on files of that kind."""
    return [*KINDS[kind], f"--data.root={root}", "--trainer.max_epochs=1"]


def train(kind: str, root: Path, *flags: str, command: str = "fit") -> int:
    logs = f"--logs={root.parents[1] / 'logs'}"
    return main([command, *flags_of(kind, root), logs, QUIET, *flags])


def run_of(root: Path) -> Run:
    [latest] = (root.parents[1] / "logs").glob("*/latest")
    return Run(latest)


def state(folder: Path) -> dict[Path, tuple[int, int, str | bytes]]:
    """All that is below a folder: kinds and permissions, times, contents."""

    def content(path: Path) -> str | bytes:
        if path.is_symlink():
            return str(path.readlink())
        return path.read_bytes() if path.is_file() else ""

    found = [folder, *folder.rglob("*")]
    return {p: (p.lstat().st_mode, p.lstat().st_mtime_ns, content(p)) for p in found}


def files_predicted(root: Path, source: Path) -> set[str]:
    """The names in the predictions of what lies in a folder."""
    run = run_of(root)
    assert main(["predict", f"--run={run.folder}", f"--data.input={source}", QUIET]) == 0
    return {row["file"] for row in run.table(f"predictions/{source.stem}")}
