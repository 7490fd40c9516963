"""A model that says what it was given."""

from typing import Any

from kindling.tables.datamodule import TableDataModule
from kindling.training.metrics import Heads
from tests.engine.toy import ToyConstant


class Coded(TableDataModule):
    """A number, and two categories that pandas would read as numbers and as truths."""

    task, head = "coded", "target"


class Codes(ToyConstant):
    """The sum of a row's number and a tenth and a hundredth of its categories' codes."""

    def predict(self, batch: Any) -> Heads:
        code, flag = batch.codes.T
        return {"target": batch.numbers[:, 0] + code / 10 + flag / 100 + 0 * self.level}
