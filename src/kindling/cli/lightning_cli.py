"""LightningCLI, closed where it goes on with a wrong result. Knows data and model together."""

import inspect
import re
import tempfile
from argparse import ArgumentError
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from functools import cached_property
from pathlib import Path, PurePath
from types import FunctionType
from typing import Any

import torch
import yaml
from jsonargparse import Namespace
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import (
    Checkpoint,
    ModelCheckpoint,
    ProgressBar,
    StochasticWeightAveraging,
    WeightAveraging,
)
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.io import AsyncCheckpointIO, CheckpointIO
from lightning.pytorch.utilities.model_helpers import is_overridden
from rich.console import Console

from kindling.cli import resume
from kindling.cli.arguments import Invocation
from kindling.cli.messages import explain
from kindling.cli.parser import STRICT, Layers, choices
from kindling.cli.process import leave_group, lightning_errors, quiet, rank, signals
from kindling.data import paths
from kindling.data.datamodule import DataModule, at_least
from kindling.errors import UserError
from kindling.evaluation import results
from kindling.evaluation.callback import Evaluation
from kindling.runs import checkpoints, loggers, loop_state
from kindling.runs import folder as runs
from kindling.runs.metrics_table import MetricsTable
from kindling.runs.provenance import Provenance
from kindling.runs.run_checkpoints import PatientStopping, RunCheckpoints
from kindling.runs.tensorboard import TensorBoard
from kindling.training import memory, optimizers
from kindling.training.exact_resume import ExactResume
from kindling.training.graceful_stop import GracefulStop
from kindling.training.gradients import GradientNorms
from kindling.training.module import Module
from kindling.training.progress import RunProgressBar
from kindling.training.trial_fit import NoProfiler
from kindling.training.warm_start import Freeze, WarmStart

PLAIN_PRECISION = {"bf16-true": "32-true", "16-true": "32-true"}
"""What evaluates a model that was trained in half precision: its targets would be rounded too."""

IN_TRAINING = (Checkpoint, StochasticWeightAveraging, WeightAveraging)
"""Callbacks that have nothing to do outside of it, and some of which fail there."""


def run(invocation: Invocation) -> "KindlingCLI":
    """Run a command; ``train`` is ``fit``, then ``test`` of the best checkpoint."""
    console = Console(highlight=False, soft_wrap=True)
    with quiet():
        if invocation.command == "train":
            fitted = _run(replace(invocation, command="fit"))
            if rank() or not fitted.can_be_tested():
                fitted.report(console)
                return fitted
            flags = [f"--config={fitted.folder / runs.CONFIG}"]
            invocation = Invocation("test", flags, fitted.folder, fitted.folder / runs.BEST)
        cli = _run(invocation)
    cli.report(console)
    return cli


def _run(invocation: Invocation) -> "KindlingCLI":
    with lightning_errors():
        cli = KindlingCLI(invocation)
    leave_group()
    return cli


