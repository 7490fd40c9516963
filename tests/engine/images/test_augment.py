"""torchvision's functions, one image at a time, are the independent reference."""

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from kindling.errors import UserError
from kindling.images import Augment, sample_seeds
from kindling.images.augment import Fill, _uniform, autocontrast, brightness, hflip, rotate

SHAPES = [(16, 16), (12, 20), (21, 9)]
DTYPES = [torch.uint8, torch.float32]


def photos(
    count: int, size: tuple[int, int] = (16, 16), dtype: torch.dtype = torch.uint8
) -> Tensor:
    """Photos of limited contrast, each its own."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(40, 200, (count, 3, *size), generator=generator, dtype=torch.uint8)
    return images if dtype == torch.uint8 else images.to(dtype) / 255


def rotated(images: Tensor, degrees: Tensor) -> Tensor:
    return rotate(images, degrees, torch.ones(len(images)), "black")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SHAPES)
def test_turn_agrees_with_torchvision(size: tuple[int, int], dtype: torch.dtype) -> None:
    degrees = torch.tensor([0.0, 3.0, 30.0, 44.9, 135.0, 250.0])
    images = photos(len(degrees), size, dtype)
    turned = rotated(images, degrees)
    assert turned.dtype == dtype
    for image, angle, result in zip(images, degrees.tolist(), turned, strict=True):
        expected = reference.rotate(image, angle, InterpolationMode.BILINEAR)
        gap = (result.double() - expected.double()).abs()
        assert gap.max() <= (1 if dtype == torch.uint8 else 2e-5)
        assert gap.mean() < 1e-3


def test_rotation_is_counterclockwise_and_black_outside() -> None:
    images = torch.full((1, 3, 16, 16), 255, dtype=torch.uint8)
    images[..., :8, :8] = 100
    assert rotated(images, torch.tensor([90.0]))[0, 0, 12, 3] == 100
    turned = rotated(images, torch.tensor([45.0]))
    assert turned[0, :, [0, 0, -1, -1], [0, -1, 0, -1]].eq(0).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SHAPES)
def test_turn_and_zoom_agree_with_torchvision(size: tuple[int, int], dtype: torch.dtype) -> None:
    degrees, zoom = torch.tensor([0.0, 0.0, 30.0, 44.9]), torch.tensor([0.7, 1.5, 0.8, 1.3])
    images = photos(len(degrees), size, dtype)
    moved = rotate(images, degrees, zoom, "black")
    for image, angle, scale, result in zip(
        images, degrees.tolist(), zoom.tolist(), moved, strict=True
    ):
        # torchvision's affine turns clockwise.
        expected = reference.affine(
            image, -angle, [0, 0], scale, [0.0, 0.0], InterpolationMode.BILINEAR
        )
        gap = (result.double() - expected.double()).abs()
        assert gap.max() <= (1 if dtype == torch.uint8 else 2e-5)
        assert gap.mean() < 0.02


@pytest.mark.parametrize(("fill", "darkest"), [("black", 0), ("mirror", 90)])
def test_what_comes_into_view(fill: Fill, darkest: int) -> None:
    images = torch.full((2, 3, 16, 16), 90, dtype=torch.uint8)
    moved = rotate(images, torch.tensor([45.0, 0.0]), torch.tensor([1.0, 0.6]), fill)
    assert moved.amin((1, 2, 3)).tolist() == [darkest, darkest]


@pytest.mark.parametrize("dtype", DTYPES)
def test_light_is_torchvisions_brightness(dtype: torch.dtype) -> None:
    images, light = photos(4, dtype=dtype), torch.tensor([0.5, 1.0, 1.3, 2.0])
    lit = brightness(images, light, torch.ones(4))
    assert lit.dtype == dtype
    for image, factor, result in zip(images, light.tolist(), lit, strict=True):
        expected = reference.adjust_brightness(image, factor)
        gap = (result.double() - expected.double()).abs()
        assert gap.max() <= (1 if dtype == torch.uint8 else 1e-6)


def test_contrast_spreads_pixels_about_their_mean() -> None:
    images = photos(3, dtype=torch.float32)
    lit = brightness(images, torch.ones(3), torch.tensor([0.5, 1.0, 1.2]))
    assert torch.allclose(lit.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=1e-5)
    spread = lit.std((1, 2, 3)) / images.std((1, 2, 3))
    assert torch.allclose(spread, torch.tensor([0.5, 1.0, 1.2]), atol=1e-4)


def test_factors_are_as_often_above_one_as_below() -> None:
    images = torch.full((4000, 1, 1, 1), 0.25)
    lit = Augment(rotation=0, flip=0, autocontrast=0, light=1.0)(images).flatten() / 0.25
    assert 0.5 <= lit.min() < 0.51
    assert 1.99 < lit.max() <= 2.0
    assert 0.45 < (lit > 1).float().mean() < 0.55


@pytest.mark.parametrize("dtype", DTYPES)
def test_mirror_flips_the_chosen(dtype: torch.dtype) -> None:
    images = photos(4, (12, 20), dtype)
    chosen = torch.tensor([True, False, False, True])
    expected = torch.stack([i.flip(-1) if c else i for i, c in zip(images, chosen, strict=True)])
    assert torch.equal(hflip(images, chosen), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_stretch_is_torchvisions_autocontrast_of_the_chosen(dtype: torch.dtype) -> None:
    images = photos(5, (12, 20), dtype)
    images[1, 2] = images[1, 2, 0, 0]
    images[4] = images[4, 0, 0, 0]
    chosen = torch.tensor([True, True, False, False, True])
    expected = [reference.autocontrast(i) if c else i for i, c in zip(images, chosen, strict=True)]
    assert torch.equal(autocontrast(images, chosen), torch.stack(expected))
    assert not torch.equal(autocontrast(images, chosen)[0], images[0])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_validation_sees_the_photo_as_it_is(dtype: torch.dtype, channels: int) -> None:
    images = photos(8, dtype=dtype)[:, :channels]
    augment = Augment(rotation=45, flip=1, autocontrast=1)
    assert not augment(images).equal(images)
    before = images.clone()
    assert augment.eval()(images) is images
    assert torch.equal(images, before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_training_leaves_the_original_alone(dtype: torch.dtype) -> None:
    images = photos(8, dtype=dtype)
    before = images.clone()
    views = Augment()(images)
    assert views.shape == images.shape
    assert views.dtype == dtype
    assert torch.equal(images, before)


def test_steps_follow_each_other() -> None:
    images, seeds = photos(16), torch.arange(16)
    always = torch.ones(16, dtype=torch.bool)
    turned = Augment(rotation=30, flip=0, autocontrast=0)(images, seeds)
    expected = autocontrast(hflip(turned, always), always)
    assert torch.equal(Augment(rotation=30, flip=1, autocontrast=1)(images, seeds), expected)


def test_settings_of_zero_change_nothing() -> None:
    images = photos(16)
    assert torch.equal(Augment(rotation=0, flip=0, autocontrast=0)(images), images)


def test_every_image_has_its_own_draw() -> None:
    same = photos(1).expand(64, -1, -1, -1)
    views = Augment()(same, torch.arange(64))
    assert len(views.flatten(1).unique(dim=0)) == 64
    flipped = Augment(rotation=0, flip=0.5, autocontrast=0)(same, torch.arange(64))
    assert len(flipped.flatten(1).unique(dim=0)) == 2


def test_views_depend_on_the_seeds_alone() -> None:
    images, augment = photos(10), Augment()
    seeds = sample_seeds(7, 3, torch.arange(10))
    views = augment(images, seeds)
    torch.rand(3)
    assert torch.equal(augment(images, seeds), views)
    order = torch.tensor([8, 1, 4])
    assert torch.equal(augment(images[order], seeds[order]), views[order])
    for other in (sample_seeds(8, 3, torch.arange(10)), sample_seeds(7, 4, torch.arange(10))):
        assert (augment(images, other) != views).flatten(1).any(dim=1).all()


def test_without_seeds_torchs_generator_decides() -> None:
    images, augment = photos(10), Augment()
    views = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        views.append(augment(images))
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])


def test_sample_seeds_are_the_hash_in_whole_numbers() -> None:
    def mix(number: int) -> int:
        number = ((number ^ number >> 16) * 0x21F0AAAD) % 2**32
        number = ((number ^ number >> 15) * 0x735A2D97) % 2**32
        return number ^ number >> 15

    index = [0, 1, 2, 1000, 10**9]
    for seed, epoch in ((0, 0), (1, 0), (2**32 - 1, 36), (12345, 999)):
        expected = [mix((mix((mix(seed) + epoch) % 2**32) + i) % 2**32) for i in index]
        assert sample_seeds(seed, epoch, torch.tensor(index)).tolist() == expected


@pytest.mark.parametrize("hashed", [True, False])
def test_draws_are_uniform_and_independent(hashed: bool) -> None:
    """Also for seeds in a row. Bounds are five deviations of what chance allows."""
    index = torch.arange(20_000)
    epochs = [
        sample_seeds(0, epoch, index) if hashed else index + 20_000 * epoch for epoch in (0, 1)
    ]
    assert len(torch.cat(epochs).unique()) > 39_990
    draws = torch.stack([_uniform(seeds, draw) for seeds in epochs for draw in range(3)])
    assert draws.min() >= 0
    assert draws.max() < 1
    steps = torch.arange(1, 20_001) / 20_000
    assert (draws.sort(dim=1).values - steps).abs().max() < 2.5 / 20_000**0.5
    neighbours = torch.cat((draws[:, :-1], draws[:, 1:]))
    assert (neighbours.corrcoef() - torch.eye(12)).abs().max() < 5 / 20_000**0.5


def test_flip_and_autocontrast_do_not_hang_together() -> None:
    images = photos(1, (4, 4)).expand(4000, -1, -1, -1)
    views = Augment(rotation=0, flip=0.5, autocontrast=0.5)(images, torch.arange(4000))
    _, counts = views.flatten(1).unique(dim=0, return_counts=True)
    assert counts.tolist() == pytest.approx([1000] * 4, abs=5 * (4000 * 3 / 16) ** 0.5)


@pytest.mark.parametrize("chance", [0.2, 0.5])
def test_flip_and_autocontrast_happen_as_often_as_asked(chance: float) -> None:
    images = photos(1, (4, 4)).expand(4000, -1, -1, -1)
    for flip, contrast in ((chance, 0.0), (0.0, chance)):
        augment = Augment(rotation=0, flip=flip, autocontrast=contrast)
        views = augment(images, torch.arange(4000))
        changed = (views != images).flatten(1).any(dim=1).float().mean()
        assert changed == pytest.approx(chance, abs=5 * (chance * (1 - chance) / 4000) ** 0.5)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("rotation", -1),
        ("rotation", 361),
        ("flip", 1.1),
        ("autocontrast", -0.1),
        ("zoom", 1.5),
        ("light", -1),
        ("contrast", 2),
        ("flip", float("nan")),
    ],
)
def test_settings_out_of_range_are_named(setting: str, value: float) -> None:
    with pytest.raises(UserError, match=f"{setting}={value}: choose a number from 0 to"):
        Augment(**{setting: value})  # type: ignore[arg-type]
