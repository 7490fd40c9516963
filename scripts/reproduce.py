"""A run made again from its own configuration, data and seed: the same scores, or what differs.

python scripts/reproduce.py --run logs/timeseries/version_0

Ends with exit status 1 if a score is not the same to the last digit.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kindling.data import paths
from kindling.tools.compare import command


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--run", required=True, help="folder of the run")
    parser.add_argument("--other_data", action="store_true", help="go on if the data have changed")
    parser.add_argument("--logs", type=Path, default=paths.LOGS, help="folder of the new run")
    chosen = parser.parse_args(args)
    return command.ended(lambda: _main(chosen))


def _main(chosen: argparse.Namespace) -> None:
    from kindling.tools.compare.reproduce import reproduce

    reproduce(chosen.run, chosen.logs, chosen.other_data, command.console())


if __name__ == "__main__":
    sys.exit(main())
