"""The commands: compare variants, compare runs, cross-validate."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from kindling.data.files import cores
from kindling.errors import UserError
from kindling.tools.compare import cells, expected, record, report
from kindling.tools.compare.cells import Usage
from kindling.tools.compare.costs import costs
from kindling.tools.compare.plan import Plan, PlannedRun, SeedOrFold, check_name
from kindling.tools.compare.pool import Pool, share_out
from kindling.tools.compare.record import Record
from kindling.tools.compare.scores import Variant, aligned, baseline, statistics_of, variant
from kindling.tools.compare.settings import PAIRED, Settings, differing, shown
from kindling.tools.compare.speed import prediction_seconds
from kindling.tools.compare.table import Comparison


class Failed(UserError):
    """Runs of a comparison that could not be made; the others are whole."""

    status = 1


def compare(
    plan: Plan,
    units: Sequence[SeedOrFold],
    folder: Path,
    flags: Sequence[str],
    jobs: int | None,
    console: Console,
) -> None:
    """Make the runs that are not there yet, then report.

    Args:
        plan: Variants.
        units: Seeds or folds.
        folder: Where everything is written.
        flags: Of all variants.
        jobs: Processes at once; none are as many as there are cores.
        console: For the display and the tables.

    Raises:
        UserError: A flag is wrong, which is known before anything is written.
        Failed: A run failed; what could be compared is.
        Stopped: By a signal; the same command goes on.
    """
    wanted = expected.cells(plan, units, folder, flags)
    at_once, threads = share_out(len(wanted), cores(), torch.cuda.device_count(), jobs)
    for first in {cell.variant: cell for cell in reversed(wanted)}.values():
        if cells.finished(first) is None:
            expected.examine(first.flags)
    console.print(f"runs         {len(wanted)}, {at_once} at once, {threads} threads each")
    pool = Pool(at_once, threads, console)
    pool.work(wanted)
    by_variant = {name: [c for c in wanted if c.variant == name] for name in plan.variants}
    variants = [v for n, c in by_variant.items() if (v := _variant(n, c, threads)) is not None]
    if variants:
        _report(variants, units[0].name.partition("_")[0], folder, console)
    if pool.failed:
        title, message = next(iter(pool.failed.items()))
        count = f"{len(pool.failed)} of {len(wanted)} runs failed"
        raise Failed(f"{count}, the first being {title}: {message}; the same command tries again")


def compare_runs(folders: Sequence[str], name: str, logs: Path, console: Console) -> None:
    """Runs that exist, those that differ in their seed alone as one variant."""
    records = record.tested(folders)
    variants = [
        Variant(v.name, v.scores, v.records, costs(v.records, [], _seconds(v.records[0].folder)))
        for v in _grouped(records)
    ]
    folder = logs.absolute() / records[0].task / "compare" / check_name(name)
    _report(variants, "seed", folder, console)


def _variant(name: str, wanted: Sequence[PlannedRun], threads: int) -> Variant | None:
    """The finished runs of a variant; nothing if none is finished."""
    made = [(cell, run) for cell in wanted if (run := cells.finished(cell)) is not None]
    if not made:
        return None
    records, usage = [Record(run) for _, run in made], [Usage(cell) for cell, _ in made]
    if usage[0].prediction_s is None:
        usage[0].timed(prediction_seconds(records[0].folder, threads))
    found = variant(name, records)
    return Variant(name, found.scores, records, costs(records, usage, usage[0].prediction_s))


def _grouped(records: Sequence[Record]) -> list[Variant]:
    """Runs with the same settings together, named by the settings that tell them apart."""
    names = [n for n in differing([r.settings for r in records]) if n not in PAIRED]
    groups: dict[str, list[Record]] = defaultdict(list)
    for found in records:
        groups[_title(found.settings, names)].append(found)
    if len(groups) > 1 and len(names) <= 2:
        return [variant(title, group) for title, group in groups.items()]
    # Too many settings for a name: they have a table of their own.
    return [
        variant(group[0].folder.name if len(groups) > 1 else "runs", group)
        for group in groups.values()
    ]


def _title(run: Settings, names: Sequence[str]) -> str:
    return ", ".join(f"{name}={shown(run.get(name))}" for name in names)


def _seconds(run: Path) -> float | None:
    """Seconds a sample, unless the run's data are not there any more."""
    try:
        return prediction_seconds(run)
    except UserError:
        return None


def _report(variants: Sequence[Variant], unit: str, folder: Path, console: Console) -> None:
    records = [r for v in variants for r in v.records]
    beaten = baseline(variants[0].records)
    # A single variant has only the baseline to differ from.
    ordered = [beaten, *variants] if len(variants) == 1 else [*variants, beaten]
    shared = statistics.fmean(r.shared for r in records) if unit == "fold" else 0.0
    ordered = aligned(ordered)
    comparison = Comparison(ordered, statistics_of(ordered, shared), unit)
    report.report(comparison, folder, console, report.settings_grid(comparison))
