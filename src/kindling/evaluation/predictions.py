"""``predictions.csv``: what identifies a sample, its target, and what was predicted."""

from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from kindling.data.targets import IGNORE_INDEX
from kindling.data.whole import replaced
from kindling.training.metrics import Head
from kindling.training.module import EvalOutput, Module

Identifiers = Mapping[str, Sequence[Any]]
"""Columns that say which samples they are."""


def predictions_table(
    module: Module, rows: Identifiers, targets: Mapping[str, str], outcome: EvalOutput
) -> pd.DataFrame:
    """What identifies each sample, then target and prediction of each head.

    A sample of several steps has a row for each step. ``targets`` are the file's own names of the
    heads' targets.
    """
    columns: dict[str, Any] = dict(rows)
    for name, prediction in outcome.predictions.items():
        suffix = f"_{name}" if len(outcome.predictions) > 1 else ""
        head = module.heads[name]
        predicted = _predicted(head, prediction, suffix)
        if name in outcome.targets:
            # A file may call its target as a column here is called.
            taken = targets[name] in columns.keys() | predicted.keys()
            column = f"{targets[name]}_target" if taken else targets[name]
            columns[column] = _class_names(outcome.targets[name], head)
        columns |= predicted
    return pd.DataFrame(columns)


def _predicted(head: Head, prediction: Tensor, suffix: str) -> dict[str, Any]:
    """The columns of a head's predictions; of several steps a sample, each is a row."""
    if head.quantiles:
        # The median is the prediction; the others are named by their quantile.
        columns = dict(zip(head.quantiles, prediction.flatten(0, -2).numpy().T, strict=True))
        median = {f"prediction{suffix}": columns.pop(0.5)}
        return median | {f"prediction{suffix}_{q:g}": column for q, column in columns.items()}
    if not head.classes:
        return {f"prediction{suffix}": prediction.flatten().numpy()}
    if prediction.ndim == 1:  # of the second of two classes alone
        prediction = torch.stack([1 - prediction, prediction], -1)
    # A tie is the first class, as it is for the metrics.
    values, order = prediction.sort(dim=-1, descending=True, stable=True)
    if not head.likeliest:
        names = [f"probability{suffix}_{name}" for name in head.classes]
        chosen = prediction > 0.5 if head.multilabel else order[:, 0]
        predicted = {f"prediction{suffix}": _class_names(chosen, head)}
        return predicted | dict(zip(names, prediction.numpy().T, strict=True))
    likeliest: dict[str, Any] = {}
    for k in range(head.likeliest):
        rank = f"{suffix}_{k + 1}" if k else suffix
        likeliest[f"prediction{rank}"] = _class_names(order[:, k], head)
        likeliest[f"probability{rank}"] = values[:, k].numpy()
    return likeliest


def _class_names(values: Tensor, head: Head) -> Sequence[Any]:
    """The class of each value, or all labels of a sample that has any number of them."""
    if head.multilabel:
        return ["|".join(compress(head.classes, row)) for row in values.tolist()]
    values = values.flatten()
    if not head.classes:
        return values.numpy()  # type: ignore[return-value]
    return [None if k == IGNORE_INDEX else head.classes[k] for k in values.tolist()]


def write_outputs(outputs: Sequence[Any], path: Path) -> Path:
    """What ``predict_step`` returned for each batch.

    Returns:
        The file: a table where they are numbers or vectors, else ``.pt`` for ``torch.load``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if outputs and all(isinstance(part, Tensor) and part.ndim in (1, 2) for part in outputs):
        values = torch.cat(list(outputs)).float().cpu()
        columns = [f"prediction_{k}" for k in range(values.shape[1])] if values.ndim == 2 else None
        table = pd.DataFrame(values.numpy(), columns=columns or ["prediction"])
        with replaced(path) as unfinished:
            table.to_csv(unfinished, index_label="sample")
        return path
    with replaced(path := path.with_suffix(".pt")) as unfinished, unfinished.open("wb") as stream:
        torch.save(outputs, stream)
    return path
