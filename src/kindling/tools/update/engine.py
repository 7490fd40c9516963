"""The engine's files, in this project's history and in the one that an update comes from."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kindling.data import paths
from kindling.errors import UserError, did_you_mean

PATHS = ("src/kindling", "tests/engine", "tests/tools", "configs/trainer.yaml")
"""What an update replaces; everything else is the project's own."""

PART = re.compile(r"(src/kindling/tools/[^/]+|tests/tools/[^/]+|tests/engine)/")
"""Folders that a project may delete whole; they stay deleted."""

REFS = "refs/kindling"
"""Where the other history is while it is looked at."""


def git(*args: str, folder: Path | None = None) -> str:
    """What git prints; a UserError with its reason if it fails."""
    done = subprocess.run(
        ["git", *args], cwd=folder or paths.PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = re.search(r"^(?:fatal|error): (.*)", done.stderr, re.MULTILINE)
        raise UserError(f"git {args[0]}: {reason[1] if reason else done.stderr}")
    return done.stdout


def require_committed(folder: Path) -> None:
    """Raise a UserError unless this is a repository whose engine is as it was committed."""
    if git("rev-parse", "--show-prefix", folder=folder).strip():
        raise UserError(f"{folder}: not the top folder of its git repository; update by hand")
    changed = git("status", "--porcelain", "--", *PATHS, folder=folder).splitlines()
    if changed:
        more = f" and {len(changed) - 1} more" if changed[1:] else ""
        raise UserError(
            f"{folder}: {changed[0][3:]}{more} changed since the last commit; commit or restore it"
        )


@contextmanager
def fetched(source: str) -> Iterator[None]:
    """Have the branches and tags of another repository at hand."""
    names = ("HEAD:{0}/HEAD", "refs/heads/*:{0}/heads/*", "refs/tags/*:{0}/tags/*")
    wanted = [f"+{name.format(REFS)}" for name in names]
    try:
        git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", source, *wanted)
        yield
    finally:
        for name in git("for-each-ref", "--format=%(refname)", REFS).split():
            git("update-ref", "-d", name)


def resolve(version: str, source: str) -> str:
    """The commit of a tag, a branch or the first letters of a commit of what was fetched."""
    known = git("for-each-ref", "--format=%(refname)", REFS).split()
    for name in (f"{REFS}/{version}", f"{REFS}/tags/{version}", f"{REFS}/heads/{version}"):
        if name in known:
            return git("rev-parse", f"{name}^{{commit}}").strip()
    for commit in git("log", "--format=%H", f"--glob={REFS}").split():
        if len(version) >= 7 and commit.startswith(version):
            return commit
    names = [name.split("/", 3)[3] for name in known if name.count("/") > 2]
    raise UserError(
        f"TO={version}: no tag, branch or commit of {source}{did_you_mean(version, names)} "
        "(FROM= names another repository)"
    )


def files(commit: str) -> dict[str, str]:
    """The engine's files in a commit: what git calls their content, by path."""
    listed = git("ls-tree", "-r", "-z", commit, "--", *PATHS).split("\0")
    entries = (entry.split("\t", 1) for entry in listed if entry)
    return {path: kind.split()[2] for kind, path in entries}


def part(path: str) -> str | None:
    """The folder that could be deleted whole which a file is in."""
    return match[1] if (match := PART.match(path)) else None


def deleted(here: dict[str, str], origin: dict[str, str]) -> set[str | None]:
    """Folders of the origin that this project has deleted whole."""
    return {*map(part, origin)} - {*map(part, here)} - {None}


def edited(here: dict[str, str], origin: dict[str, str]) -> list[str]:
    """Files that are not as in the origin."""
    gone = deleted(here, origin)
    both = here.keys() | origin.keys()
    return sorted(p for p in both if here.get(p) != origin.get(p) and part(p) not in gone)


def nearest(here: dict[str, str], source: str) -> str:
    """The commit of what was fetched whose engine is this project's, or else the most like it."""
    log = ("log", "--format=%H", "--full-history", f"--glob={REFS}", "--", *PATHS)
    least, found = len(here) + 1, ""
    for commit in git(*log).split():
        if (count := len(edited(here, files(commit)))) < least:
            least, found = count, commit
        if not least:
            break
    if not found:
        raise UserError(f"{source}: nothing there is like this project's engine (FROM=)")
    return found


def replace(commit: str, without: set[str | None]) -> None:
    """Put a commit's engine in place of this one, staged; files it does not have are deleted."""
    concerned = files(commit).keys() | files("HEAD").keys()
    kept = [path for path in concerned if part(path) not in without]
    # Git refuses a path that fits nothing.
    there = [path for path in PATHS if any(f"{file}/".startswith(f"{path}/") for file in kept)]
    left = [f":(exclude){folder}" for folder in without]
    git("restore", f"--source={commit}", "--staged", "--worktree", "--", *there, *left)
    # A folder of bytecode alone would still be found as a package.
    git("clean", "-dfqX", "--", *PATHS)
