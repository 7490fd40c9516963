"""``metrics.csv``: one row an epoch."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from lightning_utilities.core.rank_zero import rank_zero_only

from kindling.logger import RunLogger


class MetricsTable(RunLogger):
    """Writes the epoch's row once its training scores, which come last, are there.

    A run that goes on keeps the rows of the epochs before the one that it goes on with.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._rows = _read(path)
        self._columns = list(self._rows[0]) if self._rows else []
        self._epoch: dict[str, Any] = {}

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._epoch |= metrics
        if "train/loss" in metrics:
            row, self._epoch = self._epoch, {}
            self._add({"epoch": int(row.pop("epoch")), "step": step, **row})

    def best(self, monitor: str, mode: str) -> dict[str, float]:
        """The row of the epoch with the best ``monitor``; empty if none has it."""
        rows = [row for row in self._rows if row.get(monitor) not in (None, "")]
        choose = min if mode == "min" else max
        row = choose(rows, key=lambda row: float(row[monitor]), default={})
        return {name: float(value) for name, value in row.items() if value != ""}

    def _add(self, row: dict[str, Any]) -> None:
        kept = self._rows
        while kept and int(kept[-1]["epoch"]) >= row["epoch"]:
            kept = kept[:-1]
        columns = list(dict.fromkeys([*self._columns, *row]))
        if len(kept) < len(self._rows) or columns != self._columns:
            self._columns = columns
            self._rewrite(kept)
        self._rows = kept
        self._rows.append(row)
        with self.path.open("a", newline="") as stream:
            self._table(stream).writerow({k: _shown(v) for k, v in row.items()})

    def _rewrite(self, rows: list[dict[str, Any]]) -> None:
        unfinished = self.path.with_name(f".{self.path.name}")
        with unfinished.open("w", newline="") as stream:
            table = self._table(stream)
            table.writeheader()
            table.writerows({k: _shown(v) for k, v in row.items()} for row in rows)
        unfinished.replace(self.path)

    def _table(self, stream: TextIO) -> "csv.DictWriter[str]":
        return csv.DictWriter(stream, self._columns, restval="", lineterminator="\n")


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def _shown(value: Any) -> Any:
    return f"{value:.8g}" if isinstance(value, float) else value
