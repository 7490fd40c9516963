"""Any LightningModule with any LightningDataModule trains, goes on, is tested and predicts."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

from kindling.__main__ import main
from tests.engine.toy import QUIET, TABLE, Refusal, Run, ToyNet, ToyTable, Train

OWN = "tests.engine.lightning.own."
BORING = "lightning.pytorch.demos.boring_classes.Boring"
PLAIN = (f"--model={OWN}Autoencoder", f"--data={OWN}Vectors", "--trainer.max_epochs=3")

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
    pytest.mark.filterwarnings("ignore:.*have no `validation_step`. Skipping val loop"),
]


def again(run: Run, train: Train) -> None:
    """Every other command, and one more epoch, on a run."""
    epoch = run.checkpoint()["epoch"] + 1
    train(f"--run={run.folder}", f"--trainer.max_epochs={epoch + 1}", command="fit")
    assert run.checkpoint()["epoch"] == epoch
    for command in ("test", "validate", "predict"):
        train(f"--run={run.folder}", command=command)


def test_lightning_s_own_demo_is_trained_tested_and_gone_on_with(train: Train) -> None:
    pair = (f"--model={BORING}Model", f"--data={BORING}DataModule")
    run = train(*pair, "--trainer.max_epochs=2")
    assert run.folder.parent.name == "boring_model"
    assert run.checkpoint()["global_step"] == 2 * 64
    assert run.json("results")["metrics"] == {}
    again(run, train)
    assert run.checkpoint()["global_step"] == 3 * 64
    rows = run.table("predictions/test")
    assert list(rows[0]) == ["sample", "prediction_0", "prediction_1"]
    assert len(rows) == 64


@pytest.mark.parametrize("kind", ["tensors", "dictionaries", "stream", "several"])
def test_batches_of_any_kind(kind: str, train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(*PLAIN, f"--data.kind={kind}")
    assert "as Autoencoder logged them, without intervals or a baseline" in capsys.readouterr().out
    results = run.json("results")
    assert results["task"] == "autoencoder"
    assert set(results["metrics"]["test_loss"]) == {"value"}
    assert "baseline" not in results
    assert results["note"].startswith("as Autoencoder logged them")
    # What a module logs stands in the row of its epoch, the last one's too.
    assert [(row["epoch"], row["train/x"]) for row in run.rows()] == [(k, k) for k in range(3)]
    several = {"val_loss/dataloader_idx_0", "val_loss/dataloader_idx_1"}
    assert (several if kind == "several" else {"val_loss"}) <= set(run.rows()[0])
    train(f"--run={run.folder}", command="predict")
    assert len(run.table("predictions/test")) == 64


def test_two_optimizers_that_are_stepped_by_hand(train: Train, refusal: Refusal) -> None:
    pair = (f"--model={OWN}GAN", f"--data={OWN}Vectors")
    run = train(*pair, "--trainer.max_epochs=2")
    assert {"g_loss_epoch", "d_loss_epoch"} <= set(run.rows()[-1])
    assert len(run.checkpoint()["optimizer_states"]) == 2
    assert 0 < run.scores()["real"] < 1
    train(f"--run={run.folder}", "--trainer.max_epochs=3")
    assert run.checkpoint()["epoch"] == 2
    error = refusal("fit", *pair, "--lr_scheduler_config.warmup=3")
    assert "lr_scheduler_config.warmup: GAN uses manual optimization" in error


def test_a_module_without_our_score_keeps_its_last_epoch(train: Train) -> None:
    run = train(*PLAIN, command="fit")
    assert run.checkpoint("best")["epoch"] == run.checkpoint()["epoch"] == 2
    chosen = train(*PLAIN, "--checkpoint.monitor=val_loss", command="fit")
    values = [row["val_loss"] for row in chosen.rows()]
    assert chosen.checkpoint("best")["epoch"] == values.index(min(values))


class Overriding(ToyNet):
    """Replaces what Lightning lets one replace, and calls no ``super``."""

    def training_step(self, batch: Any) -> Tensor:
        loss = self.step(batch).loss
        self.log("mine", loss)
        return loss

    def validation_step(self, batch: Any) -> None:  # type: ignore[override]
        self.log("val/loss", self.step(batch).loss, batch_size=len(batch.target))

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        pass

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def test_a_module_of_ours_with_steps_of_its_own(train: Train) -> None:
    run = train(*TABLE, f"--model={__name__}.Overriding")
    assert {"val/loss", "lr"} <= set(run.rows()[-1])
    assert "train/loss" not in run.rows()[-1]
    group = run.checkpoint()["optimizer_states"][0]["param_groups"][0]
    assert group["lr"] == 0.01
    assert "betas" not in group
    assert set(run.json("results")["baseline"]["metrics"]) == set(run.scores())
    again(run, train)


class OwnLoader(ToyTable):
    """Draws training rows by weight, by torch's sampler and a plain loader."""

    def train_dataloader(self) -> DataLoader[Any]:
        training: Any = self.splits["train"]
        sampler = WeightedRandomSampler([1.0] * len(training), 100)
        return DataLoader(training, batch_size=50, sampler=sampler)


