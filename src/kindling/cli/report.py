"""What a command prints before training and at its end."""

from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console

from kindling.cli.process import rank
from kindling.cli.resume import UNCHECKED
from kindling.cli.settings import PARTS, flat
from kindling.data.datamodule import DataModule
from kindling.errors import Incomplete
from kindling.evaluation import terminal
from kindling.runs import checkpoints
from kindling.runs import folder as runs
from kindling.training import optimizers
from kindling.training.module import Module

if TYPE_CHECKING:
    from kindling.cli.lightning_cli import KindlingCLI


def introduce(cli: "KindlingCLI") -> None:
    """Print what is trained, on which data and device, and the run's folder."""
    model: Any = cli.model
    data = cli.datamodule
    described = type(data).__name__
    if isinstance(data, DataModule):
        sizes = ", ".join(f"{split} {size:,}" for split, size in data.sizes().items())
        described = f"{'the generated sample' if data.is_sample else data.root}: {sizes}"
    _print("data", described)
    parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    _print("model", f"{type(model).__name__}, {parameters:,} parameters")
    default = ("", "")
    if type(model).configure_optimizers is Module.configure_optimizers:
        default = f"AdamW, lr {model.lr:g}", model.schedule
    if described := optimizers.described(cli.settings, *default):
        _print("optimizer", described)
    threads = torch.get_num_threads()
    many = "s" if threads > 1 else ""
    _print("device", f"{cli.trainer.strategy.root_device}, {threads} thread{many}")
    if cli.keeps_run():
        _print("run", runs.shown(cli.folder))
    # Another rate is refused for our checkpoints; a plain Trainer's do not say what was set.
    plain = {} if checkpoints.ORIGIN in cli.origin else cli.origin
    for group in (state["param_groups"][0] for state in plain.get("optimizer_states", ())):
        rate = group.get("initial_lr", group["lr"])
        _print("note", f"the optimizer keeps its learning rate, {rate:g}")


def conclude(cli: "KindlingCLI") -> None:
    """Print the results, and where the files are."""
    if rank():
        return
    if not cli.keeps_run():
        if cli.makes_run:
            runs.discard(cli.folder)
        _print("done", "nothing is kept of such a run")
    elif cli.evaluation.results is not None:
        terminal.show(
            cli.evaluation.results,
            cli.folder,
            Console(highlight=False, soft_wrap=True, markup=False, emoji=False),
        )
    elif (written := cli.evaluation.output) is not None:
        _print("predictions", runs.shown(written))
        if unread := getattr(cli.datamodule, "unread", []):
            first = ", ".join(str(value) for value in unread[0].values())
            raise Incomplete(f"{len(unread)} not predicted, see the column error ({first})")
    elif (cli.folder / runs.BEST).is_file():
        _print("trained", f"score it with: make evaluate RUN={runs.shown(cli.folder)}")
    else:
        _print("trained", "without checkpoints there is nothing to test")


def _print(what: str, text: str) -> None:
    print(f"{what:<12} {text}", flush=True)


def hyperparameters(cli: "KindlingCLI") -> dict[str, Any]:
    """The settings in TensorBoard's HPARAMS tab."""
    chosen = {
        name: value
        for name, value in flat(cli.whole)
        if name.partition(".")[0] in (*PARTS, *optimizers.CLASSES)
        and name not in (*PARTS, *UNCHECKED)
        and not (value is None and name in optimizers.CLASSES)
    }
    sample = getattr(cli.datamodule, "is_sample", False)
    epochs = cli.settings.trainer.max_epochs
    first = {"seed": cli.settings.seed_everything, "sample": sample}
    return {**first, **chosen, "trainer.max_epochs": epochs}
