"""What a run takes as fields of a page, and samples of its test split to fill them with."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import gradio as gr
import numpy as np
import pandas as pd
import torch

from kindling.api.inputs import Given
from kindling.api.loaded import Run
from kindling.data.datamodule import DataModule
from kindling.errors import UserError, short
from kindling.series.datamodule import SeriesDataModule
from kindling.tables.datamodule import TableDataModule
from kindling.tables.dates import source
from kindling.tables.read import numbers

EXAMPLES = 6


class Form(NamedTuple):
    """Fields, how their values become raw input, and values of test samples, the answers last."""

    fields: list[Any]
    given: Callable[..., Given]
    examples: list[list[Any]]


def form(run: Run, tested: pd.DataFrame) -> Form:
    """The fields of a run, and samples that its ``predictions.csv`` names with their answers."""
    data = run.data
    assert isinstance(data, DataModule)
    chosen = tested.iloc[:: max(1, len(tested) // EXAMPLES)].head(EXAMPLES)
    if isinstance(data, SeriesDataModule):
        return _series(data, chosen)
    of_columns = any("columns" in about for about in data.io_schema().values())
    return (_table if isinstance(data, TableDataModule) and of_columns else _photo)(data, chosen)


def _ranges(data: TableDataModule) -> dict[str, list[float]]:
    """The lowest, the middle and the highest value of each number in the training split."""
    found: dict[str, list[float]] = {}
    for field, names in data.training.names.items():
        values = data.training.fields[field]
        if values.is_floating_point():
            quantiles = values.double().nanquantile(torch.tensor([0, 0.5, 1]).double(), 0)
            found |= dict(zip(names, quantiles.T.tolist(), strict=True))
    return found


def _table(data: Any, chosen: pd.DataFrame) -> Form:
    """A field for each column, with the training split's range or categories."""
    file = data.path if data.test_file is None else data.root / data.test_file
    raw, known = data.load(file), _ranges(data)
    fields: dict[str, Any] = {}
    for name in data.columns.numbers:
        if (column := source(name, raw)) != name:
            fields[column] = gr.Textbox(label=column, info="a date, such as 2024-01-31")
            continue
        low, middle, high = known[name]
        info = f"{short(low)} to {short(high)} in training"
        fields[name] = gr.Number(value=float(f"{middle:.4g}"), label=name, info=info, min_width=160)
    for name in data.columns.categories:
        words, info = list(data.vocabulary[name]), "empty: missing, or none of these"
        fields[name] = gr.Dropdown(words, value=words[0], label=name, info=info)
    for name in data.columns.photos:
        fields[name] = gr.Image(type="filepath", label=name)

    def given(*values: Any) -> pd.DataFrame:
        return pd.DataFrame([values], columns=[*fields]).replace("", None)

    rows = raw.loc[chosen["row"].astype(int), [*fields]].astype(object)
    for name in data.columns.photos:
        rows[name] = [str(file.parent / cell) for cell in rows[name]]
    for name in known.keys() & fields.keys():
        rows[name] = numbers(raw.loc[rows.index, name], file).astype(object)
    examples = rows.where(rows.notna(), None).values.tolist()
    return Form([*fields.values()], given, _answered(examples, data, chosen))


def _photo(data: Any, chosen: pd.DataFrame) -> Form:
    def given(photo: Any) -> Given:
        if photo is None:
            raise UserError("drop a photo first")
        return [Path(photo)]

    files = [[str(data.root / file)] for file in chosen["file"]]
    field = gr.Image(type="filepath", label="photo", height=320)
    return Form([field], given, _answered(files, data, chosen))


def _series(data: Any, chosen: pd.DataFrame) -> Form:
    """A CSV that is pasted or dropped; the forecast is of the step after its last row."""
    times, value = data.columns.times, data.value
    header, folder = [*times, value], tempfile.TemporaryDirectory(prefix="kindling-")

    def given(text: str, file: str | None) -> Path:
        if file is not None:
            return Path(file)
        if not (text or "").strip():
            raise UserError(f"paste rows of {', '.join(header)}, or drop a CSV file")
        (pasted := Path(folder.name, f"{uuid4().hex}.csv")).write_text(text)
        return pasted

    fields = [
        gr.Textbox(lines=10, max_lines=10, label=f"rows of {', '.join(header)}, oldest first"),
        gr.File(file_types=[".csv"], type="filepath", label="or a CSV file"),
    ]
    series, steps = data.series["test"], data.splits["test"].locate(torch.tensor(chosen.index))[0]
    needed = data.window + max([0, *data.io_schema()["window"]["lags_in_steps"]]) + 1
    examples = []
    for step in steps.tolist():
        before = np.arange(max(0, step - needed), step)
        moments = [moment.split(" ", len(times) - 1) for moment in series.written(before)]
        rows = pd.DataFrame(moments, columns=times).assign(**{value: series.values[before]})
        examples.append([rows.to_csv(index=False), None])
    return Form(fields, given, _answered(examples, data, chosen))


def _answered(samples: list[list[Any]], data: DataModule, chosen: pd.DataFrame) -> list[list[Any]]:
    """Each sample with the true answer, as the file has it."""
    named = {name: f"{name}_target" for name in data.target_names.values()}
    columns = {
        n: long if long in chosen else n for n, long in named.items() if {n, long} & {*chosen}
    }
    rows = chosen[[*columns.values()]].fillna("unknown").values.tolist()
    answers = (", ".join(map(" ".join, zip(columns, row, strict=True))) for row in rows)
    return [[*values, answer] for values, answer in zip(samples, answers, strict=True)]
