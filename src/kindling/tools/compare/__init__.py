"""Runs side by side: which is better, by how much, and whether that is luck."""

from argparse import Namespace
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from kindling.api.record import Record, Settings, differing, existing
from kindling.cli.settings import shown
from kindling.data import paths
from kindling.errors import UserError, require_package
from kindling.runs.folder import shown as place
from kindling.tools import command
from kindling.tools.command import Failed, Parser, Words, whole
from kindling.tools.runner import executors
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.pool import Pool

TEST = "show test scores instead of validation scores, after choosing"
SEEDS = 3
SCIPY = ("a comparison", "scipy", "SciPy", "compare")


def main(argv: Words) -> None:
    """Compare variants of a task over seeds, or existing runs: scores, intervals, costs."""
    options = Parser(main, jobs=True)
    what = options.add_mutually_exclusive_group(required=True)
    what.add_argument("--task", help="task whose variants to train")
    what.add_argument("--runs", nargs="+", help="folders of existing runs")
    options.add_argument("--name", help="name of the comparison's folder")
    options.add_argument("--plan", type=Path, help="default: configs/compare/<task>.yaml")
    repeats = options.add_mutually_exclusive_group()
    repeats.add_argument("--seeds", type=whole("seeds"), help="number of seeds, from 0")
    repeats.add_argument(
        "--folds", type=whole("folds", 2), help="number of folds, instead of seeds"
    )
    options.add_argument("--test", action="store_true", help=TEST)
    chosen, flags = options.parse_known_args(argv)
    if chosen.runs and flags:
        raise UserError(f"{flags[0]}: existing runs are compared as they are")
    if chosen.runs:
        compare_runs(chosen)
        return
    folder = command.folder(chosen.logs, chosen.task, "compare", chosen.name, flags)
    plan = read(chosen.plan or paths.CONFIGS / "compare" / f"{chosen.task}.yaml", chosen.task)
    for over, count in (("seed", chosen.seeds), ("fold", chosen.folds)):
        if count is not None:
            plan = plan._replace(over=over, repeated=count)
    compare(plan, folder, flags, chosen)


class Plan(NamedTuple):
    """Variants of a task by name, each with its flags, and how many seeds or folds each has."""

    task: str
    variants: dict[str, list[str]]
    over: str  # "seed" or "fold"
    repeated: int

    @property
    def repeats(self) -> list[Settings]:
        """The settings of each seed or fold; runs of two variants that share them are a pair."""
        if self.over == "seed":
            return [{"seed_everything": k} for k in range(self.repeated)]
        return [{"data.folds": self.repeated, "data.fold": k} for k in range(self.repeated)]

    def runs(self, folder: Path, flags: Sequence[str]) -> dict[str, list[PlannedRun]]:
        """The runs of each variant below a folder, with every setting that they will have."""
        planned: dict[str, list[PlannedRun]] = {}
        for name, own in self.variants.items():
            shared = [f"--config={self.task}", *own, *flags]
            first = command.settings_of([*shared, *command.flags(self.repeats[0])])
            planned[name] = [
                PlannedRun(
                    f"{name}, {self.over} {k}",
                    self.task,
                    folder / "runs" / command.check_name(name) / f"{self.over}_{k}",
                    [*shared, *command.flags(repeat)],
                    first | repeat,
                )
                for k, repeat in enumerate(self.repeats)
            ]
        return planned


def read(path: Path, task: str) -> Plan:
    """The plan in a file.

    Raises:
        UserError: There is none, or it is not made of names and flags.
    """
    content = command.load(path, "variants", ["seeds", "folds", "flags"])
    over, least = ("fold", 2) if "folds" in content else ("seed", 1)
    if type(count := content.get(f"{over}s", SEEDS)) is not int or count < least:
        expected = f"expected a number of {over}s, {least} at least"
        raise UserError(f"{path}: {over}s: {count}: {expected}")
    named, shared = content["variants"].items(), command.split(content.get("flags"), path)
    variants = {str(name): [*shared, *command.split(own, path)] for name, own in named}
    if len({command.check_name(name, path) for name in variants}) < len(variants):
        raise UserError(f"{path}: two variants differ only in spaces; rename one of them")
    return Plan(task, variants, over, count)


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
            command.data_of(first.flags)
    executor = executors.choose(len(wanted), options)
    threads = f"{executor.threads} thread{'s' * (executor.threads > 1)}"
    print(f"runs         {len(wanted)}, {executor.jobs} at once, {threads} each")
    pool = Pool(wanted, executor)
    pool.work()
    made = {n: [Record(f) for run in r if (f := run.finished())] for n, r in planned.items()}
    from kindling.tools.compare.report import report  # with pandas

    if variants := {name: records for name, records in made.items() if records}:
        report(variants, options.test, plan.over, folder)
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
    from kindling.tools.compare.report import report  # with pandas

    records = existing(options.runs, options.test)
    names = differing([record.settings for record in records])
    groups: dict[str, list[Record]] = defaultdict(list)
    for run in records:
        groups[", ".join(f"{n}={shown(run.settings.get(n))}" for n in names) or "runs"].append(run)
    if len(names) > 2:
        groups = {place(runs[0].folder): runs for runs in groups.values()}
    name = command.check_name(options.name or "runs")
    folder = options.logs.absolute() / records[0].task / "compare" / name
    report(groups, options.test, "seed", folder)
