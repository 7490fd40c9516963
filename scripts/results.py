"""Make the scores of docs/results.md again, all or those that are named.

python scripts/results.py --data data
python scripts/results.py --data data --only timeseries clouds

Each plan in configs/results names a task, the folder of its data below --data, variants, and seeds
or folds; one without a folder is of the generated sample. Further flags, such as
--model.weights=FILE, go to all runs. Stopped and started again, it goes on.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kindling.data import paths
from kindling.tools.compare import command


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--data", type=Path, help="folder with a folder for each real data set")
    parser.add_argument("--only", nargs="+", default=[], help="plans of configs/results, by name")
    parser.add_argument("--logs", type=Path, default=paths.LOGS, help="folder of the runs")
    parser.add_argument("--jobs", type=int, help="runs at once; as many as there are cores")
    chosen, flags = parser.parse_known_args(args)
    return command.ended(lambda: _main(chosen, flags))


def _main(chosen: argparse.Namespace, flags: Sequence[str]) -> None:
    # Not at the top: torch and Lightning take seconds, and a wrong option needs neither.
    from kindling.tools.compare import results

    plans = results.choose(chosen.only)
    results.publish(plans, chosen.data, chosen.logs, chosen.jobs, command.console(), flags)


if __name__ == "__main__":
    sys.exit(main())
