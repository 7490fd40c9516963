"""The input fields of a run, and samples of its test split to fill them with."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import gradio as gr
import pandas as pd
import torch

from kindling.api.inputs import Given
from kindling.api.loaded import Run
from kindling.errors import UserError, short
from kindling.series.columns import read_header
from kindling.series.datamodule import SeriesDataModule
from kindling.tables.datamodule import TableDataModule
from kindling.tables.dates import source
from kindling.tables.read import numbers


class Form(NamedTuple):
    """Fields, how their values become raw input, and test samples with their answers last."""

    fields: list[Any]
    given: Callable[..., Given]
    examples: list[list[Any]]


def form(run: Run, tested: pd.DataFrame) -> Form:
    """The fields of a run, and samples with their answers from its ``predictions.csv``."""
    data: Any = run.data
    steps = getattr(data, "horizon", 1)  # a row each
    chosen = tested.iloc[:: steps * max(1, len(tested) // steps // 6)].head(6)
    if isinstance(data, SeriesDataModule):
        return _series(data, tested, chosen)
    of_columns = any("columns" in about for about in data.io_schema().values())
    return (_table if isinstance(data, TableDataModule) and of_columns else _photo)(data, chosen)


def _ranges(data: TableDataModule) -> dict[str, list[float]]:
    """Minimum, median and maximum of each number in the training split."""
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
    return Form([*fields.values()], given, _answered(examples, data.target_names.values(), chosen))


def _photo(data: Any, chosen: pd.DataFrame) -> Form:
    def given(photo: str | None) -> Given:
        if photo is None:
            raise UserError("drop a photo first")
        return [photo]

    files = [[str(data.root / file)] for file in chosen["file"]]
    field = gr.Image(type="filepath", label="photo", height=320)
    return Form([field], given, _answered(files, data.target_names.values(), chosen))


def _series(data: Any, tested: pd.DataFrame, chosen: pd.DataFrame) -> Form:
    """A CSV that is pasted or dropped; the forecast is of what comes after its last value."""
    path, times, dayfirst = data.files()[-1], data.columns.times, bool(data.columns.dayfirst)
    mark, header = read_header(path)
    folder, shown = Path(tempfile.mkdtemp(prefix="kindling-")), mark.join(header)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

    def given(text: str, file: str | None) -> Path:
        if file is not None:
            return Path(file)
        if not (text or "").strip():
            raise UserError(f"paste rows under the header {shown}, or drop a CSV file")
        (pasted := folder / f"{uuid4().hex}.csv").write_text(text)
        return pasted

    def moments(table: pd.DataFrame, columns: list[str]) -> "pd.Series[Any]":
        written = table[columns].agg(" ".join, axis=1)
        return pd.to_datetime(written, errors="coerce", format="mixed", dayfirst=dayfirst, utc=True)

    known = ", ".join(data.columns.known)  # which the steps to forecast bring
    ahead = f"; {known} also for the next {data.horizon}" if known else ""
    label = f"rows under the header {shown}, oldest first{ahead}"
    text = gr.Textbox(lines=10, max_lines=10, label=label)
    dropped = gr.File(file_types=[".csv"], type="filepath", label="or a CSV file")
    rows = pd.read_csv(path, sep=mark, dtype=str, keep_default_na=False)
    rows = rows.rename(columns={"Unnamed: 0": header[0]})
    when, samples, answers = moments(rows, times), [], [tested.head(0)]
    needed = data.window + max([0, *data.io_schema()["window"]["lags_in_steps"]]) + 1
    unknown = dict.fromkeys((*data.columns.values, *data.columns.inputs), "")
    name, steps = data.columns.series, data.horizon
    wide = getattr(data.columns, "wide", ())  # a column for each series: all are forecast at once
    for place, moment in moments(chosen, [" ".join(times)]).items():
        own = rows[name] == chosen.at[place, name] if name else when.notna()
        before = rows[own & (when < moment)].tail(needed)
        after = rows[own & (when >= moment)].head(steps if known else 0).assign(**unknown)
        there = (own & (when == moment)).sum() == 1 and len(before) == needed
        if there and not wide and len(after) in (0, steps):
            samples.append([pd.concat([before, after]).to_csv(index=False, sep=mark), None])
            answers.append(tested.loc[place:].head(steps))
    return Form([text, dropped], given, _answered(samples, data.targets, pd.concat(answers), steps))


def _answered(
    samples: list[list[Any]], targets: Collection[str], tested: pd.DataFrame, steps: int = 1
) -> list[list[Any]]:
    """Each sample with its true answers, one for each of its rows, as the file has them."""
    answered = []
    for k, values in enumerate(samples):
        rows = tested.iloc[k * steps : (k + 1) * steps].fillna("unknown")
        rows = rows.replace(r"\.0$", "", regex=True)
        named = {n: long if (long := f"{n}_target") in rows else n for n in targets}
        words = [f"{n} {', '.join(rows[column])}" for n, column in named.items() if column in rows]
        answered.append([*values, "; ".join(words)])
    return answered
