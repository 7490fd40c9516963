"""Photos by class, in a training and a test folder."""

from pathlib import Path

from kindling.data.samples import write_folders
from kindling.images import ImageFolderDataModule


class TaskNameDataModule(ImageFolderDataModule):
    """Photos in a folder for each class."""

    task = "task_name"

    def write_sample(self, folder: Path) -> None:
        write_folders(folder, {self.train: 60, **({self.test: 20} if self.test else {})})
