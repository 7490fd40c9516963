"""A problem taken out: its code, configurations, tests and page, and what names it elsewhere.

python scripts/remove.py --task clouds
"""

import argparse
import sys
from collections.abc import Sequence

from kindling import paths
from kindling.compare import command


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--task", required=True, help="the problem")
    parser.add_argument(
        "--force", action="store_true", help="also uncommitted work, and many tests of other parts"
    )
    chosen = parser.parse_args(args)
    return command.ended(lambda: _main(chosen.task, chosen.force))


def _main(task: str, force: bool) -> None:
    from kindling.scaffold.remove import plan, remove
    from kindling.scaffold.rename import refuse_dirty

    planned = plan(task)
    if not force:
        refuse_dirty("remove")
    remove(task, planned, force)
    for path in planned.paths:
        print(f"removed  {path.relative_to(paths.PROJECT)}")
    for path in planned.changed:
        went = planned.tests.get(path)
        tests = f" ({went} test{'s' if went != 1 else ''} went)" if went else ""
        print(f"changed  {path.relative_to(paths.PROJECT)}{tests}")
    for place in planned.left:
        print(f"read     {place}: speaks of {task}")


if __name__ == "__main__":
    sys.exit(main())
