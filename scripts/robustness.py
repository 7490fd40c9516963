"""How accuracy on the test photos falls as they are shifted, rotated, scaled and darkened.

python scripts/robustness.py logs/clouds/version_0 logs/clouds/version_1 --names linear conv

The training photos' augmentation plays no part: what is measured is what the net itself shrugs
off. Writes a chart and, beside it, the figures as CSV.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import torch
import yaml
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional

from kindling.data.dataset import FieldDataset
from kindling.data.files import cores
from kindling.images import ImageBatch
from kindling.runs import folder as runs
from problems.clouds.data import CloudsDataModule
from problems.clouds.model import HEAD, CloudsModule

Photos = FieldDataset[ImageBatch]
Distortion = Callable[[Tensor, float], Tensor]


def main(args: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", help="run folders, or their latest")
    parser.add_argument("--names", nargs="+", help="what the chart calls the runs")
    parser.add_argument("--output", type=Path, default=Path("robustness.png"))
    parser.add_argument("--limit", type=int, help="score the first so many photos of a shuffle")
    chosen = parser.parse_args(args)
    folders = [runs.find(run) for run in chosen.runs]
    names = chosen.names or [runs.shown(folder) for folder in folders]
    if len(names) != len(folders):
        parser.error(f"{len(names)} names for {len(folders)} runs")
    torch.set_num_threads(min(torch.get_num_threads(), cores()))
    tables = [measure(*load(folder), chosen.limit) for folder in folders]
    table = pd.concat(dict(zip(names, tables, strict=True)), names=["run"]).reset_index(level=0)
    table.to_csv(chosen.output.with_suffix(".csv"), index=False)
    draw(table).savefig(chosen.output, dpi=100)
    print(table.pivot_table("accuracy", ["distortion", "amount"], "run", sort=False).round(3))
    print(f"chart  {chosen.output}")


def load(run: Path) -> tuple[CloudsModule, Photos]:
    """A run's best model and its test photos."""
    config = yaml.safe_load((run / runs.CONFIG).read_text())
    data = CloudsDataModule(**config["data"]["init_args"])
    data.prepare_data()
    data.setup("test")
    model = CloudsModule.load_from_checkpoint(
        run / runs.BEST, map_location="cpu", weights_only=True
    )
    photos = data.splits["test"]
    assert isinstance(photos, FieldDataset)
    return model.eval(), photos


def measure(model: CloudsModule, photos: Photos, limit: int | None = None) -> pd.DataFrame:
    """Accuracy by distortion and amount."""
    order = torch.randperm(len(photos), generator=torch.Generator().manual_seed(0))[:limit]
    rows = []
    for name, (_, amounts, distort) in DISTORTIONS.items():
        for amount in amounts:
            rows.append((name, amount, accuracy(model, photos, order, distort, amount)))
    return pd.DataFrame(rows, columns=["distortion", "amount", "accuracy"])


@torch.inference_mode()
def accuracy(
    model: CloudsModule, photos: Photos, order: Tensor, distort: Distortion, amount: float
) -> float:
    right = 0
    for index in torch.split(order, 64):
        batch = photos[index]
        probability = model.predict(batch._replace(image=distort(batch.image, amount)))[HEAD]
        right += int((probability.argmax(-1) == batch.label).sum())
    return right / len(order)


def moved(images: Tensor, matrix: Sequence[Sequence[float]]) -> Tensor:
    """Photos seen through an affine map; what comes into view mirrors what was there.

    Black margins would be one more thing that the net has to shrug off.
    """
    theta = torch.tensor(matrix, dtype=torch.float32).expand(len(images), 2, 3)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    seen = functional.grid_sample(
        images.float(), grid, padding_mode="reflection", align_corners=False
    )
    return seen.round_().to(torch.uint8)


def shift(images: Tensor, share: float) -> Tensor:
    return moved(images, [[1, 0, -2 * share], [0, 1, -2 * share]])


def rotate(images: Tensor, degrees: float) -> Tensor:
    angle = torch.tensor(degrees).deg2rad()
    cos, sin = float(angle.cos()), float(angle.sin())
    return moved(images, [[cos, -sin, 0], [sin, cos, 0]])


def scale(images: Tensor, factor: float) -> Tensor:
    return moved(images, [[1 / factor, 0, 0], [0, 1 / factor, 0]])


def darken(images: Tensor, share: float) -> Tensor:
    return (images * (1 - share)).round_().to(torch.uint8)


DISTORTIONS: dict[str, tuple[str, Sequence[float], Distortion]] = {
    "shifted": ("share of the side, down and right", (0, 0.05, 0.1, 0.2, 0.3, 0.4), shift),
    "rotated": ("degrees", (0, 15, 30, 45, 60, 90, 135, 180), rotate),
    "scaled": ("factor", (0.5, 0.7, 0.85, 1, 1.2, 1.5, 2), scale),
    "darkened": ("share of the light taken away", (0, 0.1, 0.2, 0.4, 0.6, 0.8), darken),
}


def draw(table: pd.DataFrame) -> Figure:
    """A panel a distortion, a line a run."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    panels = figure.subplots(2, 2, sharey=True).flat
    for axes, (name, (unit, _, _)) in zip(panels, DISTORTIONS.items(), strict=True):
        for run, line in table[table["distortion"] == name].groupby("run", sort=False):
            axes.plot(line["amount"], line["accuracy"], "o-", markersize=4, label=run)
        axes.set(title=name, xlabel=unit, ylim=(0, 1))
        axes.grid(color="0.9")
    figure.axes[0].set_ylabel("accuracy")
    figure.axes[2].set_ylabel("accuracy")
    lines, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside upper center", ncols=len(names), frameon=False)
    return figure


if __name__ == "__main__":
    main()