def test_a_loader_of_one_s_own(train: Train) -> None:
    run = train(f"--data={__name__}.OwnLoader", "--trainer.limit_train_batches=1.0")
    assert run.checkpoint()["global_step"] == 2 * 2


class Samples(Dataset[Any]):
    """An ordinary data set over ours, a sample at a time."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        assert isinstance(index, int)
        return self.rows[index]


class OwnDataset(ToyTable):
    def read(self) -> Any:
        splits = dict(super().read())
        return {**splits, "val": Samples(splits["val"])}


def test_an_ordinary_dataset_beside_ours_scores_the_same(train: Train) -> None:
    plain = train(command="fit").rows()
    own = train(f"--data={__name__}.OwnDataset", command="fit").rows()
    assert own[0]["val/loss"] == pytest.approx(plain[0]["val/loss"], rel=1e-6)


@pytest.fixture
def pair() -> tuple[ToyNet, ToyTable]:
    torch.manual_seed(0)
    data = ToyTable()
    data.prepare_data()
    data.setup("fit")
    return ToyNet(), data


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    quiet: dict[str, Any] = {"enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(
        default_root_dir=tmp_path, accelerator="cpu", max_epochs=2, logger=False, **quiet
    )


def test_a_plain_trainer_with_plain_loaders(
    pair: tuple[ToyNet, ToyTable], trainer: Trainer
) -> None:
    model, data = pair
    training = DataLoader(data.splits["train"], batch_size=16, shuffle=True)
    held_out = DataLoader(data.splits["val"], batch_size=16)
    trainer.fit(model, training, held_out)
    assert trainer.callback_metrics["val/loss"] < 1
    assert not model.normalize.center.isnan().any()
    [scores] = trainer.test(model, held_out, verbose=False)
    assert 0 <= scores["test/accuracy"] <= 1


def test_a_checkpoint_that_a_plain_trainer_wrote_can_be_tested(
    pair: tuple[ToyNet, ToyTable], trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer.fit(pair[0], datamodule=pair[1])
    trainer.save_checkpoint(path := tmp_path / "plain.ckpt")
    monkeypatch.chdir(tmp_path)
    assert main(["test", *TABLE, f"--ckpt_path={path}", QUIET]) == 0
    assert "prediction" in Run(tmp_path / "plain-results").table("predictions")[0]


class Seen(LightningModule):
    """Writes which samples a process has trained on."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.layer, self.folder = torch.nn.Linear(4, 1), Path(folder)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        with (self.folder / f"seen-{self.global_rank}").open("a") as stream:
            stream.writelines(f"{value:.6f}\n" for value in batch[:, 0].tolist())
        return self.layer(batch).square().mean()  # type: ignore[no-any-return]

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.slow
def test_a_loader_of_one_s_own_is_shared_out_to_processes(tmp_path: Path, logs: Path) -> None:
    flags = ["--config=ddp", "--trainer.devices=2", "--trainer.accelerator=cpu"]
    own = [f"--model={__name__}.Seen", f"--model.folder={tmp_path}", f"--data={OWN}Vectors"]
    command = [sys.executable, "-m", "kindling", "fit", *own, *flags, "--trainer.max_epochs=1"]
    alone = {k: v for k, v in os.environ.items() if k not in ("LOCAL_RANK", "MASTER_PORT")}
    environment = {**alone, "PYTHONPATH": os.pathsep.join(["src", "."]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, QUIET, f"--logs={logs}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    seen = [(tmp_path / f"seen-{rank}").read_text().split() for rank in (0, 1)]
    assert len(seen[0]) == len(seen[1]) == 32
    assert len({*seen[0], *seen[1]}) == 64
    assert Run(logs / "seen" / "latest").checkpoint()["global_step"] == 4
