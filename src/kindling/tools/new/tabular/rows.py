"""Rows of a table, one at a time or a whole batch at once.

N: rows, B: batch, F: numbers, C: categories.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from kindling.data.dataset import BatchDataset


class TabularBatch(NamedTuple):
    """What is known of each row, and what is to be told.

    Shape:
        ``numbers`` ``(B, F)``, NaN where missing. ``codes`` ``(B, C)`` int64, 0 where unseen or
        missing. ``target`` ``(B,)`` int64: place of the class, or ``IGNORE_INDEX``. ``index`` ``(B,)``
        int64: of the samples in their split. Without B for a single sample.
    """

    numbers: Tensor
    codes: Tensor
    target: Tensor
    indices: Tensor


class Rows(BatchDataset[TabularBatch]):
    """Some rows of one table.

    Args:
        numbers: ``(N, F)``, NaN where missing.
        codes: ``(N, C)`` int64.
        target: ``(N,)``.
        lines: ``(N,)`` int64: the line of the file on which each row starts.
        identifiers: What the file calls the N rows, by the name of the column.
    """

    def __init__(
        self,
        numbers: Tensor,
        codes: Tensor,
        target: Tensor,
        lines: Tensor,
        identifiers: Mapping[str, Sequence[str | None]],
    ) -> None:
        self.numbers, self.codes, self.target = numbers, codes, target
        self.lines, self.identifiers = lines, identifiers

    def __len__(self) -> int:
        return len(self.target)

    def gather(self, index: Tensor) -> TabularBatch:
        return TabularBatch(self.numbers[index], self.codes[index], self.target[index], index)

    def take(self, index: Tensor) -> "Rows":
        """A part of the rows, in the order of ``index``."""
        return Rows(
            self.numbers[index],
            self.codes[index],
            self.target[index],
            self.lines[index],
            {name: [v[k] for k in index.tolist()] for name, v in self.identifiers.items()},
        )
