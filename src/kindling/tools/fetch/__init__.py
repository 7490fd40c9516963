"""The public data sets, fetched, checked and laid out as the data modules expect them."""

from pathlib import Path

from kindling.data import paths
from kindling.tools.command import Parser, Words, console


def main(argv: Words) -> None:
    """Fetch the public data set of a task into data/<task>."""
    options = Parser(main)
    options.add_argument("--task", required=True, help="timeseries, potability, clouds or prices")
    options.add_argument("--folder", type=Path, help="target folder; default: data/<task>")
    which = options.add_mutually_exclusive_group()
    which.add_argument("--client", default="MT_200", help="of electricity; default: MT_200")
    which.add_argument("--all", action="store_true", help="all clients, one column each")
    options.add_argument("--archive", type=Path, help="ZIP file that you have downloaded")
    options.add_argument("--url", help="mirror to download from")
    options.add_argument(
        "--data", type=Path, default=paths.PROJECT / "data", help="parent of data/<task>"
    )
    chosen = options.parse_args(argv)
    # Not at the top: pandas takes its time, and a wrong option does not need it.
    from kindling.tools.fetch.fetch import fetch

    fetch(chosen, console())
