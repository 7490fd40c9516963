"""Replaces the engine's files by those of another version, by git alone."""

import re
import subprocess
import tomllib
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
"""Holds the other repository's history while it is examined."""


def replace_engine(version: str, source: str | None) -> None:
    """Replace the engine by a version of a source, the remote origin, or by another checkout's.

    Raises:
        UserError: There is no such version, or the engine was edited here.
    """
    _require_committed(paths.PROJECT)
    if (folder := Path(version).expanduser().absolute() / ".git").exists():
        if source:
            raise UserError(f"TO={version}: a checkout; leave FROM={source} out")
        _require_committed(folder.parent)
        version, source = "HEAD", str(folder.parent)
    if not source and "origin" not in git("remote").split():
        raise UserError("FROM=: there is no remote origin; name a repository by FROM=url")
    source = source or git("remote", "get-url", "origin").strip()
    with _fetched(source):
        target = _resolve(version, source)
        log = ("log", "--format=%H", "--full-history", f"--glob={REFS}", "--", *PATHS)
        # The commit that this project was made from; the project need not have its history.
        commits = git(*log).split()
        same = (commit for commit in commits if not _edited(commit))
        base = next(same, "") or min(commits, key=lambda commit: len(_edited(commit)), default="")
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


def git(*args: str, folder: Path | None = None) -> str:
    """What git prints; a UserError with its reason if it fails."""
    done = subprocess.run(
        ["git", *args], cwd=folder or paths.PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = re.search(r"^(?:fatal|error): (.*)", done.stderr, re.MULTILINE)
        raise UserError(f"git {args[0]}: {reason[1] if reason else done.stderr}")
    return done.stdout


def _require_committed(folder: Path) -> None:
    """Raise a UserError unless this is a repository whose engine is committed unchanged."""
    if git("rev-parse", "--show-prefix", folder=folder).strip():
        raise UserError(f"{folder}: not the top folder of its git repository; update by hand")
    if changed := git("status", "--porcelain", "--", *PATHS, folder=folder).splitlines():
        more = f" and {len(changed) - 1} more" if changed[1:] else ""
        raise UserError(
            f"{folder}: {changed[0][3:]}{more} changed since the last commit; commit or restore it"
        )


@contextmanager
def _fetched(source: str) -> Iterator[None]:
    """Fetch the branches and tags of another repository for a while."""
    names = ("HEAD:{0}/HEAD", "refs/heads/*:{0}/heads/*", "refs/tags/*:{0}/tags/*")
    wanted = [f"+{name.format(REFS)}" for name in names]
    try:
        git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", source, *wanted)
        yield
    finally:
        for name in git("for-each-ref", "--format=%(refname)", REFS).split():
            git("update-ref", "-d", name)


def _resolve(version: str, source: str) -> str:
    """The commit of a fetched tag, branch or abbreviated commit."""
    known = git("for-each-ref", "--format=%(refname)", REFS).split()
    for name in (f"{REFS}/{version}", f"{REFS}/tags/{version}", f"{REFS}/heads/{version}"):
        if name in known:
            return git("rev-parse", f"{name}^{{commit}}").strip()
    if re.fullmatch("[0-9a-f]{7,40}", version):
        return git("rev-parse", "--verify", f"{version}^{{commit}}").strip()
    names = [name.split("/", 3)[3] for name in known if name.count("/") > 2]
    raise UserError(
        f"TO={version}: no tag, branch or commit of {source}{did_you_mean(version, names)} "
        "(FROM= names another repository)"
    )


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
    found = re.search(r'__version__ = "(.+)"', _show(commit, "src/kindling/__init__.py"))
    return found[1] if found else "unknown"


def _show(commit: str, path: str) -> str:
    """A file of a commit; empty if it has none."""
    return git("show", f"{commit}:{path}") if git("ls-tree", commit, path) else ""
