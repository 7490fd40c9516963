"""A run's results: ``results.json``, ``predictions.csv`` and the table in the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from kindling.data.targets import IGNORE_INDEX, target_mask
from kindling.data.whole import replaced
from kindling.errors import short
from kindling.evaluation.bootstrap import Interval, score, skill, values
from kindling.runs.folder import logdir, shown
from kindling.training.metrics import Head, Heads
from kindling.training.module import EvalOutput, Module

Results = dict[str, Any]
Scores = dict[str, dict[str, float]]
Identified = Mapping[str, Sequence[Any]]
"""Columns that say which samples they are."""

CLASSES = 20
"""Classes that the terminal has room for, a line each."""

STANDARDIZED = Head(
    MetricCollection(
        {"standardized_mse": MeanSquaredError(), "standardized_mae": MeanAbsoluteError()}
    )
)
"""Scores over all heads together, whose errors are divided by the deviation in training."""


def evaluate(
    module: Module, outcome: EvalOutput, block: int, groups: Mapping[str, Tensor] | None = None
) -> Results:
    """Metrics of the model and its baselines, and its skill against the first of them.

    Args:
        module: Whose heads have the metrics.
        outcome: What it predicted.
        block: Neighbouring samples that depend on one another.
        groups: Samples that are scored apart too, such as those of each of several series.
    """
    metrics = _intervals(module, outcome, outcome.predictions, block)
    scored = {k: _intervals(module, outcome, v, block) for k, v in outcome.baselines.items()}
    baseline, *others = ({"name": k, "metrics": scores} for k, scores in scored.items() if scores)
    known, by_class = _known_targets(outcome), _class_scores(module, outcome)
    first = str(baseline["name"])
    by_part = {
        "per_step": partial(_step_scores, module, outcome),
        "per_series": partial(_group_scores, module, outcome, groups or {}),
    }
    apart = {part: found for part, of in by_part.items() if (found := of(outcome.predictions))}
    baseline |= {part: by_part[part](outcome.baselines[first]) for part in apart}
    return {
        "samples": len(outcome.indices),
        **({"known_targets": known} if known else {}),
        "metrics": metrics,
        "baseline": baseline,
        "other_baselines": others,
        "skill": _skill(module, metrics, scored[first]),
        **({"per_class": by_class} if by_class else {}),
        **apart,
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
        rows: Identifying columns; of several steps a sample, a row for each step.
        targets: The file's own name for each head's target.
        outcome: Targets may be missing.
    """
    columns: dict[str, Any] = dict(rows)
    for head, prediction in outcome.predictions.items():
        suffix = f"_{head}" if len(outcome.predictions) > 1 else ""
        classes = module.heads[head].classes
        if quantiles := module.heads[head].quantiles:
            predicted = _of_quantiles(prediction, quantiles, suffix)
        else:
            predicted = _predicted(prediction, module.heads[head], suffix)
        if head in outcome.targets:
            # A file may call its target as a column here is called.
            taken = targets[head] in columns.keys() | predicted.keys()
            name = f"{targets[head]}_target" if taken else targets[head]
            target = outcome.targets[head]
            several = module.heads[head].multilabel
            columns[name] = _labels(target, classes) if several else _named(target, classes)
        columns |= predicted
    return pd.DataFrame(columns)


def _predicted(prediction: Tensor, head: Head, suffix: str) -> dict[str, Any]:
    if not (classes := head.classes):
        # Of several steps a sample, each is a row.
        return {f"prediction{suffix}": prediction.flatten().numpy()}
    if prediction.ndim == 1:
        # Of the second of two classes alone. A tie is the first class, as it is for the metrics.
        prediction = torch.stack([1 - prediction, prediction], -1)
    if head.likeliest:
        columns: dict[str, Any] = {}
        values, order = prediction.sort(dim=-1, descending=True, stable=True)
        for k in range(head.likeliest):
            rank = f"{suffix}_{k + 1}" if k else suffix
            columns[f"prediction{rank}"] = _named(order[:, k], classes)
            columns[f"probability{rank}"] = values[:, k].numpy()
        return columns
    names = [f"probability{suffix}_{name}" for name in classes]
    chosen = (
        _labels(prediction > 0.5, classes)
        if head.multilabel
        else _named(prediction.argmax(-1), classes)
    )
    predicted = {f"prediction{suffix}": chosen}
    return predicted | dict(zip(names, prediction.numpy().T, strict=True))


def _of_quantiles(prediction: Tensor, quantiles: Sequence[float], suffix: str) -> dict[str, Any]:
    """The median is the prediction; the others are named by what they are."""
    columns = prediction.flatten(0, -2).numpy().T
    found = dict(zip(quantiles, columns, strict=True))
    named = {f"prediction{suffix}": found.pop(0.5)}
    return named | {f"prediction{suffix}_{q:g}": column for q, column in found.items()}


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
    steps = len(results.get("per_step", ()))
    for head, count in results.get("known_targets", {}).items():
        unscored = "" if count else ": not scored"
        of = f"{samples:,} samples" + (f" of {steps} steps" if steps else "")
        console.print(f"targets      {head}, {count:,} of {of}{unscored}")
    for part, what in (("per_step", "step"), ("per_series", "series")):
        if any(scores := results.get(part, {})):
            console.print(f"by {what:9} {_ends(scores)}; all {len(scores):,} in results.json")
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
        beside, skilled = baseline["metrics"].get(name), results["skill"].get(name)
        rows[name].append("" if beside is None else short(beside["value"]))
        rows[name].append("" if skilled is None else f"{skilled:.1%}")
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


