"""Trains the variants of a comparison, or collects existing runs, and reports their scores."""

from argparse import Namespace
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from kindling.api.record import Record, Settings, differing, existing
from kindling.cli.settings import shown
from kindling.errors import UserError, require_package
from kindling.runs.folder import shown as place
from kindling.tools.command import Failed
from kindling.tools.compare.report import Comparison, report
from kindling.tools.runner import executors, settings
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.pool import Pool

SEEDS = 3
SCIPY = ("a comparison", "scipy", "SciPy", "compare")


class Plan(NamedTuple):
    """Variants of a task by name, each with its flags, and the seeds or folds of each.

    ``repeats`` are the settings of each; runs of two variants that share one are a pair.
    """

    task: str
    variants: dict[str, list[str]]
    over: str
    repeats: list[Settings]

    def runs(self, folder: Path, flags: Sequence[str]) -> dict[str, list[PlannedRun]]:
        """The runs of each variant below a folder, with every setting that they will have."""
        planned: dict[str, list[PlannedRun]] = {}
        for name, own in self.variants.items():
            shared = [f"--config={self.task}", *own, *flags]
            first = settings.settings_of([*shared, *settings.flags(self.repeats[0])])
            planned[name] = [
                PlannedRun(
                    f"{name}, {self.over} {k}",
                    self.task,
                    folder / "runs" / settings.check_name(name) / f"{self.over}_{k}",
                    [*shared, *settings.flags(repeat)],
                    first | repeat,
                )
                for k, repeat in enumerate(self.repeats)
            ]
        return planned


def repeats(over: str, count: int) -> list[Settings]:
    """The settings of so many seeds or folds."""
    if count < (least := 1 if over == "seed" else 2):
        raise UserError(f"{over}s={count}: must be at least {least}")
    if over == "seed":
        return [{"seed_everything": k} for k in range(count)]
    return [{"data.folds": count, "data.fold": k} for k in range(count)]


def read(path: Path, task: str) -> Plan:
    """The plan in a file.

    Raises:
        UserError: There is none, or it is not made of names and flags.
    """
    content = settings.load(path, "variants", ["seeds", "folds", "flags"])
    over = "fold" if "folds" in content else "seed"
    if type(count := content.get(f"{over}s", SEEDS)) is not int:
        raise UserError(f"{path}: {over}s: {count}: expected a number of {over}s")
    named, shared = content["variants"].items(), settings.split(content.get("flags"), path)
    variants = {str(name): [*shared, *settings.split(own, path)] for name, own in named}
    if len({settings.check_name(name, path) for name in variants}) < len(variants):
        raise UserError(f"{path}: two variants differ only in spaces; rename one of them")
    return Plan(task, variants, over, repeats(over, count))


def compare(plan: Plan, folder: Path, flags: Sequence[str], options: Namespace) -> None:
    """Train the runs that are missing, then report; both go into ``folder``.

    Raises:
        UserError: A flag is wrong, which is known before anything is written.
        Failed: A run failed; the others are compared.
        Stopped: A signal stopped it; the same command continues.
    """
    require_package(*SCIPY)
    planned = plan.runs(folder, flags)
    # All variants with the first seed, then with the next, so that pairs are complete early.
    wanted = [run for repeat in zip(*planned.values(), strict=True) for run in repeat]
    for first, *_ in planned.values():
        if first.finished() is None:
            settings.data_of(first.flags)
    executor = executors.choose(len(wanted), options)
    threads = f"{executor.threads} thread{'s' * (executor.threads > 1)}"
    print(f"runs         {len(wanted)}, {executor.jobs} at once, {threads} each")
    pool = Pool(wanted, executor)
    pool.work()
    made = {n: [Record(f) for run in r if (f := run.finished())] for n, r in planned.items()}
    if variants := {name: records for name, records in made.items() if records}:
        report(Comparison(variants, options.test, plan.over), folder)
        print(f"curves       tensorboard --logdir {place(folder)}/runs")
    if pool.failed:
        title, message = next(iter(pool.failed.items()))
        count = f"{len(pool.failed)} of {len(wanted)} runs failed"
        raise Failed(f"{count}, the first being {title}: {message}; the same command tries again")


def compare_runs(options: Namespace) -> None:
    """Compare existing runs; those that differ only in their seed are one variant.

    Variants are named by the settings in which they differ or, of many, by their first run.
    """
    require_package(*SCIPY)
    records = existing(options.runs, options.test)
    names = differing([record.settings for record in records])
    groups: dict[str, list[Record]] = defaultdict(list)
    for run in records:
        groups[", ".join(f"{n}={shown(run.settings.get(n))}" for n in names) or "runs"].append(run)
    if len(names) > 2:
        groups = {place(runs[0].folder): runs for runs in groups.values()}
    name = settings.check_name(options.name or "runs")
    folder = options.logs.absolute() / records[0].task / "compare" / name
    report(Comparison(groups, options.test), folder)
