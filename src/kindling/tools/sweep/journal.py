"""The file that a study is kept in: several processes write to it, and any of them may be killed.

Each line is one change. What the system itself locks is free again when its holder is gone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

NAME = "study.journal"


class Lock(JournalFileOpenLock):
    """A lock that ends with the process; Optuna's own is a file that a killed one leaves behind."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._lock = FileLock(path)

    def acquire(self) -> bool:
        self._lock.acquire(poll_interval=0.01)
        return True

    def release(self) -> None:
        self._lock.release()


def storage(folder: Path) -> JournalStorage:
    """The journal in ``folder``, mended if need be."""
    path, lock = folder / NAME, folder / f".{NAME}.lock"
    with FileLock(lock):
        _mend(path)
    return JournalStorage(JournalFileBackend(str(path), Lock(lock)))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """What is done here is done by one process at a time."""
    with FileLock(folder / ".lock"):
        yield


def _mend(path: Path) -> None:
    """Take away half a line, which a process has left that was ended while it wrote.

    It would spoil the next line, and with it the file.
    """
    if not path.exists():
        return
    with path.open("rb+") as stream:
        whole = stream.read().rfind(b"\n") + 1
        stream.truncate(whole)
