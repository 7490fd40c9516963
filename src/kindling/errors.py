"""The exceptions that the command line shows as a line instead of a traceback, and their words."""

import difflib
import importlib.util
from collections.abc import Iterable


class UserError(Exception):
    """Something that the person at the keyboard can mend.

    The message is one line: what is wrong, where (file, row, column, option), what to do.
    """

    status = 2
    """Exit status of the process."""


class Diverged(UserError):
    """Training that cannot go on: its loss is no longer a number."""

    status = 1


class Incomplete(UserError):
    """Predictions that were written for a part of the input."""

    status = 3


class Stopped(UserError):
    """A run that a signal ended, saved so that it can go on.

    Args:
        message: The line that is shown.
        signum: The signal.
        together: Of several processes all have heard of it and end by themselves.
    """

    def __init__(self, message: str, signum: int, together: bool = False) -> None:
        super().__init__(message)
        self.status = 128 + signum
        self.together = together


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known word as a question, or all of them where none is near."""
    known = list(known)
    if near := difflib.get_close_matches(word, known, n=1, cutoff=0.6):
        return f"; did you mean {near[0]}?"
    return f"; there are {', '.join(known)}" if 0 < len(known) <= 20 else ""


def short(value: float) -> str:
    """Four digits, or all that stand before the point: ``0.1234``, ``149,700``."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def require_package(what: str, module: str, package: str, extra: str) -> None:
    """Raise a UserError where a package is not there.

    Args:
        what: That needs it, such as a setting and its value.
        module: By which the package is imported.
        package: Its name, as its makers write it.
        extra: Of ours that brings it.
    """
    if importlib.util.find_spec(module) is None:
        raise UserError(
            f"{what} needs {package}, which is not installed: pip install -e '.[{extra}]'"
        )
