"""What a comparison leaves in its folder and shows in the terminal."""

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from kindling.runs.folder import shown as place
from kindling.tools.compare import figures
from kindling.tools.compare.scores import Comparison
from kindling.tools.compare.table import tables
from kindling.tools.runner.grid import markdown, show
from kindling.tools.runner.record import show_alone


def report(comparison: Comparison, folder: Path, console: Console) -> None:
    """Write tables and charts into ``folder``, made if need be, and show the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    grids = tables(comparison)
    for grid in grids:
        show(grid, console)
    explained, origin = _explained(comparison), _origin(comparison)
    text = "\n".join(map(markdown, grids))
    listed = "".join(f"- {' '.join(line.split())}\n" for line in origin.splitlines())
    (folder / "compare.md").write_text(f"{text}\n{explained}\n\n{listed}")
    comparison.by_score().to_csv(folder / "scores.csv", index=False)
    comparison.by_run().to_csv(folder / "runs.csv", index=False)
    drawn = {
        "curves.png": figures.draw_curves(comparison),
        "times.png": figures.draw_times(comparison),
        "scores.png": figures.draw_scores(comparison),
    }
    charts = {name: chart for name, chart in drawn.items() if chart}
    for name, chart in charts.items():
        chart.savefig(folder / name, dpi=120)
    over = comparison.over
    linked = {
        f"{variant.name.replace(' ', '_')}/{over}_{record.pair[over == 'fold']}": record.folder
        for variant in comparison.variants
        for record in variant.records
    }
    console.print(explained, style="dim")
    console.print(origin)
    console.print(f"tables       {place(folder)}/compare.md, scores.csv, runs.csv")
    console.print(f"charts       {place(folder)}/{', '.join(charts)}")
    console.print(f"curves       {show_alone(folder, linked)}")


def _explained(comparison: Comparison) -> str:
    over = comparison.over
    if max(len(variant.records) for variant in comparison.variants) < 2:
        return f"one run each: no spread and no interval; they need several {over}s"
    return (
        f"mean ± standard deviation over {over}s; differences paired by "
        f"{over}, with a 95 % interval (docs/compare.md says of what)"
    )


def _origin(comparison: Comparison) -> str:
    """When, at which commit, by which command and on what data."""
    records = [record for variant in comparison.variants for record in variant.records]
    data = records[0].results["data"]
    origin = "the generated sample: not a score on real data" if data["sample"] else data["root"]
    counts = {record.results["samples"] for record in records}
    samples = f"{min(counts):,}" + (f" to {max(counts):,}" if len(counts) > 1 else "")
    commits = dict.fromkeys(record.commit for record in records)
    program, *words = sys.argv
    command = shlex.join([place(Path(program).resolve()), *words])
    return (
        f"data         {origin}; test split, {samples} samples\n"
        f"made         {datetime.now(UTC):%Y-%m-%d}, commit {' and '.join(commits)}\n"
        f"command      python {command}"
    )
