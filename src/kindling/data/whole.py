"""Files that are written whole or not at all. Nothing here imports torch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kindling.errors import UserError


@contextmanager
def named(path: Path) -> Iterator[None]:
    """An error in writing, which seldom says to what, as one line with the file's name."""
    try:
        yield
    except OSError as error:
        gone = isinstance(error, FileNotFoundError)
        why = "its folder was removed" if gone else error.strerror or error
        do = "start again" if gone else "fix that and start again"
        raise UserError(f"{path}: cannot be written ({why}); {do}") from error


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write to, which takes its place once it is whole."""
    unfinished = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        with named(path):
            yield unfinished
            unfinished.replace(path)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
