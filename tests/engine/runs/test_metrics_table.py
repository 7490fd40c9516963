"""``metrics.csv``, as Lightning fills it for any module."""

import csv
import itertools
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
]

EPOCH = 8


class Logging(BoringModel):
    """Logs an epoch's number and, if it is to, each step's."""

    def __init__(self, steps: bool = False) -> None:
        super().__init__()
        self.steps = steps

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        self.log("train/x", float(self.current_epoch), on_step=False, on_epoch=True)
        if self.steps:
            self.log("loss", float(self.global_step))
        return super().training_step(batch, batch_idx)

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        self.log("val/x", float(self.global_step))


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


def test_an_epoch_is_a_row_whatever_a_module_logs(table: MetricsTable) -> None:
    fitted(table)
    assert table.path.read_text().splitlines() == [
        "epoch,step,val/x,train/x",
        "0,7,8,0",
        "1,15,16,1",
    ]


def test_each_validation_within_an_epoch_has_its_row(table: MetricsTable) -> None:
    fitted(table, val_check_interval=0.25, max_epochs=1)
    assert rows(table, "epoch", "step", "val/x", "train/x") == [
        ("0", "1", "2", ""),
        ("0", "3", "4", ""),
        ("0", "5", "6", ""),
        ("0", "7", "8", "0"),
    ]


def test_what_is_logged_by_step_has_its_rows(table: MetricsTable) -> None:
    fitted(table, Logging(steps=True), log_every_n_steps=4, max_epochs=1)
    found = rows(table, "epoch", "step", "loss", "train/x")
    assert found == [("0", "3", "3", ""), ("0", "7", "7", "0")]


def test_a_monitor_that_gives_no_epoch_shares_its_step_s_row(table: MetricsTable) -> None:
    fitted(table, callbacks=[LearningRateMonitor("step")], log_every_n_steps=4, max_epochs=1)
    found = rows(table, "epoch", "step", "lr-SGD", "val/x")
    assert found == [("", "3", "0.1", ""), ("0", "7", "0.1", "8")]


class Failing(Callback):
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == 1:
            raise RuntimeError("power")


def test_an_exception_loses_no_row(table: MetricsTable) -> None:
    with pytest.raises(RuntimeError, match="power"):
        fitted(table, callbacks=[Failing()])
    assert rows(table, "val/x", "train/x") == [("8", "0")]


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
@pytest.mark.parametrize("model", [lambda: Logging(), lambda: Logging(steps=True)])
@pytest.mark.parametrize("tail", ["", "9", "9,3,7"], ids=["whole", "half a row", "half a number"])
def test_a_run_that_goes_on_keeps_what_it_does_not_repeat(
    model: Any, tail: str, tmp_path: Path
) -> None:
    def settings() -> dict[str, Any]:
        saving = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1, enable_version_counter=False)
        return {
            "callbacks": [saving],
            "enable_checkpointing": True,
            "max_epochs": 4,
            "log_every_n_steps": 3,
        }

    whole = MetricsTable(tmp_path / "metrics.csv")
    fitted(whole, model(), **settings())
    before = whole.path.read_text()
    with whole.path.open("a") as stream:
        stream.write(tail)
    path = tmp_path / "epoch=1.ckpt"
    step = loop_state.steps(torch.load(path, weights_only=True))
    assert step == 2 * EPOCH
    fitted(MetricsTable(whole.path, step), model(), path, **settings())
    assert whole.path.read_text() == before


class ByHand(Logging):
    """Two optimizers, so that a checkpoint's ``global_step`` counts each batch twice."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(self.parameters(), 0.1) for _ in range(2)]

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        self.log("train/x", float(self.current_epoch), on_step=False, on_epoch=True)
        for optimizer in self.optimizers():  # type: ignore[union-attr]
            optimizer.zero_grad()
            self.manual_backward(self.step(batch))
            optimizer.step()


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
def test_steps_are_counted_once_where_there_are_several_optimizers(tmp_path: Path) -> None:
    test_a_run_that_goes_on_keeps_what_it_does_not_repeat(ByHand, "", tmp_path)


def test_the_best_row(table: MetricsTable) -> None:
    assert table.best("val/x", "min") == {}
    for step, value in enumerate((0.5, float("nan"), 0.25, 0.75)):
        table.log_metrics({"epoch": step, "val/x": value}, step)
    table.log_metrics({"lr": 1.0}, 9)
    assert table.best("val/x", "min") == {"epoch": 2, "step": 2, "val/x": 0.25}
    assert table.best("val/x", "max")["step"] == 3
    assert table.best("val/y", "max") == {}


def test_columns_appear_as_needed_and_rows_stay(table: MetricsTable) -> None:
    names = "abcd"
    for step, name in itertools.product(range(3), names):
        table.log_metrics({"epoch": step, name: step + 0.5}, step)
    assert rows(table, *names) == [(f"{step}.5",) * 4 for step in range(3)]
