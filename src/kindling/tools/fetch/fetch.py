"""Fetch, check, unpack, and only then put the folder where it belongs."""

import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

from rich.console import Console

from kindling.errors import UserError, did_you_mean
from kindling.runs.folder import shown
from kindling.tools.fetch import layouts
from kindling.tools.fetch.download import by_kaggle, downloaded, unpack

LayOut = Callable[[Path, Path, str | None], str]
"""Writes the set in the first folder into the second, and returns a summary."""

UCI = "https://archive.ics.uci.edu/static/public/321/electricityloaddiagrams20112014.zip"
HOUSES = "https://github.com/emanhamed/Houses-dataset/archive/HEAD.zip"
SETS: dict[str, tuple[str, LayOut]] = {
    "timeseries": (UCI, layouts.electricity),
    "prices": (HOUSES, layouts.houses),
    "potability": ("datasets/adityakadiwal/water-potability", layouts.water),
    "clouds": ("competitions/cloud-type-classification2", layouts.clouds),
}
"""For each task, the address of its set, or its name at Kaggle, and how it is laid out."""


def fetch(chosen: Namespace, console: Console) -> None:
    """Fetch a set and lay it out in ``chosen.folder``, or else in ``chosen.data / task``."""
    if (task := chosen.task) not in SETS:
        raise UserError(f"{task}: no public set of that{did_you_mean(task, SETS)}")
    place, archive = chosen.url or SETS[task][0], chosen.archive
    folder = (chosen.folder or chosen.data / task).absolute()
    if folder.exists():
        raise UserError(f"{folder}: exists already; move it, or name another (--folder)")
    if archive is not None and not archive.is_file():
        raise UserError(f"{archive}: no such file (--archive)")
    client = None if chosen.all else chosen.client
    try:
        if archive is None and "://" in place:
            archive = chosen.data / "downloads" / f"{task}.zip"
            with downloaded(place, archive, console.is_terminal) as digest:
                message = _laid_out(SETS[task][1], archive, folder, client)
            console.print(f"archive      {shown(archive.absolute())}, SHA-256 {digest}")
        else:
            source = archive or by_kaggle(task, place)
            message = _laid_out(SETS[task][1], source, folder, client)
    except BadZipFile as error:
        raise UserError(f"{archive}: not a valid ZIP archive ({error}): fetch it again") from error
    except OSError as error:
        where = error.filename or folder
        raise UserError(f"{where}: {error.strerror or error}; fix that and try again") from error
    console.print(f"data         {shown(folder)}: {message}")
    console.print(f"train        make train TASK={task} DATA={shown(folder)}")


def _laid_out(lay_out: LayOut, source: Path, folder: Path, client: str | None) -> str:
    """Lay out an archive or a folder, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as name:
        unpacked, unfinished = Path(name, "unpacked"), Path(name, "laid-out")
        unfinished.mkdir()
        if source.is_file():
            unpack(source, unpacked)
        message = lay_out(unpacked if source.is_file() else source, unfinished, client)
        unfinished.rename(folder)  # fails where there is a folder by now
    return message
