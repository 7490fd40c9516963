"""All runs: when, commit, data, settings that differ from the task's configuration, scores, time.

python scripts/runs.py --task timeseries
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kindling.data import paths
from kindling.tools.compare import command, listing, plan, table


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--task", help="whose runs; all tasks if none is given")
    parser.add_argument("--all", action="store_true", help="those of comparisons too")
    parser.add_argument("--logs", type=Path, default=paths.LOGS, help="folder of the runs")
    chosen = parser.parse_args(args)
    return command.ended(lambda: _list(chosen))


def _list(chosen: argparse.Namespace) -> None:
    if chosen.task:
        plan.check_task(chosen.task)
    records = listing.found(chosen.logs, chosen.task, chosen.all)
    table.show(listing.grid(records), command.console(), left=True)


if __name__ == "__main__":
    sys.exit(main())
