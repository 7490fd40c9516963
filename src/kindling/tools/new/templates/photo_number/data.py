"""Rows of a table with photos, and the number to predict of each."""

from kindling.images.table_datamodule import ImageTableDataModule


class TaskNameDataModule(ImageTableDataModule):
    """Rows of one CSV file, cut at random but for rows that share a photo."""

    task = "task_name"
    target_kind = "number"
