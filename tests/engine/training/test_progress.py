"""The progress bar ends where training ended, and is drawn no more often than one can see."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel, RandomDataset
from rich.live import Live
from torch.utils.data import DataLoader

from kindling.training.progress import PERIOD, RunProgressBar

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),  # of torch, by Lightning
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval"),
]


class Small(BoringModel):
    def train_dataloader(self) -> DataLoader[torch.Tensor]:
        return DataLoader(RandomDataset(32, 2))

    val_dataloader = train_dataloader

    def validation_step(self, *args: Any) -> None:
        self.log("val/loss", torch.tensor(123456.789))


@pytest.mark.parametrize("epochs", [2, 80])
def test_the_bar_is_drawn_a_few_times_a_second_and_ends_with_training(
    epochs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a run that is over before an update is due."""
    drawn = []
    draw = Live.refresh
    monkeypatch.setattr(Live, "refresh", lambda self: (drawn.append(1), draw(self)))
    start = time.monotonic()
    bar = _fit(RunProgressBar(), epochs, tmp_path)
    # An update may be drawn at once and, by its thread, again.
    most = 2 * (time.monotonic() - start) / PERIOD
    assert 1 < len(drawn) < most + 20
    assert bar.train_progress_bar.description.strip() == f"Epoch {epochs - 1}/{epochs - 1}"
    assert bar.train_progress_bar.finished


def test_the_bar_is_one_line_of_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _fit(RunProgressBar(), 2, tmp_path)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines
    assert all("Epoch" in line and "val/loss: 123456" in line for line in lines), lines


def _fit(bar: RunProgressBar, epochs: int, folder: Path) -> RunProgressBar:
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=[bar],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(Small())
    return bar
