"""What a variant takes: its size, its time, its memory. Nothing here imports torch."""

import statistics
from collections.abc import Sequence

from kindling.api.record import Record
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.process import usage

PARAMETERS = "parameters"
TRAINING = "training, s"
MEMORY = "peak memory, MiB"


def costs(records: Sequence[Record], planned: Sequence[PlannedRun] = ()) -> dict[str, float | None]:
    """Means over the runs of a variant, and the highest peak; nothing where a run does not tell.

    Args:
        records: The runs.
        planned: The same runs where their processes were watched.
    """
    peaks = [start["peak_mib"] for run in planned for start in usage(run)["starts"]]
    return {
        PARAMETERS: _mean([record.provenance.get("parameters") for record in records]),
        TRAINING: _mean([None if record.resumed else record.seconds for record in records]),
        MEMORY: max(peaks) if peaks and None not in peaks else None,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if len(known) == len(values) else None
