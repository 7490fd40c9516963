"""A run repeated, and its test scores compared."""

import math
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from kindling.api.record import RESULTS, Record, differing
from kindling.cli.settings import flat
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.tools.command import show
from kindling.tools.runner.executors import Local, Room
from kindling.tools.runner.expected import examine
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.pool import Runs

EACH = ("command", "start", "wall_time_s", "data.root")
"""Values of ``provenance.json`` that differ in every run, or do not matter."""


class NotReproduced(UserError):
    """A score differs."""

    status = 1


def reproduce(folder: str, logs: Path, console: Console) -> None:
    """Repeat a run, below ``logs/<task>/reproduce``, and compare its test scores.

    Raises:
        UserError: The run has no scores, its data have changed, or it cannot be repeated.
        NotReproduced: A score differs.
    """
    before = Record(runs.find(folder))
    place, config = runs.shown(before.folder), f"--config={before.folder / runs.CONFIG}"
    if before.results.get("checkpoint") != str(runs.BEST) or not before.provenance:
        best = f"has no {RESULTS} of its best checkpoint"
        raise UserError(f"{place}: {best}; first: make evaluate RUN={place}")
    then = before.data()["sha256"]  # None of a plain LightningDataModule
    if then and (data := examine([config]).fingerprint) != then:
        changed = f"SHA-256 {data[:12]}, was {then[:12]}"
        raise UserError(f"{before.data()['root']}: the data have changed ({changed}): restore them")
    name = f"{before.folder.name}_{datetime.now(UTC):%Y%m%d_%H%M%S}"
    there = logs.absolute() / before.task / "reproduce" / name
    planned = PlannedRun(before.folder.name, before.task, there, [config], before.settings)
    threads = before.provenance.get("device", {}).get("threads", 1)
    pool = Runs([planned], Room(1, threads, Local()), console)
    pool.work()
    for message in pool.failed.values():
        raise UserError(f"{place}: {message}")
    _report(before, Record(there / before.task / "version_0"), console)


def _report(before: Record, after: Record, console: Console) -> None:
    place, old, new = runs.shown(before.folder), before.scores(), after.scores()
    rows = []
    for name, was in old.items():
        now = new.get(name, math.nan)
        rows.append([name, short(was), short(now), "same" if now == was else f"{now - was:+.3g}"])
    show([["", "was", "is", "difference"], *rows], console)
    first, second = (dict(flat(record.provenance)) for record in (before, after))
    others = differing([first, second], beside=EACH)
    for name in others:
        console.print(f"{name:<12} {first.get(name)}, now {second.get(name)}")
    console.print(f"new run      {runs.shown(after.folder)}")
    if changed := [name for name, value in old.items() if new.get(name) != value]:
        why = "see above for what else differs" if others else "try it with PRESET=deterministic"
        raise NotReproduced(f"{', '.join(changed)}: not the same as in {place}; {why}")
    console.print(f"same         all {len(old)} scores, to the last digit")
