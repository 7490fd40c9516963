"""What was inferred from a file, by the kind of problem, and as a table on the terminal."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from kindling.errors import UserError
from kindling.tools.new.infer import Inferred, infer_table
from kindling.tools.new.infer_series import infer_series


def inferred(kind: str, path: Path, column: str | None, target: str | None) -> Inferred:
    """What the file holds for a problem of this kind."""
    if kind == "series":
        return infer_series(path, column)
    if kind not in ("tabular", "multi-input"):
        raise UserError(
            f"DATA={path}: a file is read for tabular, series and multi-input; make the problem "
            "without, then train on a folder by make train DATA=folder"
        )
    return infer_table(path, column, target, photos=kind == "multi-input")


def show(found: Inferred, console: Console) -> None:
    console.print(f"{found.path}: {found.about}")
    table = Table(box=None, pad_edge=False, header_style="none")
    for title in ("column", "taken for"):
        table.add_column(title)
    for title in ("missing", "different"):
        table.add_column(title, justify="right")
    table.add_column("first")
    for column in found.columns:
        missing = f"{column.missing:.1%}" if column.missing else "none"
        row = (column.name, column.role, missing, f"{column.distinct:,}", column.example[:30])
        table.add_row(*row)
    console.print(table)
