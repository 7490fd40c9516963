"""Small problems of the engine's own: a table, photos, a series, and a table with photos."""

import csv
import json
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch import Callback, Trainer
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MetricCollection
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC, MulticlassAccuracy

from kindling.data.dataset import FieldDataset
from kindling.errors import UserError
from kindling.images import ConvBlocks, ImageBatch, ImageFolderDataModule, ImageModule, Pixels
from kindling.images.table_datamodule import ImageTableDataModule
from kindling.series.datamodule import SeriesDataModule
from kindling.tables.datamodule import TableBatch, TableDataModule
from kindling.tables.layers import MLP
from kindling.tables.normalize import Normalize
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import EvalOutput, Module

QUIET = "--trainer.enable_progress_bar=false"
TASK = f"--config={Path(__file__).with_suffix('.yaml')}"
TABLE = (f"--data={__name__}.ToyTable", f"--model={__name__}.ToyNet", "--config=smoke")
PHOTOS = (f"--data={__name__}.ToyPhotos", f"--model={__name__}.ToyConv", "--config=smoke")
SERIES = (f"--data={__name__}.ToySeries", f"--model={__name__}.ToyConstant", "--config=smoke")
LISTED = (f"--data={__name__}.ToyListed", f"--model={__name__}.ToyConstant", "--config=smoke")
COLORS = {"blue": (60, 110, 200), "grey": (140, 140, 140), "white": (235, 235, 220)}
ROWS = 200


class ToyTable(TableDataModule):
    """Two numbers with holes and a category, to a label."""

    task = "toy"
    head = "label"
    target_kind = "binary"

    def __init__(
        self,
        target: str = "label",
        batch_size: int = 16,
        val_fraction: float = 0.2,
        **settings: Any,
    ) -> None:
        super().__init__(
            target=target, batch_size=batch_size, val_fraction=val_fraction, **settings
        )

    def write_sample(self, folder: Path) -> None:
        write_table(folder)


def write_table(folder: Path, rows: int = ROWS) -> Path:
    """``toy.csv``, whose label mostly follows from its two numbers."""
    rng = np.random.default_rng(0)
    a, b, noise = rng.normal(size=(3, rows))
    table = pd.DataFrame({"a": (100 + 20 * a).round(2), "b": b.round(3)})
    table.loc[::7, "b"] = np.nan
    table["kind"] = [*"xy" * rows][:rows]
    table["label"] = (a + b + 0.3 * noise > 0).astype(int)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "toy.csv", index=False)
    return folder


class ToyNet(Module):
    """A perceptron on a table's numbers.

    Args:
        features: Numbers of a row.
        hidden: Widths of the hidden layers.
        batch_norm: Batch normalization in each.
        dropout: Share of each that is dropped in training.
    """

    def __init__(
        self,
        features: int = 2,
        hidden: Sequence[int] = (8,),
        batch_norm: bool = False,
        dropout: float = 0.0,
        **settings: Any,
    ) -> None:
        metrics = MetricCollection({"accuracy": BinaryAccuracy(), "auroc": BinaryAUROC()})
        super().__init__({"label": Head(metrics, ("0", "1"))}, **settings)
        self.save_hyperparameters(logger=False)
        self.normalize = Normalize(features)
        self.net = MLP(features, hidden, 1, dropout, "relu", batch_norm)
        self.share: Tensor
        self.register_buffer("share", torch.full((), torch.nan))

    def fit_statistics(self, training: FieldDataset[TableBatch]) -> None:
        self.normalize.fit(training.fields["numbers"], training.names["numbers"])
        self.share.copy_(training.fields["target"].float().mean())

    def forward(self, numbers: Tensor) -> Tensor:
        logits: Tensor = self.net(self.normalize(numbers)).squeeze(-1)
        return logits

    def step(self, batch: TableBatch) -> StepOutput:
        logits = self(batch.numbers)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, batch.target.float())
        return StepOutput(loss, {"label": logits.sigmoid()}, {"label": batch.target})

    def predict(self, batch: TableBatch) -> Heads:
        return {"label": self(batch.numbers).sigmoid()}

    def baselines(self, batch: TableBatch) -> Mapping[str, Heads]:
        return {"training majority": {"label": self.share.expand(len(batch.target))}}

    def figures(self, rows: Mapping[str, Any], outcome: EvalOutput) -> Mapping[str, Figure]:
        figure = Figure((2, 2))
        figure.add_subplot().plot(outcome.predictions["label"].sort().values.numpy())
        return {"predicted": figure}


