"""The engine replaced, and what is said of it."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.update import engine
from kindling.tools.update.engine import git


def replace_engine(version: str, source: str | None) -> None:
    """Replace the engine by a version of a source, the remote origin, or by another checkout's.

    Raises:
        UserError: There is no such version, or the engine was edited here.
    """
    engine.require_committed(paths.PROJECT)
    if (folder := Path(version).expanduser().absolute() / ".git").exists():
        if source:
            raise UserError(f"TO={version}: a checkout; leave FROM={source} out")
        engine.require_committed(folder.parent)
        version, source = "HEAD", str(folder.parent)
    if not source and "origin" not in git("remote").split():
        raise UserError("FROM=: there is no remote origin; name a repository by FROM=url")
    source = source or git("remote", "get-url", "origin").strip()
    with engine.fetched(source):
        target = engine.resolve(version, source)
        here = engine.files("HEAD")
        base = engine.nearest(here, source)
        origin = engine.files(base)
        refuse_edited(base, engine.edited(here, origin))
        report(base, target)
        engine.replace(target, engine.deleted(here, origin))


def refuse_edited(base: str, files: Sequence[str]) -> None:
    """Show what would be lost, and raise a UserError."""
    if files:
        print(git("diff", base, "HEAD", "--", *files), end="")
        more = f" and {len(files) - 1} more" if files[1:] else ""
        raise UserError(
            f"{files[0]}{more}: edited here since {_version(base)}; an update would lose it; "
            f"git checkout {base[:12]} -- {files[0]} takes it back"
        )


def report(base: str, target: str) -> None:
    """Say what changes: the versions, the files, the entries of the changelog, what it needs."""
    before, after = _version(base), _version(target)
    print(f"engine  {before} ({base[:12]}) to {after} ({target[:12]})")
    print(git("diff", "--shortstat", base, target, "--", *engine.PATHS).strip() or "the same files")
    print("\n".join(entries(_show(target, "CHANGELOG.md"), before)))
    ours = (paths.PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    theirs = tomllib.loads(_show(target, "pyproject.toml")).get("project", {})
    for need in theirs.get("dependencies", []):
        if f'"{need}"' not in ours:
            print(f"needs   {need}: write it into pyproject.toml")


def entries(changelog: str, version: str) -> list[str]:
    """The lines above a version's own heading, or none if it has none."""
    lines = changelog.splitlines()
    titles = {line.split()[1]: number for number, line in enumerate(lines) if line[:3] == "## "}
    first = min(titles.values(), default=0)
    return lines[first : titles.get(version, first)]


def _version(commit: str) -> str:
    found = re.search(r'__version__ = "(.+)"', _show(commit, "src/kindling/__init__.py"))
    return found[1] if found else "unknown"


def _show(commit: str, path: str) -> str:
    """A file of a commit; empty if it has none."""
    return git("show", f"{commit}:{path}") if git("ls-tree", commit, path) else ""
