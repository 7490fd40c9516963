"""New problems: a data module and a model on the engine's bases, from templates."""

from pathlib import Path

from kindling.tools.command import Parser, Words
from kindling.tools.new.make import KINDS, make


def main(argv: Words) -> None:
    """Create a problem: its folder, configuration and tests."""
    options = Parser(main)
    options.add_argument("--task", required=True, help="the problem's name")
    options.add_argument("--kind", required=True, help=", ".join(dict(KINDS.keys())))
    options.add_argument("--target", help="classification or regression, where both make sense")
    options.add_argument("--data", type=Path, help="CSV file, or folder of photos, to start from")
    options.add_argument(
        "--column", help="column to predict, or several with commas; default: the last"
    )
    make(**vars(options.parse_args(argv)))
