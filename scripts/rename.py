"""The package by another name: folder, imports, command, configurations, tests and pages.

python scripts/rename.py --name myproject
"""

import argparse
import sys
from collections.abc import Sequence

from kindling.compare import command


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--name", required=True, help="as Python imports it")
    parser.add_argument("--force", action="store_true", help="also with uncommitted changes")
    chosen = parser.parse_args(args)

    def run() -> None:
        from kindling.scaffold.rename import rename

        count = rename(chosen.name, chosen.force)
        print(f"renamed  {count} files and src/{chosen.name}; see: git status, then make test")

    return command.ended(run)


if __name__ == "__main__":
    sys.exit(main())
