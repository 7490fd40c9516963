"""Targets that may be missing: NaN where a number is, ``IGNORE_INDEX`` where a class is."""

from torch import Tensor

IGNORE_INDEX = -1
"""The index of an unknown class."""


def target_mask(target: Tensor) -> Tensor:
    """Which targets are known.

    Shape:
        ``(B,)`` to ``(B,)`` bool.
    """
    return ~target.isnan() if target.is_floating_point() else target != IGNORE_INDEX
