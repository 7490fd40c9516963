"""Settings of a command, and the model and data module that they name.

LightningCLI, made strict where it would continue with a wrong result.
"""

import re
from argparse import ArgumentError
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import torch
import yaml
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger

from kindling import __version__
from kindling.cli import help, numbers, resume
from kindling.cli.arguments import Invocation
from kindling.cli.messages import explain
from kindling.cli.parser import Layers, plain
from kindling.cli.settings import flat, shown
from kindling.cli.trust import trusted
from kindling.data import memory, paths
from kindling.data.datamodule import DataModule
from kindling.errors import UserError
from kindling.runs import checkpoints, loop_state
from kindling.runs import folder as runs
from kindling.runs.secrets import masked
from kindling.training import optimizers
from kindling.training.callbacks import PatientStopping
from kindling.training.module import Module
from kindling.training.warm_start import WarmStart


class ParsingCLI(LightningCLI):
    """Reads configs and flags, and makes the model and the data module that they name.

    Raises a UserError for impossible settings, before there is a run folder.
    """

    def __init__(self, invocation: Invocation) -> None:
        self.invocation = invocation
        self.command, self.checkpoint = invocation.command, invocation.checkpoint
        self.given_run = invocation.run
        self.chosen: list[Logger] = []
        self.origin = checkpoints.load(self.checkpoint) if self.checkpoint else {}
        if self.checkpoint and self.command == "fit":
            checkpoints.require_resumable(self.checkpoint, self.origin)
        self.flags = invocation.flags
        embedded = self.origin.get(checkpoints.ORIGIN)
        near = self.given_run or (self.checkpoint and runs.of_checkpoint(self.checkpoint))
        if embedded and self.checkpoint and not near:
            # Outside of any run, the config in the checkpoint stands in for the run's.
            config = yaml.safe_load(embedded["config"])
            config = config if invocation.trust else trusted(config, self.checkpoint)
            self.flags = [f"--config={shown(config)}", *self.flags]
        self.layers = Layers(self.flags)
        super().__init__(
            args=self.flags,
            run=False,  # no subcommands of its own: their parsers would take a second
            parser_kwargs={"allow_abbrev": False, "exit_on_error": False},
            save_config_callback=None,
            auto_configure_optimizers=False,
            seed_everything_default=0,
        )

    # Parsing.

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(self.trainer_class, "trainer")
        limits: list[Any] = [a for a in parser._actions if a.dest in numbers.SHARES]
        for limit in limits:
            # Python may have cached float | int for int | float: 1 would be 1.0, all batches.
            if get_args(limit._typehint)[0] is float:
                limit._typehint = int | float | None
        # As plain arguments, classes have short names and their errors keep their messages.
        parser.add_argument("--model", type=LightningModule, required=True)
        parser.add_argument("--data", type=LightningDataModule, required=True)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        def add(name: str, kind: Any, default: Any, help: str) -> None:
            parser.add_argument(f"--{name}", type=kind, default=default, help=help)

        add("threads", int | None, None, "Threads of torch on the CPU; null lets torch choose.")
        add("allow_changed_data", bool, False, "Resume a run although its data have changed.")
        add("logs", str, str(paths.LOGS), "Folder of the runs.")
        add("from_run", str | None, None, "Run whose weights a new one starts from.")
        frozen = "Parts of the model that are not trained: backbone, [net.blocks.0, '*.bias'], ..."
        add("freeze", list[str] | str | None, None, frozen)
        add("compile", bool, False, "Compile the model's parts by torch.compile.")
        # By name, so that a config with callbacks of its own does not replace these.
        parser.add_class_arguments(ModelCheckpoint, "checkpoint", instantiate=False)
        parser.add_class_arguments(PatientStopping, "early_stopping")
        optimizers.add_arguments(parser)
        for name in self.layers.linked:
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        if "--help" in self.flags:
            print(help.of_command(self.command, self.layers, parser), flush=True)
            raise SystemExit(0)
        flags = ["--help" if flag == "--help=all" else flag for flag in self.layers.flags]
        flags = [flag for flag in flags if flag != "--print_config"]
        known = self.layers.options | {action.dest: action for action in parser._actions}
        try:
            self.settings = self.config = parser.parse_args(flags)
        except ArgumentError as error:
            message = explain(str(error), known, flags)
            file = self.layers.files.get(re.split("[:= ]", message)[0])
            raise UserError(f"{runs.shown(file)}: {message}" if file else message) from error
        if "--print_config" in self.flags:
            print(self.config_yaml, end="")
            raise SystemExit(0)
        numbers.check(dict(flat(plain(self.settings))), known)

    def _parse_ckpt_path(self) -> None:
        """Nothing: flags overrule the checkpoint's settings, not the other way round."""

    # Instantiation.

    def _add_instantiators(self) -> None:
        """Instead of Lightning's, which would log hyperparameters a second time."""
        self.parser.add_instantiator(self._make_data, LightningDataModule, subclasses=True)

    def _make_data(
        self, class_type: type[LightningDataModule], *args: Any, **kwargs: Any
    ) -> LightningDataModule:
        """A data module with its state from the checkpoint, before the model reads its sizes."""
        data = self.datamodule = class_type(*args, **kwargs)
        state = self.origin.get(class_type.__qualname__)
        if state and isinstance(data, DataModule):
            try:
                data.load_state_dict(state)
            except KeyError as error:
                version = self.origin.get(checkpoints.ORIGIN, {}).get("version", "0.1")
                raise UserError(
                    f"{self.checkpoint}: made by kindling {version}, which kept no {error} of the "
                    f"data; this is {__version__}: use that version, or train again"
                ) from error
        return data

    def before_instantiate_classes(self) -> None:
        if self.command == "fit":
            optimizers.refuse_ignored(self.settings, self.flags, Module)
        self.warm_start: WarmStart | None = None
        if self.settings.from_run and self.command == "fit" and not self.checkpoint:
            self.warm_start = WarmStart(runs.find(self.settings.from_run, "--from_run"))
        if self.settings.threads is not None:
            torch.set_num_threads(self.settings.threads)
        init = self.settings.data.get("init_args", {})
        if init.get("root") is not None:
            # The saved configuration must work from any folder.
            init["root"] = str(Path(init["root"]).expanduser().absolute())

    def _make_pair(self) -> None:
        """The model, and the data with their splits."""
        with memory.Allocations(memory.COPIES if self.command == "fit" else 1):
            self._instantiate()
        self._check_epochs()
        memory.require_weights(self.model, self.command == "fit")
        if self.command == "fit":
            self._choose_optimizer()
        if isinstance(self.datamodule, DataModule):
            self.datamodule.prepare_data()
            self.datamodule.setup(self.command)
        if self.settings.compile:
            # Part by part: a compiled module breaks at every hook, and renames its weights.
            parts = dict(self.model.named_children())
            for part in [parts[k] for k in ("net", "nets") if k in parts] or parts.values():
                part.compile()

    def _instantiate(self) -> None:
        """Make the model and the data module; no data are read yet."""
        config = self.config.clone()
        config.trainer.logger = None  # made later: it needs the run's folder
        self.config_init = self.parser.instantiate_classes(config)
        self.datamodule = self._get(self.config_init, "data")
        self.model = self._get(self.config_init, "model")
        self._check_task()

    def _choose_optimizer(self) -> None:
        names = (*optimizers.CLASSES, "lr_scheduler_config")
        optimizer, scheduler, config = (self._get(self.config_init, name) for name in names)
        ours = self.model if isinstance(self.model, Module) else None
        if ours and scheduler:
            ours.schedule = "constant"  # replaced by lr_scheduler
        schedule = ours.schedule if ours else "constant"
        optimizers.choose(self.model, optimizer, scheduler, config, schedule)

    @property
    def task(self) -> str:
        """The folder of the runs below ``logs``: the data module's task, or the model's name."""
        if isinstance(self.datamodule, DataModule):
            return self.datamodule.task
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self.model).__name__).lower()

    def _check_task(self) -> None:
        origin = self.origin.get(checkpoints.ORIGIN, {}).get("task", self.task)
        if origin != self.task:
            raise UserError(f"{self.checkpoint}: a checkpoint of {origin}, not of {self.task}")

    def _check_epochs(self) -> None:
        """Refuse to resume a finished run: it would train nothing without a word."""
        most = self.settings.trainer.max_epochs
        goes_on = self.command == "fit" and self.origin and most not in (None, -1)
        if goes_on and loop_state.epochs_done(self.origin) >= most:
            more = f"to train longer: --trainer.max_epochs={2 * most}"
            raise UserError(f"{self.checkpoint}: all {most} epochs are done; {more}")

    def _check_origin(self) -> None:
        """Refuse to resume with other settings or data, and to test on training samples."""
        origin, fits = self.origin.get(checkpoints.ORIGIN), self.command == "fit"
        if origin is None:
            return
        if fits:
            resume.refuse_changes(origin["config"], self.config_yaml)
        if self.given_run is None:
            return
        trained = origin.get("data")
        now = self.datamodule.fingerprint if isinstance(self.datamodule, DataModule) else None
        if fits:
            resume.refuse_other_data(trained, now, self.settings.allow_changed_data)
        elif trained == now:
            resume.refuse_changes(origin["config"], self.config_yaml, resume.SPLIT_SETTINGS)

    @cached_property
    def whole(self) -> dict[str, Any]:
        """The whole configuration, which can be run again; secrets are masked."""
        settings: dict[str, Any] = masked(self.unmasked)
        return settings

    @cached_property
    def unmasked(self) -> dict[str, Any]:
        """The whole configuration with its secrets."""
        # The parser's own dump fails at an Enum or a device in a callback's defaults.
        settings: dict[str, Any] = plain(self.settings)
        for name in ("config", "allow_changed_data"):
            settings.pop(name, None)
        for name in self.layers.linked:
            settings["model"]["init_args"].pop(name, None)
        return settings

    @cached_property
    def config_yaml(self) -> str:
        return str(yaml.safe_dump(self.whole, sort_keys=False, allow_unicode=True))
