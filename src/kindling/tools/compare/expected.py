"""The cells of a plan, each with every setting that its run will have."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from kindling.cli import arguments
from kindling.cli.lightning_cli import KindlingCLI
from kindling.cli.process import lightning_errors, quiet
from kindling.data.datamodule import DataModule
from kindling.tools.compare.plan import Plan, PlannedRun, SeedOrFold, check_name, command_flags
from kindling.tools.compare.settings import LOADER, Settings, flat


class Parsed(KindlingCLI):
    """A command's configuration, and nothing made of it."""

    def instantiate_classes(self) -> None:
        pass

    def _run_subcommand(self, subcommand: str) -> None:
        pass


class Examined(KindlingCLI):
    """A run's data as they are, and its model, with nothing written but the sample."""

    def instantiate_classes(self) -> None:
        self.config_init = self.parser.instantiate_classes(self.config)
        self.datamodule = self._get(self.config_init, "data")
        self.datamodule.prepare_data()
        self.datamodule.setup("fit")

    def _run_subcommand(self, subcommand: str) -> None:
        pass


def cells(
    plan: Plan, units: Sequence[SeedOrFold], folder: Path, flags: Sequence[str]
) -> list[PlannedRun]:
    """Variants in turn for the first seed, then for the next, so that pairs are whole early.

    Raises:
        UserError: A flag of a variant, or one of ``flags``, is wrong.
    """
    whole = {
        variant: settings(command_flags(plan, variant, units[0], flags))
        for variant in plan.variants
    }
    return [
        PlannedRun(
            plan.task,
            variant,
            unit,
            folder / "runs" / check_name(variant) / unit.name,
            command_flags(plan, variant, unit, flags),
            whole[variant] | unit.settings,
        )
        for unit in units
        for variant in plan.variants
    ]


@quiet()
def examine(flags: Sequence[str]) -> DataModule:
    """The data that a run with these flags would be made on.

    Raises:
        UserError: They are not there, or not right, or do not go with the model.
    """
    with lightning_errors():
        data = Examined(arguments.read(["fit", *flags])).datamodule
    assert isinstance(data, DataModule)
    return data


@quiet()
def settings(flags: Sequence[str]) -> Settings:
    """The settings of a run with these flags, as its ``config.yaml`` will have them."""
    with lightning_errors():
        parsed = Parsed(arguments.read(["fit", *flags]))
    return flat(yaml.load(parsed.config_yaml, LOADER))
