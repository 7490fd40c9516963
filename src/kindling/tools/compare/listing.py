"""A list of runs: when, what was changed, how good. Nothing here imports torch."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from kindling.cli import arguments
from kindling.data import paths
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.tools.compare import settings
from kindling.tools.compare.record import Record
from kindling.tools.compare.settings import Settings, shown
from kindling.tools.compare.table import ABSENT, Grid

HEADER = ["run", "when", "commit", "data", "best validation", "test", "training", "changed"]


def found(logs: Path, task: str | None = None, every: bool = False) -> list[Record]:
    """Runs in the order in which they were started; those without a record of it first.

    Args:
        logs: Their folder.
        task: Whose runs; all tasks if none is given.
        every: Those of comparisons and cross-validations too.

    Raises:
        UserError: There are none.
    """
    place = f"{task or '*'}/version_*"
    pattern = f"{task or '*'}/**/version_*" if every else place
    # Links, for TensorBoard and to the latest run, would list runs twice.
    folders = {
        path
        for path in logs.glob(pattern)
        if (path / runs.CONFIG).is_file() and runs.TENSORBOARD not in path.parts
    }
    if not folders:
        what = f"runs of {task}" if task else "runs"
        raise UserError(f"{logs}: no {what} there; start one with: make train TASK=timeseries")
    records = [Record(folder) for folder in folders]
    return sorted(records, key=lambda record: (_start(record), _natural(record.folder)))


def grid(records: Sequence[Record]) -> Grid:
    """A row a run; what a run does not tell, or what is damaged, is left out."""
    return [HEADER, *([runs.shown(record.folder), *_cells(record)] for record in records)]


def _cells(record: Record) -> Iterator[str]:
    for cell in (_when, _commit, _data, _validation, _test, _time, _changed):
        try:
            yield cell(record) or ABSENT
        except (UserError, KeyError, TypeError, ValueError):
            yield ABSENT


def _when(record: Record) -> str:
    return datetime.fromisoformat(_start(record)).astimezone().strftime("%Y-%m-%d %H:%M")


def _commit(record: Record) -> str:
    return record.commit


def _data(record: Record) -> str:
    data = record.provenance["data"]
    return "sample" if data["sample"] else Path(data["root"]).name


def _changed(record: Record) -> str:
    """What differs from the task's configuration as it is now, by the shortest clear names."""
    run = record.settings
    values = settings.changed(run, _configured(_task(run)))
    values.pop("data.root", None)
    seed = {"seed": run["seed_everything"]} if run.get("seed_everything") else {}
    values.pop("seed_everything", None)
    pairs = {name.partition(".")[2] or name: value for name, value in values.items()}
    return ", ".join(f"{name}={shown(value)}" for name, value in (pairs | seed).items())


def _validation(record: Record) -> str:
    monitor = record.settings.get("checkpoint.monitor", "val/loss")
    best = record.best()
    return f"{monitor.removeprefix('val/')} {short(best[monitor])}" if best else ""


def _test(record: Record) -> str:
    return ", ".join(f"{n} {short(value)}" for n, value in list(record.scores.items())[:1])


def _time(record: Record) -> str:
    return "unfinished" if record.seconds is None else f"{record.seconds:,.0f} s"


def _start(record: Record) -> str:
    try:
        return str(record.provenance.get("start", ""))
    except UserError:
        return ""


def _natural(folder: Path) -> tuple[str, int]:
    return str(folder.parent), int(folder.name.removeprefix("version_"))


def _task(run: Settings) -> str:
    """The task whose data module the run has."""
    for task in arguments.names(paths.CONFIGS):
        if _configured(task).get("data") == run.get("data"):
            return task
    raise UserError("a task that is not configured any more")


@cache
def _configured(task: str) -> dict[str, Any]:
    from kindling.tools.compare import expected

    return expected.settings([f"--config={task}"])
