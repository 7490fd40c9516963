"""Runs side by side: which is better, by how much, and whether that is luck."""

from pathlib import Path

from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.command import Parser, Words, whole
from kindling.tools.runner import settings

TEST = "show test scores instead of validation scores, after choosing"


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
    from kindling.tools.compare import comparison  # with pandas

    if chosen.runs:
        comparison.compare_runs(chosen)
        return
    settings.check_task(chosen.task)
    plan = chosen.plan or paths.CONFIGS / "compare" / f"{chosen.task}.yaml"
    planned = comparison.read(plan, chosen.task)
    for over, count in (("seed", chosen.seeds), ("fold", chosen.folds)):
        if count is not None:
            planned = planned._replace(over=over, repeats=comparison.repeats(over, count))
    folder = settings.folder(chosen.logs, chosen.task, "compare", chosen.name, flags)
    comparison.compare(planned, folder, flags, chosen)
