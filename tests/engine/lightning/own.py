"""Ordinary Lightning code that knows nothing of this project, as a person brings it along."""

from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

FEATURES = 4


def points(size: int, seed: int = 0) -> Tensor:
    return torch.randn(size, FEATURES, generator=torch.Generator().manual_seed(seed))


class Vectors(LightningDataModule):
    """Tensors behind plain loaders."""

    def __init__(self, size: int = 64, batch_size: int = 8) -> None:
        super().__init__()
        self.size, self.batch_size = size, batch_size

    def _loader(self, seed: int, shuffle: bool = False) -> DataLoader[Any]:
        data = TensorDataset(points(self.size, seed))
        return DataLoader(data, batch_size=self.batch_size, shuffle=shuffle)

    def train_dataloader(self) -> Any:
        return self._loader(0, shuffle=True)

    def val_dataloader(self) -> Any:
        return self._loader(1)

    def test_dataloader(self) -> Any:
        return self._loader(2)

    def predict_dataloader(self) -> Any:
        return self._loader(2)


class Named(Dataset[dict[str, Any]]):
    """Samples as dictionaries, a word among them."""

    def __init__(self, size: int) -> None:
        self.x = points(size)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"x": self.x[index], "name": f"point {index}"}


def collated(samples: list[dict[str, Any]]) -> dict[str, Any]:
    return {"x": torch.stack([s["x"] for s in samples]), "names": [s["name"] for s in samples]}


class Dictionaries(Vectors):
    """Batches as dictionaries, put together by a function of their own."""

    def _loader(self, seed: int, shuffle: bool = False) -> DataLoader[Any]:
        data = Named(self.size)
        return DataLoader(data, batch_size=self.batch_size, shuffle=shuffle, collate_fn=collated)


class Stream(IterableDataset[Tensor]):
    def __init__(self, size: int) -> None:
        self.size = size

    def __iter__(self) -> Iterator[Tensor]:
        yield from points(self.size)


class Streams(Vectors):
    """Data of a length that nobody knows."""

    def _loader(self, seed: int, shuffle: bool = False) -> DataLoader[Any]:
        return DataLoader(Stream(self.size), batch_size=self.batch_size)


class SeveralValidations(Vectors):
    def val_dataloader(self) -> Any:
        return [self._loader(1), self._loader(2)]


def features(batch: Any) -> Tensor:
    if isinstance(batch, dict):
        batch = batch["x"]
    x: Tensor = batch[0] if isinstance(batch, list | tuple) else batch
    return x


class Autoencoder(LightningModule):
    """Logs under names of its own, in every way there is.

    Args:
        width: Of the code.
        lr: Learning rate.
    """

    def __init__(self, width: int = 2, lr: float = 0.01) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.encoder, self.decoder = nn.Linear(FEATURES, width), nn.Linear(width, FEATURES)
        self.width, self.lr = width, lr

    def forward(self, x: Tensor) -> Tensor:
        decoded: Tensor = self.decoder(self.encoder(x))
        return decoded

    def _loss(self, batch: Any) -> Tensor:
        x = features(batch)
        return nn.functional.mse_loss(self(x), x)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        loss = self._loss(batch)
        self.log("train_loss", loss)
        self.log("train/x", float(self.current_epoch), on_step=False, on_epoch=True, batch_size=1)
        return loss

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.log("val_loss", self._loss(batch), batch_size=len(features(batch)))

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.log_dict({"test_loss": self._loss(batch)}, batch_size=len(features(batch)))

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self(features(batch))  # type: ignore[no-any-return]

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), self.lr)


class GAN(LightningModule):
    """Two optimizers, stepped by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator = nn.Linear(2, FEATURES), nn.Linear(FEATURES, 1)

    def training_step(self, batch: Any, batch_idx: int) -> None:
        x = features(batch)
        made = self.generator(torch.randn(len(x), 2, device=self.device))
        judge = nn.functional.binary_cross_entropy_with_logits
        ours, theirs = self.optimizers()
        g_loss = judge(self.discriminator(made), torch.ones(len(x), 1))
        ours.zero_grad()
        self.manual_backward(g_loss)
        ours.step()
        real = judge(self.discriminator(x), torch.ones(len(x), 1))
        fake = judge(self.discriminator(made.detach()), torch.zeros(len(x), 1))
        theirs.zero_grad()
        self.manual_backward(real + fake)
        theirs.step()
        self.log_dict({"g_loss": g_loss, "d_loss": real + fake}, on_step=True, on_epoch=True)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.log("real", self.discriminator(features(batch)).sigmoid().mean())

    def configure_optimizers(self) -> Any:
        nets = (self.generator, self.discriminator)
        return [torch.optim.SGD(net.parameters(), lr=0.1) for net in nets]


class Counter(Callback):
    """Counts calls, at the hooks that are asked for in every step too."""

    counts: dict[str, int] = {}

    def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
        self.counts["train_batch"] = self.counts.get("train_batch", 0) + 1

    def on_before_zero_grad(self, *args: Any, **kwargs: Any) -> None:
        self.counts["zero_grad"] = self.counts.get("zero_grad", 0) + 1

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.counts["epoch"] = self.counts.get("epoch", 0) + 1
