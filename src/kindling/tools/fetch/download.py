"""A file from the web or from Kaggle, and what an archive holds: whole, or not there."""

import json
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pooch

from kindling.errors import UserError

ATTEMPTS = 5
LARGEST = 4 << 30  # bytes that an archive may hold, unpacked
MOST = 100_000  # files


@contextmanager
def downloaded(url: str, archive: Path, stall: float, progress: bool) -> Iterator[str]:
    """Fetch ``url`` to ``archive``, unless it is there; its SHA-256, while it is laid out.

    The publishers give none, so that the first download is trusted. Where that can be laid out it
    is noted, and later ones are held to it.
    """
    notes = archive.with_name("digests.json")
    try:
        known = json.loads(notes.read_text()) if notes.exists() else {}
    except ValueError as error:
        raise UserError(f"{notes}: not JSON ({error}); correct or delete it") from error
    pooch.get_logger().setLevel("CRITICAL")  # a failure is said below
    registry, urls = {archive.name: known.get(url)}, {archive.name: url}
    source = pooch.create(
        archive.parent, "", registry=registry, urls=urls, retry_if_failed=ATTEMPTS - 1
    )
    try:
        source.fetch(archive.name, downloader=pooch.HTTPDownloader(progress, timeout=stall))
    except (OSError, ValueError) as error:
        hint = f"digests are noted in {notes}" if "hash" in str(error) else "try again later"
        raise UserError(f"{url}: {error} ({ATTEMPTS} attempts); {hint}") from error
    digest = pooch.file_hash(str(archive))
    try:
        yield digest
    except zipfile.BadZipFile:
        archive.unlink()  # so that the same command fetches it again
        raise
    unfinished = notes.with_name(f".{notes.name}")
    unfinished.write_text(json.dumps({**known, url: digest}, indent=2) + "\n")
    unfinished.replace(notes)


def unpack(path: Path, folder: Path) -> None:
    """Write the files of an archive below a folder.

    Raises:
        BadZipFile: It is no archive, or is damaged.
        UserError: It is too large, or holds links or names that lead outside.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            size = sum(info.file_size for info in infos)  # zipfile reads no more than that
            if len(infos) > MOST or size > LARGEST:
                raise UserError(f"{path}: {len(infos):,} files, {size:,} bytes: too many to unpack")
            for info in infos:
                name = PurePosixPath(info.filename.replace("\\", "/"))
                outside = name.is_absolute() or ".." in name.parts or ":" in name.parts[0]
                if outside or stat.S_ISLNK(info.external_attr >> 16):
                    raise UserError(f"{path}: {info.filename!r} leads outside: not unpacked")
            archive.extractall(folder)
    except (zlib.error, EOFError, NotImplementedError) as error:
        raise zipfile.BadZipFile(str(error)) from error


def by_kaggle(task: str, name: str) -> Path:
    """The folder in which Kaggle's client keeps ``datasets/owner/name`` or ``competitions/name``.

    Raises:
        UserError: There is no client, or it fails, as it does without credentials.
    """
    kind, _, handle = name.partition("/")
    page = f"{task} is from https://www.kaggle.com/{name}"
    by_hand = 'or download it there and give it: ARGS="--archive FILE.zip"'
    try:
        import kagglehub
    except ImportError:
        raise UserError(f"{page}: pip install 'kindling[kaggle]', {by_hand}") from None
    get = kagglehub.dataset_download if kind == "datasets" else kagglehub.competition_download
    try:
        return Path(get(handle))
    except Exception as error:  # of many kinds: no account, rules not accepted, no connection
        token = "put a token from https://www.kaggle.com/settings into ~/.kaggle"
        rules = ", accept the competition's rules" if kind == "competitions" else ""
        raise UserError(f"{page}: {error}; {token}{rules}, {by_hand}") from error
