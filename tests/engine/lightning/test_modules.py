"""Any LightningModule with any LightningDataModule trains, goes on, is tested and predicts."""

import csv
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
from problems.potability.data import PotabilityDataModule
from problems.potability.model import PotabilityModule
from tests.engine.lightning.conftest import OWN, QUIET, SMALL, Run, Train

BORING = "lightning.pytorch.demos.boring_classes"
PLAIN = [f"--model={OWN}Autoencoder", f"--data={OWN}Vectors", "--trainer.max_epochs=3"]


def test_lightning_s_own_demo_is_trained_tested_and_gone_on_with(train: Train) -> None:
    pair = (f"--model={BORING}.BoringModel", f"--data={BORING}.BoringDataModule")
    run = train(*pair, "--trainer.max_epochs=2", command="fit")
    assert run.folder.parent.name == "boring_model"
    assert run.checkpoint("last")["global_step"] == 2 * 64
    assert main(["test", f"--run={run.folder}", QUIET]) == 0
    assert run.json("results")["metrics"] == {}
    train(f"--run={run.folder}", "--trainer.max_epochs=3", command="fit")
    assert run.checkpoint("last")["global_step"] == 3 * 64
    assert run.checkpoint("last")["epoch"] == 2
    assert main(["validate", f"--run={run.folder}", QUIET]) == 0
    assert main(["predict", f"--run={run.folder}", QUIET]) == 0
    with (run.folder / "predictions" / "test.csv").open() as stream:
        assert next(stream) == "sample,prediction_0,prediction_1\n"
        assert sum(1 for _ in stream) == 64


