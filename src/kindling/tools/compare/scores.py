"""Statistics of variants: scores over runs, and paired differences to one of them.

Nothing here imports torch.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kindling.errors import UserError
from kindling.tools.compare.interval import Estimate, mean_interval
from kindling.tools.compare.record import Record

Pair = tuple[Any, Any]


@dataclass(frozen=True)
class Variant:
    """Runs that differ in seed or fold alone, or the baseline of such runs.

    Args:
        name: In tables and charts.
        scores: Of each run, by what pairs it with a run of another variant, then by metric.
        records: The runs; none of a baseline.
        costs: What a run takes, by name; see :mod:`kindling.tools.compare.costs`.
    """

    name: str
    scores: dict[Pair, dict[str, float]]
    records: list[Record] = field(default_factory=list)
    costs: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """A metric of a variant: mean and standard deviation over its runs.

    ``difference`` is to the first variant, over the runs that have a pair there.
    """

    runs: int
    mean: float
    deviation: float | None
    difference: Estimate | float | None = None


def variant(name: str, records: Sequence[Record]) -> Variant:
    """Runs as a variant.

    Raises:
        UserError: They were made on different data, or two have the same seed and fold.
    """
    pairs = {record.pair: record.scores for record in records}
    if len(pairs) < len(records):
        raise UserError(f"{name}: two runs have the same seed and the same settings; name one")
    fingerprints = {record.results.get("data", {}).get("sha256") for record in records}
    if len(fingerprints) > 1:
        places = ", ".join(str(record.folder) for record in records)
        raise UserError(
            f"{name}: the data have changed between these runs: {places}; remove the older ones, "
            "or give the comparison another NAME"
        )
    return Variant(name, pairs, list(records))


def baseline(records: Sequence[Record]) -> Variant:
    """What the runs have to beat, scored on the same samples."""
    name = records[0].baseline[0]
    return Variant(name, {record.pair: record.baseline[1] for record in records})


def aligned(variants: Sequence[Variant]) -> list[Variant]:
    """With one name for one metric: a model of one head says ``mae``, one of two ``age/mae``."""
    every = {name for v in variants for scores in v.scores.values() for name in scores}
    whole = aliases(every)
    return [
        Variant(
            v.name,
            {p: {whole.get(n, n): s for n, s in scores.items()} for p, scores in v.scores.items()},
            v.records,
            v.costs,
        )
        for v in variants
    ]


def aliases(names: set[str]) -> dict[str, str]:
    """Short names of metrics by the only long name that they can stand for."""
    found = {}
    for short in (name for name in names if "/" not in name):
        longer = [name for name in names if name.endswith(f"/{short}")]
        if len(longer) == 1:
            found[short] = longer[0]
    return found


def statistics_of(variants: Sequence[Variant], shared: float = 0.0) -> dict[str, dict[str, Score]]:
    """Scores by metric and variant, in their order; the first variant is what others differ from.

    Args:
        variants: With one name for one metric.
        shared: See :func:`kindling.tools.compare.interval.mean_interval`.
    """
    metrics = dict.fromkeys(n for v in variants for scores in v.scores.values() for n in scores)
    table: dict[str, dict[str, Score]] = {}
    for metric in metrics:
        columns = {v.name: _of_metric(v, metric) for v in variants}
        first = columns[variants[0].name]
        table[metric] = {
            name: _score(values, None if name == variants[0].name else first, shared)
            for name, values in columns.items()
            if values
        }
    return table


def _of_metric(variant: Variant, metric: str) -> dict[Pair, float]:
    return {p: scores[metric] for p, scores in variant.scores.items() if metric in scores}


def _score(
    values: Mapping[Pair, float], first: Mapping[Pair, float] | None, shared: float
) -> Score:
    numbers = list(values.values())
    deviation = statistics.stdev(numbers) if len(numbers) > 1 else None
    difference: Estimate | float | None = None
    if first is not None:
        paired = [values[pair] - first[pair] for pair in values if pair in first]
        difference = mean_interval(paired, shared)
        if difference is None and paired:
            difference = paired[0]
    return Score(len(numbers), statistics.fmean(numbers), deviation, difference)