class ToyPhotos(ImageFolderDataModule):
    """Photos of a colour each, which is their class."""

    task = "toy_photos"

    def __init__(self, image_size: int = 8, batch_size: int = 6, **settings: Any) -> None:
        super().__init__(image_size=image_size, batch_size=batch_size, **settings)

    def write_sample(self, folder: Path) -> None:
        write_photos(folder)


def write_photos(folder: Path, colors: Mapping[str, Sequence[int]] = COLORS) -> Path:
    """Eight photos of each class in ``train``, and three in ``test``."""
    for split, count in (("train", 8), ("test", 3)):
        for number, (kind, color) in enumerate(colors.items()):
            for k in range(count):
                write_photo(folder / split / kind / f"{k}.png", color, [len(split), number, k])
    return folder


def write_photo(path: Path, color: Sequence[int], seed: int | Sequence[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.array(color) + np.random.default_rng(seed).normal(0, 20, (9, 9, 3))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, "PNG")


class ToyConv(ImageModule):
    """Blocks of convolutions on photos, and a layer to the classes.

    Args:
        classes: Names of the classes.
        image_size: Pixels on a side.
        channels: Of each block.
    """

    def __init__(
        self,
        classes: Sequence[str] = (),
        image_size: int = 8,
        channels: Sequence[int] = (4, 4),
        **settings: Any,
    ) -> None:
        count = len(classes)
        if count < 2:
            raise UserError(f"{count} classes ({', '.join(classes)}): two or more are needed")
        metrics = MetricCollection({"accuracy": MulticlassAccuracy(count, average="micro")})
        super().__init__({"class": Head(metrics, classes)}, **settings)
        self.save_hyperparameters(logger=False)
        self.pixels = Pixels()
        self.backbone = ConvBlocks(image_size, channels)
        inputs = self.backbone.out_channels * self.backbone.places
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(inputs, count))
        self.shares: Tensor
        self.register_buffer("shares", torch.full((count,), torch.nan))

    def fit_statistics(self, training: FieldDataset[ImageBatch]) -> None:
        self.pixels.fit(training.shared["image"], training.fields["image"])
        counts = torch.bincount(training.fields["label"], minlength=len(self.shares))
        self.shares.copy_(counts / counts.sum())

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.backbone(self.pixels(image)))
        return logits

    def step(self, batch: ImageBatch) -> StepOutput:
        logits = self(batch.image)
        loss = nn.functional.cross_entropy(logits, batch.label)
        return StepOutput(loss, {"class": logits.softmax(-1)}, {"class": batch.label})

    def predict(self, batch: ImageBatch) -> Heads:
        return {"class": self(batch.image).softmax(-1)}

    def baselines(self, batch: ImageBatch) -> Mapping[str, Heads]:
        return {"training majority": {"class": self.shares.expand(len(batch.label), -1)}}


class ToySeries(SeriesDataModule):
    """Values of a series, to the next one."""

    task = "toy_series"

    def __init__(self, window: int = 4, batch_size: int = 16, **settings: Any) -> None:
        super().__init__(train="toy.csv", window=window, batch_size=batch_size, **settings)

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"target": self.targets[0]}


def write_series(folder: Path) -> Path:
    """Eighty hours in ``toy.csv``."""
    folder.mkdir(parents=True)
    times = np.datetime64("2024-01-01T00") + np.arange(80) * np.timedelta64(1, "h")
    lines = ["timestamp,value", *(f"{time},{k % 24}.5" for k, time in enumerate(times))]
    (folder / "toy.csv").write_text("\n".join(lines) + "\n")
    return folder


