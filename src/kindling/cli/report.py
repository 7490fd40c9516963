"""What a command says before it trains and when it has ended."""

from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import LightningDataModule
from rich.console import Console

from kindling.cli.process import rank
from kindling.data.datamodule import DataModule
from kindling.evaluation import results
from kindling.runs import checkpoints
from kindling.runs import folder as runs
from kindling.training import optimizers
from kindling.training.module import Module

if TYPE_CHECKING:
    from kindling.cli.lightning_cli import KindlingCLI

NO_SETTINGS = ("root", "input", "num_workers")
"""Of a data module: what no score should depend on."""


def introduce(cli: "KindlingCLI", console: Console) -> None:
    """What is about to be trained, on what, and where it goes."""
    model = cli.model
    console.print(f"data         {_described(cli.datamodule)}")
    parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    console.print(f"model        {type(model).__name__}, {parameters:,} parameters")
    default = ("", "")
    if isinstance(model, Module) and _configures_nothing(model):
        default = f"AdamW, lr {model.lr:g}", model.schedule
    if described := optimizers.described(cli.settings, *default):
        console.print(f"optimizer    {described}")
    device = cli.trainer.strategy.root_device
    console.print(f"device       {device}, {torch.get_num_threads()} threads")
    if cli.keeps_run():
        console.print(f"run          {runs.shown(cli.folder)}")
    # A run of ours has refused another rate; of a plain Trainer's, nothing else is known.
    plain = {} if checkpoints.ORIGIN in cli.origin else cli.origin
    for group in (state["param_groups"][0] for state in plain.get("optimizer_states", ())):
        rate = group.get("initial_lr", group["lr"])
        console.print(f"note         the optimizer goes on with its learning rate, {rate:g}")


def conclude(cli: "KindlingCLI", console: Console) -> None:
    """What came out, and where it lies."""
    if rank():
        return
    if not cli.keeps_run():
        if cli.command == "fit" and cli.given_run is None:
            runs.discard(cli.folder)
        console.print("done         nothing is kept of such a run")
    elif cli.evaluation.results is not None:
        results.show(cli.evaluation.results, cli.folder, console)
    elif cli.command == "predict":
        console.print(f"predictions  {runs.shown(cli.evaluation.output)}")
    elif (cli.folder / runs.BEST).is_file():
        console.print(f"trained      score it with: make evaluate RUN={runs.shown(cli.folder)}")
    else:
        console.print("trained      without checkpoints there is nothing to test")


def hyperparameters(cli: "KindlingCLI") -> dict[str, Any]:
    """What the HPARAMS tab tells runs apart by."""
    sample = getattr(cli.datamodule, "is_sample", False)
    settings = {"seed": cli.settings.seed_everything, "sample": sample}
    # What the model takes from the data is no setting, and not yet known to the configuration.
    apart = {*NO_SETTINGS, *cli.linked}
    for part in ("model", "data"):
        init = dict(cli.settings[part].get("init_args") or {})
        settings |= {f"{part}.{k}": v for k, v in init.items() if k not in apart}
    for part in optimizers.CLASSES:
        if chosen := cli.settings.get(part):
            init = chosen.get("init_args") or {}
            settings |= {part: chosen.class_path, **{f"{part}.{k}": v for k, v in init.items()}}
    return {**settings, "trainer.max_epochs": cli.settings.trainer.max_epochs}


def _configures_nothing(model: Module) -> bool:
    return type(model).configure_optimizers is Module.configure_optimizers


def _described(data: LightningDataModule) -> str:
    if not isinstance(data, DataModule):
        return type(data).__name__
    origin = "the generated sample" if data.is_sample else str(data.root)
    return f"{origin}: {', '.join(f'{split} {size:,}' for split, size in data.sizes().items())}"
