"""The commands: compare, cross-validate, publish, list, make again.

What takes seconds to import is imported late: a wrong option needs neither torch nor Lightning.
"""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from kindling.errors import UserError
from kindling.tools.command import Words, console, entry, parser
from kindling.tools.compare import plan
from kindling.tools.runner import typed


@entry
def compare(argv: Words) -> None:
    """Variants of a task over seeds, or runs that exist: scores, intervals, costs."""
    options = parser(compare.__doc__)
    what = options.add_mutually_exclusive_group(required=True)
    what.add_argument("--task", help="whose variants are trained")
    what.add_argument("--runs", nargs="+", help="folders of runs that exist")
    options.add_argument("--name", help="of the comparison's folder")
    options.add_argument("--plan", type=Path, help="of variants; configs/compare/<task>.yaml")
    options.add_argument("--seeds", type=int, help="number of seeds, from 0")
    options.add_argument("--folds", type=int, help="of a cross-validation in place of seeds")
    chosen, flags = options.parse_known_args(argv)
    if chosen.runs:
        _compare_runs(chosen, flags)
        return
    typed.check_task(chosen.task)
    planned = plan.read(chosen.plan or plan.FOLDER / f"{chosen.task}.yaml", chosen.task)
    folder = typed.folder(chosen.logs, chosen.task, "compare", chosen.name, flags)
    if chosen.folds is not None:
        planned = replace(planned, repeats=plan.folds(chosen.folds))
    elif chosen.seeds is not None:
        planned = replace(planned, repeats=plan.seeds(chosen.seeds))
    from kindling.tools.compare import comparison

    comparison.compare(planned, folder, flags, chosen.jobs, console())


def _compare_runs(chosen: Namespace, flags: list[str]) -> None:
    if flags:
        raise UserError(f"{flags[0]}: runs that exist are compared as they are")
    from kindling.tools.compare import comparison

    comparison.compare_runs(chosen.runs, chosen.name or "runs", chosen.logs, console())


@entry
def crossval(argv: Words) -> None:
    """k-fold cross-validation of a task as it is configured, beside its baseline.

    Folds are stratified by class, hold groups together or roll on in time, as the task has it.
    """
    options = parser(crossval.__doc__)
    options.add_argument("--task", required=True)
    options.add_argument("--folds", type=int, default=5)
    options.add_argument("--name", help="of the folder")
    chosen, flags = options.parse_known_args(argv)
    typed.check_task(chosen.task)
    planned = plan.Plan(chosen.task, {"default": []}, plan.folds(chosen.folds))
    folder = typed.folder(chosen.logs, chosen.task, "crossval", chosen.name, flags)
    from kindling.tools.compare import comparison

    comparison.compare(planned, folder, flags, chosen.jobs, console())


@entry
def results(argv: Words) -> None:
    """Make the scores of docs/results.md again, all or those that are named."""
    options = parser(results.__doc__)
    options.add_argument("--data", type=Path, help="folder with a folder for each real data set")
    options.add_argument("--only", nargs="+", default=[], help="plans of configs/results, by name")
    chosen, flags = options.parse_known_args(argv)
    from kindling.tools.compare.results import publish

    publish(chosen.only, chosen.data, chosen.logs, chosen.jobs, console(), flags)


@entry
def runs(argv: Words) -> None:
    """All runs: when, commit, data, settings that differ from the task's configuration, scores."""
    options = parser(runs.__doc__, jobs=False)
    options.add_argument("--task", help="whose runs; all tasks if none is given")
    options.add_argument("--all", action="store_true", help="those of comparisons too")
    chosen = options.parse_args(argv)
    if chosen.task:
        typed.check_task(chosen.task)
    from kindling.tools.compare import listing
    from kindling.tools.runner.grid import show

    show(listing.grid(listing.found(chosen.logs, chosen.task, chosen.all)), console(), left=True)


@entry
def reproduce(argv: Words) -> None:
    """A run made again from its configuration, data and seed: the same scores, or what differs."""
    options = parser(reproduce.__doc__, jobs=False)
    options.add_argument("--run", required=True, help="folder of the run")
    options.add_argument("--other_data", action="store_true", help="go on if the data have changed")
    chosen = options.parse_args(argv)
    from kindling.tools.compare import reproduce as again

    again.reproduce(chosen.run, chosen.logs, chosen.other_data, console())
