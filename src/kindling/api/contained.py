"""Commands inside the caller's process, which they leave as it was."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, ProgressBar, TQDMProgressBar
from lightning.pytorch.utilities.seed import isolate_rng
from rich.console import Console

from kindling.cli import processes
from kindling.cli.lightning_cli import KindlingCLI
from kindling.cli.settings import shown
from kindling.errors import UserError


@contextmanager
def contained() -> Iterator[None]:
    """Run a command: errors become one line, and the process's settings are restored.

    These are random states, threads, determinism and environment; ``quiet`` restores logs and
    warnings.
    """
    cudnn, threads = torch.backends.cudnn, torch.get_num_threads()
    flags = cudnn.benchmark, cudnn.deterministic
    deterministic = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        with processes.environment(), isolate_rng():
            yield
    except UserError as error:
        error.args = (" ".join(str(error).split()),)
        raise
    except SystemExit as end:
        raise UserError("options of the command line, such as help, are not settings") from end
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic, warn_only=warns)
        cudnn.benchmark, cudnn.deterministic = flags


def flags(overrides: object) -> list[str]:
    """Settings by name, as flags of the command line."""
    if not isinstance(overrides, Mapping | None):
        what = 'settings are a dictionary, such as {"model.lr": 0.01}'
        raise UserError(f"{overrides!r}: {what}")
    # By way of JSON: YAML has neither tuples nor paths.
    plain = json.loads(json.dumps(dict(overrides or {}), default=str))
    return [f"--{name}={shown(value)}" for name, value in plain.items()]


class InProcess(KindlingCLI):
    """A command that starts no other process and leaves this one's settings alone."""

    tunes_process = False

    def _make_trainer(self) -> Trainer:
        trainer = super()._make_trainer()
        if trainer.world_size > 1:
            what = f"{trainer.world_size} processes cannot be started from Python"
            raise UserError(f"{what}: use the command line, kindling train --config {self.task}")
        return trainer

    def _callbacks(self, chosen: list[Callback]) -> list[Callback]:
        wanted = self.settings.trainer.enable_progress_bar is not False
        if wanted and Console().is_jupyter and not any(isinstance(c, ProgressBar) for c in chosen):
            # The terminal's bar is drawn by rich, which needs ipywidgets in a notebook.
            chosen = [*chosen, TQDMProgressBar(leave=True)]
        return super()._callbacks(chosen)
