"""Tools: other subcommands than training, each a package ``kindling/tools/<name>`` with a ``main``.

They are found by their folder's name, and read without being imported: torch would take seconds.
"""

import ast
import importlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "tools"


def described() -> dict[str, str]:
    """Each tool's name, with the first line of what its ``main`` says that it does."""
    sources = {path.parent.name: path for path in sorted(FOLDER.glob("*/__init__.py"))}
    found = {name: _docstring(path) for name, path in sources.items()}
    return {name: doc for name, doc in found.items() if doc is not None}


def run(name: str, args: Sequence[str]) -> None:
    """Run a tool."""
    importlib.import_module(f"kindling.tools.{name}").main(args)


@cache
def _docstring(source: Path) -> str | None:
    """The first line of the docstring of a module's ``main``; ``None`` if it has no ``main``."""
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == "main":
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return None
