"""LightningCLI, closed where it goes on with a wrong result. Knows data and model together."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger
from rich.console import Console

from kindling import checkpoints, help, memory, paths, results, resume, runs
from kindling.arguments import Invocation
from kindling.callbacks.checkpoint import Checkpoint
from kindling.callbacks.evaluation import Evaluation
from kindling.callbacks.gradients import GradientNorms
from kindling.callbacks.guard import Guard
from kindling.callbacks.hooks import spare_unused
from kindling.callbacks.progress import ProgressBar
from kindling.callbacks.provenance import Provenance
from kindling.datamodule import DataModule, at_least
from kindling.errors import UserError
from kindling.layers import Layers, flat
from kindling.logger import TensorBoard
from kindling.messages import explain
from kindling.metrics_table import MetricsTable
from kindling.module import Module
from kindling.parser import Pair, ParseError, Parser, choices, inherits
from kindling.process import (
    NoProfiler,
    leave_group,
    lightning_errors,
    notes,
    quieten,
    rank,
    signals,
    spare_cuda,
)
from kindling.threads import fastest


def run(invocation: Invocation) -> "KindlingCLI":
    """Run a command; ``train`` is ``fit``, then ``test`` of the best checkpoint."""
    quieten()
    spare_cuda()
    console = Console(highlight=False, soft_wrap=True)
    with notes():
        if invocation.command == "train":
            fitted = _run(replace(invocation, command="fit"))
            if rank():
                return fitted
            fitted.show_profile(console)
            flags = [f"--config={fitted.folder / runs.CONFIG}"]
            invocation = Invocation("test", flags, fitted.folder, fitted.folder / runs.BEST)
        cli = _run(invocation)
    if not rank():
        cli.show_profile(console)
        cli.report(console)
    return cli


def _run(invocation: Invocation) -> "KindlingCLI":
    with lightning_errors():
        cli = KindlingCLI(invocation)
    leave_group()
    return cli


class KindlingCLI(LightningCLI):
    """One command over one run.

    ``fit`` makes a run folder, once data and model are known to be sound; every other command, and
    ``fit --run``, works in the folder of the run that it was given.
    """

    def __init__(self, invocation: Invocation) -> None:
        self.command, self.checkpoint = invocation.command, invocation.checkpoint
        self.given_run = invocation.run
        self.origin = checkpoints.load(self.checkpoint) if self.checkpoint else {}
        if self.checkpoint and self.command == "fit":
            checkpoints.require_resumable(self.checkpoint, self.origin)
        shared = {"default_config_files": [str(paths.CONFIGS / "trainer.yaml")]}
        with self._over_embedded_config(invocation.flags) as self.flags:
            super().__init__(
                args=[self.command, *self.flags],
                parser_class=Parser,
                parser_kwargs={self.command: shared},
                save_config_callback=None,
                auto_configure_optimizers=False,
                seed_everything_default=0,
            )

    @contextmanager
    def _over_embedded_config(self, flags: list[str]) -> Iterator[list[str]]:
        """Where a checkpoint lies outside of any run, the config inside of it below the flags."""
        if self.checkpoint is None or self.given_run or runs.of_checkpoint(self.checkpoint):
            yield flags
            return
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as stream:
            stream.write(self.origin[checkpoints.ORIGIN]["config"])
            stream.flush()
            yield [f"--config={stream.name}", *flags]

    # Parsing.

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        # Building the parsers of the other commands would take a second; the checkpoint is ours.
        return {self.command: {*LightningCLI.subcommands()[self.command], *TRAINER_ARGUMENTS}}

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(self.trainer_class, "trainer")
        # As plain arguments, classes may be named shortly and an error in one keeps its message.
        parser.add_argument("--model", type=LightningModule, required=True)
        parser.add_argument("--data", type=LightningDataModule, required=True)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--threads", type=int | None, help="Of torch on the CPU; null measures."
        )
        changed = "Go on with a run though its data have changed."
        parser.add_argument("--allow_changed_data", type=bool, default=False, help=changed)
        parser.add_argument("--logs", default=str(paths.LOGS), help="Folder of the runs.")
        # By name, so that a config with callbacks of its own does not replace these.
        parser.add_lightning_class_args(Checkpoint, "checkpoint")
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        self.layers = Layers(self.flags, inherits)
        self.pair = Pair(self.layers)
        self.linked = self.pair.linked
        for name in self.linked:
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        options = self._parser(self.command)._actions
        if "--help" in args:
            values = dict(flat(self.layers.settings))
            print(help.of_command(self.command, self.pair, options, values))
            raise SystemExit(0)
        flags = ["--help" if flag == "--help=all" else flag for flag in self.layers.flags]
        try:
            self.config = parser.parse_args([self.command, *flags])
        except ParseError as error:
            named = {action.dest: action for action in options}
            known = {name: choices(action) for name, action in (self.pair.options | named).items()}
            raise UserError(explain(str(error), known, self.layers.given)) from error
        self.settings = self.config[self.command]

    def _parse_ckpt_path(self) -> None:
        """Nothing: flags overrule the checkpoint's settings, not the other way round."""

    # Instantiation.

    def _add_instantiators(self) -> None:
        """In place of Lightning's, which would log hyperparameters a second time."""
        self.parser.add_instantiator(self._make_data, LightningDataModule, subclasses=True)

    def _make_data(self, class_type: type[DataModule], *args: Any, **kwargs: Any) -> DataModule:
        """A data module that knows what the checkpoint knows, before the model asks for sizes."""
        data = class_type(*args, **kwargs)
        if state := self.origin.get(class_type.__qualname__):
            data.load_state_dict(state)
        return data

    def before_instantiate_classes(self) -> None:
        if self.settings.threads is not None:
            torch.set_num_threads(at_least("threads", self.settings.threads, 1))
        init = self.settings.data.get("init_args", {})
        if init.get("root") is not None:
            # The saved configuration shall mean the same from any folder.
            init["root"] = str(Path(init["root"]).expanduser().absolute())

    def instantiate_classes(self) -> None:
        # Before there is a run folder: wrong data shall leave none behind.
        self._make_pair()
        if not torch.cuda.is_available():
            # From here on, and not while files are read: parts of them need not stay.
            memory.keep_freed()
        self._choose_threads()
        self._check_origin()
        self.folder = self._make_folder()
        with self._discard_unused():
            self.trainer = self._make_trainer()
        spare_unused([*self.trainer.callbacks, self.model])  # type: ignore[attr-defined]

    def _make_pair(self) -> None:
        """The model, and the data with their splits."""
        self.config_init = self.parser.instantiate_classes(self.config)
        self.datamodule = self._get(self.config_init, "data")
        self.model = self._get(self.config_init, "model")
        self._check_pair()
        self._check_epochs()
        self.datamodule.prepare_data()
        self.datamodule.setup(self.command)

    def _choose_threads(self) -> None:
        """For a new run on the CPU; one that goes on keeps to what it has."""
        chosen = self.settings.threads is not None or self.origin or self.command != "fit"
        alone = self.settings.trainer.devices in (1, "1", "auto") and not torch.cuda.is_available()
        if alone and not chosen:
            self.settings.threads = fastest(self.model, self.datamodule.first_batch())
            torch.set_num_threads(self.settings.threads)

    def _check_pair(self) -> None:
        for thing, base in ((self.model, Module), (self.datamodule, DataModule)):
            if not isinstance(thing, base):
                raise UserError(f"{type(thing).__qualname__}: not a kindling {base.__name__}")
        task = self.datamodule.task
        if (origin := self.origin.get(checkpoints.ORIGIN, {}).get("task", task)) != task:
            raise UserError(f"{self.checkpoint}: a checkpoint of {origin}, not of {task}")

    def _check_origin(self) -> None:
        """A run goes on as what it is, and is never tested on what it was trained on."""
        if self.given_run is None or not self.origin:
            return
        origin = self.origin[checkpoints.ORIGIN]
        if self.command == "fit":
            resume.refuse_changes(origin["config"], self.config_yaml)
            allowed = self.settings.allow_changed_data
            resume.refuse_other_data(origin.get("data"), self.datamodule.fingerprint, allowed)
        elif origin.get("data") == self.datamodule.fingerprint:
            resume.refuse_changes(origin["config"], self.config_yaml, resume.CUT)

    def _check_epochs(self) -> None:
        """Going on with a run that is finished would train nothing and say so nowhere."""
        most = self.settings.trainer.max_epochs
        if self.command != "fit" or not self.origin or most in (None, -1):
            return
        whole = self.origin["loops"]["fit_loop"]["epoch_loop.batch_progress"]["is_last_batch"]
        if self.origin["epoch"] + whole >= most:
            raise UserError(
                f"{self.checkpoint}: all {most} epochs are done; "
                f"train on with --trainer.max_epochs={2 * most}"
            )

    def _make_folder(self) -> Path:
        if rank():
            return Path(self.settings.logs)  # of several processes, the first alone writes
        if self.command == "fit" and self.given_run is None:
            return runs.create(Path(self.settings.logs), self.datamodule.task)
        return self.given_run or Path.cwd()

    @contextmanager
    def _discard_unused(self) -> Iterator[None]:
        made = self.command == "fit" and self.given_run is None and not rank()
        with runs.discard_unused(self.folder) if made else nullcontext():
            yield

    def _make_trainer(self) -> Trainer:
        settings = self._get(self.config_init, "trainer")
        ours = {
            "default_root_dir": self.folder,
            "profiler": settings.profiler or NoProfiler(),
            # Each process deals itself its share of the samples.
            "use_distributed_sampler": False,
            "logger": self._loggers(settings.logger) or False,
            "callbacks": [*_listed(settings.callbacks), *self._callbacks()],
            "plugins": [*_listed(settings.plugins), checkpoints.AtomicCheckpointIO()],
        }
        # Several processes would repeat samples to fill the last batch, and score them twice.
        alone = {"devices": 1, "num_nodes": 1, "strategy": "auto", "enable_checkpointing": False}
        try:
            if self.command == "fit":
                return self.instantiate_trainer(**ours)
            return self._instantiate_trainer({**settings, **ours, **alone}, [])
        except ValueError as error:
            raise UserError(f"trainer: {error}") from error

    def _loggers(self, chosen: Any) -> list[Logger]:
        """Ours, then those of the configuration; ``--trainer.logger=false`` is for none."""
        self.tensorboard = TensorBoard(self.folder, self.origin.get("global_step", 0))
        self.table = MetricsTable(self.folder / "metrics.csv")
        loggers: list[Logger] = [self.table] if self.command == "fit" else []
        if chosen is not False and (self.command == "fit" or self.given_run):
            loggers.append(self.tensorboard)
        return loggers + [logger for logger in _listed(chosen) if logger is not True]

    def _callbacks(self) -> list[Callback]:
        callbacks: list[Callback] = []
        if self.settings.trainer.enable_progress_bar is not False:
            callbacks.append(ProgressBar())
        if self.command == "fit":
            self.evaluation = Evaluation(self.folder)
            provenance = Provenance(
                self.folder, self.config_yaml, int(self.settings.seed_everything)
            )
            return [*callbacks, provenance, GradientNorms(), Guard(self.folder), self.evaluation]
        source = self.datamodule.input or Path("test.csv")
        output = self.folder / "predictions" / f"{source.stem}.csv"
        self.evaluation = Evaluation(self.folder, self.checkpoint, output)
        return [*callbacks, self.evaluation]

    @cached_property
    def config_yaml(self) -> str:
        """The whole configuration, such that it runs again as it is."""
        settings = self.settings.clone()
        for name in ("config", "allow_changed_data"):
            settings.pop(name, None)
        return str(self._parser(self.command).dump(settings, skip_none=False))

    # Commands.

    def _run_subcommand(self, subcommand: str) -> None:
        with signals(), self._discard_unused():
            if subcommand == "fit":
                self._fit()
                return
            if rank():
                return  # a split that is shared out would be scored with samples repeated
            quiet = {"return_predictions": False} if subcommand == "predict" else {"verbose": False}
            with checkpoints.fitting(self.checkpoint):
                getattr(self.trainer, subcommand)(
                    self.model,
                    datamodule=self.datamodule,
                    ckpt_path=self.checkpoint,
                    weights_only=True,
                    **quiet,
                )

    def _fit(self) -> None:
        if self.trainer.is_global_zero:
            (self.folder / runs.CONFIG).write_text(self.config_yaml)
            runs.point_latest(self.folder)
            self._introduce(Console(highlight=False, soft_wrap=True))
            if self.tensorboard in self.trainer.loggers:
                self.tensorboard.forget_later_steps()
                self.tensorboard.log_settings(self._hyperparameters())
                if len(self.model.heads) > 1:
                    self.tensorboard.log_layout(list(self.model.heads))
        self.model.resumed = self.checkpoint is not None
        with checkpoints.fitting(self.checkpoint):
            self.trainer.fit(
                self.model, datamodule=self.datamodule, ckpt_path=self.checkpoint, weights_only=True
            )
        if self.tensorboard in self.trainer.loggers:
            chosen = self.settings.checkpoint
            best = self.table.best(chosen.monitor, chosen.mode)
            scores = {k.removeprefix("val/"): v for k, v in best.items() if k.startswith("val/")}
            self.tensorboard.log_final("val", scores, int(best.get("step", 0)))
            self.tensorboard.finalize("success")

    def _hyperparameters(self) -> dict[str, Any]:
        """What the HPARAMS tab tells runs apart by."""
        settings = {"seed": self.settings.seed_everything, "sample": self.datamodule.is_sample}
        # What the model takes from the data is no setting, and not yet known to the configuration.
        apart = {*NO_SETTINGS, *self.linked}
        for part in ("model", "data"):
            init = self.settings[part].init_args.as_dict()
            settings |= {f"{part}.{k}": v for k, v in init.items() if k not in apart}
        return {**settings, "trainer.max_epochs": self.settings.trainer.max_epochs}

    def _introduce(self, console: Console) -> None:
        """What is about to be trained, on what, and where it goes."""
        data, model = self.datamodule, self.model
        origin = "the generated sample" if data.is_sample else str(data.root)
        sizes = ", ".join(f"{split} {size:,}" for split, size in data.sizes().items())
        parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
        device = self.trainer.strategy.root_device
        console.print(f"data         {origin}: {sizes}")
        console.print(f"model        {type(model).__name__}, {parameters:,} parameters")
        console.print(f"device       {device}, {torch.get_num_threads()} threads")
        console.print(f"run          {runs.shown(self.folder)}")
        saved = self.origin.get("hyper_parameters", {}).get("lr", model.lr)
        if saved != model.lr:
            console.print(f"note         the optimizer goes on with the learning rate {saved:g}")

    def show_profile(self, console: Console) -> None:
        """Where the time went, if it was asked for."""
        if profile := self.trainer.profiler.summary():  # type: ignore[attr-defined]
            console.print(profile)

    def report(self, console: Console) -> None:
        """What came out, and where it lies."""
        if self.evaluation.results is not None:
            results.show(self.evaluation.results, self.folder, console)
        elif self.command == "predict":
            console.print(f"predictions  {runs.shown(self.evaluation.output)}")
        else:
            console.print(
                f"trained      score it with: make evaluate RUN={runs.shown(self.folder)}"
            )


NO_SETTINGS = ("root", "input", "num_workers")
"""Of a data module: what no score should depend on."""

TRAINER_ARGUMENTS = ("ckpt_path", "weights_only", "verbose", "return_predictions")
"""Of the Trainer's methods: given by the command, not by options."""


def _listed(value: Any) -> list[Any]:
    """A setting that may be nothing, one thing or several."""
    if value in (None, False):
        return []
    return value if isinstance(value, list) else [value]
