"""Variants compared: their runs made, or runs that exist taken together, and reported."""

from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from kindling.api.record import Record, differing, existing
from kindling.cli.settings import shown
from kindling.errors import UserError, require_package
from kindling.tools.compare.plan import Plan
from kindling.tools.compare.report import report
from kindling.tools.compare.scores import Comparison, Variant
from kindling.tools.runner import executors, expected
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.pool import Runs
from kindling.tools.runner.typed import check_name

SCIPY = ("a comparison", "scipy", "SciPy", "compare")


class Failed(UserError):
    """Runs of a comparison that could not be made; the others are whole."""

    status = 1


def compare(
    plan: Plan, folder: Path, flags: Sequence[str], options: Namespace, console: Console
) -> None:
    """Make the runs that are not there yet, then report; both go into ``folder``.

    Args:
        plan: What is compared.
        folder: Of the comparison.
        flags: Of all runs.
        options: Where and how many ``jobs`` run at once, and whether ``test`` scores are shown.
        console: Where the tables are shown.

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
    room = executors.room(len(wanted), options)
    console.print(f"runs         {len(wanted)}, {room[0]} at once, {room[1]} threads each")
    pool = Runs(wanted, room, console)
    pool.work()
    made = {n: [Record(f) for run in r if (f := run.finished())] for n, r in planned.items()}
    if variants := [Variant(name, records) for name, records in made.items() if records]:
        over = next(iter(plan.repeats)).partition("_")[0]
        report(Comparison(variants, options.test, over), folder, console)
    if pool.failed:
        title, message = next(iter(pool.failed.items()))
        count = f"{len(pool.failed)} of {len(wanted)} runs failed"
        raise Failed(f"{count}, the first being {title}: {message}; the same command tries again")


def compare_runs(options: Namespace, console: Console) -> None:
    """Runs that exist, those that differ in their seed alone as one variant."""
    require_package(*SCIPY)
    records = existing(options.runs, options.test)
    variants = [Variant(title, runs) for title, runs in _grouped(records)]
    name = check_name(options.name or "runs")
    folder = options.logs.absolute() / records[0].task / "compare" / name
    report(Comparison(variants, options.test), folder, console)


def planned_runs(plan: Plan, folder: Path, flags: Sequence[str]) -> dict[str, list[PlannedRun]]:
    """The runs of each variant, with every setting that they will have."""
    planned: dict[str, list[PlannedRun]] = {}
    for name, own in plan.variants.items():
        shared = [f"--config={plan.task}", *own, *flags]
        given = {
            repeat: [f"--{key}={value}" for key, value in settings.items()]
            for repeat, settings in plan.repeats.items()
        }
        settings = expected.settings([*shared, *next(iter(given.values()))])
        planned[name] = [
            PlannedRun(
                f"{name}, {repeat.replace('_', ' ')}",
                plan.task,
                folder / "runs" / check_name(name) / repeat,
                [*shared, *given[repeat]],
                settings | plan.repeats[repeat],
            )
            for repeat in plan.repeats
        ]
    return planned


def _grouped(records: Sequence[Record]) -> Iterator[tuple[str, list[Record]]]:
    """Runs with the same settings together, named by the settings that tell them apart."""
    names = differing([record.settings for record in records])
    groups: dict[str, list[Record]] = defaultdict(list)
    for run in records:
        groups[", ".join(f"{n}={shown(run.settings.get(n))}" for n in names)].append(run)
    for title, runs in groups.items():
        # Too many settings for a name have a table of their own.
        yield (title or "runs") if len(names) <= 2 else runs[0].folder.name, runs
