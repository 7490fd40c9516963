"""One branch for each kind of input, merged and read out to one number.

B: batch, V: photos of a row, F: numbers, C: categories, H: height, W: width.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from kindling.images import ConvBlocks, Pixels
from problems.prices.backbone import Backbone

Merge = Literal["average", "concatenate"]


class PhotoBranch(nn.Module):
    """Features of a row's photos: convolutional blocks that all of them share, then their means.

    Args:
        views: Photos of a row, V.
        image_size: Pixels on a side.
        channels: Of each block.
        merge: Average the photos' features, or keep each photo's own.

    Shape:
        ``(B, V, 3, H, W)`` uint8 to ``(B, width)``.
    """

    def __init__(self, views: int, image_size: int, channels: Sequence[int], merge: Merge) -> None:
        super().__init__()
        self.merge, self.pixels = merge, Pixels()
        self.blocks = ConvBlocks(image_size, channels).to(memory_format=torch.channels_last)
        self.width = channels[-1] * (views if merge == "concatenate" else 1)

    def forward(self, photos: Tensor) -> Tensor:
        means: Tensor = self.blocks(self.pixels(photos.flatten(0, 1))).mean((2, 3))
        features = means.reshape(*photos.shape[:2], -1)  # (B, V, channels)
        return features.mean(1) if self.merge == "average" else features.flatten(1)


class TableBranch(nn.Module):
    """Features of a row's numbers and categories.

    Args:
        features: Numbers, after normalization.
        vocabularies: Values of each category, beside the place 0 of what is unseen or missing.
        embedding: Width of a category.
        hidden: Widths of the layers.
        dropout: Share of each layer that is dropped in training.
        hide: Share of categories that are taken for missing in training, so that the entry of
            unseen ones is learned too.

    Shape:
        ``(B, F)`` and ``(B, C)`` int64 to ``(B, width)``.

    References:
        Guo and Berkhahn, Entity Embeddings of Categorical Variables, 2016, arXiv:1604.06737
    """

    def __init__(
        self,
        features: int,
        vocabularies: Sequence[int],
        embedding: int,
        hidden: Sequence[int],
        dropout: float,
        hide: float,
    ) -> None:
        super().__init__()
        self.hide = hide
        self.embeddings = nn.ModuleList(nn.Embedding(size + 1, embedding) for size in vocabularies)
        inputs = features + embedding * len(vocabularies)
        self.layers = perceptron(inputs, hidden, dropout)
        self.width = hidden[-1] if hidden else inputs

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        if self.training and self.hide:
            codes = codes * (torch.rand(codes.shape, device=codes.device) >= self.hide)
        embedded = [embed(codes[:, k]) for k, embed in enumerate(self.embeddings)]
        return self.layers(torch.cat([numbers, *embedded], 1))  # type: ignore[no-any-return]


class PricesNet(nn.Module):
    """Photos, numbers and categories to one number; a branch without input is left out.

    What learned blocks tell of the photos stands beside the table's features. The few components
    of a frozen net are numbers like the table's, and go through its layers.

    Args:
        photos: The branch of the photos, if there are any.
        features: Numbers, after normalization.
        vocabularies: Values of each category.
        embedding: Width of a category.
        hidden: Widths of the table's layers.
        readout: Width of the layer behind the branches.
        dropout: Share of each layer that is dropped in training.
        hide: Share of categories that are taken for missing in training.

    Shape:
        What the branch of photos tells ``(B, width)``, numbers ``(B, F)`` and codes ``(B, C)``
        int64 to ``(B,)``.
    """

    def __init__(
        self,
        photos: PhotoBranch | Backbone | None,
        features: int,
        vocabularies: Sequence[int],
        embedding: int,
        hidden: Sequence[int],
        readout: int,
        dropout: float,
        hide: float,
    ) -> None:
        super().__init__()
        self.photos, self.table = photos, None
        seen = photos.width if photos is not None else 0
        inside = seen if isinstance(photos, Backbone) else 0
        if features or vocabularies:
            inputs = features + inside
            self.table = TableBranch(inputs, vocabularies, embedding, hidden, dropout, hide)
            seen += self.table.width - inside
        self.readout = perceptron(seen, [readout], dropout).append(nn.Linear(readout, 1))

    def look(self, photos: Tensor) -> Tensor:
        """What the branch of photos tells, ``(B, V, 3, H, W)`` uint8 to ``(B, width)``."""
        if self.photos is None:
            kind = next(self.readout.parameters()).dtype
            return photos.new_zeros(photos.shape[0], 0, dtype=kind)
        return self.photos(photos)  # type: ignore[no-any-return]

    def forward(self, seen: Tensor, numbers: Tensor, codes: Tensor) -> Tensor:
        if self.table is None:
            inputs = seen
        elif isinstance(self.photos, Backbone):
            inputs = self.table(torch.cat([numbers, seen], 1), codes)
        else:
            inputs = torch.cat([seen, self.table(numbers, codes)], 1)
        return self.readout(inputs).squeeze(-1)  # type: ignore[no-any-return]


def one_hot(codes: Tensor, vocabularies: Sequence[int]) -> Tensor:
    """A column for each value of each category; the place 0, unseen or missing, has none.

    Shape:
        ``(B, C)`` int64 to ``(B, sum of the vocabularies)``.
    """
    columns = [
        nn.functional.one_hot(codes[:, k], size + 1)[:, 1:] for k, size in enumerate(vocabularies)
    ]
    return torch.cat([codes.new_zeros(codes.shape[0], 0), *columns], 1).float()


def perceptron(inputs: int, hidden: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear layers, each with an activation and dropout behind it."""
    net = nn.Sequential()
    for width in hidden:
        net.extend([nn.Linear(inputs, width), nn.SiLU(), nn.Dropout(dropout)])
        inputs = width
    return net
