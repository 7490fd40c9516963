"""Rows of a table, and the number to predict of each."""

from kindling.tables.datamodule import TableDataModule


class TaskNameDataModule(TableDataModule):
    """Rows of one CSV file, cut at random."""

    task = "task_name"
    target_kind = "number"
