"""Photos of the sky, in a folder for each kind of cloud."""

from collections.abc import Mapping
from pathlib import Path

from kindling.images import ImageFolderDataModule
from problems.clouds.sample import write_sample


class CloudsDataModule(ImageFolderDataModule):
    """Photos of the sky by kind of cloud."""

    task = "clouds"

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"cloud": "class"}

    def write_sample(self, folder: Path) -> None:
        write_sample(folder)
