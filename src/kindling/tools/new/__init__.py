"""New problems: a data module and a model on the engine's bases, from templates."""

from pathlib import Path

from kindling.tools.command import Parser, Words
from kindling.tools.new.make import KINDS, make


def main(argv: Words) -> None:
    """Create a problem: its folder, configuration and tests."""
    options = Parser(main)
    add = options.add_argument
    add("--task", required=True, help="the problem's name")
    add("--kind", required=True, help=", ".join(KINDS))
    add("--target", help="classification or regression, where both make sense")
    add("--data", type=Path, help="CSV file, or folder of photos, to start from")
    add("--column", help="column to predict, or several with commas; default: the last")
    make(**vars(options.parse_args(argv)))
