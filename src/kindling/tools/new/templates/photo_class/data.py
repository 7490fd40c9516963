"""Photos by class, in a training and a test folder."""

from kindling.images import ImageFolderDataModule


class TaskNameDataModule(ImageFolderDataModule):
    """Photos in a folder for each class."""

    task = "task_name"