@pytest.mark.parametrize("data", ["Vectors", "Dictionaries", "Streams", "SeveralValidations"])
def test_batches_of_any_kind(data: str, train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(PLAIN[0], f"--data={OWN}{data}", PLAIN[2])
    out = capsys.readouterr().out
    assert "as Autoencoder logged them: without intervals and baseline" in out
    results = run.json("results")
    assert results["task"] == "autoencoder"
    assert set(results["metrics"]["test_loss"]) == {"value"}
    assert "baseline" not in results
    assert results["note"].startswith("as Autoencoder logged them")
    rows = run.rows()
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    several = {"val_loss/dataloader_idx_0", "val_loss/dataloader_idx_1"}
    assert (several if data == "SeveralValidations" else {"val_loss"}) <= set(rows[0])
    assert main(["predict", f"--run={run.folder}", QUIET]) == 0
    assert len((run.folder / "predictions" / "test.csv").read_text().splitlines()) == 65


@pytest.mark.filterwarnings("ignore:.*have no `validation_step`. Skipping val loop")
def test_two_optimizers_that_are_stepped_by_hand(train: Train) -> None:
    run = train(f"--model={OWN}GAN", f"--data={OWN}Vectors", "--trainer.max_epochs=2")
    assert {"g_loss_epoch", "d_loss_epoch"} <= set(run.rows()[-1])
    assert len(run.checkpoint("last")["optimizer_states"]) == 2
    assert 0 < run.scores()["real"] < 1
    train(f"--run={run.folder}", "--trainer.max_epochs=3")
    assert run.checkpoint("last")["epoch"] == 2


def test_what_is_logged_stands_in_the_row_of_its_epoch(train: Train) -> None:
    """A module's own ``self.log(..., on_epoch=True)``, the last epoch's too."""
    rows = train(*PLAIN).rows()
    assert [(row["epoch"], row["train/x"]) for row in rows] == [(0, 0.0), (1, 1.0), (2, 2.0)]


def test_a_module_without_our_score_keeps_its_last_epoch(train: Train) -> None:
    run = train(*PLAIN)
    assert run.checkpoint("best")["epoch"] == run.checkpoint("last")["epoch"] == 2
    chosen = train(*PLAIN, "--checkpoint.monitor=val_loss")
    values = [row["val_loss"] for row in chosen.rows()]
    assert chosen.checkpoint("best")["epoch"] == values.index(min(values))


class Overriding(PotabilityModule):
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
    path = f"{__name__}.Overriding"
    run = train(*SMALL, f"--model={path}", "--model.hidden=[8]")
    assert {"val/loss", "lr"} <= set(run.rows()[-1])
    assert "train/loss" not in run.rows()[-1]
    group = run.checkpoint("last")["optimizer_states"][0]["param_groups"][0]
    assert group["lr"] == 0.01
    assert "betas" not in group
    assert set(run.json("results")["baseline"]["metrics"]) == set(run.scores())
    for command in ("test", "validate", "predict"):
        assert main([command, f"--run={run.folder}", QUIET]) == 0
    train(f"--run={run.folder}", "--trainer.max_epochs=3", command="fit")
    assert run.checkpoint("last")["epoch"] == 2


class OwnLoader(PotabilityDataModule):
    """Draws training rows by weight, by torch's sampler and a plain loader."""

    def train_dataloader(self) -> DataLoader[Any]:
        training = self.splits["train"]
        weights = torch.ones(len(training))  # type: ignore[arg-type]
        return DataLoader(training, batch_size=50, sampler=WeightedRandomSampler(weights, 100))


def test_a_loader_of_one_s_own(train: Train) -> None:
    run = train(f"--data={__name__}.OwnLoader", "--trainer.limit_train_batches=1.0")
    assert run.checkpoint("last")["global_step"] == 2 * 2


class Samples(Dataset[Any]):
    """An ordinary data set over ours, a sample at a time."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        assert isinstance(index, int)
        return self.rows[index]


class OwnDataset(PotabilityDataModule):
    def read(self) -> Any:
        splits = dict(super().read())
        return {**splits, "val": Samples(splits["val"])}


def test_an_ordinary_dataset_beside_ours_scores_the_same(train: Train) -> None:
    plain = train().rows()
    own = train(f"--data={__name__}.OwnDataset", "--seed_everything=0").rows()
    assert own[0]["val/loss"] == pytest.approx(plain[0]["val/loss"], rel=1e-6)


def pair(root: Path | None = None) -> tuple[PotabilityModule, PotabilityDataModule]:
    data = PotabilityDataModule(root)
    data.prepare_data()
    data.setup("fit")
    return PotabilityModule(hidden=[8]), data


def trainer(folder: Path, **settings: Any) -> Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    return Trainer(default_root_dir=folder, accelerator="cpu", max_epochs=2, **quiet, **settings)


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*")
@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
def test_a_plain_trainer_with_plain_loaders(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, data = pair()
    training = DataLoader(data.splits["train"], batch_size=64, shuffle=True)
    held_out = DataLoader(data.splits["val"], batch_size=64)
    runner = trainer(tmp_path)
    runner.fit(model, training, held_out)
    assert runner.callback_metrics["val/loss"] < 0.8
    assert not model.normalize.center.isnan().any()
    [scores] = runner.test(model, held_out, verbose=False)
    assert 0 <= scores["test/accuracy"] <= 1


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*")
@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
def test_a_checkpoint_that_a_plain_trainer_wrote_can_be_tested(
    tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = pair()
    runner = trainer(tmp_path)
    runner.fit(model, datamodule=data)
    runner.save_checkpoint(path := tmp_path / "plain.ckpt")
    monkeypatch.chdir(tmp_path)
    assert main(["test", *SMALL, f"--ckpt_path={path}", f"--logs={logs}", QUIET]) == 0
    with (tmp_path / "predictions.csv").open() as stream:
        assert "prediction" in next(csv.reader(stream))


class Seen(LightningModule):
    """Writes which samples a process has trained on."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.layer, self.folder = torch.nn.Linear(4, 1), Path(folder)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        with (self.folder / f"seen-{self.global_rank}").open("a") as stream:
            stream.writelines(f"{value:.6f}\n" for value in batch[0][:, 0].tolist())
        return self.layer(batch[0]).square().mean()  # type: ignore[no-any-return]

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


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
    assert Run(logs).checkpoint("last")["global_step"] == 4
