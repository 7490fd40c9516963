"""Photos from files to augmented batches, for every problem that looks at pictures."""

from kindling.images.augment import Augment, sample_seeds
from kindling.images.cache import load_images
from kindling.images.content import duplicates, fingerprint, identical
from kindling.images.folder import ImageFolder, find_images, scan
from kindling.images.read import read_image

__all__ = [
    "Augment",
    "ImageFolder",
    "duplicates",
    "find_images",
    "fingerprint",
    "identical",
    "load_images",
    "read_image",
    "sample_seeds",
    "scan",
]
