"""Tests of what models of photos share: augmentation in training alone, normalized pixels."""

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from kindling.images import ImageModule, Pixels
from kindling.training.metrics import Heads, StepOutput

OFF = {"rotation": 0.0, "flip": 0.0, "autocontrast": 0.0}


class Batch(NamedTuple):
    image: Tensor
    indices: Tensor


class Seen(ImageModule):
    """Keeps the photos that it was shown."""

    def __init__(self, **settings: Any) -> None:
        super().__init__({}, **settings)
        self.seed = 7

    def step(self, batch: Batch) -> StepOutput:
        return StepOutput(torch.zeros(()), self.predict(batch), {})

    def predict(self, batch: Batch) -> Heads:
        self.seen = batch.image
        return {}

    def baselines(self, batch: Batch) -> dict[str, Heads]:
        return {}


def batch(size: int = 12, *views: int) -> Batch:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (size, *views, 3, 16, 16), generator=generator)
    return Batch(image.to(torch.uint8), torch.arange(size))


def shown(given: Batch, stage: str = "training", **settings: Any) -> Tensor:
    """The photos as they come to the net."""
    model = Seen(**settings).train()
    getattr(model, f"{stage}_step")(given)
    return model.seen


@pytest.mark.parametrize("stage", ["validation", "test", "predict"])
def test_only_training_sees_other_views(stage: str) -> None:
    """Also in a net that somebody left in training mode."""
    given = batch()
    assert torch.equal(shown(given, stage), given.image)
    assert not torch.equal(shown(given), given.image)


def test_each_part_of_the_augmentation_has_its_own_setting() -> None:
    given = batch()
    assert torch.equal(shown(given, **OFF), given.image)
    assert torch.equal(shown(given, **{**OFF, "flip": 1.0}), given.image.flip(-1))
    some = shown(given, **{**OFF, "flip": 0.5})
    same = [torch.equal(a, b) for a, b in zip(some, given.image, strict=True)]
    assert 0 < sum(same) < len(same), "each photo is drawn for on its own"
    for name in ("rotation", "autocontrast", "zoom", "light", "contrast"):
        assert not torch.equal(shown(given, **{**OFF, name: 1.0}), given.image), name


def test_what_is_drawn_follows_from_seed_epoch_and_sample() -> None:
    given = batch()
    part = Batch(given.image[5:8], given.indices[5:8])
    assert torch.equal(shown(part), shown(given)[5:8])
    model = Seen()
    model.seed = 8
    assert not torch.equal(model.augmented(given).image, shown(given))
    given = batch(6, 2)
    alone = Batch(given.image.flatten(0, 1), torch.arange(12))
    assert torch.equal(shown(given), shown(alone).unflatten(0, (6, 2)))


def test_pixels_have_mean_0_and_deviation_1_over_the_training_photos() -> None:
    images, rows = batch(300).image, torch.arange(0, 300, 2)
    images[1::2] = 0
    pixels = Pixels()
    pixels.fit(images, rows)
    whole = images[rows].double() / 255
    torch.testing.assert_close(pixels.mean, whole.mean((0, 2, 3)).float())
    torch.testing.assert_close(pixels.deviation, whole.std((0, 2, 3), correction=0).float())
    seen = pixels(images[rows])
    torch.testing.assert_close(seen.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen.std((0, 2, 3)), torch.ones(3), atol=1e-4, rtol=0)
    grey = torch.full((4, 3, 8, 8), 128, dtype=torch.uint8)
    pixels.fit(grey, torch.arange(4))
    assert pixels(grey).isfinite().all(), "photos of one grey"
