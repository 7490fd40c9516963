"""The column to predict, as numbers.

N: rows.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from kindling.tables.read import numeric, refuse


def read_target(table: pd.DataFrame, column: str, path: Path) -> Tensor:
    """The number of each row, ``(N,)``.

    Raises:
        UserError: The column is absent, or a cell is empty or no number.
    """
    target = numeric(table, [column], path)[:, 0]
    refuse(np.isnan(target), table[column], path, "no number: fill it in or delete the row")
    return torch.from_numpy(target)


def unknown(rows: int) -> Tensor:
    """Stands for the targets of rows that have none, ``(N,)``."""
    return torch.full((rows,), torch.nan)
