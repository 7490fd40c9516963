"""What a variant takes: its size, its time, its memory."""

import statistics
from collections.abc import Callable, Sequence

from kindling.errors import short
from kindling.tools.compare.cells import Usage
from kindling.tools.compare.record import Record

PARAMETERS = "parameters"
TRAINING = "training, s"
PREDICTION = "prediction, µs a sample"
MEMORY = "peak memory, MiB"

COSTS: dict[str, Callable[[float], str]] = {
    PARAMETERS: "{:,.0f}".format,
    TRAINING: "{:,.1f}".format,
    PREDICTION: short,
    MEMORY: "{:,.0f}".format,
}
"""How each is written."""


def costs(
    records: Sequence[Record], usage: Sequence[Usage], prediction_s: float | None
) -> dict[str, float | None]:
    """Means over the runs, and the highest peak; nothing where a run does not tell.

    Args:
        records: Runs of one variant.
        usage: Of their processes, as far as they were watched.
        prediction_s: Seconds a sample.
    """
    whole = all(u.trained_at_once for u in usage)
    peaks = [u.peak_mib for u in usage] or [None]
    return {
        PARAMETERS: _mean([record.parameters for record in records]),
        TRAINING: _mean([record.seconds for record in records]) if whole else None,
        PREDICTION: None if prediction_s is None else 1e6 * prediction_s,
        MEMORY: None if None in peaks else max(p for p in peaks if p is not None),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if len(known) == len(values) else None
