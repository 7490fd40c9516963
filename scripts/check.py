"""A data set examined before training: what there is, what is odd, what would be refused.

python scripts/check.py --task potability
python scripts/check.py --task prices --data.root=data/prices --data.table=cars.csv

Further flags are the task's own settings. The exit status is 0 if training would start, else 2.
"""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console

from kindling.tools import command

WIDTH = 80
"""Columns of what is no terminal."""


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--task", required=True, help="whose data, by its own settings")
    chosen, flags = parser.parse_known_args(args)
    return command.ended(lambda: _main(chosen.task, flags))


def _main(task: str, flags: Sequence[str]) -> None:
    # Not at the top: torch and Lightning take seconds, and a wrong option needs neither.
    from kindling.tools.check.command import check

    width = None if sys.stdout.isatty() else WIDTH
    check(task, flags, Console(highlight=False, width=width))


if __name__ == "__main__":
    sys.exit(main())
