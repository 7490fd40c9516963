"""A new problem: its folder, configuration, sample and tests, copied from the nearest shipped one.

python scripts/new.py --task churn --kind tabular
python scripts/new.py --task churn --kind tabular --data my/churn.csv --column Churn

With --data, the file's columns are shown and become the problem's own.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kindling.data import paths
from kindling.tools import command


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--task", required=True, help="the problem's name")
    parser.add_argument(
        "--kind", required=True, help="tabular, images, series, multi-input or multi-output"
    )
    parser.add_argument("--target", help="classification or regression, where both make sense")
    parser.add_argument("--data", type=Path, help="CSV file to take columns from")
    parser.add_argument("--column", help="of that file, to predict; the last one")
    return command.ended(lambda: _main(parser.parse_args(args)))


def _main(chosen: argparse.Namespace) -> None:
    from kindling.tools.new import new, show
    from kindling.tools.new.names import check_task

    check_task(chosen.task)
    recipe = new.find(chosen.kind, chosen.target)
    inferred = None
    if chosen.data is not None:
        inferred = show.inferred(chosen.kind, chosen.data, chosen.column, chosen.target)
        recipe = new.find(chosen.kind, inferred.target)
        show.show(inferred, command.console())
    written = new.create(chosen.task, recipe, inferred)
    for path in written:
        print(f"wrote   {path.relative_to(paths.PROJECT)}")
    folder = f" DATA={chosen.data.parent}" if chosen.data is not None else ""
    print(f"train   make train TASK={chosen.task}{folder}")


if __name__ == "__main__":
    sys.exit(main())
