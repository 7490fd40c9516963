"""What a comparison leaves in its folder and shows in the terminal."""

import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from kindling.runs.folder import TENSORBOARD, link, logdir
from kindling.runs.folder import shown as place
from kindling.tools.compare import figures, table
from kindling.tools.compare.settings import differing, shown
from kindling.tools.compare.table import Comparison, Grid


def report(comparison: Comparison, folder: Path, console: Console, beside: Grid) -> None:
    """Write tables and charts, and show the tables.

    Args:
        comparison: What to report.
        folder: Where to, made if need be.
        console: The terminal.
        beside: A further table, shown first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = (beside, table.scores(comparison), table.differences(comparison))
    grids = [table.fitted(grid) for grid in found if grid]
    for grid in grids:
        table.show(grid, console)
    table.write(comparison, folder)
    origin = _origin(comparison)
    text = "\n".join(table.markdown(grid) for grid in grids)
    listed = "".join(f"- {' '.join(line.split())}\n" for line in origin.splitlines())
    (folder / "compare.md").write_text(f"{text}\n{_explained(comparison)}\n\n{listed}")
    drawn = {
        "curves.png": figures.draw_curves(comparison.variants, comparison.unit),
        "times.png": figures.draw_times(comparison),
        "scores.png": figures.draw_scores(comparison),
    }
    charts = {name: chart for name, chart in drawn.items() if chart}
    for name, chart in charts.items():
        chart.savefig(folder / name, dpi=120)
    _link(comparison, folder)
    console.print(_explained(comparison), style="dim")
    console.print(origin)
    console.print(f"tables       {place(folder)}/compare.md, scores.csv, runs.csv")
    console.print(f"charts       {place(folder)}/{', '.join(charts)}")
    console.print(f"curves       tensorboard --logdir {place(logdir(folder))}")


def settings_grid(comparison: Comparison) -> Grid:
    """The settings in which the variants differ, a row each, and nothing else."""
    first = [v.records[0].settings for v in comparison.variants if v.records]
    named = [v.name for v in comparison.variants if v.records]
    rows = [[name, *(shown(s.get(name)) for s in first)] for name in differing(first)]
    return [["setting", *named], *rows] if rows else []


def _explained(comparison: Comparison) -> str:
    most = max(len(variant.records) for variant in comparison.variants)
    if most < 2:
        return f"one run each: no spread and no interval; they need several {comparison.unit}s"
    return (
        f"mean ± standard deviation over {comparison.unit}s; differences paired by "
        f"{comparison.unit}, with a 95 % interval (docs/compare.md says of what)"
    )


def _origin(comparison: Comparison) -> str:
    """When, at which commit, by which command and on what data."""
    record = next(variant.records[0] for variant in comparison.variants if variant.records)
    data = record.results["data"]
    origin = "the generated sample: not a score on real data" if data["sample"] else data["root"]
    counts = {r.results["samples"] for v in comparison.variants for r in v.records}
    samples = f"{min(counts):,}" + (f" to {max(counts):,}" if len(counts) > 1 else "")
    commits = dict.fromkeys(r.commit for v in comparison.variants for r in v.records)
    lines = (
        f"data         {origin}; test split, {samples} samples",
        f"made         {datetime.now(UTC):%Y-%m-%d}, commit {' and '.join(commits)}",
        f"command      python {shlex.join(_command())}",
    )
    return "\n".join(lines)


def _command() -> Sequence[str]:
    name, *rest = sys.argv
    return [place(Path(name).resolve()), *rest]


def _link(comparison: Comparison, folder: Path) -> None:
    """Let TensorBoard show the runs of this comparison, by variant and seed, and no others."""
    links = folder / TENSORBOARD
    for variant in comparison.variants:
        for record in variant.records:
            number = record.pair[comparison.unit == "fold"]
            at = links / variant.name.replace(" ", "_") / f"{comparison.unit}_{number}"
            link_run(at, record.folder)


def link_run(at: Path, run: Path) -> None:
    """Let TensorBoard find a run at another place, by the name that it has there."""
    with suppress(OSError):
        link(at, run)
