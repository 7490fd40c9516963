"""A new run from another run's weights, and what of them is frozen."""

import hashlib
import logging
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from kindling.errors import UserError, did_you_mean
from kindling.runs import checkpoints
from kindling.runs import folder as runs
from kindling.training.module import Module

log = logging.getLogger(__name__)


class WarmStart(Callback):
    """Takes over another run's best weights, for a fresh optimizer and from the first epoch on.

    A layer that does not fit starts afresh, and so does the output for other classes, even as many.
    What the model takes from the data in its ``setup``, such as the mean that it normalizes by, is
    of the new run's data; other buffers, such as batch normalization's, come with the weights.

    Args:
        run: The other run's folder.
    """

    def __init__(self, run: Path) -> None:
        self.run, self.path = run, run / runs.BEST
        if not self.path.is_file():
            raise UserError(f"{run}: has no {runs.BEST} to start from (--from_run)")
        self._checkpoint = checkpoints.load(self.path)
        self._taken: set[str] = set()

    def provenance(self) -> dict[str, Any]:
        """Where the weights are from."""
        record = self.run / "provenance.json"
        return {
            "run": str(self.run),
            "checkpoint": str(runs.BEST),
            "sha256": hashlib.sha256(self.path.read_bytes()).hexdigest(),
            "commit": runs.read_json(record).get("git", {}).get("commit"),
        }

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        fitting, afresh = self._compare(pl_module)
        pl_module.load_state_dict(fitting, strict=False)
        self._taken = set(fitting)
        if isinstance(pl_module, Module):
            # Pretrained weights need not be fetched where all but an output has come over.
            pl_module.resumed = len(afresh) <= 1

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Again, since the model's setup may have set weights, and configure_model made some.
        fitting, afresh = self._compare(pl_module)
        learned = dict(pl_module.named_parameters(remove_duplicate=False))
        if not learned.keys() & fitting.keys():
            name = type(pl_module).__name__
            raise UserError(f"{self.run}: none of its layers fits {name} as it is configured")
        later = {k: v for k, v in fitting.items() if k in learned or k not in self._taken}
        pl_module.load_state_dict(later, strict=False)
        beside = f"; afresh: {', '.join(afresh)}" if afresh else ""
        log.info("weights      of %s%s", runs.shown(self.run), beside)
        self._checkpoint = {}

    def _compare(self, model: LightningModule) -> tuple[dict[str, Tensor], list[str]]:
        """The weights that fit, and the layers that start afresh."""
        weights, own = self._checkpoint["state_dict"], model.state_dict()
        settings = (self._checkpoint.get("hyper_parameters", {}), model.hparams)
        before, now = (list(setting.get("classes") or ()) for setting in settings)
        renamed = before != now and len(before) == len(now)
        fits = {k for k, v in own.items() if k in weights and weights[k].shape == v.shape}
        learned = dict(model.named_parameters(remove_duplicate=False))
        misfits = {_layer(name) for name in learned if name not in fits}
        misfits |= set(_outputs(model, len(now))) if renamed else set()
        layers = dict.fromkeys(_layer(name) for name in own)
        afresh = [name or type(model).__name__ for name in layers if name in misfits]
        return {k: weights[k] for k in fits if _layer(k) not in misfits}, afresh


class Freeze(Callback):
    """Keeps parameters as they are, and layers of such parameters alone as in evaluation.

    Args:
        names: Of parameters or modules, or patterns such as ``net.*.bias``; or of an attribute of
            the model that is a module, such as ``backbone``.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._frozen: set[nn.Parameter] = set()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        for name in self.names:
            self._frozen.update(_named(pl_module, name))
        for parameter in self._frozen:
            parameter.requires_grad = False
        count = sum(parameter.numel() for parameter in self._frozen)
        log.info("frozen       %s, %s parameters", ", ".join(self.names), f"{count:,}")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for module in pl_module.modules():
            parameters = set(module.parameters())
            if parameters and parameters <= self._frozen:
                module.eval()


def _named(model: nn.Module, name: str) -> list[nn.Parameter]:
    parameters = dict(model.named_parameters())
    if found := [parameter for k, parameter in parameters.items() if fnmatchcase(k, name)]:
        return found
    with suppress(AttributeError):
        if found := list(model.get_submodule(name).parameters()):
            return found
    known = dict.fromkeys(_layer(k) or k for k in parameters)
    largest = dict.fromkeys(".".join(k.split(".")[:2]) for k in known)
    meant = did_you_mean(name, known) or f"; parts are {', '.join(largest)}"
    raise UserError(f"freeze={name}: no parameter or part of the model has this name{meant}")


def _layer(name: str) -> str:
    """The module that a parameter or buffer belongs to."""
    return name.rpartition(".")[0]


def _outputs(model: nn.Module, count: int) -> list[str]:
    """The last layer, or one of several side by side, if it has as many outputs."""
    weights = ((name, getattr(m, "weight", None)) for name, m in model.named_modules())
    layers = {k: len(w) for k, w in weights if isinstance(w, nn.Parameter) and w.ndim > 1}
    last = next(reversed(layers), "")
    return [k for k, size in layers.items() if _layer(k) == _layer(last) and size == count]
