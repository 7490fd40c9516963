"""What a run with some flags would be: its settings, and the data that it would be made on."""

from collections.abc import Sequence
from typing import Any

from kindling.api.settings import Settings, flat
from kindling.cli import arguments
from kindling.cli.lightning_cli import KindlingCLI
from kindling.cli.process import lightning_errors, quiet


class Parsed(KindlingCLI):
    """A command's configuration, and nothing made of it."""

    def instantiate_classes(self) -> None:
        pass

    def _run_subcommand(self, subcommand: str) -> None:
        pass


class Examined(Parsed):
    """A run's data as they are, and its model, with nothing written but the sample."""

    def instantiate_classes(self) -> None:
        self.config_init = self.parser.instantiate_classes(self.config)
        self.datamodule = self._get(self.config_init, "data")
        self.datamodule.prepare_data()
        self.datamodule.setup("fit")


@quiet()
def settings(flags: Sequence[str]) -> Settings:
    """The settings of a run with these flags, as its ``config.yaml`` will have them."""
    with lightning_errors():
        return flat(Parsed(arguments.read(["fit", *flags])).whole)


@quiet()
def examine(flags: Sequence[str]) -> Any:
    """The data module of a run with these flags; its data are there, right, and go with the model.

    A plain LightningDataModule has no ``fingerprint``.
    """
    with lightning_errors():
        return Examined(arguments.read(["fit", *flags])).datamodule
