"""A page to try a run's model: fields, a button, the answer, and samples of the test split."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import gradio as gr
import numpy as np
import pandas as pd
import torch

from kindling.api.inputs import Given
from kindling.api.run import Run, load
from kindling.data.datamodule import DataModule
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.series.columns import read_header
from kindling.series.datamodule import SeriesDataModule
from kindling.tables.datamodule import TableDataModule
from kindling.tables.dates import source
from kindling.tables.read import numbers
from kindling.training.module import Module

SAMPLES = 6  # of the test split, as examples


def serve(run: str, host: str, port: int) -> None:
    """Show the page until Ctrl-C."""
    page = build(load(run))
    # Fonts of the reader's own machine: nothing is fetched.
    theme = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])
    try:
        _, address, _ = page.launch(
            server_name=host, server_port=port or None, quiet=True, prevent_thread_lock=True,
            theme=theme, footer_links=["api"], enable_monitoring=False,
        )  # fmt: skip
    except OSError as error:
        raise UserError(f"--port {port}: {error}; --port 0 takes any that is free") from error
    who = "this machine only" if host in ("127.0.0.1", "localhost") else f"whoever reaches {host}"
    print(f"page         {address} (for {who}; Ctrl-C ends it)", flush=True)
    page.block_thread()


def build(run: Run) -> gr.Blocks:
    """The page of a run."""
    model, data = run.model, run.data
    if not (isinstance(model, Module) and isinstance(data, DataModule)):
        raise UserError(f"{type(model).__name__}: only Kindling's own classes have a page")
    file, shown = run.folder / "predictions.csv", runs.shown(run.folder)
    if not file.is_file():
        raise UserError(f"{shown}: has no predictions.csv; first: make evaluate RUN={shown}")
    series = isinstance(data, SeriesDataModule)

    def predict(*values: Any) -> Any:
        try:
            rows = run.predict(made.given(*values))
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error
        if series:
            last = rows.tail(getattr(data, "horizon", 1))
            return last.map(lambda cell: short(cell) if isinstance(cell, float) else cell)
        told = [_told(model, data, name, rows) for name in model.heads]
        return told if len(told) > 1 else told[0]

    with gr.Blocks(title=f"Kindling: {run.task}", analytics_enabled=False) as page:
        gr.Markdown(f"# {run.task}")
        with gr.Row():
            with gr.Column(scale=3):
                with gr.Row():
                    made = form(run, pd.read_csv(file, dtype=str))
                button = gr.Button("Predict", variant="primary")
            with gr.Column(scale=2):
                outputs = (
                    [gr.Dataframe(label="forecast")]
                    if series
                    else [
                        (gr.Label if head.classes else gr.Textbox)(label=data.target_names[name])
                        for name, head in model.heads.items()
                    ]
                )
                answer = gr.Textbox(label="true answer of the example", interactive=False)
                gr.Markdown(_about(run))
        gr.Examples(made.examples, [*made.fields, answer], label="samples of the test split")
        button.click(predict, made.fields, outputs, api_name="predict")
    return page


def _told(model: Module, data: DataModule, head: str, rows: pd.DataFrame) -> Any:
    row, suffix = rows.iloc[-1], f"_{head}" if len(model.heads) > 1 else ""
    if likeliest := model.heads[head].likeliest:
        ranks = ["", *(f"_{k}" for k in range(2, likeliest + 1))]
        names, values = (f"{what}{suffix}" for what in ("prediction", "probability"))
        return {str(row[f"{names}{rank}"]): float(row[f"{values}{rank}"]) for rank in ranks}
    if classes := model.heads[head].classes:
        return {name: float(row[f"probability{suffix}_{name}"]) for name in classes}
    unit, name = data.io_schema().get(head, {}).get("unit", "of"), f"prediction{suffix}"
    value = short(row[name]) + (f" {unit}" if not unit.startswith("of") else "")
    beside = [column for column in map(str, rows) if column.startswith(f"{name}_")]
    words = [f"{column.removeprefix(f'{name}_')} {short(row[column])}" for column in beside]
    return f"{value} ({', '.join(words)})" if words else value


def _about(run: Run) -> str:
    """Scores, data and date of a run."""
    results, made = run.results, runs.read_json(run.folder / "provenance.json")
    known, folder = results.get("data", {}), runs.shown(run.folder)
    data = "the generated sample" if known.get("sample") else known.get("root")
    lines = [f"**run** {folder}, {made.get('start', '')[:10]}", f"**data** {data}"]
    for name, score in results.get("metrics", {}).items():
        lines.append("{} {} ({} to {})".format(name, *map(short, score.values())))
    return "  \n".join(lines)


class Form(NamedTuple):
    """Fields, how their values become raw input, and test samples with their answers last."""

    fields: list[Any]
    given: Callable[..., Given]
    examples: list[list[Any]]


def form(run: Run, tested: pd.DataFrame) -> Form:
    """The fields of a run, and samples with their answers from its ``predictions.csv``."""
    data: Any = run.data
    if isinstance(data, SeriesDataModule):
        return _series(data, len(tested))
    chosen = tested.iloc[:: max(1, len(tested) // SAMPLES)].head(SAMPLES)
    of_columns = any("columns" in about for about in data.io_schema().values())
    return (_table if isinstance(data, TableDataModule) and of_columns else _photo)(data, chosen)


def _table(data: Any, chosen: pd.DataFrame) -> Form:
    """A field for each column, with the training split's range or categories."""
    file = data.path if data.test_file is None else data.root / data.test_file
    raw = data.load(file)
    known: dict[str, list[float]] = {}  # minimum, median and maximum in training
    for field, names in data.training.names.items():
        if (values := data.training.fields[field]).is_floating_point():
            quantiles = values.double().nanquantile(torch.tensor([0, 0.5, 1]).double(), 0)
            known |= dict(zip(names, quantiles.T.tolist(), strict=True))
    fields: dict[str, Any] = {}
    for name in data.columns.numbers:
        if (column := source(name, raw)) != name:
            fields[column] = gr.Textbox(label=column, info="a date, such as 2024-01-31")
            continue
        low, middle, high = known[name]
        info = f"{short(low)} to {short(high)} in training"
        fields[name] = gr.Number(float(f"{middle:.4g}"), label=name, info=info, min_width=160)
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


