"""What the files of a run say about it; ``kindling.runs``. Nothing here imports torch."""

import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kindling.cli import arguments
from kindling.cli.settings import flat
from kindling.data import paths
from kindling.errors import UserError
from kindling.runs import folder as files

if TYPE_CHECKING:
    import pandas as pd

RESULTS = "results.json"

VALIDATION = re.compile(r"val(?:id|idation)?[/_]")
"""How the names of validation scores begin; those of our modules begin with ``val/``."""

Scores = dict[str, float]
Settings = dict[str, Any]

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

WHERE = ("logs", "threads", "trainer.enable_progress_bar", "trainer.logger", "data.input")
"""Settings that say where and how a run is made, not what is trained."""

PAIRED = ("seed_everything", "data.fold")
"""Settings in which the runs of one variant differ."""


@dataclass(frozen=True)
class Record:
    """A run's folder, whose files are read when first used and may be missing."""

    folder: Path

    @cached_property
    def settings(self) -> Settings:
        path = self.folder / files.CONFIG
        try:
            return chosen(yaml.load(path.read_text(), LOADER))
        except (OSError, yaml.YAMLError) as error:
            raise UserError(f"{path}: cannot be read as a configuration") from error

    @cached_property
    def results(self) -> dict[str, Any]:
        return files.read_json(self.folder / RESULTS)

    @cached_property
    def provenance(self) -> dict[str, Any]:
        return files.read_json(self.folder / "provenance.json")

    @cached_property
    def curves(self) -> list[dict[str, float]]:
        """The rows of ``metrics.csv``."""
        return files.read_rows(self.folder / "metrics.csv")

    @property
    def start(self) -> str:
        return str(self.provenance.get("start", ""))

    @property
    def task(self) -> str:
        return str(self.results.get("task", self.folder.parent.name))

    @property
    def pair(self) -> tuple[Any, Any]:
        """Seed and fold: runs of two variants that share them are a pair."""
        return self.settings.get("seed_everything"), self.settings.get("data.fold")

    def scores(self, test: bool = True) -> Scores:
        """Scores of the test split, or of validation at the best checkpoint's epoch."""
        if test:
            return _values(self.results)
        found = {VALIDATION.match(name): value for name, value in self.best.items()}
        return {name.string[name.end() :]: value for name, value in found.items() if name}

    def data(self, test: bool = True) -> dict[str, Any]:
        """The data of the scores, which may differ from the training data for the test."""
        return dict((self.results if test else self.provenance).get("data", {}))

    def samples(self, test: bool = True) -> int | None:
        """The number of scored samples, if it is known."""
        counts = self.provenance.get("data", {}).get("samples", {})
        return self.results.get("samples") if test else counts.get("val")

    def share(self, test: bool = True) -> float:
        """Scored samples per training sample."""
        counts = self.provenance.get("data", {}).get("samples", {})
        split = "test" if test else "val"
        return float(counts[split] / counts["train"]) if {split, "train"} <= {*counts} else 0.0

    @property
    def baseline(self) -> tuple[str, Scores]:
        """Name and test scores of the baseline."""
        baseline = self.results.get("baseline") or {}
        return str(baseline.get("name", "")), _values(baseline)

    @property
    def commit(self) -> str:
        """Ten digits, and a star if files differed from the commit."""
        git = self.provenance.get("git", {})
        return f"{git.get('commit') or 'unknown'}"[:10] + ("*" if git.get("dirty") else "")

    @property
    def seconds(self) -> float | None:
        """Seconds of training; of a resumed run, those since it was resumed."""
        seconds = self.provenance.get("wall_time_s")
        return None if seconds is None else float(seconds)

    @property
    def resumed(self) -> bool:
        """Whether the run was resumed."""
        words = shlex.split(self.provenance.get("command", ""))
        return arguments.only(arguments.join_values(words), "--run") is not None

    @property
    def monitor(self) -> tuple[str, str]:
        """The score that chooses the best checkpoint, and whether ``max`` or ``min`` is best."""
        mode = self.settings.get("checkpoint.mode", "min")
        return self.settings.get("checkpoint.monitor", "val/loss"), mode

    @property
    def best(self) -> dict[str, float]:
        """The row of the best checkpoint's epoch; empty if there is none.

        If the monitor was never logged, it is the last row.
        """
        monitor, mode = self.monitor
        rows = [row for row in self.curves if not math.isnan(row.get(monitor, math.nan))]
        choose = max if mode == "max" else min
        last = next(iter(self.curves[-1:]), {})
        return choose(rows, key=lambda row: row[monitor], default=last)


