"""A run's results: ``results.json``, ``predictions.csv`` and the table in the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from torch import Tensor

from kindling.data.targets import IGNORE_INDEX, target_mask
from kindling.data.whole import replaced
from kindling.errors import short
from kindling.evaluation.bootstrap import Interval, score, skill
from kindling.runs.folder import logdir, shown
from kindling.training.metrics import Heads
from kindling.training.module import EvalOutput, Module

Results = dict[str, Any]
Identified = Mapping[str, Sequence[Any]]
"""Columns that say which samples they are."""

CLASSES = 20
"""Classes that the terminal has room for, a line each."""


def evaluate(module: Module, outcome: EvalOutput, block: int) -> Results:
    """Metrics of the model and its baselines, and its skill against the first of them."""
    targets = outcome.targets
    metrics = score_heads(module, outcome.predictions, targets, block)
    scored = {k: score_heads(module, v, targets, block) for k, v in outcome.baselines.items()}
    baseline, *others = ({"name": k, "metrics": scores} for k, scores in scored.items() if scores)
    known, by_class = _known_targets(outcome), _class_scores(module, outcome)
    return {
        "samples": len(outcome.indices),
        **({"known_targets": known} if known else {}),
        "metrics": metrics,
        "baseline": baseline,
        "other_baselines": others,
        "skill": _skill(module, metrics, scored[str(baseline["name"])]),
        **({"per_class": by_class} if by_class else {}),
    }


def logged(module: str, scores: Mapping[str, float]) -> Results:
    """What a module that is not ours has logged: no intervals, and nothing beside it."""
    return {
        "samples": None,
        "metrics": {name: {"value": value} for name, value in scores.items()},
        "note": f"as {module} logged them: without intervals and baseline"
        if scores
        else f"none: {module} logged nothing",
    }


def write_outputs(outputs: Sequence[Any], path: Path) -> Path:
    """What ``predict_step`` returned for each batch.

    Returns:
        The file: a table where they are numbers or vectors, else ``.pt`` for ``torch.load``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if outputs and all(isinstance(part, Tensor) and part.ndim in (1, 2) for part in outputs):
        values = torch.cat(list(outputs)).float().cpu()
        columns = [f"prediction_{k}" for k in range(values.shape[1])] if values.ndim == 2 else None
        table = pd.DataFrame(values.numpy(), columns=columns or ["prediction"])
        with replaced(path) as unfinished:
            table.to_csv(unfinished, index_label="sample")
        return path
    with replaced(path := path.with_suffix(".pt")) as unfinished, unfinished.open("wb") as stream:
        torch.save(outputs, stream)
    return path


def predictions_table(
    module: Module, rows: Identified, targets: Mapping[str, str], outcome: EvalOutput
) -> pd.DataFrame:
    """What identifies each sample, then target and prediction of each head.

    Args:
        module: Whose heads say what their predictions mean.
        rows: Identifying columns.
        targets: The file's own name for each head's target.
        outcome: Targets may be missing.
    """
    columns: dict[str, Any] = dict(rows)
    for head, prediction in outcome.predictions.items():
        suffix = f"_{head}" if len(outcome.predictions) > 1 else ""
        classes = module.heads[head].classes
        predicted = _predicted(prediction, classes, suffix)
        if head in outcome.targets:
            # A file may call its target as a column here is called.
            taken = targets[head] in columns.keys() | predicted.keys()
            name = f"{targets[head]}_target" if taken else targets[head]
            columns[name] = _named(outcome.targets[head], classes)
        columns |= predicted
    return pd.DataFrame(columns)


def _predicted(prediction: Tensor, classes: Sequence[str], suffix: str) -> dict[str, Any]:
    if not classes:
        return {f"prediction{suffix}": prediction.numpy()}
    if prediction.ndim == 1:
        # Of the second of two classes alone. A tie is the first class, as it is for the metrics.
        prediction = torch.stack([1 - prediction, prediction], -1)
    names = [f"probability{suffix}_{name}" for name in classes]
    predicted = {f"prediction{suffix}": _named(prediction.argmax(-1), classes)}
    return predicted | dict(zip(names, prediction.numpy().T, strict=True))


