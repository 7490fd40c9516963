"""The results table in the terminal."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from kindling.errors import short
from kindling.evaluation.results import Results, Scores
from kindling.runs.folder import TENSORBOARD, shown

CLASSES = 20
"""Classes that are listed, at most."""


def show(results: Results, run: Path, console: Console) -> None:
    """Print the results, the data that they are of, and where the files are."""
    baseline, samples = results.get("baseline"), results["samples"]
    if results["metrics"]:
        console.print(_metric_table(results, baseline))
    if note := results.get("note"):
        console.print(f"scores       {note}")
    for other in results.get("other_baselines", ()):
        scores = ", ".join(f"{name} {short(v['value'])}" for name, v in other["metrics"].items())
        console.print(f"baseline     {other['name']}: {scores}")
    steps = len(results.get("per_step", ()))
    for head, count in results.get("known_targets", {}).items():
        unscored = "" if count else ": not scored"
        of = f"{samples:,} samples" + (f" of {steps} steps" if steps else "")
        console.print(f"targets      {head}, {count:,} of {of}{unscored}")
    for part, what in (("per_step", "step"), ("per_series", "series")):
        if any(scores := results.get(part, {})):
            console.print(f"by {what:9} {_ends(scores)}; all {len(scores):,} in results.json")
    if by_class := results.get("per_class"):
        many = f"classes      {len(by_class):,}, the score of each is in results.json"
        console.print(many if len(by_class) > CLASSES else _class_table(by_class))
    origin, split = results["data"]["root"], results["split"].replace("val", "validation")
    if results["data"]["sample"]:
        origin = "the generated sample: not a score on real data"
    of = f"{origin}; {split} split, {samples:,} samples" if baseline else f"{split} split"
    console.print(f"data         {of}")
    console.print(f"run          {shown(run)}")
    where = shown(run.parents[1] / TENSORBOARD)
    console.print(f"curves       make tensorboard (tensorboard --logdir {where})")


def _metric_table(results: Results, baseline: Results | None) -> Table:
    rows = {name: [short(value["value"])] for name, value in results["metrics"].items()}
    if baseline is None:
        return _table("metric", ["model"], rows)
    for name, value in results["metrics"].items():
        rows[name].append(f"{short(value['low'])} to {short(value['high'])}")
        score, skill = baseline["metrics"].get(name), results["skill"].get(name)
        rows[name].append("" if score is None else short(score["value"]))
        rows[name].append("" if skill is None else f"{skill:.1%}")
    return _table("metric", ["model", "95 % interval", baseline["name"], "skill"], rows)


def _ends(scores: Scores) -> str:
    """The first metric of the first and the last part."""
    scored = [name for name, row in scores.items() if row]
    metric = next(iter(scores[scored[0]]))
    names = dict.fromkeys([scored[0], scored[-1]])
    ends = (f"{short(scores[name][metric])} ({name})" for name in names)
    return f"{metric} {' to '.join(ends)}"


def _class_table(scores: Mapping[str, Mapping[str, float]]) -> Table:
    def cell(value: float) -> str:
        return f"{value:.3f}" if isinstance(value, float) else str(value)

    rows = {label: list(map(cell, row.values())) for label, row in scores.items()}
    return _table("class", next(iter(scores.values())), rows)


def _table(first: str, others: Iterable[str], rows: Mapping[str, Iterable[str]]) -> Table:
    numbers = (Column(name, justify="right") for name in others)
    table = Table(first, *numbers, box=SIMPLE_HEAD, pad_edge=False)
    for name, cells in rows.items():
        table.add_row(name, *cells)
    return table
