"""``metrics.csv``: a row for every step that something was logged at; by default, one an epoch."""

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only

from kindling.runs.tensorboard import RunLogger

Row = dict[str, Any]


class MetricsTable(RunLogger):
    """What is logged at the same step of the same epoch shares a row; columns appear as needed.

    A row is in the file as soon as it is logged, and what comes later at its step is added to it.
    A run that goes on keeps the rows of the steps that it does not take again.

    Args:
        path: The file.
        step: Steps that the run has behind it.
    """

    def __init__(self, path: Path, step: int = 0) -> None:
        super().__init__()
        self.path, self._step = path, step
        self._columns: list[str] = []
        # The last row, which can still grow, and the byte of the file at which it begins.
        self._last: Row = {}
        self._start = 0

    @property
    def save_dir(self) -> str:
        return str(self.path.parent)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if not self._columns:
            self._go_on()
        place = {"step": self._last.get("step", 0) if step is None else step}
        if "epoch" in metrics:  # Lightning's monitors of learning rates and devices give none
            place["epoch"] = int(metrics["epoch"])
        if not self._last or any(self._last.get(k, v) != v for k, v in place.items()):
            self._last, self._start = {}, self.path.stat().st_size
        self._last |= {**metrics, **place}
        if self._last.keys() <= set(self._columns):
            with self.path.open("r+b") as stream:
                stream.seek(self._start)
                stream.write(self._lines([self._last]))
                stream.truncate()
        else:
            self._write([*read_rows(self.path, self._start), self._last])

    def lacking(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Those that the last row does not have, of a run that goes on."""
        if not self._columns:
            self._go_on()
        return {name: value for name, value in metrics.items() if name not in self._last}

    def best(self, monitor: str, mode: str) -> dict[str, float]:
        """The row with the best ``monitor``; empty if none has it."""
        rows = [row for row in read_rows(self.path) if row.get(monitor, "nan") != "nan"]
        choose = min if mode == "min" else max
        row = choose(rows, key=lambda row: float(row[monitor]), default={})
        return {name: float(value) for name, value in row.items()}

    def _go_on(self) -> None:
        rows = read_rows(self.path) if self._step else []
        kept = [row for row in rows if int(row["step"]) < self._step]
        for row in kept[-1:]:
            self._last = {**row, **{k: int(row[k]) for k in ("epoch", "step") if k in row}}
        self._write(kept)

    def _write(self, rows: Sequence[Row]) -> None:
        self._columns = list(dict.fromkeys(["epoch", "step", *chain.from_iterable(rows)]))
        before = self._lines([{name: name for name in self._columns}, *rows[:-1]])
        self._start = len(before)
        unfinished = self.path.with_name(f".{self.path.name}")
        unfinished.write_bytes(before + self._lines(rows[-1:]))
        unfinished.replace(self.path)

    def _lines(self, rows: Sequence[Row]) -> bytes:
        stream = io.StringIO()
        table = csv.DictWriter(stream, self._columns, restval="", lineterminator="\n")
        table.writerows({name: _shown(value) for name, value in row.items()} for row in rows)
        return stream.getvalue().encode()


def read_rows(path: Path, end: int | None = None) -> list[Row]:
    """What a table has in its rows, but for one that was not written to its end.

    Args:
        path: The file, if there is one.
        end: The byte to stop at.
    """
    content = path.read_bytes()[:end] if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1].decode()
    rows = (row for row in csv.DictReader(io.StringIO(whole)) if None not in row.values())
    return [{name: value for name, value in row.items() if value} for row in rows]


def _shown(value: Any) -> Any:
    number = value.item() if hasattr(value, "item") else value
    return f"{number:.8g}" if isinstance(number, float) else number