def show(results: Results, run: Path, console: Console) -> None:
    """The results table, what data it is of, and where to look."""
    baseline, samples = results.get("baseline"), results["samples"]
    if results["metrics"]:
        console.print(_metric_table(results, baseline))
    if note := results.get("note"):
        console.print(f"scores       {note}")
    for other in results.get("other_baselines", ()):
        scores = ", ".join(f"{name} {short(v['value'])}" for name, v in other["metrics"].items())
        console.print(f"beside it    {other['name']}: {scores}")
    for head, count in results.get("known_targets", {}).items():
        unscored = "" if count else ": not scored"
        console.print(f"targets      {head}, {count:,} of {samples:,} samples{unscored}")
    if by_class := results.get("per_class"):
        many = f"classes      {len(by_class):,}, scored one by one in results.json"
        console.print(many if len(by_class) > CLASSES else _class_table(by_class))
    origin, split = results["data"]["root"], results["split"].replace("val", "validation")
    if results["data"]["sample"]:
        origin = "the generated sample: not a score on real data"
    of = f"{origin}; {split} split, {samples:,} samples" if baseline else f"{split} split"
    console.print(f"data         {of}")
    console.print(f"run          {shown(run)}")
    where = shown(logdir(run.parents[1]))
    console.print(f"curves       make tensorboard (tensorboard --logdir {where})")


def _metric_table(results: Results, baseline: Results | None) -> Table:
    rows = {name: [short(value["value"])] for name, value in results["metrics"].items()}
    if baseline is None:
        return _table("metric", ["model"], rows)
    for name, value in results["metrics"].items():
        rows[name].append(f"{short(value['low'])} to {short(value['high'])}")
        rows[name].append(short(baseline["metrics"][name]["value"]))
        rows[name].append(f"{results['skill'][name]:.1%}")
    return _table("metric", ["model", "95 % interval", baseline["name"], "skill"], rows)


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


def score_heads(
    module: Module, predictions: Heads, targets: Heads, block: int
) -> dict[str, Interval]:
    """Every head's metrics; a head without any known target has none."""
    scored: dict[str, Interval] = {}
    for head, prediction in predictions.items():
        scores = score(module.heads[head].metrics, prediction, targets[head], block)
        scored |= {module.named(head, name): value for name, value in scores.items()}
    return scored


def _skill(
    module: Module, model: Mapping[str, Interval], baseline: Mapping[str, Interval]
) -> dict[str, float]:
    return {
        name: skill(metric, model[name]["value"], baseline[name]["value"])
        for head_name, head in module.heads.items()
        for metric_name, metric in head.metrics.items()
        if (name := module.named(head_name, metric_name)) in model
    }


def _class_scores(module: Module, outcome: EvalOutput) -> dict[str, dict[str, float]]:
    """Scores and support by the name of the class, of the heads that are scored so."""
    scores: dict[str, dict[str, float]] = {}
    for name, head in module.heads.items():
        there = target_mask(outcome.targets[name])
        if head.per_class is None or not there.any():
            continue
        target = outcome.targets[name][there]
        head.per_class.reset()
        values = head.per_class(outcome.predictions[name][there], target)
        values["support"] = torch.bincount(target, minlength=len(head.classes))
        for k, label in enumerate(head.classes):
            row = {metric: value[k].item() for metric, value in values.items()}
            scores[module.named(name, label)] = row
    return scores


def _named(values: Tensor, classes: Sequence[str]) -> Sequence[Any]:
    if not classes:
        return values.numpy()  # type: ignore[return-value]
    return [None if k == IGNORE_INDEX else classes[k] for k in values.tolist()]


def _known_targets(outcome: EvalOutput) -> dict[str, int]:
    """Samples that have a target, by head, where some lack one."""
    counts = {head: int(target_mask(target).sum()) for head, target in outcome.targets.items()}
    return counts if min(counts.values()) < len(outcome.indices) else {}
