"""ZIP archives of strangers: read only within limits, and never written outside of a folder."""

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from kindling.errors import UserError

LARGEST = 4 << 30  # bytes that an archive may hold, unpacked
MOST = 100_000  # files


class Unsound(UserError):
    """No archive, or one whose bytes are not what they were."""


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """An archive whose names and sizes are in order.

    Raises:
        Unsound: It is none, or is damaged, which may show only where it is read.
        UserError: It is too large, or holds names that lead outside.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            size = sum(info.file_size for info in infos)
            if len(infos) > MOST or size > LARGEST:
                raise UserError(f"{path}: {len(infos):,} files, {size:,} bytes: too many to unpack")
            for info in infos:
                name = PurePosixPath(info.filename.replace("\\", "/"))
                outside = name.is_absolute() or ".." in name.parts or ":" in name.parts[0]
                if outside or stat.S_ISLNK(info.external_attr >> 16):
                    raise UserError(f"{path}: {info.filename!r} leads outside: not unpacked")
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise Unsound(f"{path}: no sound ZIP archive ({error}): fetch it again") from error


def files(archive: zipfile.ZipFile) -> dict[str, PurePosixPath]:
    """The files by their full names, without what macOS leaves beside them."""
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    return {name: PurePosixPath(name) for name in names if not name.startswith("__MACOSX/")}


def find(archive: zipfile.ZipFile, name: str) -> str:
    """The file of this name, in whichever folder it lies."""
    for file, path in files(archive).items():
        if path.name == name:
            return file
    raise UserError(f"{archive.filename}: holds no {name}; is it the archive of this set?")


def unpack(archive: zipfile.ZipFile, name: str, target: Path) -> None:
    """Write one file; of more bytes than the archive says, zipfile reads none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as source, target.open("xb") as sink:
        shutil.copyfileobj(source, sink)
