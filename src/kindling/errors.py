"""Errors that the command line shows as one line instead of a traceback, and their wording."""

import difflib
import importlib.util
from collections.abc import Iterable


class UserError(Exception):
    """A mistake that the user can correct.

    The message is one line: what is wrong, where (file, row, column, option), what to do.

    Examples:
        >>> import kindling
        >>> try:
        ...     kindling.train("timeserie")
        ... except kindling.UserError as error:
        ...     print(error)
        timeserie: no such config, task or preset; did you mean timeseries?
    """

    status = 2
    """Exit status of the process."""


class Diverged(UserError):
    """Training cannot continue: the loss is NaN or infinite."""

    status = 1


class Incomplete(UserError):
    """Only part of the input was predicted and written."""

    status = 3


class Stopped(UserError):
    """A signal ended the run, which was saved and can be resumed.

    Args:
        message: The line that is shown.
        signum: The signal.
        together: All of several processes know of it and end by themselves.
    """

    def __init__(self, message: str, signum: int, together: bool = False) -> None:
        super().__init__(message)
        self.status = 128 + signum
        self.together = together


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Ask whether the nearest known word was meant; without a near one, list all of them."""
    known = list(known)
    if near := difflib.get_close_matches(word, known, n=1, cutoff=0.6):
        return f"; did you mean {near[0]}?"
    return f"; there are {', '.join(known)}" if 0 < len(known) <= 20 else ""


def short(value: float) -> str:
    """Four significant digits, or all before the decimal point: ``0.1234``, ``149,700``."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def require_package(what: str, module: str, package: str, extra: str) -> None:
    """Raise a UserError if a package is not installed.

    Args:
        what: What needs it, such as a setting and its value.
        module: The name by which it is imported.
        package: Its name as its authors write it.
        extra: Kindling's extra that installs it.
    """
    if importlib.util.find_spec(module) is None:
        raise UserError(
            f"{what} needs {package}, which is not installed: pip install -e '.[{extra}]'"
        )
