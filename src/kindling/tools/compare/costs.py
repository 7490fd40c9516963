"""What a variant takes: its size, its time, its memory."""

import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from kindling.cli import arguments
from kindling.cli.lightning_cli import KindlingCLI
from kindling.cli.process import lightning_errors, quiet
from kindling.errors import UserError, short
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.process import note, usage
from kindling.tools.runner.record import Record

Costs = dict[str, float | None]

PARAMETERS = "parameters"
TRAINING = "training, s"
PREDICTION = "prediction, µs a sample"
MEMORY = "peak memory, MiB"

WRITTEN: dict[str, Callable[[float], str]] = {
    PARAMETERS: "{:,.0f}".format,
    TRAINING: "{:,.1f}".format,
    PREDICTION: short,
    MEMORY: "{:,.0f}".format,
}

BUDGET = 1.0
"""Seconds of predicting, at least one batch of them."""


def costs(
    records: Sequence[Record], planned: Sequence[PlannedRun] = (), threads: int | None = None
) -> Costs:
    """Means over the runs of a variant, and the highest peak; nothing where a run does not tell.

    Args:
        records: The runs.
        planned: The same runs where their processes were watched.
        threads: To predict on.
    """
    peaks = [start["peak_mib"] for run in planned for start in usage(run)["starts"]]
    seconds = usage(planned[0]).get("prediction_s") if planned else None
    if seconds is None:
        with suppress(UserError):  # the data of an older run need not be there any more
            seconds = prediction_seconds(records[0].folder, threads)
    if planned:
        note(planned[0], prediction_s=seconds)
    return {
        PARAMETERS: _mean([record.provenance.get("parameters") for record in records]),
        TRAINING: _mean([None if record.resumed else record.seconds for record in records]),
        PREDICTION: None if seconds is None else 1e6 * seconds,
        MEMORY: max(peaks) if peaks and None not in peaks else None,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if len(known) == len(values) else None


class Loaded(KindlingCLI):
    """A run's model with its best weights, and the data to predict."""

    def _run_subcommand(self, subcommand: str) -> None:
        self.model.load_state_dict(self.origin["state_dict"])


@quiet()
def prediction_seconds(run: Path, threads: int | None = None) -> float:
    """Seconds a sample of the test split, gathered and predicted in the batches of evaluation."""
    flags = [f"--run={run}", "--trainer.logger=false", "--trainer.enable_progress_bar=false"]
    with lightning_errors():
        limit = [] if threads is None else [f"--threads={threads}"]
        cli = Loaded(arguments.read(["predict", *flags, *limit]))
    device = cli.trainer.strategy.root_device
    model, data = cli.model.to(device).eval(), cli.datamodule
    samples, start = 0, 0.0
    with torch.inference_mode():
        # The first batch sets things up; a split of one batch is predicted twice.
        batches = itertools.chain(data.predict_dataloader(), data.predict_dataloader())
        for number, batch in enumerate(batches):
            model.predict(data.transfer_batch_to_device(batch, device, 0))
            if device.type == "cuda":
                torch.cuda.synchronize()
            now = time.perf_counter()
            start = start if number else now
            samples += len(batch.indices) if number else 0
            if samples and now - start > BUDGET:
                break
    return (now - start) / samples
