"""A run made again from its own configuration, on its own data, with its own seed."""

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.tools.runner.expected import examine
from kindling.tools.runner.grid import Grid, show
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.pool import Runs
from kindling.tools.runner.record import RESULTS, Record


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
    place = runs.shown(before.folder)
    if before.results.get("checkpoint") != str(runs.BEST) or not before.provenance:
        best = f"has no {RESULTS} of its best checkpoint"
        raise UserError(f"{place}: {best}; first: make evaluate RUN={place}")
    if not other_data:
        _check_data(before)
    after = _again(before, logs, console)
    show(_scores(before, after), console)
    then, now = _circumstances(before), _circumstances(after)
    others = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    for name in others:
        console.print(f"{name:<12} {then.get(name)}, now {now.get(name)}")
    console.print(f"new run      {runs.shown(after.folder)}")
    changed = [name for name, value in before.scores.items() if after.scores.get(name) != value]
    if changed:
        why = "see above for what differs" if others else _advice(before)
        raise NotReproduced(f"{', '.join(changed)}: not the same as in {place}; {why}")
    console.print(f"same         all {len(before.scores)} scores, to the last digit")


def _check_data(before: Record) -> None:
    now = examine([f"--config={before.folder / runs.CONFIG}"]).fingerprint
    then = before.results["data"]["sha256"]
    if now != then:
        raise UserError(
            f"{before.results['data']['root']}: the data have changed since the run (SHA-256 "
            f"{now[:12]}, was {then[:12]}): restore them, or go on with ARGS=--other_data"
        )


def _again(before: Record, logs: Path, console: Console) -> Record:
    name = f"{before.folder.name}_{datetime.now(UTC):%Y%m%d_%H%M%S}"
    folder = logs.absolute() / before.task / "reproduce" / name
    flags = [f"--config={before.folder / runs.CONFIG}"]
    planned = PlannedRun(before.folder.name, before.task, folder, flags, before.settings)
    threads = int(before.provenance.get("device", {}).get("threads", 1))
    pool = Runs([planned], (1, threads), console)
    pool.work()
    for said in pool.failed.values():
        raise UserError(f"{runs.shown(before.folder)}: {said}")
    return Record(folder / before.task / "version_0")


def _circumstances(record: Record) -> dict[str, str]:
    """What a run was made with, by name."""
    found = record.provenance
    git, data = found.get("git", {}), found.get("data", {})
    return {
        "commit": f"{str(git.get('commit'))[:10]}{' with changes' if git.get('dirty') else ''}",
        "data": str(data.get("sha256"))[:12],
        "python": str(found.get("python")),
        **{name: str(version) for name, version in found.get("packages", {}).items()},
        **{f"device {name}": str(value) for name, value in found.get("device", {}).items()},
    }


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
    if before.resumed:
        return "the run was resumed: with other settings on the way it cannot be made in one go"
    same = "commit, versions, data and device are the same"
    if before.settings.get("trainer.deterministic"):
        return f"{same}: look for something unseeded"
    return f"{same}: try it with PRESET=deterministic"
