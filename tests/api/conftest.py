"""A short run of each task, made once, in a folder of its own that stands for the project's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kindling.__main__ import main
from kindling.data import paths

SMALL = {
    "potability": ["--model.hidden=[8]"],
    "timeseries": ["--data.window=6", "--model.hidden=4"],
    "prices": ["--data.image_size=16", "--model.channels=[4]", "--model.hidden=[8]"],
    "clouds": ["--data.image_size=16", "--model.channels=[4, 4]"],
    "faces": ["--data.image_size=16", "--model.channels=[4, 4]"],
}
Runs = Callable[..., Path]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="session")
def run_of(project: Path) -> Runs:
    """The run of a task, trained and tested."""

    def make(task: str) -> Path:
        pytest.importorskip(f"problems.{task}.data")
        folder = project / "logs" / task / "version_0"
        if not folder.exists():
            short = ["--config=smoke", "--trainer.max_epochs=1", f"--logs={project / 'logs'}"]
            quiet = "--trainer.enable_progress_bar=false"
            assert main(["train", f"--config={task}", *short, quiet, *SMALL[task]]) == 0
        return folder

    return make


@pytest.fixture(autouse=True)
def _there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setattr(paths, "LOGS", project / "logs")
