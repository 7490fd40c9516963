"""A task's data module and model as training would have them, and what training would refuse."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lightning.pytorch import LightningDataModule, Trainer

from kindling.cli import arguments
from kindling.cli.lightning_cli import KindlingCLI
from kindling.cli.process import lightning_errors
from kindling.data.datamodule import DataModule
from kindling.errors import UserError
from kindling.training.module import Module


@dataclass
class Subject:
    """What is examined.

    Args:
        data: Its splits are empty where training refuses the data before they are cut.
        model: With the statistics that it takes from the training split; none where training
            refuses the data before.
        refusal: The error that training would end with.
    """

    data: DataModule
    model: Module | None
    refusal: UserError | None


class Examined(KindlingCLI):
    """``kindling fit`` up to where the first batch would be trained on, with no run made."""

    refusal: UserError | None = None
    made: DataModule | None = None
    ready: Module | None = None

    def _make_data(
        self, class_type: type[LightningDataModule], *args: Any, **kwargs: Any
    ) -> LightningDataModule:
        data = super()._make_data(class_type, *args, **kwargs)
        if not isinstance(data, DataModule):
            raise UserError(f"{class_type.__name__}: not a kindling DataModule: nothing to check")
        self.made = data
        return data

    def instantiate_classes(self) -> None:
        try:
            with lightning_errors():
                self._make_pair()
                self._learn_statistics()
        except UserError as error:
            if self.made is None:  # a setting is wrong, and there is nothing to look at
                raise
            self.refusal = error

    def _learn_statistics(self) -> None:
        """What the model takes from the training split, by a Trainer that writes nothing."""
        trainer = Trainer(
            accelerator="cpu",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.datamodule = self.datamodule  # type: ignore[attr-defined]
        self.model.trainer = trainer
        self.model.setup("fit")
        self.ready = self.model.eval()

    def _run_subcommand(self, subcommand: str) -> None:
        pass


def load(task: str, flags: Sequence[str]) -> Subject:
    """The data and the model of a task.

    Args:
        task: Or the path of a configuration.
        flags: Over the task's own configuration, such as ``--data.root=DIR``.

    Raises:
        UserError: There is no such task or setting.
    """
    examined = Examined(arguments.read(["fit", f"--config={task}", *flags]))
    assert examined.made is not None
    return Subject(examined.made, examined.ready, examined.refusal)
