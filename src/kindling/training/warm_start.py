"""A new run from another run's weights, and frozen parameters."""

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
    """Loads another run's best weights into a new run, with a new optimizer, from epoch 0.

    A layer of another shape is initialized as usual, and so is the output where the classes have
    other names. Statistics that the model takes from the data in its ``setup`` are those of the new
    data; other buffers, such as batch normalization's, come with the weights.
    """

    def __init__(self, run: Path) -> None:
        self.run, self.path = run, run / runs.BEST
        if not self.path.is_file():
            raise UserError(f"{run}: has no {runs.BEST} to start from (--from_run)")
        self._checkpoint = checkpoints.load(self.path)
        self._loaded: set[str] = set()

    def provenance(self) -> dict[str, Any]:
        """The origin of the weights."""
        record = self.run / "provenance.json"
        return {
            "run": str(self.run),
            "checkpoint": str(runs.BEST),
            "sha256": hashlib.sha256(self.path.read_bytes()).hexdigest(),
            "commit": runs.read_json(record).get("git", {}).get("commit"),
        }

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        fitting, unmatched = self._compare(pl_module)
        pl_module.load_state_dict(fitting, strict=False)
        self._loaded = set(fitting)
        if isinstance(pl_module, Module):
            # Pretrained weights are not needed where all but an output was loaded.
            pl_module.resumed = len(unmatched) <= 1

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Again: the model's setup may have set weights, and configure_model may have made some.
        fitting, unmatched = self._compare(pl_module)
        learned = dict(pl_module.named_parameters(remove_duplicate=False))
        if not learned.keys() & fitting.keys():
            name = type(pl_module).__name__
            raise UserError(f"{self.run}: none of its layers fits {name}")
        later = {k: v for k, v in fitting.items() if k in learned or k not in self._loaded}
        pl_module.load_state_dict(later, strict=False)
        others = f"; new: {', '.join(unmatched)}" if unmatched else ""
        log.info("weights      from %s%s", runs.shown(self.run), others)
        self._checkpoint = {}

    def _compare(self, model: LightningModule) -> tuple[dict[str, Tensor], list[str]]:
        """The weights that fit, and the layers that stay as they were initialized."""
        weights, own = self._checkpoint["state_dict"], model.state_dict()
        settings = (self._checkpoint.get("hyper_parameters", {}), model.hparams)
        before, now = (list(setting.get("classes") or ()) for setting in settings)
        renamed = before != now and len(before) == len(now)
        fits = {k for k, v in own.items() if k in weights and weights[k].shape == v.shape}
        learned = dict(model.named_parameters(remove_duplicate=False))
        misfits = {_layer(name) for name in learned if name not in fits}
        misfits |= set(_outputs(model, len(now))) if renamed else set()
        layers = dict.fromkeys(_layer(name) for name in own)
        unmatched = [name or type(model).__name__ for name in layers if name in misfits]
        return {k: weights[k] for k in fits if _layer(k) not in misfits}, unmatched


class Freeze(Callback):
    """Freezes parameters, and puts layers of frozen parameters alone into evaluation mode.

    Args:
        names: Parameters or modules, patterns such as ``net.*.bias``, or a module that is an
            attribute of the model, such as ``backbone``.
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
    layers = dict.fromkeys(_layer(k) or k for k in parameters)
    parts = dict.fromkeys(".".join(k.split(".")[:2]) for k in layers)
    nearest = did_you_mean(name, layers) or f"; parts are {', '.join(parts)}"
    raise UserError(f"freeze={name}: no parameter or part of the model has this name{nearest}")


def _layer(name: str) -> str:
    """The module that a parameter or buffer belongs to."""
    return name.rpartition(".")[0]


def _outputs(model: nn.Module, count: int) -> list[str]:
    """The last layers, of those with ``count`` outputs."""
    weights = ((name, getattr(m, "weight", None)) for name, m in model.named_modules())
    layers = {k: len(w) for k, w in weights if isinstance(w, nn.Parameter) and w.ndim > 1}
    last = next(reversed(layers), "")
    return [k for k, size in layers.items() if _layer(k) == _layer(last) and size == count]
