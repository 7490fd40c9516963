"""A run made again from its own configuration, on its own data, with its own seed."""

from kindling.tools.command import Parser, Words, console


def main(argv: Words) -> None:
    """Repeat a run from its configuration, data and seed, and compare the scores."""
    options = Parser(main, logs=True)
    options.add_argument("--run", required=True, help="folder of the run")
    chosen = options.parse_args(argv)
    from kindling.tools.reproduce.again import reproduce

    reproduce(chosen.run, chosen.logs, console())
