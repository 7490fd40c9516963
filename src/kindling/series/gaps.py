"""Positions without a measured value, and the last measured ones before them."""

import torch
from torch import Tensor


class Gaps:
    """Positions that were not measured.

    Args:
        positions: In order.
    """

    def __init__(self, positions: Tensor) -> None:
        self.positions = positions
        # Values that were measured before each that was not.
        self._before = positions - torch.arange(len(positions))

    def __len__(self) -> int:
        return len(self.positions)

    def measured_before(self, position: Tensor) -> Tensor:
        """How many values were measured before a position."""
        return position - torch.searchsorted(self.positions, position)

    def position(self, rank: Tensor) -> Tensor:
        """Where the measured value of this rank lies, counted from 0."""
        return rank + torch.searchsorted(self._before, rank, right=True)

    def last_measured(self, position: Tensor) -> Tensor:
        """The last position before another that was measured."""
        if not len(self):
            return position - 1
        return self.position(self.measured_before(position) - 1)

    def measured(self, position: Tensor) -> Tensor:
        """Which positions were measured."""
        return self.measured_before(position + 1) > self.measured_before(position)

    def between(self, start: int, stop: int) -> Tensor:
        """Those from ``start`` on and before ``stop``, counted from ``start``."""
        edges = torch.searchsorted(self.positions, torch.tensor([start, stop]))
        return self.positions[int(edges[0]) : int(edges[1])] - start
