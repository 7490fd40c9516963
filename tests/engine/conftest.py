"""What the engine's tests share: samples of their own, runs of small problems."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kindling.__main__ import main
from kindling.data import paths
from tests.engine.toy import QUIET, TABLE, TASK, Refusal, Run, Train


@pytest.fixture(scope="session")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("samples")


@pytest.fixture(autouse=True, scope="module")
def _own_samples(own_folder: Path) -> Iterator[None]:
    # No longer than a module: other tests read the samples of the shipped problems.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "SAMPLES", own_folder)
        yield


@pytest.fixture(scope="session")
def trained(own_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that was trained and tested, and that no test changes."""
    logs = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "SAMPLES", own_folder)
        assert main(["train", TASK, "--config=smoke", QUIET, f"--logs={logs}"]) == 0
    return Run(logs / "toy" / "latest")


@pytest.fixture
def copied(trained: Run, logs: Path) -> Run:
    """The same run, for a test to harm."""
    return Run(shutil.copytree(trained.folder, logs / "toy" / "version_0"))


@pytest.fixture
def train(logs: Path) -> Train:
    """Train and test, or run another command; what comes back is the newest run."""

    def run(*flags: str, command: str = "train", status: int = 0) -> Run:
        named = ("--model=", "--run=", "--from_run=", "--ckpt_path=")
        whole = TASK in flags or any(
            flag.startswith(named) or flag.endswith("config.yaml") for flag in flags
        )
        base = () if whole else TABLE
        assert main([command, *base, *flags, QUIET, f"--logs={logs}"]) == status
        newest = max(logs.glob("*/latest"), key=lambda path: path.lstat().st_mtime_ns)
        return Run(newest)

    return run


@pytest.fixture
def refusal(logs: Path, capsys: pytest.CaptureFixture[str]) -> Refusal:
    """The one line that a command ends in that makes no run."""

    def left() -> list[Path]:
        """Runs or, where there is none, whatever else there is."""
        paths = [path for path in logs.rglob("*") if ".tensorboard" not in path.parts]
        return sorted([path for path in paths if path.name == "config.yaml"] or paths)

    def run(command: str, *flags: str) -> str:
        before = left()
        assert main([command, *flags, QUIET, f"--logs={logs}"]) == 2
        error = capsys.readouterr().err
        assert error.startswith("kindling: ")
        assert error.count("\n") == 1
        assert left() == before
        return error

    return run
