"""``metrics.csv``, as Lightning fills it for any module."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.demos.boring_classes import BoringModel

from kindling.runs import loop_state
from kindling.runs.metrics_table import MetricsTable

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    # Of Lightning 2.6 on torch 2.12 and newer.
    pytest.mark.filterwarnings(r"ignore:.isinstance\(treespec, LeafSpec\)"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]

EPOCH = 8


class Logging(BoringModel):
    """Logs an epoch's number and each step's, and has one optimizer or, stepped by hand, two."""

    def __init__(self, by_hand: bool = False) -> None:
        super().__init__()
        self.automatic_optimization = not by_hand

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        self.log("train/x", float(self.current_epoch), on_step=False, on_epoch=True)
        self.log("loss", float(self.global_step))
        if self.automatic_optimization:
            return super().training_step(batch, batch_idx)
        for optimizer in self.optimizers():  # type: ignore[union-attr]
            optimizer.zero_grad()
            self.manual_backward(self.step(batch))
            optimizer.step()
        return None

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        self.log("val/x", float(self.global_step))

    def configure_optimizers(self) -> Any:
        optimizers = [torch.optim.SGD(self.parameters(), 0.1) for _ in range(2)]
        return optimizers[0] if self.automatic_optimization else optimizers


def fitted(
    table: MetricsTable, model: LightningModule | None = None, path: Any = None, **settings: Any
) -> None:
    trainer = Trainer(
        **{"max_epochs": 2, "enable_checkpointing": False, "log_every_n_steps": EPOCH, **settings},
        accelerator="cpu",
        logger=table,
        limit_train_batches=EPOCH,
        limit_val_batches=1,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model or Logging(), ckpt_path=path, weights_only=path is not None)


def rows(table: MetricsTable, *columns: str) -> list[tuple[str, ...]]:
    with table.path.open(newline="") as stream:
        return [tuple(row[name] for name in columns) for row in csv.DictReader(stream)]


@pytest.fixture
def table(tmp_path: Path) -> MetricsTable:
    return MetricsTable(tmp_path / "metrics.csv")


MONITOR = {"callbacks": [LearningRateMonitor("step")], "log_every_n_steps": 4, "max_epochs": 1}
PARTS = [("0", f"{k}", f"{k + 1}", "0" if k == 7 else "") for k in (1, 3, 5, 7)]


@pytest.mark.parametrize(
    ("settings", "column", "expected"),
    [
        ({}, "val/x", [("0", "7", "8", "0"), ("1", "15", "16", "1")]),
        ({"val_check_interval": 0.25, "max_epochs": 1}, "val/x", PARTS),
        (
            {"log_every_n_steps": 4, "max_epochs": 1},
            "loss",
            [("0", "3", "3", ""), ("0", "7", "7", "0")],
        ),
        # A monitor gives no epoch, and shares its step's row.
        (MONITOR, "lr-SGD", [("0", "3", "0.1", ""), ("0", "7", "0.1", "0")]),
    ],
    ids=["an epoch", "a validation", "by step", "a monitor"],
)
def test_each_epoch_validation_and_step_has_a_row(
    settings: dict[str, Any], column: str, expected: list[tuple[str, ...]], table: MetricsTable
) -> None:
    fitted(table, **settings)
    assert rows(table, "epoch", "step", column, "train/x") == expected


class Failing(Callback):
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == 1:
            raise RuntimeError("power")


def test_an_exception_loses_no_row(table: MetricsTable) -> None:
    with pytest.raises(RuntimeError, match="power"):
        fitted(table, callbacks=[Failing()])
    assert rows(table, "val/x", "train/x") == [("8", "0")]


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("tail", ["", "9", "9,3,7"], ids=["whole", "half a row", "half a number"])
def test_a_run_that_goes_on_keeps_what_it_does_not_repeat(
    by_hand: bool, tail: str, tmp_path: Path
) -> None:
    """A checkpoint's ``global_step`` counts a batch once for each optimizer."""

    def settings() -> dict[str, Any]:
        saving = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1, enable_version_counter=False)
        shared = {"enable_checkpointing": True, "max_epochs": 4, "log_every_n_steps": 3}
        return {"callbacks": [saving], **shared}

    whole = MetricsTable(tmp_path / "metrics.csv")
    fitted(whole, Logging(by_hand), **settings())
    before = whole.path.read_text()
    with whole.path.open("a") as stream:
        stream.write(tail)
    path = tmp_path / "epoch=1.ckpt"
    step = loop_state.steps(torch.load(path, weights_only=True))
    assert step == 2 * EPOCH
    fitted(MetricsTable(whole.path, step), Logging(by_hand), path, **settings())
    assert whole.path.read_text() == before


def test_the_best_row(table: MetricsTable) -> None:
    assert table.best("val/x", "min") == {}
    for step, value in enumerate((0.5, float("nan"), 0.25, 0.75)):
        table.log_metrics({"epoch": step, "val/x": value}, step)
    table.log_metrics({"lr": 1.0}, 9)
    assert table.best("val/x", "min") == {"epoch": 2, "step": 2, "val/x": 0.25}
    assert table.best("val/x", "max")["step"] == 3
    assert table.best("val/y", "max") == {}
