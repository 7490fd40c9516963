"""How long a run's model takes to predict a sample."""

import itertools
import time
from pathlib import Path

import torch

from kindling.cli import arguments
from kindling.cli.lightning_cli import KindlingCLI
from kindling.cli.process import lightning_errors, quiet

BUDGET = 1.0
"""Seconds of predicting, at least one batch of them."""


class Loaded(KindlingCLI):
    """A run's model with its best weights, and the data to predict."""

    def _run_subcommand(self, subcommand: str) -> None:
        self.model.load_state_dict(self.origin["state_dict"])


@quiet()
def prediction_seconds(run: Path, threads: int | None = None) -> float:
    """Seconds a sample of the test split, gathered and predicted in the batches of evaluation."""
    flags = ["--trainer.logger=false", "--trainer.enable_progress_bar=false"]
    if threads is not None:
        flags.append(f"--threads={threads}")
    with lightning_errors():
        cli = Loaded(arguments.read(["predict", f"--run={run}", *flags]))
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
