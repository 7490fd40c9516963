"""The real data of a task, from where it is published, into data/<task>.

python scripts/fetch.py --task timeseries --client MT_200
python scripts/fetch.py --task potability --archive water-potability.zip

What was downloaded stays in data/downloads with its SHA-256, until it is deleted.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kindling.data import paths
from kindling.tools import command

CLIENT = "MT_200"


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--task", required=True, help="timeseries, potability, clouds or prices")
    parser.add_argument("--folder", type=Path, help="where it goes, in place of data/<task>")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--client", default=CLIENT, help=f"of the electricity; {CLIENT}")
    which.add_argument("--all", action="store_true", help="all clients, a column each")
    parser.add_argument("--archive", type=Path, help="a ZIP file that is here already")
    parser.add_argument("--url", help="a mirror, in place of the set's own address")
    parser.add_argument("--data", type=Path, default=paths.PROJECT / "data", help="of all sets")
    parser.add_argument("--stall", type=float, default=30.0, help="seconds without a byte")
    chosen = parser.parse_args(args)
    return command.ended(lambda: _main(chosen))


def _main(chosen: argparse.Namespace) -> None:
    from kindling.tools.fetch.command import fetch

    client = None if chosen.all else chosen.client
    where = (chosen.task, chosen.data, command.console(), chosen.folder)
    fetch(*where, client, chosen.archive, chosen.url, chosen.stall)


if __name__ == "__main__":
    sys.exit(main())
