"""Replaces the engine by another version."""

import subprocess
import sys

from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.command import Parser, Words
from kindling.tools.update.engine import PATHS, replace_engine

TESTS = ("-m", "pytest", "tests/problems", "-m", "not slow", "-p", "no:cacheprovider")
BACK = f"git restore --source=HEAD --staged --worktree -- {' '.join(PATHS)}"


def main(argv: Words) -> None:
    """Replace the engine by another version and leave the problems untouched."""
    options = Parser(main)
    options.add_argument("--to", required=True, help="tag, branch or commit, or another checkout")
    options.add_argument("--from", dest="source", help="repository; default: the remote origin")
    options.add_argument("--no-test", action="store_true", help="skip the problems' tests")
    chosen = options.parse_args(argv)
    replace_engine(chosen.to, chosen.source)
    # In a process that imports the new engine.
    command = [sys.executable, *TESTS]
    if not chosen.no_test and subprocess.run(command, cwd=paths.PROJECT, check=False).returncode:
        raise UserError(f"problems fail with this version, as shown; the one before: {BACK}")
    print("next    review it with git diff --staged, then commit it")
