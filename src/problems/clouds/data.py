"""Photos of the sky, in a folder for each kind of cloud."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kindling.images import ImageFolderDataModule
from problems.clouds.sample import write_sample


class CloudsDataModule(ImageFolderDataModule):
    """Photos of the sky by kind of cloud, in a training and a test folder."""

    task = "clouds"

    def __init__(
        self, *, train: str = "clouds_train", test: str | None = "clouds_test", **settings: Any
    ) -> None:
        super().__init__(train=train, test=test, **settings)

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"cloud": "class"}

    def write_sample(self, folder: Path) -> None:
        write_sample(folder)
