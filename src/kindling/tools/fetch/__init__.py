"""The public data sets, fetched, checked and laid out as the data modules expect them."""

from pathlib import Path

from kindling.data import paths
from kindling.tools.command import Parser, Words


def main(argv: Words) -> None:
    """Fetch the public data set of a task into data/<task>."""
    options = Parser(main)
    add, which = options.add_argument, options.add_mutually_exclusive_group()
    add("--task", required=True, help="timeseries, potability, clouds or prices")
    add("--folder", type=Path, help="target folder; default: data/<task>")
    which.add_argument("--client", default="MT_200", help="of the electricity set; default: MT_200")
    which.add_argument("--all", action="store_true", help="all clients, one column each")
    add("--archive", type=Path, help="ZIP file that you have downloaded")
    add("--url", help="mirror to download from")
    add("--data", type=Path, default=paths.PROJECT / "data", help="of all sets")
    chosen = options.parse_args(argv)
    # Not at the top: pandas takes its time, and a wrong option does not need it.
    from kindling.tools.fetch.fetch import fetch

    fetch(chosen)
