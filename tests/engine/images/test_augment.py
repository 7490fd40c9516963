"""torchvision's functions, one image at a time, are the independent reference."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from kindling.errors import UserError
from kindling.images import Augment, sample_seeds
from kindling.images.augment import Fill, Mix, autocontrast, brightness, hflip, rotate

OFF = {"rotation": 0.0, "flip": 0.0, "autocontrast": 0.0}
DTYPES = [torch.uint8, torch.float32]


def photos(
    count: int, size: tuple[int, int] = (16, 16), dtype: torch.dtype = torch.uint8
) -> Tensor:
    """Photos of limited contrast, each its own."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(40, 200, (count, 3, *size), generator=generator, dtype=torch.uint8)
    return images if dtype == torch.uint8 else images.to(dtype) / 255


def check(
    found: Tensor, images: Tensor, expected: Callable[[Tensor, int], Tensor], mean: float = 0.02
) -> None:
    """Each image against a reference, within a rounding."""
    assert found.dtype == images.dtype
    for k, image in enumerate(images):
        gap = (found[k].double() - expected(image, k).double()).abs()
        assert gap.max() <= (1 if images.dtype == torch.uint8 else 2e-5)
        assert gap.mean() < mean


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(16, 16), (12, 20), (21, 9)])
def test_rotation_and_zoom_are_torchvisions(size: tuple[int, int], dtype: torch.dtype) -> None:
    degrees = torch.tensor([0.0, 3.0, 44.9, 135.0, 250.0, 0.0, 0.0, 30.0, 44.9])
    zoom = torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 0.7, 1.5, 0.8, 1.3])
    images = photos(len(degrees), size, dtype)

    def expected(image: Tensor, k: int) -> Tensor:
        # torchvision's affine turns clockwise.
        angle, scale, bilinear = -degrees[k].item(), zoom[k].item(), InterpolationMode.BILINEAR
        return reference.affine(image, angle, [0, 0], scale, [0.0, 0.0], bilinear)

    check(rotate(images, degrees, zoom, "black"), images, expected)


def test_a_shift_moves_whole_pixels() -> None:
    images, still = photos(1, (12, 20), torch.uint8), torch.zeros(1)
    shift = torch.tensor([[2 * 3 / 20, -2 * 2 / 12]])  # three pixels to the left, two down
    moved = rotate(images, still, still + 1, "black", shift)
    expected = torch.zeros_like(images)
    expected[..., 2:, :-3] = images[..., :-2, 3:]
    assert torch.equal(moved, expected)


@pytest.mark.parametrize(("fill", "darkest"), [("black", 0), ("mirror", 90)])
def test_what_comes_into_view(fill: Fill, darkest: int) -> None:
    images = torch.full((2, 3, 16, 16), 90, dtype=torch.uint8)
    moved = rotate(images, torch.tensor([45.0, 0.0]), torch.tensor([1.0, 0.6]), fill)
    assert moved.amin((1, 2, 3)).tolist() == [darkest, darkest]


@pytest.mark.parametrize("dtype", DTYPES)
def test_light_is_torchvisions_brightness(dtype: torch.dtype) -> None:
    images, light = photos(4, dtype=dtype), torch.tensor([0.5, 1.0, 1.3, 2.0])
    lit = brightness(images, light, torch.ones(4))
    check(lit, images, lambda i, k: reference.adjust_brightness(i, light[k].item()), mean=1)


def test_contrast_spreads_pixels_about_their_mean() -> None:
    images, contrast = photos(3, dtype=torch.float32), torch.tensor([0.5, 1.0, 1.2])
    lit = brightness(images, torch.ones(3), contrast)
    torch.testing.assert_close(lit.mean((1, 2, 3)), images.mean((1, 2, 3)))
    torch.testing.assert_close(lit.std((1, 2, 3)), images.std((1, 2, 3)) * contrast)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_chosen_are_flipped_and_stretched_as_by_torchvision(dtype: torch.dtype) -> None:
    images = photos(5, (12, 20), dtype)
    images[1, 2], images[4] = images[1, 2, 0, 0], images[4, 0, 0, 0]
    chosen = torch.tensor([True, True, False, False, True])
    for ours, theirs in ((hflip, reference.hflip), (autocontrast, reference.autocontrast)):
        expected = [theirs(i) if c else i for i, c in zip(images, chosen, strict=True)]
        assert torch.equal(ours(images, chosen), torch.stack(expected))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_original_is_left_alone(dtype: torch.dtype) -> None:
    images, augment = photos(8, dtype=dtype)[:, :1], Augment(flip=1)
    before = images.clone()
    views = augment(images)
    assert (views.shape, views.dtype) == (images.shape, dtype)
    assert not torch.equal(views, images)
    assert augment.eval()(images) is images
    assert torch.equal(images, before)