class KindlingCLI(LightningCLI):
    """One command over one run, of any LightningModule and LightningDataModule.

    ``fit`` makes a run folder, once data and model are known to be sound; every other command, and
    ``fit --run``, works in the folder of the run that it was given. What derives from our bases
    gets more: checked data before there is a folder, scores with intervals, figures, exact resume.
    """

    def __init__(self, invocation: Invocation) -> None:
        self.command, self.checkpoint = invocation.command, invocation.checkpoint
        self.given_run = invocation.run
        self.chosen: list[Logger] = []
        self.origin = checkpoints.load(self.checkpoint) if self.checkpoint else {}
        if self.checkpoint and self.command == "fit":
            checkpoints.require_resumable(self.checkpoint, self.origin)
        shared = {"default_config_files": [str(paths.CONFIGS / "trainer.yaml")]}
        with self._over_embedded_config(invocation.flags) as self.flags:
            super().__init__(
                args=[self.command, *self.flags],
                parser_kwargs={**STRICT, self.command: {**STRICT, **shared}},
                save_config_callback=None,
                auto_configure_optimizers=False,
                seed_everything_default=0,
            )

    @contextmanager
    def _over_embedded_config(self, flags: list[str]) -> Iterator[list[str]]:
        """Where a checkpoint lies outside of any run, the config inside of it below the flags."""
        embedded = self.origin.get(checkpoints.ORIGIN)
        known = self.checkpoint is None or self.given_run or runs.of_checkpoint(self.checkpoint)
        if known or embedded is None:
            yield flags
            return
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder, runs.CONFIG)
            config.write_text(embedded["config"])
            yield [f"--config={config}", *flags]

    # Parsing.

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        # Building the parsers of the other commands would take a second; the checkpoint is ours.
        return {self.command: {*LightningCLI.subcommands()[self.command], *TRAINER_ARGUMENTS}}

    @cached_property
    def layers(self) -> Layers:
        return Layers(self.flags)

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(self.trainer_class, "trainer")
        # As plain arguments, classes may be named shortly and an error in one keeps its message.
        parser.add_argument("--model", type=LightningModule, required=True)
        parser.add_argument("--data", type=LightningDataModule, required=True)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--threads", type=int | None, help="Of torch on the CPU; null is its own choice."
        )
        changed = "Go on with a run though its data have changed."
        parser.add_argument("--allow_changed_data", type=bool, default=False, help=changed)
        parser.add_argument("--logs", default=str(paths.LOGS), help="Folder of the runs.")
        started = "Run whose weights a new one starts from; its config lies below all others."
        parser.add_argument("--from_run", type=str | None, help=started)
        frozen = "Parts of the model that are not trained: backbone, [net.blocks.0, '*.bias'], ..."
        parser.add_argument("--freeze", type=list[str] | str | None, help=frozen)
        compiled = "Compile the model's parts by torch.compile."
        parser.add_argument("--compile", type=bool, default=False, help=compiled)
        # By name, so that a config with callbacks of its own does not replace these.
        parser.add_class_arguments(ModelCheckpoint, "checkpoint", instantiate=False)
        parser.add_class_arguments(PatientStopping, "early_stopping")
        optimizers.add_arguments(parser)
        self.linked = self.layers.linked
        for name in self.linked:
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        flags = ["--help" if flag == "--help=all" else flag for flag in self.layers.flags]
        # The parser's own dump knows no Enum, which callbacks have for a default.
        shown = [flag for flag in flags if flag == "--print_config"]
        flags = [flag for flag in flags if flag not in shown]
        try:
            self.config = parser.parse_args([self.command, *flags])
        except ArgumentError as error:
            named = {action.dest: action for action in self._parser(self.command)._actions}
            known = {
                name: choices(action) for name, action in (self.layers.options | named).items()
            }
            raise UserError(explain(str(error), known, self.layers.values)) from error
        self.settings = self.config[self.command]
        if shown:
            print(self.config_yaml, end="")
            raise SystemExit(0)

    def _parse_ckpt_path(self) -> None:
        """Nothing: flags overrule the checkpoint's settings, not the other way round."""

    # Instantiation.

    def _add_instantiators(self) -> None:
        """In place of Lightning's, which would log hyperparameters a second time."""
        self.parser.add_instantiator(self._make_data, LightningDataModule, subclasses=True)

    def _make_data(
        self, class_type: type[LightningDataModule], *args: Any, **kwargs: Any
    ) -> LightningDataModule:
        """A data module that knows what the checkpoint knows, before the model asks for sizes."""
        data = class_type(*args, **kwargs)
        state = self.origin.get(class_type.__qualname__)
        if state and isinstance(data, DataModule):
            data.load_state_dict(state)
        return data

    def before_instantiate_classes(self) -> None:
        if self.command == "fit":
            optimizers.refuse_ignored(self.settings, self.flags, Module)
        self.warm_start: WarmStart | None = None
        if self.settings.from_run and self.command == "fit" and not self.checkpoint:
            self.warm_start = WarmStart(runs.find(self.settings.from_run, "--from_run"))
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
        self._check_origin()
        self.folder = self._make_folder()
        with self._discard_unused():
            self.trainer = self._make_trainer()

    def _make_pair(self) -> None:
        """The model, and the data with their splits."""
        config = self.config.clone()
        # They write into the run's folder, which is not there yet.
        config[self.command].trainer.logger = None
        with _first_cause():
            self.config_init = self.parser.instantiate_classes(config)
        self.datamodule = self._get(self.config_init, "data")
        self.model = self._get(self.config_init, "model")
        self._check_task()
        self._check_epochs()
        if self.command == "fit":
            self._choose_optimizer()
        if isinstance(self.datamodule, DataModule):
            self.datamodule.prepare_data()
            self.datamodule.setup(self.command)
        if self.settings.compile:
            self._compile()

    def _choose_optimizer(self) -> None:
        optimizer, scheduler = (self._get(self.config_init, k) for k in optimizers.CLASSES)
        schedule: optimizers.Schedule = "constant"
        if isinstance(self.model, Module):
            if scheduler:
                self.model.schedule = "constant"  # the default's, in whose place it is
            schedule = self.model.schedule
        config = self._get(self.config_init, "lr_scheduler_config")
        optimizers.choose(self.model, optimizer, scheduler, config, schedule)

    def _compile(self) -> None:
        """Each part by itself: the whole would break at every hook, and rename its weights."""
        nets = [part for name, part in self.model.named_children() if name in ("net", "nets")]
        for part in nets or self.model.children():
            part.compile()

    @property
    def task(self) -> str:
        """What runs are filed under: the data module's task, or else the model's name."""
        if isinstance(self.datamodule, DataModule):
            return self.datamodule.task
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self.model).__name__).lower()

    def _check_task(self) -> None:
        origin = self.origin.get(checkpoints.ORIGIN, {}).get("task", self.task)
        if origin != self.task:
            raise UserError(f"{self.checkpoint}: a checkpoint of {origin}, not of {self.task}")

    def _check_origin(self) -> None:
        """A run goes on as what it is, and is never tested on what it was trained on."""
        origin = self.origin.get(checkpoints.ORIGIN)
        if origin is None:
            return
        if self.command == "fit":
            resume.refuse_changes(origin["config"], self.config_yaml)
        if self.given_run is None:
            return
        trained = origin.get("data")
        now = self.datamodule.fingerprint if isinstance(self.datamodule, DataModule) else None
        if self.command == "fit":
            resume.refuse_other_data(trained, now, self.settings.allow_changed_data)
        elif trained == now:
            resume.refuse_changes(origin["config"], self.config_yaml, resume.CUT)

    def _check_epochs(self) -> None:
        """Going on with a run that is finished would train nothing and say so nowhere."""
        most = self.settings.trainer.max_epochs
        if self.command != "fit" or not self.origin or most in (None, -1):
            return
        if loop_state.epochs_done(self.origin) >= most:
            raise UserError(
                f"{self.checkpoint}: all {most} epochs are done; "
                f"train on with --trainer.max_epochs={2 * most}"
            )

    def _make_folder(self) -> Path:
        if rank():
            return self.logs  # of several processes, the first alone writes
        if self.command == "fit" and self.given_run is None:
            return runs.create(self.logs, self.task)
        return self.given_run or Path.cwd()

    @property
    def logs(self) -> Path:
        """Folder of the runs; the Trainer's own setting for it will do too."""
        return Path(self.settings.trainer.default_root_dir or self.settings.logs)

    @contextmanager
    def _discard_unused(self) -> Iterator[None]:
        made = self.command == "fit" and self.given_run is None and not rank()
        with runs.discard_unused(self.folder) if made else nullcontext():
            yield

    def _make_trainer(self) -> Trainer:
        settings = self._get(self.config_init, "trainer")
        ours: dict[str, Any] = {
            "default_root_dir": self.folder,
            "callbacks": [*self._start(), *_listed(settings.callbacks)],
        }
        if not settings.barebones:
            ours |= {
                "profiler": settings.profiler or NoProfiler(),
                "logger": self._loggers(self.settings.trainer.logger) or False,
                "plugins": self._plugins(_listed(settings.plugins)),
                "callbacks": self._callbacks(ours["callbacks"]),
            }
        if self.command != "fit":
            # Several processes would repeat samples to fill the last batch, and score them twice.
            ours |= {"devices": 1, "num_nodes": 1, "strategy": "auto"}
            ours["enable_checkpointing"] = False
            ours["precision"] = PLAIN_PRECISION.get(settings.precision, settings.precision)
        elif "spawn" in str(settings.strategy) or "fork" in str(settings.strategy):
            raise UserError(
                f"trainer.strategy={settings.strategy}: processes are started as commands of their "
                "own here; use ddp"
            )
        try:
            return self._instantiate_trainer({**settings, **ours}, [])
        except (TypeError, ValueError) as error:
            raise UserError(f"trainer: {error}") from error

    def _start(self) -> Iterator[Callback]:
        """What a run starts from, and what of it stays."""
        if self.warm_start:
            yield self.warm_start
        if self.command == "fit" and (frozen := self.settings.freeze):
            yield Freeze([frozen] if isinstance(frozen, str) else frozen)

    def _plugins(self, chosen: list[Any]) -> list[Any]:
        """The configuration's; a checkpoint is written whole or not at all."""
        writes = checkpoints.AtomicCheckpointIO()
        for plugin in chosen:
            if isinstance(plugin, AsyncCheckpointIO) and plugin.checkpoint_io is None:
                plugin.checkpoint_io = writes
        others = any(isinstance(plugin, CheckpointIO) for plugin in chosen)
        return chosen if others else [*chosen, writes]

    def _loggers(self, chosen: Any) -> list[Logger]:
        """Those of the configuration, then ours; ``--trainer.logger=false`` is for none."""
        step = loop_state.steps(self.origin)
        self.tensorboard = TensorBoard(self.folder, step)
        self.table = MetricsTable(self.folder / "metrics.csv", step)
        # A prediction has nothing to log, and would begin a run there all the same.
        others = chosen if self.command != "predict" else None
        self.chosen = loggers.make(others, self.folder, self.logs)
        listed: list[Logger] = [*self.chosen]
        if chosen is not False and (self.command == "fit" or self.given_run):
            listed.append(self.tensorboard)
        return [*listed, self.table] if self.command == "fit" else listed

    def _callbacks(self, chosen: list[Callback]) -> list[Callback]:
        settings, fits = self.settings.trainer, self.command == "fit"
        callbacks = [c for c in chosen if fits or not isinstance(c, IN_TRAINING)]
        bar = any(isinstance(callback, ProgressBar) for callback in callbacks)
        if settings.enable_progress_bar is not False and not bar:
            callbacks.append(RunProgressBar())
        if not fits:
            source = getattr(self.datamodule, "input", None) or Path("test.csv")
            output = self.folder / "predictions" / f"{source.stem}.csv"
            step = self.origin.get("global_step", 0)
            self.evaluation = Evaluation(self.folder, self.task, self.checkpoint, step, output)
            return [*callbacks, self.evaluation]
        self.evaluation = Evaluation(self.folder, self.task)
        seed = self.settings.seed_everything
        parent = self.warm_start.provenance() if self.warm_start else None
        callbacks += [
            Provenance(
                self.folder, self.task, self.config_yaml, None if seed is False else seed, parent
            ),
            ExactResume(),
            GradientNorms(),
            GracefulStop(self.folder),
            self.evaluation,
            self._get(self.config_init, "early_stopping"),
        ]
        if settings.enable_checkpointing is not False:
            callbacks += self._checkpoint_callbacks(callbacks)
        return callbacks

    def _checkpoint_callbacks(self, others: list[Callback]) -> Iterator[Callback]:
        """Of the run's two checkpoints, and of others where they are asked for."""
        chosen = self.settings.checkpoint
        yield RunCheckpoints(self.folder, chosen.monitor, chosen.mode, chosen.save_weights_only)
        defaults = inspect.signature(ModelCheckpoint).parameters
        changed = {k for k, v in chosen.items() if v != defaults[k].default} - OF_RUN
        if chosen.filename == "best":
            changed.discard("filename")
        for callback in others:
            if isinstance(callback, ModelCheckpoint) and callback.dirpath is None:
                callback.dirpath = str(self.folder / runs.BEST.parent)
        if changed:
            folder = chosen.dirpath or self.folder / runs.BEST.parent
            yield ModelCheckpoint(**{**chosen.as_dict(), "dirpath": folder, "save_last": None})

    @cached_property
    def config_yaml(self) -> str:
        """The whole configuration, such that it runs again as it is."""
        settings = self.settings.clone()
        for name in ("config", "allow_changed_data"):
            settings.pop(name, None)
        for name in self.linked:
            settings.model.init_args.pop(name, None)
        # The parser's own dump knows no Enum and no device among the defaults of callbacks.
        return str(yaml.safe_dump(_plain(settings), sort_keys=False, allow_unicode=True))

    # Commands.

    def _run_subcommand(self, subcommand: str) -> None:
        with signals(), self._discard_unused():
            if subcommand == "fit":
                self._fit()
                return
            if rank():
                return  # a split that is shared out would be scored with samples repeated
            quiet = {"return_predictions": False} if subcommand == "predict" else {"verbose": False}
            if self.given_run and subcommand != "predict":
                loggers.begin(self.chosen, self.folder, yaml.safe_load(self.config_yaml))
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
            settings = yaml.safe_load(self.config_yaml)
            loggers.begin(self.chosen, self.folder, settings, loop_state.steps(self.origin))
            self._log_left_out()
            if self._shows():
                self.tensorboard.log_settings(self._hyperparameters())
                if isinstance(self.model, Module) and len(self.model.heads) > 1:
                    self.tensorboard.log_layout(list(self.model.heads))
        if isinstance(self.model, Module):
            self.model.resumed = self.checkpoint is not None
        with checkpoints.fitting(self.checkpoint), self._refuse_batches():
            self.trainer.fit(
                self.model, datamodule=self.datamodule, ckpt_path=self.checkpoint, weights_only=True
            )
        if self._shows():
            chosen = self.settings.checkpoint
            best = self.table.best(chosen.monitor or "epoch", chosen.mode)
            scores = {k.removeprefix("val/"): v for k, v in best.items() if k.startswith("val/")}
            self.tensorboard.log_final("val", scores, int(best.get("step", 0)))
            self.tensorboard.finalize("success")

    @contextmanager
    def _refuse_batches(self) -> Iterator[None]:
        """A model of another data module has no use for a named tuple, and says so obscurely."""
        try:
            yield
        except TypeError as error:
            found = re.search(r"must be Tensor, not (\w+Batch)", str(error))
            if isinstance(self.model, Module) or not found:
                raise
            kinds = type(self.model).__name__, type(self.datamodule).__name__
            raise UserError(
                f"model={kinds[0]}: takes no {found[1]} of {kinds[1]}: {error}"
            ) from error

    def _log_left_out(self) -> None:
        """What the checkpoint's epoch had scored when it was taken, and was killed before it."""
        state = self.origin.get("callbacks", {}).get(RunCheckpoints.state_key, {})
        on = self.given_run and self.table in self.trainer.loggers
        row = self.table.lacking(state.get("logged", {})) if on else {}
        if self._shows():
            self.tensorboard.forget_later_steps(row)
        for logger in self.trainer.loggers if row else ():
            epoch = {"epoch": self.origin["epoch"]}
            logger.log_metrics({**row, **epoch}, loop_state.steps(self.origin) - 1)

    def _shows(self) -> bool:
        """Whether the run's TensorBoard is on."""
        return any(isinstance(logger, TensorBoard) for logger in self.trainer.loggers)

    def _hyperparameters(self) -> dict[str, Any]:
        """What the HPARAMS tab tells runs apart by."""
        sample = getattr(self.datamodule, "is_sample", False)
        settings = {"seed": self.settings.seed_everything, "sample": sample}
        # What the model takes from the data is no setting, and not yet known to the configuration.
        apart = {*NO_SETTINGS, *self.linked}
        for part in ("model", "data"):
            init = dict(self.settings[part].get("init_args") or {})
            settings |= {f"{part}.{k}": v for k, v in init.items() if k not in apart}
        for part in optimizers.CLASSES:
            if chosen := self.settings.get(part):
                init = chosen.get("init_args") or {}
                settings |= {part: chosen.class_path, **{f"{part}.{k}": v for k, v in init.items()}}
        return {**settings, "trainer.max_epochs": self.settings.trainer.max_epochs}

    def _introduce(self, console: Console) -> None:
        """What is about to be trained, on what, and where it goes."""
        data, model = self.datamodule, self.model
        console.print(f"data         {_described(data)}")
        parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
        device = self.trainer.strategy.root_device
        console.print(f"model        {type(model).__name__}, {parameters:,} parameters")
        default = ("", "")
        if type(model).configure_optimizers is Module.configure_optimizers:
            default = f"AdamW, lr {model.lr:g}", model.schedule
        if described := optimizers.described(self.settings, *default):
            console.print(f"optimizer    {described}")
        console.print(f"device       {device}, {torch.get_num_threads()} threads")
        if self.keeps_run():
            console.print(f"run          {runs.shown(self.folder)}")
        # A run of ours has refused another rate; of a plain Trainer's, nothing else is known.
        plain = {} if checkpoints.ORIGIN in self.origin else self.origin
        for group in (state["param_groups"][0] for state in plain.get("optimizer_states", ())):
            rate = group.get("initial_lr", group["lr"])
            console.print(f"note         the optimizer goes on with its learning rate, {rate:g}")

    def keeps_run(self) -> bool:
        """Whether there is something to keep: not of a development run, nor of a bare one."""
        settings = self.settings.trainer
        return not (settings.fast_dev_run or settings.barebones)

    def can_be_tested(self) -> bool:
        """Whether ``fit`` has left a checkpoint, and there is a test."""
        has_test = is_overridden("test_step", self.model) and is_overridden(
            "test_dataloader", self.datamodule, LightningDataModule
        )
        return has_test and (self.folder / runs.BEST).is_file()

    def report(self, console: Console) -> None:
        """What came out, and where it lies."""
        if rank():
            return
        if not self.keeps_run():
            if self.command == "fit" and self.given_run is None:
                runs.discard(self.folder)
            console.print("done         nothing is kept of such a run")
        elif self.evaluation.results is not None:
            results.show(self.evaluation.results, self.folder, console)
        elif self.command == "predict":
            console.print(f"predictions  {runs.shown(self.evaluation.output)}")
        elif (self.folder / runs.BEST).is_file():
            console.print(
                f"trained      score it with: make evaluate RUN={runs.shown(self.folder)}"
            )
        else:
            console.print("trained      without checkpoints there is nothing to test")


