"""Ordinary Lightning code that knows nothing of this project, as a person brings it along."""

from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

FEATURES = 4


def points(size: int, seed: int = 0) -> Tensor:
    return torch.randn(size, FEATURES, generator=torch.Generator().manual_seed(seed))


class Named(Dataset[Any]):
    """Samples as dictionaries, a word among them."""

    def __init__(self, size: int, seed: int) -> None:
        self.x = points(size, seed)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"x": self.x[index], "name": f"point {index}"}


class Stream(IterableDataset[Any]):
    """Samples of which nobody knows how many there are."""

    def __init__(self, size: int, seed: int) -> None:
        self.x = points(size, seed)

    def __iter__(self) -> Iterator[Tensor]:
        yield from self.x


def together(samples: list[dict[str, Any]]) -> dict[str, Any]:
    return {"x": torch.stack([s["x"] for s in samples]), "names": [s["name"] for s in samples]}


class Vectors(LightningDataModule):
    """Tensors behind plain loaders.

    Args:
        kind: tensors, dictionaries, a stream, or several loaders for validation.
        size: Samples of each split.
    """

    def __init__(self, kind: str = "tensors", size: int = 64) -> None:
        super().__init__()
        self.kind, self.size = kind, size

    def _loader(self, seed: int, shuffle: bool = False) -> DataLoader[Any]:
        if self.kind == "dictionaries":
            data = Named(self.size, seed)
            return DataLoader(data, batch_size=8, shuffle=shuffle, collate_fn=together)
        if self.kind == "stream":
            return DataLoader(Stream(self.size, seed), batch_size=8)
        return DataLoader(points(self.size, seed), batch_size=8, shuffle=shuffle)  # type: ignore[arg-type]

    def train_dataloader(self) -> Any:
        return self._loader(0, shuffle=True)

    def val_dataloader(self) -> Any:
        return [self._loader(1), self._loader(2)] if self.kind == "several" else self._loader(1)

    def test_dataloader(self) -> Any:
        return self._loader(2)

    predict_dataloader = test_dataloader


def features(batch: Any) -> Tensor:
    x: Tensor = batch["x"] if isinstance(batch, dict) else batch
    return x


class Autoencoder(LightningModule):
    """Logs under names of its own, in every way there is."""

    def __init__(self, width: int = 2, lr: float = 0.01) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.encoder, self.decoder = nn.Linear(FEATURES, width), nn.Linear(width, FEATURES)
        self.lr = lr

    def forward(self, x: Tensor) -> Any:
        return self.decoder(self.encoder(x))

    def _loss(self, batch: Any) -> Tensor:
        return nn.functional.mse_loss(self(features(batch)), features(batch))

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        loss = self._loss(batch)
        self.log("train_loss", loss)
        self.log("train/x", float(self.current_epoch), on_step=False, on_epoch=True, batch_size=1)
        return loss

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.log("val_loss", self._loss(batch), batch_size=len(features(batch)))

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.log_dict({"test_loss": self._loss(batch)}, batch_size=len(features(batch)))

    def predict_step(self, batch: Any, batch_idx: int) -> Any:
        return self(features(batch))

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), self.lr)


class GAN(LightningModule):
    """Two optimizers, stepped by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator = nn.Linear(2, FEATURES), nn.Linear(FEATURES, 1)

    def _judged(self, x: Tensor, label: float) -> Tensor:
        said = self.discriminator(x)
        return nn.functional.binary_cross_entropy_with_logits(said, torch.full_like(said, label))

    def training_step(self, batch: Any, batch_idx: int) -> None:
        made = self.generator(torch.randn(len(batch), 2, device=self.device))
        fooled = self._judged(made, 1.0)
        told = self._judged(batch, 1.0) + self._judged(made.detach(), 0.0)
        for optimizer, loss in zip(self.optimizers(), (fooled, told), strict=True):  # type: ignore[arg-type]
            optimizer.zero_grad()
            self.manual_backward(loss, inputs=optimizer.param_groups[0]["params"])
            optimizer.step()
        self.log_dict({"g_loss": fooled, "d_loss": told}, on_step=True, on_epoch=True)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.log("real", self.discriminator(batch).sigmoid().mean())

    def configure_optimizers(self) -> Any:
        nets = (self.generator, self.discriminator)
        return [torch.optim.SGD(net.parameters(), lr=0.1) for net in nets]
