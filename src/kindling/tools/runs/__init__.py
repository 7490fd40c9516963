"""Lists runs, with their date, settings and scores. Nothing here imports torch."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

from kindling.api.record import Record, Settings, every
from kindling.cli import arguments
from kindling.cli.settings import shown
from kindling.data import paths
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.tools.command import ABSENT, Parser, Words, console, show
from kindling.tools.runner import typed


def main(argv: Words) -> None:
    """List runs: date, commit, data, changed settings, scores."""
    options = Parser(main, logs=True)
    options.add_argument("--task", help="task whose runs to list; default: all")
    options.add_argument("--all", action="store_true", help="include runs of comparisons")
    options.add_argument("--test", action="store_true", help="show a test score of each")
    chosen = options.parse_args(argv)
    if chosen.task:
        typed.check_task(chosen.task)
    columns = {name: tell for name, tell in COLUMNS.items() if chosen.test or name != "test"}
    records = every(chosen.logs, chosen.task, chosen.all)
    rows = [[_told(record, tell) for tell in columns.values()] for record in records]
    show([[*columns], *rows], console(), left=True)


def _told(record: Record, tell: Callable[[Record], str]) -> str:
    """A cell of a run; a dash where its files lack it or are damaged."""
    try:
        return tell(record) or ABSENT
    except (UserError, KeyError, TypeError, ValueError):
        return ABSENT


def _data(record: Record) -> str:
    data = record.provenance["data"]
    return "sample" if data["sample"] else Path(data["root"]).name


def _validation(record: Record) -> str:
    monitor, _ = record.monitor
    return f"{monitor.removeprefix('val/')} {short(record.best[monitor])}"


def _changed(record: Record) -> str:
    """The settings that differ from the task's present configuration, without their section."""
    run, tasks = record.settings, arguments.names(paths.CONFIGS)
    now = next((c for c in map(_configured, tasks) if c.get("data") == run["data"]), None)
    if now is None:
        raise UserError("a task that is not configured any more")
    apart = ("data.root", "seed_everything")
    values = {k: v for k, v in run.items() if k not in apart and now.get(k, v) != v}
    pairs = {name.partition(".")[2] or name: value for name, value in values.items()}
    seed = {"seed": run["seed_everything"]} if run.get("seed_everything") else {}
    return ", ".join(f"{name}={shown(value)}" for name, value in {**pairs, **seed}.items())


@cache
def _configured(task: str) -> Settings:
    from kindling.tools.runner import expected

    return expected.settings([f"--config={task}"])


COLUMNS: dict[str, Callable[[Record], str]] = {
    "run": lambda r: runs.shown(r.folder),
    "when": lambda r: f"{datetime.fromisoformat(r.start).astimezone():%Y-%m-%d %H:%M}",
    "commit": lambda r: r.commit,
    "data": _data,
    "best validation": _validation,
    "test": lambda r: next((f"{name} {short(value)}" for name, value in r.scores().items()), ""),
    "training": lambda r: "unfinished" if r.seconds is None else f"{r.seconds:,.0f} s",
    "changed": _changed,
}