NO_SETTINGS = ("root", "input", "num_workers")
"""Of a data module: what no score should depend on."""

OF_RUN = {"monitor", "mode", "save_weights_only", "save_last", "verbose", "enable_version_counter"}
"""Settings of checkpoints that say nothing of others than the run's own two."""

TRAINER_ARGUMENTS = ("ckpt_path", "weights_only", "verbose", "return_predictions")
"""Of the Trainer's methods: given by the command, not by options."""


def _described(data: LightningDataModule) -> str:
    if not isinstance(data, DataModule):
        return type(data).__name__
    origin = "the generated sample" if data.is_sample else str(data.root)
    return f"{origin}: {', '.join(f'{split} {size:,}' for split, size in data.sizes().items())}"


@contextmanager
def _first_cause() -> Iterator[None]:
    """What went wrong in a class that is made in a list, and not that the list is none."""
    try:
        yield
    except ValueError as error:
        if "Union subtypes" not in str(error) or error.__cause__ is None:
            raise
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        raise UserError(f"{type(cause).__name__}: {cause}") from error


def _plain(value: Any) -> Any:
    """Settings as YAML has them; what is no setting but a class's default object is left out."""
    if isinstance(value, Namespace | dict):
        items = vars(value) if isinstance(value, Namespace) else value
        plain = {name: _plain(part) for name, part in items.items()}
        return {name: part for name, part in plain.items() if part is not LEFT_OUT}
    if isinstance(value, list | tuple | set):
        return [_plain(part) for part in value]
    if isinstance(value, Enum):
        return value.value if isinstance(value, str) else value.name
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, PurePath | timedelta | torch.device | torch.dtype):
        return str(value)
    if isinstance(value, type | FunctionType):
        return f"{value.__module__}.{value.__qualname__}"
    return LEFT_OUT


LEFT_OUT = object()


def _listed(value: Any) -> list[Any]:
    """A setting that may be nothing, one thing or several."""
    if value in (None, False):
        return []
    return value if isinstance(value, list) else [value]
