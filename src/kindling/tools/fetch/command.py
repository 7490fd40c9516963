"""The command: fetch, check, unpack, and only then put the folder where it belongs."""

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console

from kindling.errors import UserError, did_you_mean
from kindling.runs.folder import shown
from kindling.tools.fetch import electricity, houses, kaggle
from kindling.tools.fetch.download import download, held

UCI = "https://archive.ics.uci.edu/static/public/321/electricityloaddiagrams20112014.zip"
HOUSES = "https://github.com/emanhamed/Houses-dataset/archive/HEAD.zip"
ALIASES = {"electricity": "timeseries", "houses": "prices"}

LayOut = Callable[[Path, Path], str]
"""Writes an archive's set into an empty folder, and tells what there is to know about it."""


def sources(client: str | None) -> dict[str, tuple[str, LayOut]]:
    """Of each task an address, or Kaggle's name for the set, and how it is laid out."""
    return {
        "timeseries": (UCI, partial(electricity.lay_out, client=client)),
        "prices": (HOUSES, houses.lay_out),
        "potability": ("datasets/adityakadiwal/water-potability", kaggle.lay_out_water),
        "clouds": ("competitions/cloud-type-classification2", kaggle.lay_out_clouds),
    }


def fetch(
    task: str,
    data: Path,
    console: Console,
    folder: Path | None = None,
    client: str | None = None,
    archive: Path | None = None,
    url: str | None = None,
    stall: float = 30,
) -> None:
    """Fetch a set and lay it out in ``folder``, or else in ``data / task``.

    Raises:
        UserError: There is no such set, something is there already, or it cannot be had.
    """
    task = ALIASES.get(task, task)
    known = sources(client)
    if task not in known:
        raise UserError(f"{task}: no public set of that{did_you_mean(task, known)}")
    place, lay_out = known[task]
    place, folder = url or place, folder or data / task
    if folder.exists():
        raise UserError(f"{folder}: is there already; move it, or name another (--folder)")
    if archive is not None and not archive.is_file():
        raise UserError(f"{archive}: no such file (--archive)")
    try:
        if archive is not None:
            message = _lay_out(lay_out, archive, folder)
        else:
            path = _archive(task, place, data / "downloads", stall, console.is_terminal)
            with held(path, place) as digest:
                message = _lay_out(lay_out, path, folder)
            console.print(f"archive      {shown(path.absolute())}, SHA-256 {digest}")
    except OSError as error:
        where = error.filename or folder
        raise UserError(f"{where}: {error.strerror or error}; see to it and try again") from error
    console.print(f"data         {shown(folder.absolute())}: {message}")
    console.print(f"train        make train TASK={task} DATA={shown(folder.absolute())}")


def _archive(task: str, place: str, downloads: Path, stall: float, progress: bool) -> Path:
    """What was downloaded before, or is now."""
    if "://" in place:
        path = downloads / f"{task}.zip"
        download(place, path, stall, progress)
    else:
        path = downloads / f"{place.rpartition('/')[2]}.zip"
        if not path.exists():
            kaggle.fetch(task, place, path)
    return path


def _lay_out(lay_out: LayOut, archive: Path, folder: Path) -> str:
    """Whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        message = lay_out(archive, unfinished)
        unfinished.chmod(0o755)
        if folder.exists():
            raise UserError(f"{folder}: came to be in the meantime; nothing was changed")
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return message
