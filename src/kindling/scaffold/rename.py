"""``make rename``: the package by another name, everywhere that names it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from kindling import paths
from kindling.errors import UserError
from kindling.scaffold import PACKAGE
from kindling.scaffold.names import camel, check_project
from kindling.scaffold.new import tidy

LEFT_ALONE = frozenset({".git", ".venv", "data", "logs", "__pycache__", "LICENSE"})
TEXT = frozenset({".py", ".toml", ".yaml", ".yml", ".md", ".txt", ".sh", ".json", ".cfg", ""})


def rename(name: str, force: bool = False) -> int:
    """Rename the package, its command and what is called after them.

    Args:
        name: The new name, as Python imports it.
        force: Also where work that is not committed could be mixed up with it.

    Returns:
        How many files were changed.

    Raises:
        UserError: The name cannot be had, or git has changes that are not committed.
    """
    check_project(name)
    if not force:
        refuse_dirty("rename")
    old = PACKAGE.name
    forms = {old: name, camel(old): camel(name), old.upper(): name.upper()}
    # What the old name is a part of, such as a longer word, is something else; but the n of a line
    # break in a string is no letter of it.
    pattern = re.compile(rf"(?:(?<![a-zA-Z])|(?<=\\n))({'|'.join(forms)})(?![a-z])")
    changed = {}
    for path in _texts(paths.PROJECT):
        text = path.read_text(encoding="utf-8")
        if (new := pattern.sub(lambda found: forms[found[1]], text)) != text:
            changed[path] = new
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
    package = PACKAGE.rename(PACKAGE.with_name(name))
    tidy(package, paths.PROJECT / "tests", paths.PROJECT / "scripts")
    return len(changed)


def refuse_dirty(target: str) -> None:
    """Raise a UserError unless git could bring back what is changed now."""
    status = subprocess.run(
        ["git", "status", "--porcelain"],
        cwd=paths.PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if status.returncode:
        raise UserError(f"{target}: no git repository to go back in; FORCE=1 does it all the same")
    if count := len(status.stdout.splitlines()):
        raise UserError(
            f"{target}: {count} files are changed and not committed; commit them, or FORCE=1"
        )


def _texts(folder: Path) -> Iterator[Path]:
    """Text files of the project, its own folders only."""
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_ALONE or path.is_symlink() or path.name.endswith("_cache"):
            continue
        if path.is_dir():
            if not path.name.endswith(".egg-info"):
                yield from _texts(path)
        elif path.suffix in TEXT:
            yield path
