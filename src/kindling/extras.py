"""Packages that not everybody installs."""

import importlib.util

from kindling.errors import UserError


def require(what: str, module: str, package: str, extra: str) -> None:
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
