"""What the tests share: one thread, a project of their own to write samples and runs in."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from kindling.__main__ import main
from kindling.data import paths
from kindling.evaluation import bootstrap

pytest.register_assert_rewrite("kindling.testing")

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored behind a shell's `&`

Run = Callable[..., int]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    # Two workers with two threads each would slow one another more than twofold.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "CACHE", tmp_path_factory.mktemp("cache"))
        yield


@pytest.fixture(autouse=True, scope="session")
def _few_resamples() -> Iterator[None]:
    """Intervals of 400 resamples are half of the time of a small run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "RESAMPLES", 20)
        yield


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def kindling(logs: Path) -> Run:
    """The command line, in this process, with runs below the test's own folder."""

    def run(command: str, *flags: str) -> int:
        quiet = ["--trainer.enable_progress_bar=false", f"--logs={logs}"]
        return main([command, *flags, *quiet])

    return run


@pytest.fixture
def real() -> Path:
    """The folder of the real data sets."""
    if "KINDLING_DATA" not in os.environ:
        pytest.skip("KINDLING_DATA names no folder with the real data")
    return Path(os.environ["KINDLING_DATA"])