def _series(data: Any, tested: int) -> Form:
    """A CSV that is pasted or dropped; the forecast is of what comes after its last value."""
    path, columns, steps = data.files()[-1], data.columns, data.horizon
    mark, header = read_header(path)
    shown, folder = mark.join(header), Path(tempfile.mkdtemp(prefix="kindling-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

    def given(text: str, file: str | None) -> Path:
        if file is not None:
            return Path(file)
        if not (text or "").strip():
            raise UserError(f"paste rows under the header {shown}, or drop a CSV file")
        (pasted := folder / f"{uuid4().hex}.csv").write_text(text)
        return pasted

    known = ", ".join(columns.known)  # which the steps to forecast bring
    ahead = f"; {known} also for the next {steps}" if known else ""
    label = f"rows under the header {shown}, oldest first{ahead}"
    text = gr.Textbox(lines=10, max_lines=10, label=label)
    dropped = gr.File(file_types=[".csv"], type="filepath", label="or a CSV file")
    rows = pd.read_csv(path, sep=mark, dtype=str, keep_default_na=False)
    rows = rows.rename(columns={"Unnamed: 0": header[0]})
    if columns.series:  # of several, the first is shown
        of = rows[columns.series]
        rows, tested = rows[of == of.iloc[0]], tested // of.nunique()
    needed = data.window + max([0, *data.io_schema()["window"]["lags_in_steps"]]) + 1
    unknown = dict.fromkeys((*columns.values, *columns.inputs), "")
    first, last, examples = max(needed, len(rows) - tested // steps), len(rows) - steps, []
    # With a column for each series, all are forecast at once: too much for a line.
    for place in [] if columns.wide else np.unique(np.linspace(first, last, SAMPLES, dtype=int)):
        after = rows[place : place + steps]
        ahead_of = after.assign(**unknown) if known else after[:0]
        window = pd.concat([rows[place - needed : place], ahead_of]).to_csv(index=False, sep=mark)
        answer = "; ".join(f"{name}: {', '.join(after[name])}" for name in columns.values)
        examples.append([window, None, answer])
    return Form([text, dropped], given, examples)


def _answered(
    samples: list[list[Any]], targets: Collection[str], tested: pd.DataFrame
) -> list[list[Any]]:
    """Each sample with its true answer, as the file has it."""
    rows = tested.fillna("unknown").replace(r"\.0$", "", regex=True)
    names = {n: long if (long := f"{n}_target") in rows else n for n in targets}
    there = {name: rows[column] for name, column in names.items() if column in rows}
    answers = (
        "; ".join(f"{n}: {cells.iloc[k]}" for n, cells in there.items()) for k in range(len(rows))
    )
    return [[*values, answer] for values, answer in zip(samples, answers, strict=True)]
