"""Run folders: created, found and removed; their JSON and CSV files. Does not import torch."""

import csv
import itertools
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kindling.data import paths
from kindling.data.whole import replaced
from kindling.errors import UserError

CONFIG = "config.yaml"
BEST = Path("checkpoints", "best.ckpt")
TENSORBOARD = ".tensorboard"
"""Links to the runs: below ``logs`` itself, TensorBoard would show ``latest`` as one more run."""

LAST = Path("checkpoints", "last.ckpt")
STEP_COLUMNS = ("epoch", "step")
"""When a row of ``metrics.csv`` was logged."""


def create(logs: Path, task: str) -> Path:
    """Make the task's next ``version_N``; two processes at once get two folders."""
    folder = logs / task
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            run = folder / f"version_{1 + max(_numbers(folder), default=-1)}"
            with suppress(FileExistsError):
                run.mkdir()
                break
    except OSError as error:
        why = f"cannot make a run folder ({error.strerror}); see --logs"
        raise UserError(f"{folder}: {why}") from error
    with suppress(OSError):  # as on Windows without the right to make links
        link(_tensorboard_link(run), run)
    return run


def point_latest(run: Path) -> None:
    """Let ``latest`` beside ``run`` point to it; no reader finds it missing meanwhile."""
    with suppress(OSError):  # as on Windows without the right to make links
        link(run.parent / "latest", run)


def link(at: Path, run: Path) -> None:
    """Make or replace the link ``at``, which leads to ``run``."""
    at.parent.mkdir(parents=True, exist_ok=True)
    unfinished = at.with_name(f".{at.name}-{run.name}")
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(os.path.relpath(run, at.parent), target_is_directory=True)
    unfinished.replace(at)


def predictions(run: Path, source: Path) -> Path:
    """The file for an input's predictions: its name, with a number if another input has that."""
    folder, given = run / "predictions", str(source.absolute())
    inputs = read_json(record := folder / "inputs.json")
    names = (f"{source.stem}{f'-{k}' if k > 1 else ''}.csv" for k in itertools.count(1))
    name = next(name for name in names if inputs.get(name, given) == given)
    if source.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write(record, json.dumps({**inputs, name: given}))  # in ASCII: a path need not be UTF-8
    return folder / name


def find(run: str, option: str = "--run") -> Path:
    """The folder that an option names, from here or from the project's own folder."""
    for folder in (Path(run).expanduser(), paths.PROJECT / run):
        if (folder / CONFIG).is_file():
            return folder.resolve()
    for folder in (Path(run), paths.LOGS / run):
        if (folder / "latest" / CONFIG).is_file():
            meant = shown(folder / "latest")
            raise UserError(f"{run}: not a run; did you mean {meant}? ({option})")
    if Path(run).is_dir():
        raise UserError(f"{run}: not a run, it has no {CONFIG} ({option})")
    if Path(run).is_file():
        raise UserError(f"{run}: a file; a run is a folder, a checkpoint is --ckpt_path ({option})")
    raise UserError(f"{run}: no such run; runs are in logs/<task>/version_N ({option})")


def checkpoint(run: Path | None, name: str) -> Path:
    """The file that ``--ckpt_path`` names: a path, or ``best`` or ``last`` of a run."""
    file = {"best": BEST, "last": LAST}.get(name)
    if file is None:
        path = Path(name).expanduser()
        if not path.is_file():
            fault = "a folder; a run is --run" if path.is_dir() else "no such checkpoint"
            raise UserError(f"{name}: {fault} (--ckpt_path)")
        return path.resolve()
    if run is None:
        raise UserError(f"--ckpt_path={name} needs the run that it belongs to: --run DIR")
    if not (run / file).is_file():
        raise UserError(f"{run}: has no {file}; nothing to resume from")
    return run / file


def of_checkpoint(checkpoint: Path) -> Path | None:
    """The run whose folder a checkpoint is in, if there is one."""
    run = checkpoint.resolve().parents[1]
    return run if (run / CONFIG).is_file() else None


def shown(run: Path) -> str:
    """The shortest way to type the run's folder from here."""
    here = Path.cwd()
    return str(run.relative_to(here) if run.is_relative_to(here) else run)


@contextmanager
def discard_unused(run: Path) -> Iterator[None]:
    """Remove ``run`` again if an error ends it before its first checkpoint."""
    try:
        yield
    except BaseException:
        if not has_checkpoint(run):
            discard(run)
        raise


def has_checkpoint(run: Path) -> bool:
    """Whether a checkpoint was saved; a file with a dot is one that was not completed."""
    return any(run.rglob("[!.]*.ckpt"))


def discard(run: Path) -> None:
    """Remove a run, and let ``latest`` point to the newest that is left."""
    shutil.rmtree(run, ignore_errors=True)
    _tensorboard_link(run).unlink(missing_ok=True)
    latest = run.parent / "latest"
    if latest.is_symlink() and not latest.exists():
        latest.unlink()
        if numbers := list(_numbers(run.parent)):
            point_latest(run.parent / f"version_{max(numbers)}")
    with suppress(OSError):  # where there is something else in the task's folder
        run.parent.rmdir()


def _tensorboard_link(run: Path) -> Path:
    return run.parents[1] / TENSORBOARD / run.parent.name / run.name


def _numbers(folder: Path) -> Iterator[int]:
    names = (path.name.removeprefix("version_") for path in folder.glob("version_*"))
    return (int(name) for name in names if name.isdigit())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write whole or not at all."""
    write(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write(path: Path, text: str) -> None:
    """Write whole or not at all: the file before survives a full disk or a crash."""
    with replaced(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Lock a run while it is trained; the system releases the lock when the process ends.

    Raises:
        UserError: Another process trains it.
    """
    try:
        with FileLock(run / ".lock", blocking=False):
            yield
    except Timeout:
        what = "another process is training this run"
        raise UserError(f"{shown(run)}: {what}; wait for its end, or stop it") from None


def read_rows(path: Path) -> list[dict[str, float]]:
    """The rows of ``metrics.csv``, without a last one that is incomplete."""
    content = path.read_bytes() if path.exists() else b""
    try:
        lines = content[: content.rfind(b"\n") + 1].decode().splitlines()
        rows = [row for row in csv.DictReader(lines) if None not in row.values()]
        table = [
            {k: int(v) if k in STEP_COLUMNS else float(v) for k, v in row.items() if v}
            for row in rows
        ]
        if any("step" not in row for row in table):
            raise ValueError("a row without its step")
    except (ValueError, TypeError, csv.Error) as error:
        raise UserError(f"{path}: {error}; restore the file, or remove it") from error
    return table


def read_json(path: Path) -> dict[str, Any]:
    """What ``write_json`` has written; empty if there is no such file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not valid JSON; restore it, or remove it") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds no names and values; restore it, or remove it")
    return content
