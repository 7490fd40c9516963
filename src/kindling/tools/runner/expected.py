"""The settings and the data that a run with some flags would have."""

from collections.abc import Sequence
from typing import Any

from kindling.api.record import Settings, chosen
from kindling.cli import arguments
from kindling.cli.parsing import ParsingCLI
from kindling.cli.process import quiet, setting_errors
from kindling.data.datamodule import DataModule


class Parsed(ParsingCLI):
    """A command's configuration, of which nothing is instantiated."""

    def instantiate_classes(self) -> None:
        pass


class Made(ParsingCLI):
    """A run's model and data, with nothing written but the sample."""

    def instantiate_classes(self) -> None:
        self._make_pair()
        if not isinstance(self.datamodule, DataModule):
            self.datamodule.prepare_data()
            self.datamodule.setup("fit")


@quiet()
@setting_errors()
def settings(flags: Sequence[str]) -> Settings:
    """The settings of a run with these flags, as its ``config.yaml`` will have them."""
    return chosen(Parsed(arguments.read(["fit", *flags])).whole)


@quiet()
@setting_errors()
def examine(flags: Sequence[str]) -> Any:
    """The data module of a run with these flags, whose data exist, are valid and fit the model.

    A plain LightningDataModule has no ``fingerprint``.
    """
    return Made(arguments.read(["fit", *flags])).datamodule
