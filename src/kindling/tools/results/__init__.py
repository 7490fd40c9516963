"""The scores that the project publishes, made again."""

from pathlib import Path

from kindling.tools.command import Words, console, entry, parser


@entry
def main(argv: Words) -> None:
    """Make the scores of docs/results.md again, all or those that are named."""
    options = parser(main.__doc__)
    options.add_argument("--data", type=Path, help="folder with a folder for each real data set")
    options.add_argument("--only", nargs="+", default=[], help="plans of configs/results, by name")
    chosen, flags = options.parse_known_args(argv)
    from kindling.tools.results.publish import publish

    publish(chosen.only, chosen.data, chosen.logs, chosen.jobs, console(), flags)
