"""The public data sets, fetched, checked and laid out as the data modules expect them."""

import stat
import sys
import tempfile
import zipfile
import zlib
from argparse import Namespace
from pathlib import Path, PurePosixPath

from kindling.data import paths
from kindling.errors import UserError, did_you_mean
from kindling.runs.folder import read_json, shown, write_json
from kindling.tools.command import Parser, Words

LARGEST = 4 << 30  # bytes that an archive may hold, unpacked
RATIO = 100  # of them to a byte of the archive; tables of digits come to a tenth of that
SMALL = 1 << 27  # bytes that any archive may hold
MOST = 100_000  # files
ENCRYPTED = 1  # the bit of an entry's flags


def main(argv: Words) -> None:
    """Fetch the public data set of a task into data/<task>."""
    options = Parser(main)
    add, which = options.add_argument, options.add_mutually_exclusive_group()
    add("--task", required=True, help="timeseries, potability, clouds or prices")
    add("--folder", type=Path, help="target folder; default: data/<task>")
    which.add_argument("--client", default="MT_200", help="of the electricity set; default: MT_200")
    which.add_argument("--all", action="store_true", help="all clients, one column each")
    add("--archive", type=Path, help="ZIP file that you have downloaded")
    add("--url", help="mirror to download from")
    add("--data", type=Path, default=paths.PROJECT / "data", help="of all sets")
    fetch(options.parse_args(argv))


def fetch(chosen: Namespace) -> None:
    """Fetch a set and lay it out in ``chosen.folder``, or else in ``chosen.data / task``."""
    # Not at the top: pandas takes its time, and a wrong option does not need it.
    from kindling.tools.fetch.layouts import SETS

    if (task := chosen.task) not in SETS:
        raise UserError(f"{task}: no public set of that{did_you_mean(task, SETS)}")
    (place, lay_out), source = SETS[task], chosen.archive
    place = chosen.url or place
    folder = (chosen.folder or chosen.data / task).absolute()
    if folder.exists():
        raise UserError(f"{folder}: exists already; move it, or name another (--folder)")
    if source is None:
        archive = chosen.data / "downloads" / f"{task}.zip"
        source = download(place, archive) if "://" in place else by_kaggle(task, place)
    elif not source.is_file():
        raise UserError(f"{source}: no such file (--archive)")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as name:
            unpacked, unfinished = Path(name, "unpacked"), Path(name, "laid-out")
            unfinished.mkdir()
            if source.is_file():
                unpack(source, unpacked)
            client = None if chosen.all else chosen.client
            message = lay_out(unpacked if source.is_file() else source, unfinished, client)
            unfinished.rename(folder)  # fails where there is a folder by now
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UserError(f"{source}: not a valid ZIP archive ({error}): fetch it again") from error
    except OSError as error:
        where = error.filename or folder
        raise UserError(f"{where}: {error.strerror or error}; fix that and try again") from error
    print(f"data         {shown(folder)}: {message}")
    print(f"train        make train TASK={task} DATA={shown(folder)}")


def download(url: str, archive: Path) -> Path:
    """Fetch ``url`` to ``archive``, unless it is there.

    The publishers give no digest: that of the first archive is recorded, and later ones must have
    it.
    """
    import pooch

    notes = archive.with_name("digests.json")
    known = read_json(notes)
    pooch.get_logger().setLevel("CRITICAL")  # a failure is reported below
    try:
        bar = sys.stderr.isatty()
        pooch.retrieve(url, known.get(url), archive.name, archive.parent, progressbar=bar)
    except (OSError, ValueError) as error:
        hint = f"digests are noted in {notes}" if "hash" in str(error) else "try again later"
        raise UserError(f"{url}: {error}; {hint}") from error
    if not zipfile.is_zipfile(archive):
        archive.unlink()
        raise UserError(f"{url}: not a valid ZIP archive: fetch it again")
    digest = pooch.file_hash(str(archive))
    print(f"archive      {shown(archive.absolute())}, SHA-256 {digest}")
    write_json(notes, {**known, url: digest})
    return archive


def unpack(path: Path, folder: Path) -> None:
    """Write the files of an archive into a folder.

    Raises:
        BadZipFile: It is damaged.
        UserError: It is too large or encrypted, or holds links or names that lead outside.
    """
    with zipfile.ZipFile(path) as archive:
        # Entries of folders, which may be called "./", are skipped: files bring their folders.
        files = [info for info in archive.infolist() if not info.is_dir()]
        size = sum(info.file_size for info in files)  # zipfile reads no more than that
        if len(files) > MOST or size > min(LARGEST, max(SMALL, RATIO * path.stat().st_size)):
            raise UserError(f"{path}: {len(files):,} files, {size:,} bytes: too many to unpack")
        for info in files:
            parts = PurePosixPath(info.filename.replace("\\", "/")).parts or ("..",)
            outside = ".." in parts or parts[0].startswith("/") or ":" in parts[0]
            if outside or stat.S_ISLNK(info.external_attr >> 16):
                raise UserError(f"{path}: {info.filename!r} leads outside: not unpacked")
            if info.flag_bits & ENCRYPTED:
                what = f"{info.filename!r} is encrypted"
                raise UserError(f"{path}: {what}: unpack it and pack it without a password")
        archive.extractall(folder, files)


def by_kaggle(task: str, name: str) -> Path:
    """The folder where Kaggle's client keeps ``datasets/owner/name`` or ``competitions/name``."""
    kind, _, handle = name.partition("/")
    try:
        import kagglehub

        competition = kind == "competitions"
        get = kagglehub.competition_download if competition else kagglehub.dataset_download
        return Path(get(handle))
    except Exception as error:  # of many kinds: no client, no account, rules not accepted
        do = "pip install 'kindling[kaggle]', put a token from kaggle.com/settings into ~/.kaggle, "
        do += "accept the competition's rules, or download it there: ARGS='--archive FILE.zip'"
        page = f"{task} is from https://www.kaggle.com/{name}"
        raise UserError(f"{page}: {error}; {do}") from error
