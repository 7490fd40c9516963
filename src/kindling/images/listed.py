"""Photos that a table lists: a column of paths, relative to the CSV file.

N: rows.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kindling.tables.read import refuse, require_columns


def listed_images(table: pd.DataFrame, column: str, path: Path) -> list[Path]:
    """The photo of each row, N paths.

    Args:
        table: As ``read_table`` returns it.
        column: Paths relative to the folder of the CSV file, or absolute.
        path: The CSV file.

    Raises:
        UserError: The column is absent, a cell is empty, or there is no such file.
    """
    require_columns(table, [column], path)
    cells = table[column]
    refuse(cells.isna(), cells, path, "no photo: fill in its path or delete the row")
    files: Sequence[Path] = [path.parent / cell for cell in cells]
    absent = np.array([not file.is_file() for file in files], bool)
    refuse(absent, cells, path, f"{{cell}}: no such file in {path.parent}: correct the path")
    return list(files)
