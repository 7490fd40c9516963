"""Runs side by side: which is better, by how much, and whether that is luck."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from kindling.errors import UserError
from kindling.tools.command import Words, console, entry, parser
from kindling.tools.compare import plan
from kindling.tools.runner import typed


@entry
def main(argv: Words) -> None:
    """Variants of a task over seeds, or runs that exist: scores, intervals, costs."""
    options = parser(main.__doc__)
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
