"""Rows of a table, and the class of each."""

from kindling.tables.datamodule import TableDataModule


class TaskNameDataModule(TableDataModule):
    """Rows of one CSV file, cut at random so that each split has its share of every class."""

    task = "task_name"
    target_kind = "classes"
