"""Files that are written whole or not at all. Nothing here imports torch."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from kindling.errors import UserError

log = logging.getLogger(__name__)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn an error in writing into one line with the file's name."""
    try:
        yield
    except OSError as error:
        gone = isinstance(error, FileNotFoundError)
        why = "its folder was removed" if gone else error.strerror or error
        do = "start again" if gone else "fix that and start again"
        raise UserError(f"{path}: cannot be written ({why}); {do}") from error


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary file to write to, which replaces ``path`` once it is complete."""
    unfinished = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        with named(path):
            yield unfinished
            unfinished.replace(path)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def write_once(folder: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill ``folder``, whole or not at all, also when two processes try at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{folder.name}.lock"):
        if folder.exists():
            return
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            unfinished = Path(temporary, folder.name)
            unfinished.mkdir()
            with named(folder):
                write(unfinished)
                unfinished.rename(folder)
    log.info("wrote the sample: %s", folder)
