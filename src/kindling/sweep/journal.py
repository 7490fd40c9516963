"""The file that a study is kept in: several processes write to it, and any of them may be killed.

Each line is one change. What the system itself locks is free again when its holder is gone.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

NAME = "study.journal"


class FileLock(JournalFileOpenLock):
    """A lock that ends with the process; Optuna's own is a file that a killed one leaves behind."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._held: IO[str] | None = None

    def acquire(self) -> bool:
        self._held = self._path.open("w")
        fcntl.flock(self._held, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        assert self._held is not None
        self._held.close()


def storage(folder: Path) -> JournalStorage:
    """The journal in ``folder``, mended if need be."""
    path, lock = folder / NAME, FileLock(folder / f".{NAME}.lock")
    lock.acquire()
    try:
        _mend(path)
    finally:
        lock.release()
    return JournalStorage(JournalFileBackend(str(path), lock))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """What is done here is done by one process at a time."""
    lock = FileLock(folder / ".lock")
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _mend(path: Path) -> None:
    """Take away half a line, which a process has left that was ended while it wrote.

    It would spoil the next line, and with it the file.
    """
    if not path.exists():
        return
    with path.open("rb+") as stream:
        whole = stream.read().rfind(b"\n") + 1
        stream.truncate(whole)
