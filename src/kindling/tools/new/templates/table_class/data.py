"""Rows of a table, and the class of each."""

from pathlib import Path

from kindling.data.samples import write_table
from kindling.tables.datamodule import TableDataModule


class TaskNameDataModule(TableDataModule):
    """Rows of one CSV file, cut at random so that each split has its share of every class."""

    task = "task_name"
    target_kind = "classes"

    def write_sample(self, folder: Path) -> None:
        classes = ("high", "low", "middle")
        write_table(folder / (self.table or "sample.csv"), self.named, {self.target: classes})
