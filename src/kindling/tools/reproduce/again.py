"""A run made again, its test scores compared with the first one's."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from kindling.api.record import RESULTS, Record
from kindling.cli.settings import flat
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.tools.command import show
from kindling.tools.runner.executors import Local, Room
from kindling.tools.runner.expected import examine
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.pool import Runs

EACH = ("command", "start", "wall_time_s", "data.root")
"""What ``provenance.json`` has that differs in every run, or says nothing of how it was made."""


class NotReproduced(UserError):
    """A score came out differently."""

    status = 1


def reproduce(folder: str, logs: Path, other_data: bool, console: Console) -> None:
    """Make a run again, below ``logs/<task>/reproduce``, and compare its test scores.

    Raises:
        UserError: The run has no scores, its data have changed, or it cannot be made again.
        NotReproduced: A score differs.
    """
    before = Record(runs.find(folder))
    place, config = runs.shown(before.folder), f"--config={before.folder / runs.CONFIG}"
    if before.results.get("checkpoint") != str(runs.BEST) or not before.provenance:
        best = f"has no {RESULTS} of its best checkpoint"
        raise UserError(f"{place}: {best}; first: make evaluate RUN={place}")
    then, data = before.data()["sha256"], None
    if then and not other_data:
        data = examine([config]).fingerprint
    if data and data != then:
        raise UserError(
            f"{before.data()['root']}: the data have changed since the run (SHA-256 {data[:12]}, "
            f"was {then[:12]}): restore them, or add ARGS=--other_data"
        )
    name = f"{before.folder.name}_{datetime.now(UTC):%Y%m%d_%H%M%S}"
    there = logs.absolute() / before.task / "reproduce" / name
    planned = PlannedRun(before.folder.name, before.task, there, [config], before.settings)
    threads = before.provenance.get("device", {}).get("threads", 1)
    pool = Runs([planned], Room(1, threads, Local()), console)
    pool.work()
    for said in pool.failed.values():
        raise UserError(f"{place}: {said}")
    _report(before, Record(there / before.task / "version_0"), console)


def _report(before: Record, after: Record, console: Console) -> None:
    place, old, new = runs.shown(before.folder), before.scores(), after.scores()
    rows = [_row(name, score, new.get(name)) for name, score in before.results["metrics"].items()]
    show([["", "was", "is", "difference", "95 % interval of the run"], *rows], console)
    then, now = dict(flat(before.provenance)), dict(flat(after.provenance))
    others = [n for n in {**then, **now} if then.get(n) != now.get(n) and n not in EACH]
    for name in others:
        console.print(f"{name:<12} {then.get(name)}, now {now.get(name)}")
    console.print(f"new run      {runs.shown(after.folder)}")
    if changed := [name for name, value in old.items() if new.get(name) != value]:
        why = "see above for what differs" if others else _advice(before)
        raise NotReproduced(f"{', '.join(changed)}: not the same as in {place}; {why}")
    console.print(f"same         all {len(old)} scores, to the last digit")


def _row(name: str, score: dict[str, Any], now: float | None) -> list[str]:
    was = score["value"]
    if now is None:
        return [name, short(was), "none", "", ""]
    if "low" not in score:  # as a plain LightningModule logged it
        interval = ""
    else:
        inside = "" if score["low"] <= now <= score["high"] else ", outside"
        interval = f"{short(score['low'])} to {short(score['high'])}{inside}"
    return [name, short(was), short(now), "same" if now == was else f"{now - was:+.3g}", interval]


def _advice(before: Record) -> str:
    if before.resumed:
        return "the run was resumed: with other settings on the way it cannot be made in one go"
    same = "commit, versions, data and device are the same"
    if before.settings.get("trainer.deterministic"):
        return f"{same}: look for something unseeded"
    return f"{same}: try it with PRESET=deterministic"
