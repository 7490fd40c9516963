"""``kindling.runs``: all runs as a table."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from kindling.api.record import Record, every
from kindling.data import paths
from kindling.runs import folder as folders


def runs(task: str | None = None, logs: str | Path | None = None) -> pd.DataFrame:
    """All runs, the newest last.

    Args:
        task: The task whose runs to list; None lists all.
        logs: Folder of the runs; None is the project's.

    Returns:
        A row for each run: ``run`` is its folder, ``start`` is in UTC, ``seconds`` of training are
        NaN if it is unfinished, ``val/...`` are the scores of the best epoch and ``test/...`` those
        of the test split. The other columns are the settings in which the runs differ.

    Raises:
        UserError: There are no runs.

    Examples:
        >>> import kindling
        >>> kindling.runs("potability")["run"].tolist()
        ['logs/potability/version_0']
    """
    logs = paths.LOGS if logs is None else Path(logs).expanduser()
    records = every(logs, task)
    table = pd.DataFrame([dict(_row(record)) for record in records])
    table["start"] = pd.to_datetime(table["start"], utc=True)
    chosen = pd.DataFrame([record.settings for record in records], dtype=object)
    differ = [name for name in chosen if chosen[name].map(repr).nunique() > 1]
    return table.join(chosen[[name for name in differ if name not in table]])


def _row(record: Record) -> Iterator[tuple[str, Any]]:
    data = record.data() or record.data(test=False)
    yield from (("run", folders.shown(record.folder)), ("task", record.task))
    yield from (("start", record.start), ("seconds", record.seconds or math.nan))
    yield from (("data", data.get("root")), ("sample", data.get("sample")))
    yield from ((name, value) for name, value in record.best.items() if name.startswith("val"))
    for name, score in record.scores().items():
        yield f"test/{name}", score
