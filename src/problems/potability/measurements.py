"""Rows of a table of measurements, one at a time or a whole batch at once.

N: rows, B: batch, F: features.
"""

from typing import NamedTuple

from torch import Tensor

from kindling.data.dataset import BatchDataset


class PotabilityBatch(NamedTuple):
    """Measurements as they were taken, and whether the water is potable.

    Shape:
        ``features`` ``(B, F)``, NaN where missing. ``target`` ``(B,)`` int64: 0, 1 or ``IGNORE_INDEX``.
        ``indices`` ``(B,)`` int64: of the samples in their split. Without B for a single sample.
    """

    features: Tensor
    target: Tensor
    indices: Tensor


class Measurements(BatchDataset[PotabilityBatch]):
    """Rows of one table.

    Args:
        features: ``(N, F)``, NaN where missing.
        target: ``(N,)`` int64.
        rows: ``(N,)`` int64: the line of the file on which each row starts.
    """

    def __init__(self, features: Tensor, target: Tensor, rows: Tensor) -> None:
        self.features, self.target, self.rows = features, target, rows

    def __len__(self) -> int:
        return len(self.target)

    def gather(self, index: Tensor) -> PotabilityBatch:
        return PotabilityBatch(self.features[index], self.target[index], index)

    def take(self, index: Tensor) -> "Measurements":
        """A part of the rows, in the order of ``index``."""
        return Measurements(self.features[index], self.target[index], self.rows[index])
