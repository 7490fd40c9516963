"""The page: fields, a button, the answer, samples of the test split, and the run."""

from typing import Any

import gradio as gr
import pandas as pd

from kindling.api.loaded import Run, load
from kindling.data.datamodule import DataModule
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.series.datamodule import SeriesDataModule
from kindling.tools.demo.forms import form
from kindling.training.module import Module


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
    kinds = [gr.Label if head.classes else gr.Textbox for head in model.heads.values()]
    named = zip(kinds, (data.target_names[name] for name in model.heads), strict=True)
    outputs = [kind(label=name, render=False) for kind, name in named]
    if series := isinstance(data, SeriesDataModule):
        outputs = [gr.Dataframe(label="forecast", render=False)]
    with gr.Blocks(title=f"Kindling: {run.task}", analytics_enabled=False) as page:
        gr.Markdown(f"# {run.task}")
        with gr.Row():
            with gr.Column(scale=3):
                with gr.Row():
                    made = form(run, pd.read_csv(file, dtype=str))
                button = gr.Button("Predict", variant="primary")
            with gr.Column(scale=2):
                for output in outputs:
                    output.render()
                answer = gr.Textbox(label="true answer of the example", interactive=False)
                gr.Markdown(_about(run))
        gr.Examples(made.examples, [*made.fields, answer], label="samples of the test split")

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