def _intervals(
    module: Module, outcome: EvalOutput, predictions: Heads, block: int
) -> dict[str, Interval]:
    """Every head's metrics, none of a head without a known target, and those of all together."""
    scored: dict[str, Interval] = {}
    for name, head in module.heads.items():
        unit = outcome.units.get(name)
        scores = score(head, predictions[name], outcome.targets[name], block, unit=unit)
        scored |= {module.named(name, metric): value for metric, value in scores.items()}
    if outcome.scales:
        scored |= score(STANDARDIZED, *_standardized(module, outcome, predictions), block)
    return scored


def _standardized(
    module: Module, outcome: EvalOutput, predictions: Heads, part: tuple[Any, ...] = (slice(None),)
) -> tuple[Tensor, Tensor]:
    """What all heads predict and their targets, in deviations; heads are the last dimension."""
    pairs = []
    for name, scale in outcome.scales.items():
        target = outcome.targets[name][part]
        by = scale[part[0]].reshape(-1, *[1] * (target.ndim - 1))
        pairs.append((module.heads[name].point(predictions[name][part]) / by, target / by))
    predicted, targets = zip(*pairs, strict=True)
    return torch.stack(predicted, -1), torch.stack(targets, -1)


def _step_scores(module: Module, outcome: EvalOutput, predictions: Heads) -> Scores:
    """Scores by the number of the step, from 1 on, where several are predicted."""
    several = {n: t for n, t in outcome.targets.items() if t.ndim > 1}
    steps = next((t.shape[1] for n, t in several.items() if not module.heads[n].multilabel), 0)
    parts = {str(k + 1): (slice(None), slice(k, k + 1)) for k in range(steps)}
    return {name: _scores(module, outcome, predictions, part) for name, part in parts.items()}


def _group_scores(
    module: Module, outcome: EvalOutput, groups: Mapping[str, Tensor], predictions: Heads
) -> Scores:
    return {name: _scores(module, outcome, predictions, (part,)) for name, part in groups.items()}


def _scores(
    module: Module, outcome: EvalOutput, predictions: Heads, part: tuple[Any, ...]
) -> dict[str, float]:
    """The metrics of a part of what all heads predict, without intervals."""
    found: dict[str, float] = {}
    for name, head in module.heads.items():
        unit = outcome.units.get(name)
        units = None if unit is None else unit[part[0]]
        scores = values(head, predictions[name][part], outcome.targets[name][part], units)
        found |= {module.named(name, metric): value for metric, value in scores.items()}
    if outcome.scales:
        found |= values(STANDARDIZED, *_standardized(module, outcome, predictions, part))
    return found


def _skill(
    module: Module, model: Mapping[str, Interval], baseline: Mapping[str, Interval]
) -> dict[str, float]:
    metrics = {
        module.named(name, metric_name): metric
        for name, head in module.heads.items()
        for metric_name, metric in head.metrics.items()
    }
    metrics |= {str(name): metric for name, metric in STANDARDIZED.metrics.items()}
    return {
        name: skill(metrics[name], score["value"], baseline[name]["value"])
        for name, score in model.items()
        if name in baseline and metrics[name].higher_is_better is not None
    }


def _class_scores(module: Module, outcome: EvalOutput) -> dict[str, dict[str, float]]:
    """Scores and support by the name of the class, of the heads that are scored so."""
    scores: dict[str, dict[str, float]] = {}
    for name, head in module.heads.items():
        there = target_mask(outcome.targets[name])
        there = there.all(1) if head.multilabel else there
        if head.per_class is None or not there.any():
            continue
        target, count = outcome.targets[name][there], len(head.classes)
        head.per_class.reset()
        values = head.per_class(outcome.predictions[name][there], target)
        support = target.sum(0) if head.multilabel else torch.bincount(target, minlength=count)
        values["support"] = support
        for k, label in enumerate(head.classes):
            row = {metric: value[k].item() for metric, value in values.items()}
            scores[module.named(name, label)] = row
    return scores


def _named(values: Tensor, classes: Sequence[str]) -> Sequence[Any]:
    values = values.flatten()
    if not classes:
        return values.numpy()  # type: ignore[return-value]
    return [None if k == IGNORE_INDEX else classes[k] for k in values.tolist()]


def _labels(values: Tensor, classes: Sequence[str]) -> list[str]:
    """The labels of each sample that has any number of them, ``(N, C)`` of 0 and 1."""
    chosen = (compress(classes, row) for row in values.tolist())
    return ["|".join(names) for names in chosen]


def _known_targets(outcome: EvalOutput) -> dict[str, int]:
    """How many targets there are, by head, where some are lacking."""
    counts = {head: int(target_mask(target).sum()) for head, target in outcome.targets.items()}
    sizes = {head: target.numel() for head, target in outcome.targets.items()}
    return counts if any(counts[head] < sizes[head] for head in counts) else {}
