"""``results.json``: scores of the model and its baselines, with intervals."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from kindling.data.targets import target_mask
from kindling.evaluation.bootstrap import Interval, score, skill, values
from kindling.training.metrics import Head, Heads
from kindling.training.module import EvalOutput, Module

Results = dict[str, Any]
Scores = dict[str, dict[str, float]]
Parts = Mapping[str, tuple[Any, ...]]
"""Parts of the predictions that are scored separately: an index by the part's name."""

WHOLE = (slice(None),)

STANDARDIZED = Head(
    MetricCollection(
        {"standardized_mse": MeanSquaredError(), "standardized_mae": MeanAbsoluteError()}
    )
)
"""Scores over all heads together, of errors in units of the training split's deviation."""


def evaluate(
    module: Module, outcome: EvalOutput, block: int, groups: Mapping[str, Tensor] | None = None
) -> Results:
    """Metrics of the model and its baselines, and its skill against the first of them.

    In a ``block`` of neighbours, samples depend on one another; ``groups``, such as the samples of
    each of several series, are scored separately too.
    """
    interval = partial(score, block=block)
    metrics = _scores(module, outcome, outcome.predictions, interval)
    baselines = {
        name: scores
        for name, predictions in outcome.baselines.items()
        if (scores := _scores(module, outcome, predictions, interval))
    }
    first, *others = baselines
    series = {name: (rows,) for name, rows in (groups or {}).items()}
    parts: dict[str, Parts] = {"per_step": _steps(module, outcome), "per_series": series}

    def scores_by_part(predictions: Heads) -> dict[str, Scores]:
        return {
            kind: {k: _scores(module, outcome, predictions, values, p) for k, p in of_kind.items()}
            for kind, of_kind in parts.items()
            if of_kind
        }

    known, by_class = _known_targets(outcome), _class_scores(module, outcome)
    baseline = {"name": first, "metrics": baselines[first]}
    return {
        "samples": len(outcome.indices),
        **({"known_targets": known} if known else {}),
        "metrics": metrics,
        "baseline": baseline | scores_by_part(outcome.baselines[first]),
        "other_baselines": [{"name": name, "metrics": baselines[name]} for name in others],
        "skill": _skill(module, metrics, baselines[first]),
        **({"per_class": by_class} if by_class else {}),
        **scores_by_part(outcome.predictions),
    }


def logged(module: str, scores: Mapping[str, float]) -> Results:
    """What a module that is not ours has logged, without intervals and baselines."""
    return {
        "samples": None,
        "metrics": {name: {"value": value} for name, value in scores.items()},
        "note": f"as {module} logged them, without intervals or a baseline"
        if scores
        else f"none: {module} logged nothing",
    }


def _scores(
    module: Module,
    outcome: EvalOutput,
    predictions: Heads,
    scorer: Callable[..., Mapping[str, Any]],
    part: tuple[Any, ...] = WHOLE,
) -> dict[str, Any]:
    """Every head's metrics, none of a head without a known target, and those of all together."""
    found: dict[str, Any] = {}
    for name, head in module.heads.items():
        unit = outcome.units.get(name)
        units = None if unit is None else unit[part[0]]
        scores = scorer(head, predictions[name][part], outcome.targets[name][part], unit=units)
        found |= {module.named(name, metric): value for metric, value in scores.items()}
    if outcome.scales:
        found |= scorer(STANDARDIZED, *_standardized(module, outcome, predictions, part))
    return found


def _standardized(
    module: Module, outcome: EvalOutput, predictions: Heads, part: tuple[Any, ...]
) -> tuple[Tensor, Tensor]:
    """Standardized predictions and targets of all heads, which are the last dimension."""
    pairs = []
    for name, scale in outcome.scales.items():
        target = outcome.targets[name][part]
        by = scale[part[0]].reshape(-1, *[1] * (target.ndim - 1))
        pairs.append((module.heads[name].point(predictions[name][part]) / by, target / by))
    predicted, targets = zip(*pairs, strict=True)
    return torch.stack(predicted, -1), torch.stack(targets, -1)


def _steps(module: Module, outcome: EvalOutput) -> Parts:
    """The steps by their number, from 1 on, where several are predicted."""
    several = {n: t for n, t in outcome.targets.items() if t.ndim > 1}
    steps = next((t.shape[1] for n, t in several.items() if not module.heads[n].multilabel), 0)
    return {str(k + 1): (slice(None), slice(k, k + 1)) for k in range(steps)}


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
        mask = target_mask(outcome.targets[name])
        mask = mask.all(1) if head.multilabel else mask
        if head.per_class is None or not mask.any():
            continue
        target, count = outcome.targets[name][mask], len(head.classes)
        head.per_class.reset()
        values = head.per_class(outcome.predictions[name][mask], target)
        support = target.sum(0) if head.multilabel else torch.bincount(target, minlength=count)
        values["support"] = support
        for k, label in enumerate(head.classes):
            row = {metric: value[k].item() for metric, value in values.items()}
            scores[module.named(name, label)] = row
    return scores


def _known_targets(outcome: EvalOutput) -> dict[str, int]:
    """The number of targets by head, where some are missing."""
    counts = {head: int(target_mask(target).sum()) for head, target in outcome.targets.items()}
    sizes = {head: target.numel() for head, target in outcome.targets.items()}
    return counts if any(counts[head] < sizes[head] for head in counts) else {}
