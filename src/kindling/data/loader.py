"""Batches as index tensors, in an order given by seed and epoch; one gather a batch."""

from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from kindling.data.dataset import BatchDataset, Collated

T = TypeVar("T")


class Batches(DistributedSampler[Any]):
    """Positions of the samples of each batch, ``(B,)`` int64; the last batch may be smaller.

    A shuffled order depends on ``seed`` and the epoch alone: a resumed run gets the same batches.

    Several processes share the samples of a batch of all, so that each sample is seen once and all
    have the same number of batches. A remainder that is too small joins the batch before: it needs
    a sample for each process, and two in a shuffled epoch, since batch normalization cannot train
    on one. The Trainer does not replace this sampler, since it is a ``DistributedSampler``.

    Args:
        size: Samples in the data set.
        batch_size: Samples in a batch of one process.
        seed: Seed of the order; ``None`` keeps the order of the data set.
        rank: This process.
        processes: How many there are.
        weights: Of the samples ``(N,)``, by which a shuffled epoch draws as many with replacement,
            as torch's ``WeightedRandomSampler`` does; none is each sample once.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        seed: int | None = None,
        rank: int = 0,
        processes: int = 1,
        weights: Tensor | None = None,
    ) -> None:
        super().__init__(range(size), processes, rank, shuffle=seed is not None, seed=seed or 0)  # type: ignore[arg-type]
        self.size, self.batch_size, self.processes = size, batch_size, processes
        self.weights, self.first = weights, 0

    def __len__(self) -> int:
        batches, rest = divmod(self.size, self._together)
        least = self.processes * (2 if self.shuffle else 1)
        return max(1, batches + (rest >= least)) if self.size else 0

    def __iter__(self) -> Iterator[Tensor]:
        order = self._order() if self.shuffle else None
        first, self.first = self.first, 0
        last = len(self) - 1
        for batch in range(first, last + 1):
            stop = self.size if batch == last else (batch + 1) * self._together
            start = min(batch * self._together + self.rank, stop)
            if order is None:
                yield torch.arange(start, stop, self.processes)
            else:
                yield order[start : stop : self.processes].long()

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer at the start of each epoch."""
        if epoch != self.epoch:
            self.first = 0  # which is of a resumed epoch
        self.epoch = epoch

    @property
    def _together(self) -> int:
        """Samples in a batch of all processes."""
        return self.batch_size * self.processes

    def _order(self) -> Tensor:
        # 32 bits halve the memory of a series of 50 million steps.
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        if self.weights is not None:
            return torch.multinomial(self.weights, self.size, True, generator=generator)
        return torch.randperm(self.size, generator=generator, dtype=torch.int32)


class Loader(DataLoader[T]):
    """A ``DataLoader`` over ``Batches`` that can resume within an epoch.

    It has the arguments of ``DataLoader``, because the Trainer makes another one to predict.
    """

    _delivered = 0

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self._delivered = self.sampler.first  # type: ignore[attr-defined]
        # Torch's own iterator takes longer than a small gather.
        here = self.num_workers == 0 and not self.pin_memory
        batches = map(self.dataset.__getitem__, self.sampler) if here else super().__iter__()
        for batch in batches:
            self._delivered += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """The position in the epoch, which the Trainer saves in the checkpoint."""
        return {"epoch": self.sampler.epoch, "batches": self._delivered}  # type: ignore[attr-defined]

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from ``state``; after a whole epoch, at the start of the next."""
        batches = self.sampler
        assert isinstance(batches, Batches)
        whole = state["batches"] >= len(batches)
        batches.epoch = state["epoch"] + whole
        batches.first = 0 if whole else state["batches"]


def load(dataset: Dataset[Any], batches: Batches, num_workers: int = 0) -> Loader[Any]:
    """Load ``batches`` of ``dataset``, by one gather each where it is a ``BatchDataset``."""
    return Loader(
        dataset if isinstance(dataset, BatchDataset) else Collated(dataset),
        batch_size=None,
        sampler=batches,
        collate_fn=_identity,
        num_workers=num_workers,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=num_workers > 0,
    )


def _identity(batch: T) -> T:
    return batch
