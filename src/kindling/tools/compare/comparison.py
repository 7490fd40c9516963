"""Trains the variants of a comparison, or collects existing runs, and reports their scores."""

from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from kindling.api.record import Record, differing, existing
from kindling.cli.settings import shown
from kindling.errors import UserError, require_package
from kindling.runs.folder import shown as place
from kindling.tools.compare.plan import Plan
from kindling.tools.compare.report import report
from kindling.tools.compare.scores import Comparison
from kindling.tools.runner import executors, expected
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.pool import Runs
from kindling.tools.runner.typed import check_name

SCIPY = ("a comparison", "scipy", "SciPy", "compare")


class Failed(UserError):
    """Some runs of a comparison failed; the others are complete."""

    status = 1


def compare(
    plan: Plan, folder: Path, flags: Sequence[str], options: Namespace, console: Console
) -> None:
    """Train the runs that are missing, then report; both go into ``folder``.

    Args:
        plan: What is compared.
        folder: The comparison's folder.
        flags: Flags of all runs.
        options: Where the runs are executed, how many ``jobs`` at once, and whether ``test`` scores
            are shown.
        console: Where the tables are shown.

    Raises:
        UserError: A flag is wrong, which is known before anything is written.
        Failed: A run failed; the others are compared.
        Stopped: A signal stopped it; the same command continues.
    """
    require_package(*SCIPY)
    planned = planned_runs(plan, folder, flags)
    # All variants with the first seed, then with the next, so that pairs are complete early.
    wanted = [run for repeat in zip(*planned.values(), strict=True) for run in repeat]
    for first, *_ in planned.values():
        if first.finished() is None:
            expected.examine(first.flags)
    room = executors.room(len(wanted), options)
    console.print(f"runs         {len(wanted)}, {room[0]} at once, {room[1]} threads each")
    pool = Runs(wanted, room, console)
    pool.work()
    made = {n: [Record(f) for run in r if (f := run.finished())] for n, r in planned.items()}
    if variants := {name: records for name, records in made.items() if records}:
        over = next(iter(plan.repeats)).partition("_")[0]
        report(Comparison(variants, options.test, over), folder, console)
    if pool.failed:
        title, message = next(iter(pool.failed.items()))
        count = f"{len(pool.failed)} of {len(wanted)} runs failed"
        raise Failed(f"{count}, the first being {title}: {message}; the same command tries again")


def compare_runs(options: Namespace, console: Console) -> None:
    """Compare existing runs; those that differ only in their seed are one variant."""
    require_package(*SCIPY)
    records = existing(options.runs, options.test)
    variants = dict(_grouped(records))
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
    """Group runs with the same settings, named by the settings in which the groups differ."""
    names = differing([record.settings for record in records])
    groups: dict[str, list[Record]] = defaultdict(list)
    for run in records:
        groups[", ".join(f"{n}={shown(run.settings.get(n))}" for n in names)].append(run)
    for title, runs in groups.items():
        # More settings are too long for a name; the first table lists them.
        yield (title or "runs") if len(names) <= 2 else place(runs[0].folder), runs
