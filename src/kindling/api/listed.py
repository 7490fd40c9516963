"""``kindling.runs``: all runs as a table."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from kindling.cli.settings import flat, settings
from kindling.data import paths
from kindling.errors import UserError
from kindling.runs import folder as folders

LEFT_OUT = ("logs", "config")


def runs(task: str | None = None, logs: str | Path | None = None) -> pd.DataFrame:
    """All runs, the newest last.

    Args:
        task: Whose runs; None is all tasks'.
        logs: The folder that they lie in; None is the project's.

    Returns:
        A row a run: ``run`` is its folder, ``start`` is in UTC, ``seconds`` of training are NaN
        where it is unfinished, ``val/...`` are the scores of the best epoch, ``test/...`` of the
        test split, and what else there is are the settings in which the runs differ.

    Raises:
        UserError: There are no runs.

    Examples:
        >>> import kindling
        >>> kindling.runs("potability")["run"].tolist()
        ['logs/potability/version_0']
    """
    logs = paths.LOGS if logs is None else Path(logs).expanduser()
    found = [path.parent for path in logs.glob(f"{task or '*'}/version_*/{folders.CONFIG}")]
    if not found:
        what = f"runs of {task}" if task else "runs"
        raise UserError(f"{logs}: no {what} there; start one with kindling.train(task)")
    rows = sorted((dict(_row(run)) for run in found), key=lambda row: (row["start"], row["run"]))
    table = pd.DataFrame(rows)
    table["start"] = pd.to_datetime(table["start"], utc=True)
    chosen = pd.DataFrame([dict(_settings(Path(run))) for run in table["run"]], dtype=object)
    differ = [name for name in chosen if chosen[name].map(repr).nunique() > 1]
    return table.join(chosen[[name for name in differ if name not in table]])


def _row(run: Path) -> Iterator[tuple[str, Any]]:
    made = folders.read_json(run / "provenance.json")
    tested = folders.read_json(run / "results.json")
    data = tested.get("data") or made.get("data", {})
    yield from (("run", folders.shown(run)), ("task", tested.get("task", run.parent.name)))
    yield from (("start", made.get("start", "")), ("seconds", made.get("wall_time_s") or math.nan))
    yield from (("data", data.get("root")), ("sample", data.get("sample")))
    yield from _best(run)
    for name, score in tested.get("metrics", {}).items():
        yield f"test/{name}", score["value"]


def _best(run: Path) -> Iterator[tuple[str, float]]:
    """The validation scores of the epoch that the best checkpoint is of."""
    file, chosen = run / "metrics.csv", settings(run / folders.CONFIG).get("checkpoint", {})
    rows = pd.read_csv(file).to_dict("records") if file.is_file() else []
    monitor, choose = (
        chosen.get("monitor") or "val/loss",
        max if chosen.get("mode") == "max" else min,
    )
    rows = [row for row in rows if not math.isnan(row.get(monitor, math.nan))]
    best = choose(rows, key=lambda row: row[monitor], default={})
    yield from ((str(name), value) for name, value in best.items() if str(name).startswith("val"))


def _settings(run: Path) -> Iterator[tuple[str, Any]]:
    for name, value in flat(settings(run / folders.CONFIG)):
        if name not in LEFT_OUT:
            yield name, value
