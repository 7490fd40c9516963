"""Checks of settings that are numbers: whole, in range, finite; NaN is in no range.

Each returns its value, or raises a UserError that names the option.
"""

from kindling.errors import UserError

MOST = 2**31 - 1
"""The largest count: libraries count with 32 bits."""

MANY = 10_000
"""The most things that are made one by one, such as layers or trees."""


def at_least(name: str, value: int, low: int, most: int = MOST) -> int:
    """A whole number from ``low`` to ``most``, both included."""
    if not value >= low:
        raise UserError(f"{name}={value}: must be at least {low}")
    if not value <= most:
        raise UserError(f"{name}={value}: must be at most {most:,}")
    if value != int(value):
        raise UserError(f"{name}={value}: must be a whole number")
    return value


def below_one(name: str, value: float) -> float:
    """A share, which may be 0."""
    if not 0 <= value < 1:
        raise UserError(f"{name}={value}: must be 0 or more and below 1")
    return value


def positive(name: str, value: float, zero: bool = False) -> float:
    """A finite number above 0, or 0 too."""
    if not (0 < value < float("inf") or (zero and value == 0)):
        raise UserError(f"{name}={value}: must be {'0 or more' if zero else 'above 0'}, and finite")
    return value
