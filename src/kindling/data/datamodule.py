"""The base of every data module: a sample or a root, splits made once, loaders."""

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence, Sized
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from kindling.data import paths
from kindling.data.dataset import FieldDataset
from kindling.data.files import TABLES, fingerprint
from kindling.data.loader import Batches, load
from kindling.data.memory import require_batch
from kindling.data.numbers import at_least
from kindling.data.sources import DatasetSources, of_files
from kindling.data.split import TooFew
from kindling.data.whole import write_once
from kindling.errors import UserError

SplitName = Literal["train", "val", "test", "predict"]
Stage = Literal["train", "val", "test"]
STAGES: tuple[Stage, ...] = ("train", "val", "test")

EVALUATED = 4
"""Batches that are evaluated as one: without gradients, they need no more memory than one."""

WORKERS = max(64, 8 * (os.cpu_count() or 1))
"""Processes that load batches, at most: each takes memory, and many per core are not faster."""


class DataModule(LightningDataModule):
    """Reads a problem's files once and serves its splits.

    A problem defines how files become data sets (``read``, ``read_input``) and how its sample is
    written (``write_sample``).

    Args:
        root: Folder of the data; null is a generated sample.
        input: File or folder to predict, in place of the test split.
        batch_size: Samples in a batch of training; evaluated are four times as many at once.
        num_workers: Processes that load batches; 0 loads in the training process.

    Raises:
        UserError: The folder, a file or a cell is wrong; the line names it and says what to do.

    Examples:
        >>> import kindling
        >>> data = kindling.load("logs/potability/latest").data
        columns: numbers ph, Hardness, ...
        >>> data.sizes()
        {'train': 2096, 'val': 524, 'test': 656}
    """

    task: ClassVar[str]
    """The problem's name: of its folder, its configuration and its logs."""

    restored: ClassVar[Sequence[str]] = ()
    """Attributes that checkpoints save, because a trained model depends on them."""

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        batch_size: int = 32,
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        self.is_sample = root is None
        self.root = paths.SAMPLES / self.task if root is None else Path(root).expanduser()
        self.input = None if input is None else Path(input).expanduser()
        self.batch_size = at_least("data.batch_size", batch_size, 1)
        self.num_workers = at_least("data.num_workers", num_workers, 0, WORKERS)
        self.seed = torch.initial_seed() % 2**31  # of the order of training samples
        self.splits: dict[SplitName, Dataset[Any]] = {}
        self.unread: list[dict[str, Any]] = []  # unreadable input: identifiers and ``error``
        self._opened: dict[Path, os.stat_result] = {}

    # What a problem provides.

    @abstractmethod
    def read(self) -> Mapping[SplitName, Dataset[Any]]:
        """The splits ``train``, ``val`` and ``test``, with statistics from ``train`` alone."""

    @abstractmethod
    def read_input(self, path: Path) -> Dataset[Any]:
        """A data set without targets from a raw file or folder, with what a checkpoint restored."""

    @abstractmethod
    def files(self) -> Sequence[Path]:
        """The files that were read, for the data's fingerprint."""

    @abstractmethod
    def write_sample(self, folder: Path) -> None:
        """Write the generated sample in the real set's layout."""

    def describe(self, split: SplitName, index: Tensor) -> Mapping[str, Sequence[Any]]:
        """Columns that identify samples: a row number, a file, a timestamp."""
        dataset = self.splits[split]
        return dataset.describe(index) if isinstance(dataset, FieldDataset) else {}

    @property
    @abstractmethod
    def target_names(self) -> Mapping[str, str]:
        """The file's own name for each head's target."""

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        """For users of an exported model: each field of a batch and each head, by its name.

        ``meaning``, ``unit``, ``columns``, and what else makes the field from raw input, as JSON.
        """
        return {}

    def sources(self) -> DatasetSources:
        """The tables and series for `make check`, before they are split.

        By default, the tables among ``files()``.
        """
        return of_files(self.files(), list(self.target_names.values()))

    def sampling_weights(self) -> Tensor | None:
        """By which training samples are drawn, with replacement; none is each once an epoch."""
        return None

    def block_length(self, samples: int) -> int:
        """Number of neighbouring samples that depend on one another; 1 if none do."""
        return 1

    def groups(self, split: SplitName, index: Tensor) -> Mapping[str, Tensor]:
        """Positions in ``index`` of samples that are scored separately too, by name."""
        return {}

    def file(self, option: str, name: str) -> Path:
        """A file in ``root``, or an error that says which CSV files are there."""
        self.require_root()
        path = self.root / name
        if not path.exists():
            tables = ", ".join(self._tables()) or "none"
            raise UserError(f"{path}: no such file (--data.{option}); CSV files there: {tables}")
        self._opened.setdefault(path, path.stat())
        return path

    def only_table(self, option: str, name: str | None) -> Path:
        """The CSV file in ``root`` that is named, or else the only one."""
        self.require_root()
        tables = self._tables()
        if name is None and not tables:
            raise UserError(f"{self.root}: no CSV file in this folder (--data.root)")
        if name is None and len(tables) > 1:
            raise UserError(f"{self.root}: name the table by --data.{option}: {', '.join(tables)}")
        return self.file(option, tables[0] if name is None else name)

    def _tables(self) -> list[str]:
        return sorted(p.name for p in self.root.glob("*") if p.name.lower().endswith(TABLES))

    def require_root(self) -> None:
        """Raise a UserError if there is no such folder, before a file in it is asked for."""
        if self.root.is_file():
            folder = self.root.parent
            raise UserError(f"{self.root}: a file; name its folder, {folder} (--data.root)")
        if not self.root.is_dir():
            raise UserError(f"{self.root}: no such folder (--data.root); null is the sample")

    # What Lightning calls.

    def prepare_data(self) -> None:
        if self.is_sample and not self.root.exists():
            write_once(self.root, self.write_sample)

    def setup(self, stage: str) -> None:
        if stage == "predict" and self.input is not None:
            if not self.input.exists():
                raise UserError(f"{self.input}: no such file or folder (--data.input)")
            self.splits = {"predict": self.read_input(self.input)}
        elif not self.splits:
            self.require_root()
            try:
                self.splits = dict(self.read())
            except TooFew as error:
                raise UserError(f"{self.root}: {error}") from error
            self.splits["predict"] = self.splits["test"]
            self._refuse_changed()
            self._require_memory()

    def _require_memory(self) -> None:
        for name, split in self.splits.items():
            if isinstance(split, Sized) and len(split):
                size = self.batch_size * (1 if name == "train" else EVALUATED)
                what = f"data.batch_size={self.batch_size}"
                require_batch(what, min(size, len(split)), split[0])

    def _refuse_changed(self) -> None:
        """Columns, splits and fingerprint must be of the same content."""
        for path, then in self._opened.items():
            now = path.stat() if path.exists() else None
            if now is None or (now.st_size, now.st_mtime_ns) != (then.st_size, then.st_mtime_ns):
                raise UserError(f"{path}: changed while it was read; start again")

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.restored}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name in self.restored:
            if name in state_dict:  # not in one of an older version
                setattr(self, name, state_dict[name])

    def train_dataloader(self) -> DataLoader[Any]:
        return self._loader("train", self.seed)

    def val_dataloader(self) -> DataLoader[Any]:
        return self._loader("val")

    def test_dataloader(self) -> DataLoader[Any]:
        return self._loader("test")

    def predict_dataloader(self) -> DataLoader[Any]:
        return self._loader("predict")

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        # On the CPU, to search a batch for tensors to move takes as long as a small gather.
        if device.type == "cpu":
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def _loader(self, split: SplitName, seed: int | None = None) -> DataLoader[Any]:
        dataset = self.splits[split]
        size = self.batch_size if split == "train" else EVALUATED * self.batch_size
        overfit = self.trainer is not None and self.trainer.overfit_batches  # type: ignore[attr-defined]
        if overfit or isinstance(dataset, IterableDataset):
            # To overfit, the Trainer takes a loader of single samples in their order.
            return DataLoader(dataset, batch_size=size, num_workers=self.num_workers)
        of = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        weights = self.sampling_weights() if seed is not None else None
        batches = Batches(len(dataset), size, seed, *of, weights)  # type: ignore[arg-type]
        return load(dataset, batches, self.num_workers)

    @property
    def training(self) -> Any:
        """The training samples, from which statistics are taken."""
        return self.splits["train"]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the names and contents of the files that were read."""
        found = fingerprint(self.files(), self.root)
        self._refuse_changed()
        return found

    def sizes(self) -> dict[str, int]:
        """Samples in each split; an iterable split has no size."""
        splits = [(name, split) for name, split in self.splits.items() if name != "predict"]
        return {name: len(split) for name, split in splits if isinstance(split, Sized)}
