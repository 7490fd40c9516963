"""``metrics.csv``: a row for every step that something was logged at; by default, one an epoch."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from lightning_utilities.core.rank_zero import rank_zero_only

from kindling.data.whole import named, replaced
from kindling.runs.folder import STEP_COLUMNS, read_rows
from kindling.runs.tensorboard import RunLogger

Row = dict[str, float]


class MetricsTable(RunLogger):
    """What is logged at the same step of the same epoch shares a row; columns appear as needed.

    A row is in the file as soon as it is logged, and later values of its step are added to it. A
    run that is resumed after ``step`` keeps the rows of the steps before.
    """

    def __init__(self, path: Path, step: int = 0) -> None:
        super().__init__()
        self.path, self._step = path, step
        self._rows: list[Row] = []
        self._columns: list[str] = []
        self._start = 0  # the byte of the file at which the last row begins, which can still grow

    @property
    def save_dir(self) -> str:
        return str(self.path.parent)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        last = self._last()
        at: Row = {"step": last.get("step", 0) if step is None else step}
        if "epoch" in metrics:  # not of Lightning's monitors of rates and devices
            at["epoch"] = int(metrics["epoch"])
        if not last or any(last.get(k, v) != v for k, v in at.items()):
            self._rows.append({})
            with named(self.path):
                self._start = self.path.stat().st_size
        self._rows[-1] |= {k: float(v) for k, v in metrics.items()} | at
        if self._rows[-1].keys() <= set(self._columns):
            with named(self.path), self.path.open("r+b") as stream:
                stream.seek(self._start)
                stream.write(self._lines(self._rows[-1:]))
                stream.truncate()
        else:
            self._write()

    def missing(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Those that the last row of a resumed run lacks."""
        last = self._last()
        return {name: value for name, value in metrics.items() if name not in last}

    def best(self, monitor: str, mode: str) -> dict[str, float]:
        """The row with the best ``monitor``; empty if none has it."""
        rows = [row for row in self._rows if not math.isnan(row.get(monitor, math.nan))]
        choose = min if mode == "min" else max
        return {**choose(rows, key=lambda row: row[monitor], default={})}

    def _last(self) -> Row:
        """The last row, if there is one; the first call begins or continues the file."""
        if not self._columns:
            rows = read_rows(self.path) if self._step else []
            self._rows = [row for row in rows if row["step"] < self._step]
            self._write()
        return self._rows[-1] if self._rows else {}

    def _write(self) -> None:
        self._columns = list(dict.fromkeys([*STEP_COLUMNS, *chain.from_iterable(self._rows)]))
        header = io.StringIO()
        csv.writer(header, lineterminator="\n").writerow(self._columns)
        before = header.getvalue().encode() + self._lines(self._rows[:-1])
        self._start = len(before)
        with replaced(self.path) as unfinished:
            unfinished.write_bytes(before + self._lines(self._rows[-1:]))

    def _lines(self, rows: Sequence[Row]) -> bytes:
        stream = io.StringIO()
        table = csv.DictWriter(stream, self._columns, restval="", lineterminator="\n")
        table.writerows(
            {k: v if k in STEP_COLUMNS else f"{v:.8g}" for k, v in row.items()} for row in rows
        )
        return stream.getvalue().encode()
