"""Variants of a task over seeds, or runs that exist, side by side: scores, intervals, costs.

python scripts/compare.py --task timeseries
python scripts/compare.py --runs logs/timeseries/version_1 logs/timeseries/version_4

Variants are those of configs/compare/<task>.yaml. Further flags, such as --data.root=DIR,
--trainer.max_epochs=5 or --config smoke, go to all of them. Stopped and started again, it goes on.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.compare import command


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--task", help="whose variants are trained")
    what.add_argument("--runs", nargs="+", help="folders of runs that exist")
    parser.add_argument("--name", help="of the comparison's folder")
    parser.add_argument("--plan", type=Path, help="file of variants; configs/compare/<task>.yaml")
    parser.add_argument("--seeds", type=int, help="number of seeds, from 0")
    parser.add_argument("--folds", type=int, help="folds of a cross-validation in place of seeds")
    parser.add_argument("--logs", type=Path, default=paths.LOGS, help="folder of the runs")
    parser.add_argument("--jobs", type=int, help="runs at once; as many as there are cores")
    return command.ended(lambda: _main(parser, args))


def _main(parser: argparse.ArgumentParser, args: Sequence[str] | None) -> None:
    # Not at the top: torch and Lightning take seconds, and a wrong option needs neither.
    chosen, flags = parser.parse_known_args(args)
    from kindling.tools.compare import plan

    planned = plan.read(chosen.task, chosen.plan) if chosen.task else None
    from kindling.tools.compare import comparison

    if planned is None:
        if flags:
            raise UserError(f"{flags[0]}: runs that exist are compared as they are")
        name = chosen.name or "runs"
        return comparison.compare_runs(chosen.runs, name, chosen.logs, command.console())
    seeds = planned.seeds if chosen.seeds is None else chosen.seeds
    units = plan.seeds(seeds) if chosen.folds is None else plan.folds(chosen.folds)
    folder = command.folder(chosen.logs, chosen.task, "compare", chosen.name, flags)
    return comparison.compare(planned, units, folder, flags, chosen.jobs, command.console())


if __name__ == "__main__":
    sys.exit(main())
