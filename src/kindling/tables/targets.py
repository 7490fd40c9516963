"""The columns of a table that are to be predicted, and the weights of rows.

N: rows, T: targets.
"""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import ModuleDict

from kindling.errors import UserError
from kindling.tables.read import labels, numbers, numeric, refuse
from kindling.tables.vocabulary import class_indices

TargetKind = Literal["binary", "classes", "number"]

COARSE = 1e-3
"""Deviations of a target by which single precision may change it."""

log = logging.getLogger(__name__)


def head_names(targets: Sequence[str], alone: str) -> list[str]:
    """What a model calls the targets: of several, by letters, digits and _ alone."""
    if len(targets) == 1:
        return [alone]
    names = [re.sub(r"\W", "_", name) for name in targets]
    plain = len(set(names)) == len(names) and not any(hasattr(ModuleDict, n) for n in names)
    return names if plain else [f"target_{k}" for k in range(1, len(names) + 1)]


def with_targets(table: pd.DataFrame, targets: Sequence[str], path: Path) -> pd.DataFrame:
    """The rows that have all targets; the others are counted."""
    for name in targets:
        known = table[name].notna() if name in table else np.ones(len(table), bool)
        if not known.any():
            raise UserError(f"{path}, column {name!r}: every row is without a target")
        if left_out := int((~known).sum()):
            log.warning("%s, column %r: rows without a target left out: %d", path, name, left_out)
            table = table[known]
    return table


def read_target(
    table: pd.DataFrame, name: str, kind: TargetKind, field: str, classes: Sequence[str],
    limit: int, path: Path,
) -> Tensor:  # fmt: skip
    """A column to predict, ``(N,)``: a number, or int64, the label or the index of the class."""
    if kind == "number":
        return _numbers(table, name, field, path)
    if kind == "binary":
        return torch.from_numpy(labels(table, name, path))
    return torch.from_numpy(class_indices(table, name, classes, limit, path)[0])


def _numbers(table: pd.DataFrame, name: str, field: str, path: Path) -> Tensor:
    """Numbers that single precision can tell apart."""
    number, cells = numeric(table, [name], path)[:, 0], table[name]
    refuse(np.isnan(number), cells, path, f"no {field}: fill it in or delete the row")
    exact = numbers(cells, path)
    if np.abs(number - exact).max() > COARSE * exact.std():
        fault = "single precision cannot tell {cell} from other rows"
        refuse(exact == exact, cells, path, f"{fault}: subtract a constant from the column")
    return torch.from_numpy(number)


def row_weights(table: pd.DataFrame, column: str | None, path: Path) -> Tensor:
    """By how much each row counts in the loss, ``(N,)``."""
    if column is None:
        return torch.ones(len(table))
    weight = numeric(table, [column], path)[:, 0]
    fault = "{cell} is not a row weight: write a number above 0"
    refuse(~(weight > 0), table[column], path, fault)
    return torch.from_numpy(weight)
