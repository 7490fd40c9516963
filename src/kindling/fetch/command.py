"""The command: fetch, check, unpack, and only then put the folder where it belongs."""

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from kindling.errors import UserError
from kindling.fetch import digests, electricity, houses, kaggle
from kindling.fetch.archive import Unsound
from kindling.fetch.download import STALL, download
from kindling.runs import shown
from kindling.words import did_you_mean

UCI = "https://archive.ics.uci.edu/static/public/321/electricityloaddiagrams20112014.zip"
HOUSES = "https://github.com/emanhamed/Houses-dataset/archive/HEAD.zip"

LayOut = Callable[[Path, Path], str]


@dataclass(frozen=True)
class Source:
    """Where a set is from, as an address or Kaggle's name for it, and how it is laid out."""

    place: str
    lay_out: LayOut


def sources(client: str | None) -> dict[str, Source]:
    """By task; ``client`` is of the electricity."""
    return {
        "timeseries": Source(UCI, partial(electricity.lay_out, client=client)),
        "prices": Source(HOUSES, houses.lay_out),
        "potability": Source("datasets/adityakadiwal/water-potability", kaggle.lay_out_water),
        "clouds": Source("competitions/cloud-type-classification2", kaggle.lay_out_clouds),
    }


ALIASES = {"electricity": "timeseries", "houses": "prices"}


@dataclass(frozen=True)
class Wanted:
    """What to fetch.

    Args:
        task: Or the name of its set.
        data: Folder of all data; the set goes below, where nothing may be yet.
        folder: The set's own folder; none is the task's.
        client: Of the electricity; none is all.
        archive: A file that is here already.
        url: In place of the set's own address.
        stall: Seconds without a byte after which to try again.
    """

    task: str
    data: Path
    folder: Path | None = None
    client: str | None = None
    archive: Path | None = None
    url: str | None = None
    stall: float = STALL


def fetch(wanted: Wanted, console: Console) -> Path:
    """Fetch a set and lay it out.

    Returns:
        Its folder.

    Raises:
        UserError: There is no such set, something is there already, or it cannot be had.
    """
    task = ALIASES.get(wanted.task, wanted.task)
    known = sources(wanted.client)
    if task not in known:
        raise UserError(f"{wanted.task}: no public set of that{did_you_mean(task, known)}")
    folder = wanted.folder or wanted.data / task
    if folder.exists():
        raise UserError(f"{folder}: is there already; move it, or name another (--folder)")
    try:
        if wanted.archive is not None:
            said = _lay_out(known[task].lay_out, _given(wanted.archive), folder)
        else:
            said = _fetch(wanted, task, known[task], folder, console)
    except OSError as error:
        where = error.filename or folder
        raise UserError(f"{where}: {error.strerror or error}; see to it and try again") from error
    console.print(f"data         {shown(folder.absolute())}: {said}")
    console.print(f"train        make train TASK={task} DATA={shown(folder.absolute())}")
    return folder


def _given(archive: Path) -> Path:
    if not archive.is_file():
        raise UserError(f"{archive}: no such file (--archive)")
    return archive


def _fetch(wanted: Wanted, task: str, source: Source, folder: Path, console: Console) -> str:
    """Download what is not there yet, hold it to its digest, and lay it out."""
    downloads = wanted.data / "downloads"
    place = wanted.url or source.place
    if "://" in place:
        path = downloads / f"{task}.zip"
        _download(place, path, wanted.stall, console)
    else:
        path = downloads / f"{place.rpartition('/')[2]}.zip"
        if not path.exists():
            path = kaggle.fetch(task, place, downloads)
    digest = digests.check(path, place, downloads / "digests.json")
    try:
        said = _lay_out(source.lay_out, path, folder)
    except Unsound:
        path.unlink()  # so that the same command fetches it again
        raise
    digests.note(digest, place, downloads / "digests.json")
    console.print(f"archive      {shown(path.absolute())}, SHA-256 {digest}")
    return said


def _download(url: str, path: Path, stall: float, console: Console) -> None:
    columns = (TextColumn("download    "), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as display:
        bar = display.add_task("", total=None)
        download(
            url,
            path,
            lambda there, total: display.update(bar, completed=there, total=total),
            stall,
            wait=lambda failed: time.sleep(min(2.0**failed, stall)),
        )


def _lay_out(lay_out: LayOut, archive: Path, folder: Path) -> str:
    """Whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        said = lay_out(archive, unfinished)
        unfinished.chmod(0o755)
        if folder.exists():
            raise UserError(f"{folder}: came to be in the meantime; nothing was changed")
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return said
