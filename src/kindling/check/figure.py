"""The figure of an examination: a panel for each thing that is better seen than read."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from kindling.check.finding import Panel
from kindling.errors import UserError

WIDTH, HEIGHT = 6.0, 4.0
"""Inches of a panel."""


def draw(title: str, panels: Sequence[Panel]) -> Figure:
    """The panels, two in a row."""
    columns = min(2, max(len(panels), 1))
    rows = max(1, -(-len(panels) // columns))
    figure = Figure(figsize=(WIDTH * columns, HEIGHT * rows + 0.4), layout="constrained")
    figure.suptitle(title)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, (name, fill) in zip(grid.flat, panels, strict=False):
        fill(axes)
        axes.set_title(name, loc="left")
        axes.set_axisbelow(True)
    for axes in list(grid.flat)[len(panels) :]:
        axes.axis("off")
    return figure


def save(title: str, panels: Sequence[Panel], path: Path) -> None:
    """Write the figure, whole or not at all.

    Raises:
        UserError: The file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A dollar in the name of a class or a column is no formula.
        with rc_context({"text.parse_math": False}):
            draw(title, panels).savefig(unfinished, format="png", dpi=100)
        unfinished.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); see --output") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
