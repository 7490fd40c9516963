"""Tests of the page of photos."""

import numpy as np
import pytest
import torch

from kindling.images.figures import MOST, draw_photos


@pytest.mark.parametrize("count", [0, 5, MOST + 3])
def test_each_photo_lies_on_the_page_below_its_caption(count: int) -> None:
    photos = torch.arange(count).byte()[:, None, None, None].expand(-1, 3, 8, 8)
    captions = [f"taken for {k}\n{k}.jpg" for k in range(count)]
    figure = draw_photos("The worst", zip(photos, captions, strict=True))
    (page,) = figure.axes
    width, height = figure.get_size_inches()
    corners = []
    for image, text, photo in zip(page.get_images(), page.texts, photos, strict=False):
        np.testing.assert_array_equal(image.get_array(), photo.permute(1, 2, 0))
        left, right, low, high = image.get_extent()
        assert 0 <= left < right <= width
        assert 0 <= low < high < height
        assert text.get_position() == pytest.approx((left, high), abs=0.1)
        corners.append((round(high, 3), -round(left, 3)))
    assert corners == sorted(corners, reverse=True)  # from the top left
    assert len(set(corners)) == len(page.texts) == min(count, MOST)
    assert [text.get_text() for text in page.texts] == captions[:MOST]
