"""How the photos of a data set become bytes: the settings of every data module that reads some.

M: photos, H: height, W: width.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from kindling.data import paths
from kindling.images.cache import load_images
from kindling.images.levels import Levels, check_levels, find_levels
from kindling.images.read import (
    BadFiles,
    BadFilesAre,
    Fit,
    ImageSize,
    Rendering,
    check_bands,
    check_sides,
    described,
)

log = logging.getLogger(__name__)


class PhotoReader:
    """Reads photos in one size, shape and range of values.

    Args:
        image_size: Pixels on a side, or height and width.
        fit: A photo of another shape is stretched, cut, or padded with black.
        levels: Values that are black and white in images of more than eight bits; null takes the
            least and the largest of the training photos.
        bad_files: End with an error if photos cannot be read, or leave them out and name them.
        bands: One or three bands of a TIFF, counted from 1; null takes photos as they are.
    """

    def __init__(
        self,
        image_size: ImageSize,
        fit: Fit,
        levels: Sequence[float] | None,
        bad_files: BadFilesAre,
        bands: Sequence[int] | None = None,
    ) -> None:
        self.size, self.fit, self.bad_files = check_sides(image_size), fit, bad_files
        self.given, self.bands = check_levels(levels), check_bands(bands)
        self.measured: Levels | None = None
        self.is_measured = False
        self.faults: dict[int, str] = {}
        """Of the photos that were read last and could not be, by their index."""

    def restore(self, levels: Levels | None) -> None:
        """Take the range of a checkpoint's training photos."""
        self.measured, self.is_measured = levels, True

    def measure(self, training: Sequence[Path]) -> None:
        """Take the range of these training photos, unless a checkpoint has brought its own."""
        if not self.is_measured:
            self.restore(find_levels(training, self.given, paths.CACHE, self.bands))

    @property
    def levels(self) -> Levels | None:
        return self.given or self.measured

    @property
    def rendering(self) -> Rendering:
        return Rendering(self.fit, self.levels, self.bands)

    def read(self, files: Sequence[Path], labelled: bool) -> Tensor:
        """Photos ``(M, 3, H, W)`` as bytes; labelled ones are kept for later runs.

        Raises:
            BadFiles: Labelled ones cannot be read, and are not to be left out.
        """
        self.faults, cache = {}, paths.CACHE if labelled else None
        faults = None if labelled and self.bad_files == "error" else self.faults
        images = load_images(files, self.size, cache, rendering=self.rendering, faults=faults)
        if self.faults and labelled:
            log.warning("left out: %s", BadFiles(files, self.faults))
        return images

    def described(self) -> dict[str, Any]:
        """The input of a net, described for those who use it without this code."""
        return described(self.rendering)
