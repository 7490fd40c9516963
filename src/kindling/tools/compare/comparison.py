"""Variants compared: their runs made, or runs that exist taken together, and reported."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from rich.console import Console

from kindling.cli.settings import shown
from kindling.data.files import cores
from kindling.errors import UserError, require_package
from kindling.tools.compare.costs import costs
from kindling.tools.compare.plan import Plan
from kindling.tools.compare.report import report
from kindling.tools.compare.scores import Comparison, Variant
from kindling.tools.runner import expected
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.pool import Runs, share_out
from kindling.tools.runner.record import Record, tested
from kindling.tools.runner.settings import differing
from kindling.tools.runner.typed import check_name

SCIPY = ("a comparison", "scipy", "SciPy", "compare")


class Failed(UserError):
    """Runs of a comparison that could not be made; the others are whole."""

    status = 1


def compare(
    plan: Plan, folder: Path, flags: Sequence[str], jobs: int | None, console: Console
) -> None:
    """Make the runs that are not there yet, then report; both go into ``folder``.

    Raises:
        UserError: A flag is wrong, which is known before anything is written.
        Failed: A run failed; what could be compared is.
        Stopped: By a signal; the same command goes on.
    """
    require_package(*SCIPY)
    planned = planned_runs(plan, folder, flags)
    # Variants in turn for the first seed, then for the next, so that pairs are whole early.
    wanted = [run for repeat in zip(*planned.values(), strict=True) for run in repeat]
    for first, *_ in planned.values():
        if first.finished() is None:
            expected.examine(first.flags)
    room = share_out(len(wanted), cores(), torch.cuda.device_count(), jobs)
    console.print(f"runs         {len(wanted)}, {room[0]} at once, {room[1]} threads each")
    pool = Runs(wanted, room, console)
    pool.work()
    made = [_made(name, runs, room[1]) for name, runs in planned.items()]
    if variants := [variant for variant in made if variant is not None]:
        over = plan.repeats[0].name.partition("_")[0]
        report(Comparison(variants, over), folder, console)
    if pool.failed:
        title, message = next(iter(pool.failed.items()))
        count = f"{len(pool.failed)} of {len(wanted)} runs failed"
        raise Failed(f"{count}, the first being {title}: {message}; the same command tries again")


def compare_runs(folders: Sequence[str], name: str, logs: Path, console: Console) -> None:
    """Runs that exist, those that differ in their seed alone as one variant."""
    require_package(*SCIPY)
    records = tested(folders)
    variants = [Variant(title, runs, costs(runs)) for title, runs in _grouped(records)]
    folder = logs.absolute() / records[0].task / "compare" / check_name(name)
    report(Comparison(variants), folder, console)


def planned_runs(plan: Plan, folder: Path, flags: Sequence[str]) -> dict[str, list[PlannedRun]]:
    """The runs of each variant, with every setting that they will have."""
    planned: dict[str, list[PlannedRun]] = {}
    for name, own in plan.variants.items():
        shared = [f"--config={plan.task}", *own, *flags]
        settings = expected.settings([*shared, *plan.repeats[0].flags])
        planned[name] = [
            PlannedRun(
                f"{name}, {repeat.name.replace('_', ' ')}",
                plan.task,
                folder / "runs" / check_name(name) / repeat.name,
                [*shared, *repeat.flags],
                settings | repeat.settings,
            )
            for repeat in plan.repeats
        ]
    return planned


def _made(name: str, planned: Sequence[PlannedRun], threads: int) -> Variant | None:
    """The finished runs of a variant; nothing if none is finished."""
    made = [(run, Record(found)) for run in planned if (found := run.finished()) is not None]
    records = [record for _, record in made]
    return Variant(name, records, costs(records, [r for r, _ in made], threads)) if made else None


def _grouped(records: Sequence[Record]) -> Iterator[tuple[str, list[Record]]]:
    """Runs with the same settings together, named by the settings that tell them apart."""
    names = differing([record.settings for record in records])
    groups: dict[str, list[Record]] = defaultdict(list)
    for run in records:
        groups[", ".join(f"{n}={shown(run.settings.get(n))}" for n in names)].append(run)
    for title, runs in groups.items():
        # Too many settings for a name have a table of their own.
        yield (title or "runs") if len(names) <= 2 else runs[0].folder.name, runs