def every(logs: Path, task: str | None = None, comparisons: bool = False) -> list[Record]:
    """A task's runs, or all runs, by start; those of comparisons only if asked for.

    Raises:
        UserError: There are none.
    """
    pattern = f"{task or '*'}/{'**/' if comparisons else ''}version_*/{files.CONFIG}"
    # Links, for TensorBoard and to the latest run, would list runs twice.
    found = (path for path in set(logs.glob(pattern)) if files.TENSORBOARD not in path.parts)
    if not (records := [Record(path.parent) for path in found]):
        what = f"runs of {task}" if task else "runs"
        raise UserError(f"{logs}: no {what} there; start one: make train TASK=timeseries")

    def order(record: Record) -> tuple[str, str, int]:
        start, run = "", record.folder
        with suppress(UserError):  # a damaged run has no known start
            start = record.start
        return start, str(run.parent), int(run.name.removeprefix("version_"))

    return sorted(records, key=order)


def runs(task: str | None = None, logs: str | Path | None = None) -> "pd.DataFrame":
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
    import pandas as pd

    logs = paths.LOGS if logs is None else Path(logs).expanduser()
    records = every(logs, task)
    table = pd.DataFrame([dict(_row(record)) for record in records])
    table["start"] = pd.to_datetime(table["start"], utc=True)
    chosen = pd.DataFrame([record.settings for record in records], dtype=object)
    differ = [name for name in chosen if chosen[name].map(repr).nunique() > 1]
    return table.join(chosen[[name for name in differ if name not in table]])


def _row(record: Record) -> Iterator[tuple[str, Any]]:
    data = record.data() or record.data(test=False)
    yield from (("run", files.shown(record.folder)), ("task", record.task))
    yield from (("start", record.start), ("seconds", record.seconds or math.nan))
    yield from (("data", data.get("root")), ("sample", data.get("sample")))
    yield from ((name, value) for name, value in record.best.items() if name.startswith("val"))
    for name, score in record.scores().items():
        yield f"test/{name}", score


def existing(folders: Sequence[str], test: bool = True) -> list[Record]:
    """Runs of one task that have scores.

    Raises:
        UserError: A folder is not a run or lacks such scores, or the runs are of several tasks.
    """
    records = [Record(folder) for folder in dict.fromkeys(map(files.find, folders))]
    for record in records:
        where = files.shown(record.folder)
        if test and not record.results:
            raise UserError(f"{where}: has no {RESULTS}; first: make evaluate RUN={where}")
        if not test and not record.scores(test):
            raise UserError(f"{where}: has no validation scores in metrics.csv; try --test")
    tasks = sorted({record.task for record in records})
    if len(tasks) > 1:
        raise UserError(f"runs of {' and '.join(tasks)}: only runs of one task can be compared")
    return records


def _values(scored: dict[str, Any]) -> Scores:
    return {name: float(score["value"]) for name, score in scored.get("metrics", {}).items()}


def chosen(content: Mapping[str, Any]) -> Settings:
    """``{"model": {"class_path": "C", "init_args": {"lr": 1}}}``: model=C, model.lr=1."""
    apart = tuple(f"{name}." for name in WHERE)
    return {k: v for k, v in flat(content) if not f"{k}.".startswith(apart)}


def differing(runs: Sequence[Settings], beside: Sequence[str] = PAIRED) -> list[str]:
    """Names of the settings that are not the same in all runs."""
    names = dict.fromkeys(name for run in runs for name in run if name not in beside)
    return [name for name in names if any(run.get(name) != runs[0].get(name) for run in runs)]
