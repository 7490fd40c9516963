"""Rows of a table, and the number to predict of each."""

from pathlib import Path

from kindling.data.samples import write_table
from kindling.tables.datamodule import TableDataModule


class TaskNameDataModule(TableDataModule):
    """Rows of one CSV file, cut at random."""

    task = "task_name"
    target_kind = "number"

    def write_sample(self, folder: Path) -> None:
        write_table(folder / (self.table or "sample.csv"), self.named, {self.target: ()})
