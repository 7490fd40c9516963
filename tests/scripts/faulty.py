"""A problem that ends its process where ``scripts/process_matrix.py`` says."""

from typing import Any

from tests.engine.toy import ToyNet, ToyTable


def reach(stage: str) -> None:
    from scripts import process_matrix

    process_matrix.reach(stage)


class FaultyData(ToyTable):
    def setup(self, stage: str) -> None:
        reach("data")
        super().setup(stage)


class FaultyModel(ToyNet):
    def __init__(self, *args: Any, **settings: Any) -> None:
        reach("config")
        super().__init__(*args, **settings)

    def training_step(self, batch: Any) -> Any:
        if self.current_epoch and self.trainer.global_step % 4 == 2:
            reach("step")
        return super().training_step(batch)

    def validation_step(self, batch: Any) -> Any:
        if self.trainer.sanity_checking:
            reach("sanity")
        elif self.current_epoch:
            reach("validation")
        return super().validation_step(batch)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.current_epoch:
            reach("saving")
        super().on_save_checkpoint(checkpoint)

    def on_train_end(self) -> None:
        reach("fit's end")
