"""What a run takes as fields of a page, and samples of its test split to fill them with."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import gradio as gr
import pandas as pd
import torch

from kindling.api.inputs import Given
from kindling.api.loaded import Run
from kindling.data.datamodule import DataModule
from kindling.errors import UserError, short
from kindling.series.columns import read_header
from kindling.series.datamodule import SeriesDataModule
from kindling.tables.datamodule import TableDataModule
from kindling.tables.dates import source
from kindling.tables.read import numbers


class Form(NamedTuple):
    """Fields, how their values become raw input, and values of test samples, the answers last."""

    fields: list[Any]
    given: Callable[..., Given]
    examples: list[list[Any]]


def form(run: Run, tested: pd.DataFrame) -> Form:
    """The fields of a run, and samples that its ``predictions.csv`` names with their answers."""
    data: Any = run.data
    steps = getattr(data, "horizon", 1)  # a row each
    chosen = tested.iloc[:: steps * max(1, len(tested) // steps // 6)].head(6)
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
        info = f"{short(known[name][0])} to {short(known[name][2])} in training"
        middle = float(f"{known[name][1]:.4g}")
        fields[name] = gr.Number(middle, label=name, info=info, min_width=160)
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


def _series(data: Any, tested: pd.DataFrame) -> Form:
    """A CSV that is pasted or dropped; the forecast is of what comes after its last row."""
    path, times, dayfirst = data.files()[-1], data.columns.times, bool(data.columns.dayfirst)
    mark, header = read_header(path)
    folder, shown = tempfile.TemporaryDirectory(prefix="kindling-"), mark.join(header)

    def given(text: str, file: str | None) -> Path:
        if file is not None:
            return Path(file)
        if not (text or "").strip():
            raise UserError(f"paste rows of {shown}, or drop a CSV file")
        Path(folder.name, name := f"{uuid4().hex}.csv").write_text(text)
        return Path(folder.name, name)

    def moments(table: pd.DataFrame, columns: list[str]) -> "pd.Series[Any]":
        written = table[columns].agg(" ".join, axis=1)
        return pd.to_datetime(written, errors="coerce", format="mixed", dayfirst=dayfirst, utc=True)

    fields = [
        gr.Textbox(lines=10, max_lines=10, label=f"rows of {shown}, oldest first"),
        gr.File(file_types=[".csv"], type="filepath", label="or a CSV file"),
    ]
    rows = pd.read_csv(path, sep=mark, dtype=str, keep_default_na=False)
    when, samples, places = moments(rows, times), [], []
    needed = data.window + max([0, *data.io_schema()["window"]["lags_in_steps"]]) + 1
    for place, moment in moments(tested, [" ".join(times)]).items():
        before = rows[when < moment].tail(needed)
        known_ahead = getattr(data.columns, "known", ())  # which a sample would have to bring
        if (when == moment).sum() == 1 and len(before) == needed and not known_ahead:
            samples.append([before.to_csv(index=False, sep=mark), None])
            places.append(place)
    return Form(fields, given, _answered(samples, data, tested.loc[places]))


def _answered(samples: list[list[Any]], data: DataModule, chosen: pd.DataFrame) -> list[list[Any]]:
    """Each sample with the true answer, as the file has it."""
    named = {name: f"{name}_target" for name in data.target_names.values()}
    columns = {
        n: long if long in chosen else n for n, long in named.items() if {n, long} & {*chosen}
    }
    rows = chosen[[*columns.values()]].fillna("unknown").values.tolist()
    answers = (", ".join(map(" ".join, zip(columns, row, strict=True))) for row in rows)
    return [[*values, answer] for values, answer in zip(samples, answers, strict=True)]
