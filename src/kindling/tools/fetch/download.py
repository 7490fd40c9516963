"""Downloads files from the web or from Kaggle, and unpacks archives, whole or not at all."""

import json
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pooch

from kindling.errors import UserError
from kindling.runs.folder import write_json

ATTEMPTS = 5
LARGEST = 4 << 30  # bytes that an archive may hold, unpacked
RATIO = 100  # of them to a byte of the archive; tables of digits come to a tenth of that
SMALL = 1 << 27  # bytes that any archive may hold
MOST = 100_000  # files
ENCRYPTED = 1  # the bit of an entry's flags


@contextmanager
def downloaded(url: str, archive: Path, progress: bool) -> Iterator[str]:
    """Fetch ``url`` to ``archive``, unless it is there, and yield its SHA-256.

    The publishers give no digest, so the first download is trusted. If it can be laid out, its
    digest is recorded, and later downloads must match it.
    """
    notes = archive.with_name("digests.json")
    try:
        known = json.loads(notes.read_text()) if notes.exists() else {}
    except ValueError as error:
        raise UserError(f"{notes}: not JSON ({error}); correct or delete it") from error
    pooch.get_logger().setLevel("CRITICAL")  # a failure is reported below
    registry, urls = {archive.name: known.get(url)}, {archive.name: url}
    source = pooch.create(
        archive.parent, "", registry=registry, urls=urls, retry_if_failed=ATTEMPTS - 1
    )
    try:
        source.fetch(archive.name, downloader=pooch.HTTPDownloader(progress))
    except (OSError, ValueError) as error:
        hint = f"digests are noted in {notes}" if "hash" in str(error) else "try again later"
        raise UserError(f"{url}: {error} ({ATTEMPTS} attempts); {hint}") from error
    digest = pooch.file_hash(str(archive))
    try:
        yield digest
    except zipfile.BadZipFile:
        archive.unlink()  # so that the same command fetches it again
        raise
    write_json(notes, {**known, url: digest})


def unpack(path: Path, folder: Path) -> None:
    """Write the files of an archive into a folder.

    Raises:
        BadZipFile: It is no archive, or is damaged.
        UserError: It is too large or encrypted, or holds links or names that lead outside.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # Entries of folders, which may be called "./", are skipped: files bring their folders.
            files = [info for info in archive.infolist() if not info.is_dir()]
            size = sum(info.file_size for info in files)  # zipfile reads no more than that
            largest = min(LARGEST, max(SMALL, RATIO * path.stat().st_size))
            if len(files) > MOST or size > largest:
                raise UserError(f"{path}: {len(files):,} files, {size:,} bytes: too many to unpack")
            for info in files:
                name = PurePosixPath(info.filename.replace("\\", "/"))
                first = next(iter(name.parts), "..")  # of "." there are no parts
                outside = name.is_absolute() or ".." in (first, *name.parts) or ":" in first
                if outside or stat.S_ISLNK(info.external_attr >> 16):
                    raise UserError(f"{path}: {info.filename!r} leads outside: not unpacked")
                if info.flag_bits & ENCRYPTED:
                    what = f"{info.filename!r} is encrypted"
                    raise UserError(f"{path}: {what}: unpack it and pack it without a password")
            archive.extractall(folder, files)
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