def test_steps_follow_each_other() -> None:
    images, seeds, always = photos(16), torch.arange(16), torch.ones(16, dtype=torch.bool)
    rotated = Augment(rotation=30, flip=0, autocontrast=0)(images, seeds)
    expected = autocontrast(hflip(rotated, always), always)
    assert torch.equal(Augment(rotation=30, flip=1, autocontrast=1)(images, seeds), expected)


def test_views_depend_on_the_seeds_alone() -> None:
    images, augment = photos(1).expand(64, -1, -1, -1), Augment()
    seeds = sample_seeds(7, 3, torch.arange(64))
    views = augment(images, seeds)
    assert len(views.flatten(1).unique(dim=0)) == 64
    torch.rand(3)
    order = torch.tensor([8, 1, 4])
    assert torch.equal(augment(images[order], seeds[order]), views[order])
    for other in (sample_seeds(8, 3, torch.arange(64)), sample_seeds(7, 4, torch.arange(64))):
        assert (augment(images, other) != views).flatten(1).any(dim=1).all()


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
    """Of neighbours and of epochs, also for seeds in a row; within what chance allows."""
    index, grey = torch.arange(20_000), torch.full((20_000, 1, 1, 1), 0.25)
    draws = []
    for epoch in (0, 1):
        seeds = sample_seeds(0, epoch, index) if hashed else index + 20_000 * epoch
        factor = Augment(**OFF, light=1.0)(grey, seeds).flatten() / 0.25
        draws.append((factor.log2() + 1) / 2)
    found = torch.stack(draws)
    steps = torch.arange(1, 20_001) / 20_000
    assert (found.sort(dim=1).values - steps).abs().max() < 2.5 / 20_000**0.5
    neighbours = torch.cat((found[:, :-1], found[:, 1:]))
    assert (neighbours.corrcoef() - torch.eye(4)).abs().max() < 5 / 20_000**0.5


def test_flip_and_autocontrast_happen_as_often_as_asked_and_apart() -> None:
    images = photos(1, (4, 4)).expand(4000, -1, -1, -1)
    views = Augment(rotation=0, flip=0.2, autocontrast=0.5)(images, torch.arange(4000))
    _, counts = views.flatten(1).unique(dim=0, return_counts=True)
    assert sorted(counts.tolist()) == pytest.approx([400, 400, 1600, 1600], abs=130)


WRONG = {
    "rotation": 361,
    "flip": float("nan"),
    "autocontrast": -0.1,
    "zoom": 1.5,
    "light": -1,
    "shift": 2,
}


@pytest.mark.parametrize(("setting", "value"), [*WRONG.items(), ("contrast", 2), ("shift", 2)])
def test_settings_out_of_range_are_named(setting: str, value: float) -> None:
    with pytest.raises(UserError, match=f"{setting}={value}: choose a number from 0 to"):
        Augment(**{setting: value})  # type: ignore[arg-type]


def test_a_crop_is_a_part_at_full_size_drawn_for_each_photo() -> None:
    ramp = torch.linspace(0, 1, 32).expand(64, 1, 32, 32).contiguous()
    crops = Augment(**OFF, crop=0.25)(ramp, torch.arange(64))
    assert crops.shape == ramp.shape
    width = crops[..., -1].mean((1, 2)) - crops[..., 0].mean((1, 2))
    assert 0.4 < width.min() < 0.6 < 0.85 < width.max()
    assert len(width.unique()) > 20, "each of its own"
    assert torch.equal(Augment(**OFF, crop=0.25)(ramp[5:6], torch.tensor([5])), crops[5:6])


def test_randaugment_is_torchvisions_and_leaves_the_generator_alone() -> None:
    images, before = photos(16), torch.get_rng_state()
    mild, strong = (Augment(**OFF, randaugment=m)(images, torch.arange(16)) for m in (1, 25))
    assert torch.equal(torch.get_rng_state(), before)
    assert (strong.dtype, strong.shape) == (images.dtype, images.shape)
    gaps = [(views.float() - images.float()).abs().mean() for views in (mild, strong)]
    assert 0 < 2 * gaps[0] < gaps[1]


@pytest.mark.parametrize(("mixup", "cutmix"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_photos_and_classes_are_mixed_in_the_same_shares(mixup: float, cutmix: float) -> None:
    images = torch.tensor([0, 200]).to(torch.uint8)[:, None, None, None].expand(2, 3, 32, 32)
    label, mix, kinds = torch.tensor([0, 1]), Mix(mixup, cutmix), set()
    for seed in range(12):
        mixed, soft = mix(images, label, 2, torch.tensor([seed, 99]))
        torch.testing.assert_close(mixed.mean((1, 2, 3)) / 200, soft[:, 1], atol=1e-4, rtol=0)
        torch.testing.assert_close(soft.sum(1), torch.ones(2))
        kinds.add("cutmix" if mixed.unique().numel() < 3 and mixed.max() == 200 else "mixup")
    assert kinds == {name for name, a in (("mixup", mixup), ("cutmix", cutmix)) if a}
    again = mix(images, label, 2, torch.tensor([11, 5]))
    assert torch.equal(again[0], mixed)
    assert torch.equal(again[1], soft)
