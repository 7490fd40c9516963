"""Draw runs' gradient norms side by side, layer by layer over the steps of training.

.venv/bin/python scripts/gradient_flow.py "first net=logs/t/version_0" logs/t/version_1
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

PREFIX = "gradient_norm/"
MARGIN = 10
"""Readings before and after that a median and a band, from 10 to 90 %, are taken of."""

Curve = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="[TITLE=]RUN", help="folders of runs")
    parser.add_argument("--output", type=Path, default=Path("gradient_flow.png"))
    args = parser.parse_args(argv)
    titled = [run.rpartition("=") for run in args.runs]
    draw({title or run: read(Path(run)) for title, _, run in titled}).savefig(args.output, dpi=100)


def read(run: Path) -> dict[str, Curve]:
    """Steps and norms of each layer, in the net's order."""
    events = EventAccumulator(str(run), size_guidance={"tensors": 0})
    events.Reload()
    tags = [tag for tag in events.Tags()["tensors"] if tag.startswith(PREFIX)]
    if not tags:
        raise SystemExit(f"{run}: no gradient norms; give the folder of a run")
    return {tag.removeprefix(PREFIX): _curve(events, tag) for tag in tags}


def draw(runs: dict[str, dict[str, Curve]]) -> Figure:
    """One picture a run, on the same scale; a layer of the same name has the same colour."""
    figure = Figure(figsize=(1 + 3.6 * len(runs), 3.8), layout="constrained")
    pictures = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
    layers = list(dict.fromkeys(layer for curves in runs.values() for layer in curves))
    colors = {layer: f"C{k}" for k, layer in enumerate(layers)}
    for axes, (title, curves) in zip(pictures, runs.items(), strict=True):
        for layer, curve in curves.items():
            _plot(axes, curve, colors[layer])
        axes.set(title=title, xlabel="step", yscale="log")
        axes.grid(color="0.9")
    pictures[0].set_ylabel("norm of the gradient")
    lines = [Line2D([], [], color=color, label=layer) for layer, color in colors.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=min(len(lines), 5))
    return figure


def _curve(events: EventAccumulator, tag: str) -> Curve:
    readings = events.Tensors(tag)
    norms = [float(make_ndarray(reading.tensor_proto)) for reading in readings]
    return np.array([reading.step for reading in readings]), np.array(norms)


def _plot(axes: Axes, curve: Curve, color: str) -> None:
    step, norm = curve
    around = [norm[max(0, i - MARGIN) : i + MARGIN + 1] for i in range(len(norm))]
    low, median, high = np.array([np.quantile(part, (0.1, 0.5, 0.9)) for part in around]).T
    axes.fill_between(step, low, high, color=color, alpha=0.15, linewidth=0)
    axes.plot(step, median, color=color)


if __name__ == "__main__":
    main()
