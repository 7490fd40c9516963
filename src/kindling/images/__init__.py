"""Photos from files to augmented batches, and models of them."""

from kindling.images.augment import Augment, sample_seeds
from kindling.images.backbone import Backbone
from kindling.images.blocks import ConvBlocks, RandomFeatures, check_size
from kindling.images.cache import load_images
from kindling.images.classifier import ImageClassifier, class_head
from kindling.images.encoder import PhotoModule
from kindling.images.folder import find_images, scan
from kindling.images.folder_datamodule import ImageBatch, ImageFolderDataModule
from kindling.images.listed import listed_images
from kindling.images.module import ImageModule
from kindling.images.pixels import Pixels
from kindling.images.read import PHOTO, ImageSize, read_image, sides

__all__ = [
    "PHOTO",
    "Augment",
    "Backbone",
    "ConvBlocks",
    "ImageBatch",
    "ImageClassifier",
    "ImageFolderDataModule",
    "ImageModule",
    "ImageSize",
    "PhotoModule",
    "Pixels",
    "RandomFeatures",
    "check_size",
    "class_head",
    "find_images",
    "listed_images",
    "load_images",
    "read_image",
    "sample_seeds",
    "scan",
    "sides",
]
