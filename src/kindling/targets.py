"""Targets that may be missing: NaN where a number is, ``UNKNOWN`` where a class is."""

from torch import Tensor

UNKNOWN = -1
"""The place of a class that is not known."""


def known(target: Tensor) -> Tensor:
    """Which targets are there.

    Shape:
        ``(B,)`` to ``(B,)`` bool.
    """
    return ~target.isnan() if target.is_floating_point() else target != UNKNOWN
