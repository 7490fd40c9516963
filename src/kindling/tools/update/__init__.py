"""Replaces the engine's files by those of another version, by git alone."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kindling.data import paths
from kindling.errors import UserError, did_you_mean
from kindling.tools.command import Parser, Words

# What an update replaces; everything else is the project's own.
PATHS = ("src/kindling", "tests/engine", "tests/tools", "configs/trainer.yaml")
# Folders that a project may delete whole; they stay deleted.
PART = re.compile(r"(src/kindling/tools/[^/]+|tests/tools/[^/]+|tests/engine)/")
REFS = "refs/kindling"  # holds the other repository's history while it is examined
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


def replace_engine(version: str, source: str | None) -> None:
    """Replace the engine by a version of a source, the remote origin, or by another checkout's.

    Raises:
        UserError: There is no such version, or the engine was edited here.
    """
    if git("rev-parse", "--show-prefix").strip():
        raise UserError(f"{paths.PROJECT}: not the top folder of its repository; update by hand")
    if changed := git("status", "--porcelain", "--", *PATHS).splitlines():
        more = f" and {len(changed) - 1} more" if changed[1:] else ""
        raise UserError(f"{changed[0][3:]}{more} changed since the last commit; commit or undo it")
    if not source and ((checkout := Path(version).expanduser().absolute()) / ".git").exists():
        version, source = "HEAD", str(checkout)
    if not source and "origin" not in git("remote").split():
        raise UserError("FROM=: there is no remote origin; name a repository by FROM=url")
    source = source or git("remote", "get-url", "origin").strip()
    with _fetched(source):
        target = _resolve(version, source)
        # The commit that this project was made from; the project need not have its history.
        history = ("--full-history", f"--glob={REFS}", "--", *PATHS)
        commits = git("log", "--format=%H", *history).split()
        base = min(commits, key=lambda commit: len(_edited(commit)), default="")
        if not base or len(edited := _edited(base)) == len(_files("HEAD")):
            raise UserError(f"{source}: nothing there is like this project's engine (FROM=)")
        if edited:
            print(git("diff", base, "HEAD", "--", *edited), end="")
            more = f" and {len(edited) - 1} more" if edited[1:] else ""
            raise UserError(
                f"{edited[0]}{more}: edited here since {_version(base)}; an update would lose it; "
                f"git checkout {base[:12]} -- {edited[0]} takes it back"
            )
        _report(base, target)
        concerned = {*_files(target), *_files("HEAD")} - _deleted(base, target)
        git("restore", f"--source={target}", "--staged", "--worktree", "--", *concerned)
    # A folder with only bytecode would still be found as a package.
    git("clean", "-dfqX", "--", *PATHS)


def git(*args: str) -> str:
    """What git prints; a UserError with its reason if it fails."""
    done = subprocess.run(
        ["git", *args], cwd=paths.PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = re.search(r"^(?:fatal|error): (.*)", done.stderr, re.MULTILINE)
        raise UserError(f"git {args[0]}: {reason[1] if reason else done.stderr}")
    return done.stdout


@contextmanager
def _fetched(source: str) -> Iterator[None]:
    """Fetch the branches and tags of another repository for a while."""
    names = (f"+HEAD:{REFS}/HEAD", *(f"+refs/{k}/*:{REFS}/{k}/*" for k in ("heads", "tags")))
    try:
        git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", source, *names)
        yield
    finally:
        for name in _refs():
            git("update-ref", "-d", name)


def _refs() -> list[str]:
    return git("for-each-ref", "--format=%(refname)", REFS).split()


def _resolve(version: str, source: str) -> str:
    """The commit of a fetched tag, branch or abbreviated commit."""
    known = _refs()
    named = (f"{REFS}/{version}", f"{REFS}/tags/{version}", f"{REFS}/heads/{version}")
    if found := [name for name in named if name in known]:
        return git("rev-parse", f"{found[0]}^{{commit}}").strip()
    if re.fullmatch("[0-9a-f]{7,40}", version):
        return git("rev-parse", "--verify", f"{version}^{{commit}}").strip()
    near = did_you_mean(version, [name.split("/", 3)[-1] for name in known])
    raise UserError(f"TO={version}: no tag, branch or commit of {source}{near} (FROM=...)")


def _files(commit: str) -> set[str]:
    return {*git("ls-tree", "-r", "-z", "--name-only", commit, "--", *PATHS).split("\0")} - {""}


def _deleted(base: str, commit: str) -> set[str]:
    """A commit's files in folders of its base that this project has deleted whole."""
    part = {path: match[1] for path in _files(commit) if (match := PART.match(path))}
    before, here = ({m[1] for p in _files(c) if (m := PART.match(p))} for c in (base, "HEAD"))
    return {path for path, folder in part.items() if folder in before - here}


def _edited(commit: str) -> list[str]:
    """Files that differ from a commit's, except in folders that were deleted whole."""
    differing = git("diff", "--name-only", "--no-renames", "-z", commit, "HEAD", "--", *PATHS)
    return sorted({*differing.split("\0")} - {""} - _deleted(commit, commit))


def _report(base: str, target: str) -> None:
    """Print what changes: versions, files, the changelog's entries, new dependencies."""
    before, after = _version(base), _version(target)
    print(f"engine  {before} ({base[:12]}) to {after} ({target[:12]})")
    print(git("diff", "--shortstat", base, target, "--", *PATHS).strip() or "the same files")
    # The entries above that of the previous version.
    changes = _show(target, "CHANGELOG.md").partition("\n## ")[2]
    print(f"## {changes}".partition(f"## {before}")[0], end="")
    ours = (paths.PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    theirs = tomllib.loads(_show(target, "pyproject.toml")).get("project", {})
    for need in theirs.get("dependencies", []):
        if f'"{need}"' not in ours:
            print(f"needs   {need}: write it into pyproject.toml")


def _version(commit: str) -> str:
    return _show(commit, "src/kindling/__init__.py").partition('__version__ = "')[2].split('"')[0]


def _show(commit: str, path: str) -> str:
    """A file of a commit; empty if it has none."""
    return git("show", f"{commit}:{path}") if git("ls-tree", commit, path) else ""
