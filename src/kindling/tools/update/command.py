"""``make update``: another version of the engine, the project's problems untouched."""

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.command import Words, entry
from kindling.tools.update import engine
from kindling.tools.update.engine import git

CONTRACT = ("tests/problems", "-m", "not slow", "-k", "contract", "-p", "no:cacheprovider")
BACK = f"git restore --source=HEAD --staged --worktree -- {' '.join(engine.PATHS)}"


@entry
def update(argv: Words) -> None:
    """Another version of the engine in place of this one, the project's problems untouched."""
    options = argparse.ArgumentParser(description=update.__doc__, allow_abbrev=False)
    options.add_argument("--to", required=True, help="tag, branch or commit, or another checkout")
    options.add_argument("--from", dest="source", help="repository; the remote origin")
    options.add_argument("--no-test", action="store_true", help="leave out the problems' contract")
    chosen = options.parse_args(argv)
    replace_engine(chosen.to, chosen.source)
    if not chosen.no_test:
        check_contract()
    print("next    look at it by git diff --staged, then commit it")


def replace_engine(version: str, source: str | None) -> None:
    """Replace the engine, whole or not at all.

    Args:
        version: Tag, branch or commit of the source, or the folder of another checkout.
        source: Repository; the remote ``origin`` if none is named.

    Raises:
        UserError: There is no such version, or the engine was edited here.
    """
    engine.require_committed(paths.PROJECT)
    if (Path(version).expanduser() / ".git").exists():
        if source:
            raise UserError(f"TO={version}: a checkout; leave FROM={source} out")
        engine.require_committed(Path(version).expanduser())
        version, source = "HEAD", str(Path(version).expanduser().resolve())
    if not source and "origin" not in git("remote").split():
        raise UserError(
            "FROM=: this repository has no remote origin; name a repository by FROM=url"
        )
    source = source or git("remote", "get-url", "origin").strip()
    with engine.fetched(source):
        target = engine.resolve(version, source)
        here = engine.files("HEAD")
        base = engine.nearest(here, source)
        _refuse_edited(base, engine.edited(here, engine.files(base)))
        _report(base, target)
        engine.replace(target, engine.deleted(here, engine.files(base)))


def _refuse_edited(base: str, paths: Sequence[str]) -> None:
    if not paths:
        return
    print(git("diff", base, "HEAD", "--", *paths), end="")
    more = f" and {len(paths) - 1} more" if paths[1:] else ""
    raise UserError(
        f"{paths[0]}{more}: edited here, as shown, since {base[:12]} ({_version(base)}); an update "
        f"would lose it: take it back by git checkout {base[:12]} -- {' '.join(paths[:3])}"
        f"{' ...' if paths[3:] else ''}, commit, and update again"
    )


def _report(base: str, target: str) -> None:
    """Say what changes: the versions, the files, the entries of the changelog, what it needs."""
    before, after = _version(base), _version(target)
    print(f"engine  {before} ({base[:12]}) to {after} ({target[:12]})")
    print(
        git("diff", "--shortstat", base, target, "--", *engine.PATHS).strip() or "no file differs"
    )
    print("\n".join(entries(_show(target, "CHANGELOG.md"), before)))
    for need in _lacking(target):
        print(f"needs   {need}: write it into pyproject.toml")


def entries(changelog: str, version: str) -> list[str]:
    """The lines above a version's own heading, or none if it has none."""
    lines = changelog.splitlines()
    titles = {line.split()[1]: number for number, line in enumerate(lines) if line[:3] == "## "}
    first = min(titles.values(), default=0)
    return lines[first : titles.get(version, first)]


def _lacking(commit: str) -> list[str]:
    """Dependencies of that version that this project's pyproject.toml does not name so."""
    ours = (paths.PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    texts = (_show(commit, "pyproject.toml"), ours)
    there, here = (tomllib.loads(t).get("project", {}).get("dependencies", []) for t in texts)
    return [need for need in there if need not in here]


def _version(commit: str) -> str:
    found = re.search(r'__version__ = "(.+)"', _show(commit, "src/kindling/__init__.py"))
    return found[1] if found else "unknown"


def _show(commit: str, path: str) -> str:
    """A file of a commit; empty if it has none."""
    return git("show", f"{commit}:{path}") if git("ls-tree", commit, path) else ""


def check_contract() -> None:
    """Run what every problem inherits from the engine, in a process that has imported the new."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *CONTRACT], cwd=paths.PROJECT, check=False
    )
    if done.returncode not in (0, 5):  # 5: there is no such test
        raise UserError(f"problems fail with this version, as shown; the one before: {BACK}")
