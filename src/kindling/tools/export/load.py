"""A run's best checkpoint and the test samples that an export is checked on.

B: batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from kindling.cli import arguments
from kindling.cli.lightning_cli import KindlingCLI
from kindling.cli.process import lightning_errors, quiet
from kindling.data.datamodule import DataModule
from kindling.errors import UserError
from kindling.runs import checkpoints
from kindling.training.module import Module

SAMPLES = 100
"""Of the test split, fewer where it has fewer."""


@dataclass
class Trained:
    """A model as its checkpoint has it, on the CPU, and the data module that knows its names.

    ``samples`` is a batch of the problem's own kind.
    """

    run: Path
    checkpoint: Path
    model: Module
    data: DataModule
    samples: Any


class Loaded(KindlingCLI):
    """``kindling test`` up to where the Trainer would be made."""

    def instantiate_classes(self) -> None:
        self.config_init = self.parser.instantiate_classes(self.config)
        self.datamodule = self._get(self.config_init, "data")
        self.model = self._get(self.config_init, "model")
        self._check_task()
        for part, base in ((self.model, Module), (self.datamodule, DataModule)):
            if not isinstance(part, base):
                raise UserError(f"{type(part).__name__}: not a kindling {base.__name__}: no export")
        self.datamodule.prepare_data()
        self.datamodule.setup("test")
        self._check_origin()
        with checkpoints.fitting(self.checkpoint):
            self.model.load_state_dict(self.origin["state_dict"])

    def _run_subcommand(self, subcommand: str) -> None:
        pass


@quiet()
def load(run: str, flags: Sequence[str]) -> Trained:
    """The best checkpoint of a run.

    Args:
        run: The run's folder.
        flags: Over the run's own configuration, such as ``--data.root=DIR``.

    Raises:
        UserError: There is no such run or checkpoint, or its data are not there.
    """
    invocation = arguments.read(["test", "--run", run, *flags])
    assert invocation.checkpoint is not None
    with lightning_errors():
        loaded = Loaded(invocation)
    if invocation.run is None or not invocation.checkpoint.is_relative_to(invocation.run):
        raise UserError(f"{invocation.checkpoint}: not a checkpoint of {run}: leave it out")
    test: Any = loaded.datamodule.splits["test"]
    if not len(test):
        raise UserError(f"{loaded.datamodule.root}: the test split has no sample to check with")
    samples = test[torch.arange(min(SAMPLES, len(test)))]
    return Trained(
        invocation.run, invocation.checkpoint, loaded.model.eval(), loaded.datamodule, samples
    )
