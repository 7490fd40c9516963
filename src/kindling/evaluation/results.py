"""``results.json``: scores of the model and its baselines, with intervals."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from kindling.data.targets import target_mask
from kindling.evaluation.bootstrap import Interval, score, skill, values
from kindling.training.metrics import Heads
from kindling.training.module import EvalOutput, Module

Results = dict[str, Any]
Scores = dict[str, dict[str, float]]
Parts = Mapping[str, tuple[Any, ...]]
"""Parts of the predictions that are scored separately: an index by the part's name."""


def evaluate(
    module: Module, outcome: EvalOutput, block: int, groups: Mapping[str, Tensor] | None = None
) -> Results:
    """Metrics of the model and its baselines, and its skill against the first of them.

    In a ``block`` of neighbours, samples depend on one another; ``groups``, such as the samples of
    each of several series, are scored separately too.
    """
    metrics = _score_heads(module, outcome, outcome.predictions, block)
    baselines = {
        name: scores
        for name, predictions in outcome.baselines.items()
        if (scores := _score_heads(module, outcome, predictions, block))
    }
    first, *others = baselines
    series = {name: (rows,) for name, rows in (groups or {}).items()}
    parts: dict[str, Parts] = {"per_step": _steps(outcome), "per_series": series}

    def scores_by_part(predictions: Heads) -> dict[str, Scores]:
        return {
            kind: {k: _scores(module, outcome, predictions, part) for k, part in of_kind.items()}
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
        "note": f"as {module} logged them: without intervals and baseline"
        if scores
        else f"none: {module} logged nothing",
    }


def _score_heads(
    module: Module, outcome: EvalOutput, predictions: Heads, block: int
) -> dict[str, Interval]:
    """Every head's metrics; a head without any known target has none."""
    scored: dict[str, Interval] = {}
    for head, prediction in predictions.items():
        unit = outcome.units.get(head)
        scores = score(module.heads[head], prediction, outcome.targets[head], block, unit=unit)
        scored |= {module.named(head, name): value for name, value in scores.items()}
    return scored


def _steps(outcome: EvalOutput) -> Parts:
    """The steps by their number, from 1 on, where several are predicted."""
    steps = next((t.shape[1] for t in outcome.targets.values() if t.ndim > 1), 0)
    return {str(k + 1): (slice(None), slice(k, k + 1)) for k in range(steps)}


def _scores(
    module: Module, outcome: EvalOutput, predictions: Heads, part: tuple[Any, ...]
) -> dict[str, float]:
    """The metrics of a part of the predictions, without intervals."""
    found: dict[str, float] = {}
    for name, head in module.heads.items():
        unit = outcome.units.get(name)
        units = None if unit is None else unit[part[0]]
        scores = values(head, predictions[name][part], outcome.targets[name][part], units)
        found |= {module.named(name, metric): value for metric, value in scores.items()}
    return found


def _skill(
    module: Module, model: Mapping[str, Interval], baseline: Mapping[str, Interval]
) -> dict[str, float]:
    return {
        name: skill(metric, model[name]["value"], baseline[name]["value"])
        for head_name, head in module.heads.items()
        for metric_name, metric in head.metrics.items()
        if (name := module.named(head_name, metric_name)) in model
        and name in baseline
        and metric.higher_is_better is not None
    }


def _class_scores(module: Module, outcome: EvalOutput) -> dict[str, dict[str, float]]:
    """Scores and support by the name of the class, of the heads that are scored so."""
    scores: dict[str, dict[str, float]] = {}
    for name, head in module.heads.items():
        mask = target_mask(outcome.targets[name])
        if head.per_class is None or not mask.any():
            continue
        target = outcome.targets[name][mask]
        head.per_class.reset()
        values = head.per_class(outcome.predictions[name][mask], target)
        values["support"] = torch.bincount(target, minlength=len(head.classes))
        for k, label in enumerate(head.classes):
            row = {metric: value[k].item() for metric, value in values.items()}
            scores[module.named(name, label)] = row
    return scores


def _known_targets(outcome: EvalOutput) -> dict[str, int]:
    """The number of targets by head, where some are missing."""
    counts = {head: int(target_mask(target).sum()) for head, target in outcome.targets.items()}
    sizes = {head: target.numel() for head, target in outcome.targets.items()}
    return counts if any(counts[head] < sizes[head] for head in counts) else {}
