"""What there is to predict: how often each class occurs, how numbers are spread, by split.

N: samples.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from kindling.data.sources import SPLITS
from kindling.errors import short
from kindling.tools.check.finding import Section, examples, spread_table
from kindling.tools.check.rows import Rows
from kindling.tools.check.score import Target

MANY = 20
"""Different values above which whole numbers are no classes, where the model does not say it."""

LISTED = 12
"""Classes that the terminal lists."""

FEW = 10
"""Training samples of a class from which little can be learned."""

ONE_SIDED = 0.9
"""Share of one class above which always saying it looks good."""


def targets_of(rows: Rows, classified: Mapping[str, bool]) -> dict[str, Target]:
    """The targets of a table, by column.

    Args:
        rows: Their cells.
        classified: Whether a target is of classes, as far as the model says it.
    """
    found = {}
    for name in rows.targets:
        cells = rows.cells[name]
        number = pd.to_numeric(cells.str.replace(",", "."), errors="coerce").to_numpy(np.float64)
        looks = np.isnan(number[cells.notna()]).any() or cells.nunique() <= MANY
        if classified.get(name, looks):
            found[name] = of_labels(cells.where(cells.notna(), "").tolist())
        else:
            found[name] = Target(number, ~np.isnan(number))
    return found


def of_labels(labels: Sequence[str]) -> Target:
    """Classes by name, "" where there is none."""
    classes = sorted({label for label in labels if label})
    place = {name: k for k, name in enumerate(classes)}
    values = np.array([place.get(label, -1) for label in labels], np.float64)
    return Target(values, values >= 0, classes)


def check_target(name: str, target: Target, split: NDArray[np.str_], section: Section) -> None:
    """Add how a target is spread over the splits."""
    parts = [part for part in (*SPLITS, "") if (split == part).any()]
    chosen = {part: target.values[(split == part) & target.known] for part in parts}
    if not target.known.any():
        return
    if target.classes:
        _check_classes(name, target.classes, chosen, section)
    else:
        _check_numbers(name, chosen, section)
    if unknown := int((~target.known).sum()):
        section.add("note", f"{name}: unknown in {unknown:,} of {len(split):,} rows")


def _check_classes(
    name: str, classes: Sequence[str], chosen: Mapping[str, NDArray[np.float64]], section: Section
) -> None:
    counts = {p: np.bincount(v.astype(np.int64), minlength=len(classes)) for p, v in chosen.items()}
    section.tables.append(_classes_table(name, classes, counts))
    whole = np.sum(list(counts.values()), axis=0)
    share = whole.max() / whole.sum()
    if share > ONE_SIDED:
        section.add(
            "warn",
            f"{name}: {share:.1%} are {classes[int(whole.argmax())]}; who always "
            "says so is right as often",
        )
    if "train" not in counts:
        return
    rare = [f"{c}, {n}" for c, n in zip(classes, counts["train"], strict=True) if 0 < n < FEW]
    if rare:
        few = f"{name}: classes with fewer than {FEW} training samples: {len(rare)}"
        section.add("note", f"{few} ({examples(rare)})")
    for part in SPLITS:
        here = counts.get(part, np.zeros_like(whole))
        absent = [c for c, n, every in zip(classes, here, whole, strict=True) if every and not n]
        if absent:
            none = f"{name}: classes without a sample in {part}: {len(absent)}"
            section.add("note", f"{none} ({examples(absent)})")


def _classes_table(
    name: str, classes: Sequence[str], counts: Mapping[str, NDArray[np.int64]]
) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(name, overflow="ellipsis", max_width=30, no_wrap=True)
    for part in counts:
        table.add_column(part or "left out", justify="right", no_wrap=True)
    whole = np.sum(list(counts.values()), axis=0)
    for k in np.argsort(-whole, kind="stable")[:LISTED]:
        shares = (f"{c[k]:,} ({c[k] / max(c.sum(), 1):.1%})" for c in counts.values())
        table.add_row(classes[k], *shares)
    if len(classes) > LISTED:
        rest = np.argsort(-whole, kind="stable")[LISTED:]
        table.add_row(f"{len(rest)} others", *(f"{c[rest].sum():,}" for c in counts.values()))
    return table


def _check_numbers(name: str, chosen: Mapping[str, NDArray[np.float64]], section: Section) -> None:
    section.tables.append(spread_table(name, chosen))
    whole = np.concatenate(list(chosen.values()))
    if whole.min() == whole.max():
        section.add("warn", f"{name}: the same in every row, {short(float(whole[0]))}")
