"""k-fold cross-validation of a task as it is configured: scores over the folds, beside a baseline.

python scripts/crossval.py --task potability --folds 5

Folds are stratified by class, hold groups together or roll on in time, as the task has it; all
statistics are of the fold's own training part. Further flags go to all runs.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kindling.data import paths
from kindling.tools.compare import command, plan


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--task", required=True)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--name", help="of the folder")
    parser.add_argument("--logs", type=Path, default=paths.LOGS, help="folder of the runs")
    parser.add_argument("--jobs", type=int, help="runs at once; as many as there are cores")
    return command.ended(lambda: _main(parser, args))


def _main(parser: argparse.ArgumentParser, args: Sequence[str] | None) -> None:
    chosen, flags = parser.parse_known_args(args)
    planned, units = plan.alone(chosen.task), plan.folds(chosen.folds)
    from kindling.tools.compare import comparison

    folder = command.folder(chosen.logs, chosen.task, "crossval", chosen.name, flags)
    comparison.compare(planned, units, folder, flags, chosen.jobs, command.console())


if __name__ == "__main__":
    sys.exit(main())
