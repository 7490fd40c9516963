"""What a person probably meant to type, and numbers as a person reads them."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known word as a question, or all of them where none is near."""
    known = list(known)
    if near := difflib.get_close_matches(word, known, n=1, cutoff=0.6):
        return f"; did you mean {near[0]}?"
    return f"; there are {', '.join(known)}" if 0 < len(known) <= 20 else ""


def short(value: float) -> str:
    """Four digits, or all that stand before the point: ``0.1234``, ``149,700``."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
