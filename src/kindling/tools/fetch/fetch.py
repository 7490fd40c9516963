"""Fetch, check, unpack, and only then put the folder where it belongs."""

import shutil
import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from kindling.errors import UserError, did_you_mean
from kindling.runs.folder import shown
from kindling.tools.fetch import layouts
from kindling.tools.fetch.download import by_kaggle, download, held

LayOut = Callable[[Path, Path, str | None], str]
"""Writes an archive's set into an empty folder, and returns what there is to know about it."""

UCI = "https://archive.ics.uci.edu/static/public/321/electricityloaddiagrams20112014.zip"
HOUSES = "https://github.com/emanhamed/Houses-dataset/archive/HEAD.zip"
SETS: dict[str, tuple[str, LayOut]] = {
    "timeseries": (UCI, layouts.electricity),
    "prices": (HOUSES, layouts.houses),
    "potability": ("datasets/adityakadiwal/water-potability", layouts.water),
    "clouds": ("competitions/cloud-type-classification2", layouts.clouds),
}
"""By task the address of its set, or Kaggle's name for it, and how it is laid out."""


def fetch(chosen: Namespace, console: Console) -> None:
    """Fetch a set and lay it out in ``chosen.folder``, or else in ``chosen.data / task``."""
    task = {"electricity": "timeseries", "houses": "prices"}.get(chosen.task, chosen.task)
    if task not in SETS:
        raise UserError(f"{task}: no public set of that{did_you_mean(task, SETS)}")
    place, lay_out = chosen.url or SETS[task][0], SETS[task][1]
    client = None if chosen.all else chosen.client
    folder = (chosen.folder or chosen.data / task).absolute()
    if folder.exists():
        raise UserError(f"{folder}: is there already; move it, or name another (--folder)")
    if chosen.archive is not None and not chosen.archive.is_file():
        raise UserError(f"{chosen.archive}: no such file (--archive)")
    try:
        if chosen.archive is not None:
            message = _whole(lay_out, chosen.archive, folder, client)
        else:
            name = task if "://" in place else place.rpartition("/")[2]
            archive = chosen.data / "downloads" / f"{name}.zip"
            if "://" in place:
                download(place, archive, chosen.stall, console.is_terminal)
            elif not archive.exists():
                by_kaggle(task, place, archive)
            with held(archive, place) as digest:
                message = _whole(lay_out, archive, folder, client)
            console.print(f"archive      {shown(archive.absolute())}, SHA-256 {digest}")
    except OSError as error:
        where = error.filename or folder
        raise UserError(f"{where}: {error.strerror or error}; see to it and try again") from error
    console.print(f"data         {shown(folder)}: {message}")
    console.print(f"train        make train TASK={task} DATA={shown(folder)}")


def _whole(lay_out: LayOut, archive: Path, folder: Path, client: str | None) -> str:
    """Whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        message = lay_out(archive, unfinished, client)
        unfinished.chmod(0o755)
        unfinished.rename(folder)  # fails where there is a folder by now
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return message
