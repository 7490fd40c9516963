"""Lists runs, with their date, settings and scores. Nothing here imports torch."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from kindling.api.record import Record, differing, every
from kindling.cli.settings import shown
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.tools.command import ABSENT, Parser, Words, check_task, markdown


def main(argv: Words) -> None:
    """List runs: date, commit, data, scores, and settings in which a task's runs differ."""
    options = Parser(main, logs=True)
    options.add_argument("--task", help="task whose runs to list; default: all")
    options.add_argument("--all", action="store_true", help="include runs of comparisons")
    options.add_argument("--test", action="store_true", help="show a test score of each")
    chosen = options.parse_args(argv)
    if chosen.task:
        check_task(chosen.task)
    columns = {name: tell for name, tell in COLUMNS.items() if chosen.test or name != "test"}
    records = every(chosen.logs, chosen.task, chosen.all)
    rows = [[_told(record, tell) for tell in columns.values()] for record in records]
    settings = [_settings(record, records) for record in records]
    print(markdown([[*columns, "settings"], *map(list.__add__, rows, settings)]), end="")


def _told(record: Record, tell: Callable[[Record], str]) -> str:
    """A cell of a run; a dash where its files lack it or are damaged."""
    with suppress(UserError, KeyError, TypeError, ValueError):
        return tell(record) or ABSENT
    return ABSENT


def _settings(record: Record, records: Sequence[Record]) -> list[str]:
    same = [other.settings for other in records if other.folder.parent == record.folder.parent]
    names = differing(same, beside=("data.root",))
    return [", ".join(f"{n.rpartition('.')[2]}={shown(record.settings.get(n))}" for n in names)]


COLUMNS: dict[str, Callable[[Record], str]] = {
    "run": lambda r: runs.shown(r.folder),
    "when": lambda r: f"{datetime.fromisoformat(r.start).astimezone():%Y-%m-%d %H:%M}",
    "commit": lambda r: r.commit,
    "data": lambda r: "sample" if (d := r.data(False))["sample"] else Path(d["root"]).name,
    "best validation": lambda r: f"{(m := r.monitor[0]).removeprefix('val/')} {short(r.best[m])}",
    "test": lambda r: next((f"{name} {short(value)}" for name, value in r.scores().items()), ""),
    "training": lambda r: "unfinished" if r.seconds is None else f"{r.seconds:,.0f} s",
}
