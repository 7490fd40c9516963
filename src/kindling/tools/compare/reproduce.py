"""A run made again from its own configuration, on its own data, with its own seed."""

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from kindling.cli import arguments
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.tools.compare.expected import examine
from kindling.tools.compare.plan import PlannedRun, SeedOrFold
from kindling.tools.compare.pool import Pool
from kindling.tools.compare.record import RESULTS, Record
from kindling.tools.compare.table import Grid, show


class NotReproduced(UserError):
    """A score came out differently."""

    status = 1


def reproduce(folder: str, logs: Path, other_data: bool, console: Console) -> None:
    """Make a run again and compare its test scores.

    Args:
        folder: The run.
        logs: Where the new run is written, below ``<task>/reproduce``.
        other_data: Go on though the data have changed.
        console: For the display and the tables.

    Raises:
        UserError: The run has no scores, its data have changed, or it cannot be made again.
        NotReproduced: A score differs.
    """
    before = Record(runs.find(folder))
    if before.results.get("checkpoint") != str(runs.BEST) or not before.provenance:
        place = runs.shown(before.folder)
        raise UserError(
            f"{place}: has no {RESULTS} of its best checkpoint; first: make evaluate RUN={place}"
        )
    _check_data(before, other_data)
    after = _again(before, logs, console)
    show(_scores(before, after), console)
    for name, (was, now) in differing(before, after).items():
        console.print(f"{name:<12} {was}, now {now}")
    console.print(f"new run      {runs.shown(after.folder)}")
    changed = [name for name, value in before.scores.items() if after.scores.get(name) != value]
    if changed:
        raise NotReproduced(
            f"{', '.join(changed)}: not the same as in {runs.shown(before.folder)}; "
            + ("see above for what differs" if differing(before, after) else _advice(before))
        )
    console.print(f"same         all {len(before.scores)} scores, to the last digit")


def differing(before: Record, after: Record) -> dict[str, tuple[str, str]]:
    """What the two runs were made with that is not the same, by name: then and now."""
    then, now = (_circumstances(record.provenance) for record in (before, after))
    return {
        name: (str(then.get(name)), str(now.get(name)))
        for name in {**then, **now}
        if then.get(name) != now.get(name)
    }


def _circumstances(provenance: Mapping[str, Any]) -> dict[str, Any]:
    git, data = provenance.get("git", {}), provenance.get("data", {})
    changes = " with changes" if git.get("dirty") else ""
    return {
        "commit": f"{str(git.get('commit'))[:10]}{changes}",
        "data": str(data.get("sha256"))[:12],
        "python": provenance.get("python"),
        **provenance.get("packages", {}),
        **{f"device {k}": v for k, v in provenance.get("device", {}).items()},
    }


def _check_data(before: Record, other_data: bool) -> None:
    now = examine([f"--config={before.folder / runs.CONFIG}"]).fingerprint
    then = before.results["data"]["sha256"]
    if now != then and not other_data:
        raise UserError(
            f"{before.results['data']['root']}: the data have changed since the run (SHA-256 "
            f"{now[:12]}, was {then[:12]}): restore them, or go on with ARGS=--other_data"
        )


def _again(before: Record, logs: Path, console: Console) -> Record:
    name = f"{before.folder.name}_{datetime.now(UTC):%Y%m%d_%H%M%S}"
    unit = SeedOrFold("again", {})
    threads = int(before.provenance.get("device", {}).get("threads", 1))
    cell = PlannedRun(
        before.task,
        before.folder.name,
        unit,
        logs.absolute() / before.task / "reproduce" / name,
        [f"--config={before.folder / runs.CONFIG}"],
        before.settings,
    )
    pool = Pool(1, threads, console)
    pool.work([cell])
    if pool.failed:
        raise UserError(f"{runs.shown(before.folder)}: {pool.failed[cell.title]}")
    return Record(cell.folder / before.task / "version_0")


def _scores(before: Record, after: Record) -> Grid:
    rows = [["", "was", "is", "difference", "95 % interval of the run"]]
    for name, score in before.results["metrics"].items():
        was, now = score["value"], after.scores.get(name)
        if now is None:
            rows.append([name, short(was), "none", "", ""])
            continue
        apart = "same" if now == was else f"{now - was:+.3g}"
        inside = "" if score["low"] <= now <= score["high"] else ", outside"
        interval = f"{short(score['low'])} to {short(score['high'])}{inside}"
        rows.append([name, short(was), short(now), apart, interval])
    return rows


def _advice(before: Record) -> str:
    if _resumed(before.provenance):
        return "the run was resumed: with other settings on the way it cannot be made in one go"
    if before.settings.get("trainer.deterministic"):
        return "commit, versions, data and device are the same: look for something unseeded"
    return "commit, versions, data and device are the same: try it with PRESET=deterministic"


def _resumed(provenance: Mapping[str, Any]) -> bool:
    run, _ = arguments.take(shlex.split(provenance.get("command", "")), "--run")
    return run is not None
