"""Data sets that gather a whole batch at once.

N: samples, M: shared items, B: batch.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

T = TypeVar("T")


class BatchDataset(Dataset[T]):
    """A data set that, indexed by a tensor of positions, gathers a whole batch.

    Indexed by a number, it returns a sample, so that it works with a plain ``DataLoader`` too.
    """

    def __len__(self) -> int:
        raise NotImplementedError

    def gather(self, index: Tensor) -> T:
        """The samples at these positions.

        Shape:
            ``index`` ``(B,)`` int64 from 0 on, or ``()`` for a sample without B.
        """
        raise NotImplementedError

    def evenly(self, most: int) -> T:
        """About ``most`` samples at the most, at even distances, as a batch."""
        return self.gather(torch.arange(0, len(self), len(self) // most + 1))

    def __getitem__(self, index: int | Tensor) -> T:
        if isinstance(index, Tensor):
            return self.gather(index)
        if not -len(self) <= index < len(self):
            raise IndexError(index)  # how a loop over a data set ends
        return self.gather(torch.tensor(index % len(self)))


class Collated(BatchDataset[Any]):
    """Batches of any data set of samples, by torch's ``__getitems__`` where there is one."""

    def __init__(self, samples: Dataset[Any]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)  # type: ignore[arg-type]

    def gather(self, index: Tensor) -> Any:
        positions, several = index.tolist(), getattr(self.samples, "__getitems__", None)
        samples = several(positions) if several else [self.samples[k] for k in positions]
        return default_collate(samples)


class FieldDataset(BatchDataset[T]):
    """Samples as a tensor for each field of the batch.

    Values that several samples or splits share, such as decoded photos, are in ``shared`` once, and
    the field has their positions there.

    Args:
        batch: A NamedTuple; its field ``indices`` gets the positions of the gathered samples.
        fields: ``(N, ...)`` by the batch's field; of a field in ``shared``, int64 positions there.
        shared: ``(M, ...)`` by the batch's field.
        identifiers: What identifies each of the N samples, by the column of predictions.csv.
        names: Names of the columns of a field ``(N, F)``.

    Shape:
        A field ``(N, V)`` of positions in ``shared`` ``(M, 3, H, W)`` is gathered as
        ``(B, V, 3, H, W)``.
    """

    def __init__(
        self,
        batch: type[T],
        fields: Mapping[str, Tensor],
        shared: Mapping[str, Tensor] | None = None,
        identifiers: Mapping[str, Sequence[Any]] | None = None,
        names: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.batch: Callable[..., T] = batch
        self.fields, self.shared = dict(fields), dict(shared or {})
        self.identifiers, self.names = dict(identifiers or {}), dict(names or {})
        order: Sequence[str] = batch._fields  # type: ignore[attr-defined]
        self._columns = [
            (self.fields[name], self.shared.get(name)) for name in order if name != "indices"
        ]

    def __len__(self) -> int:
        return len(self._columns[0][0])

    def gather(self, index: Tensor) -> T:
        return self.batch(*[_gathered(*column, index) for column in self._columns], index)

    def take(self, index: Tensor) -> "FieldDataset[T]":
        """A part of the samples, in the order of ``index``."""
        fields = {name: values[index] for name, values in self.fields.items()}
        identifiers = self.describe(index)
        return FieldDataset(self.batch, fields, self.shared, identifiers, self.names)  # type: ignore[arg-type]

    def describe(self, index: Tensor) -> dict[str, list[Any]]:
        """What identifies these samples, by column."""
        rows = index.tolist()
        return {name: [values[row] for row in rows] for name, values in self.identifiers.items()}


def _gathered(values: Tensor, shared: Tensor | None, index: Tensor) -> Tensor:
    """Rows of a field, or the shared values at the positions in these rows."""
    # This takes half the time of indexing.
    values = values.index_select(0, index) if index.ndim == 1 else values[index]
    if shared is None:
        return values
    return shared.index_select(0, values.reshape(-1)).reshape(*values.shape, *shared.shape[1:])