class ToyListed(ImageTableDataModule):
    """A photo, a number and a category, to a number."""

    task = "toy_listed"

    def __init__(self, image_size: int = 8, batch_size: int = 8, **settings: Any) -> None:
        super().__init__(image_size=image_size, batch_size=batch_size, **settings)


def write_listed(folder: Path) -> Path:
    """``toy.csv`` with a photo in each of its 24 rows."""
    for k in range(24):
        write_photo(folder / "p" / f"{k}.png", (40 + 8 * k, 90, 90), k)
    rows = [f"{30 + k}.5,{'ab'[k % 2]},p/{k}.png,{1000 + 9 * k}" for k in range(24)]
    (folder / "toy.csv").write_text("\n".join(["area,place,front,target", *rows]) + "\n")
    return folder


class ToyConstant(Module):
    """One number for all, for data of any kind that have a number for a target.

    Args:
        features: Numbers of a row.
    """

    def __init__(self, features: int = 0, **settings: Any) -> None:
        mae = MetricCollection({"mae": MeanAbsoluteError()})
        super().__init__({"target": Head(mae)}, **settings)
        self.level = nn.Parameter(torch.zeros(()))

    def step(self, batch: Any) -> StepOutput:
        predictions = self.predict(batch)
        loss = nn.functional.mse_loss(predictions["target"], batch.target)
        return StepOutput(loss, predictions, {"target": batch.target})

    def predict(self, batch: Any) -> Heads:
        return {"target": self.level.expand(len(batch.indices))}

    def baselines(self, batch: Any) -> Mapping[str, Heads]:
        return {"zero": {"target": torch.zeros(len(batch.indices))}}


class Signals(Callback):
    """Sends this process SIGTERM after the last batch of the second epoch, or in the test.

    Args:
        hook: The moment.
    """

    def __init__(self, hook: str) -> None:
        setattr(self, hook, self._send)

    def _send(self, trainer: Trainer, *_: Any) -> None:
        done = trainer.current_epoch and trainer.is_last_batch and trainer.ckpt_path is None
        if done or trainer.testing:
            os.kill(os.getpid(), signal.SIGTERM)


def signals(hook: str) -> str:
    init = {"class_path": f"{__name__}.Signals", "init_args": {"hook": hook}}
    return f"--trainer.callbacks={json.dumps([init])}"


def same(one: Any, other: Any) -> bool:
    """Whether parts of checkpoints are equal to the last bit, a missing number to another."""
    if isinstance(one, Tensor):
        pair = (one.nan_to_num(), other.nan_to_num())
        return torch.equal(*pair) and torch.equal(one.isnan(), other.isnan())
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@contextmanager
def refused(message: str) -> Iterator[None]:
    """What is done here is refused, in one line that holds these words."""
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        yield
    assert "\n" not in str(caught.value)


class Run:
    """What a run has left in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def table(self, name: str = "metrics") -> list[dict[str, str]]:
        with (self.folder / f"{name}.csv").open(newline="", errors="surrogateescape") as stream:
            return list(csv.DictReader(stream))

    def rows(self) -> list[dict[str, float]]:
        """Of metrics.csv, without what is empty."""
        return [{k: float(v) for k, v in row.items() if v} for row in self.table()]

    def checkpoint(self, name: str = "last") -> dict[str, Any]:
        path = self.folder / "checkpoints" / f"{name}.ckpt"
        loaded: dict[str, Any] = torch.load(path, weights_only=True)
        return loaded

    def weights(self, name: str = "last") -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.checkpoint(name)["state_dict"]
        return found

    def json(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text())
        return content

    def scores(self) -> dict[str, float]:
        return {name: score["value"] for name, score in self.json("results")["metrics"].items()}


Train = Callable[..., Run]
"""Runs a command with some flags, on the toy table unless they name another model or run."""

Refusal = Callable[..., str]
"""Runs a command that is refused, and says in which words."""
