"""Images of any kind come out upright, in their colours, in one size; or are named."""

import io
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, JpegImagePlugin
from torchvision.transforms import v2

from kindling.errors import UserError
from kindling.images.levels import find_levels
from kindling.images.read import STACK, Rendering, check_bands, read_image, read_images

RED, BLUE, WHITE = [255, 0, 0], [0, 0, 255], [255, 255, 255]


def two_halves() -> Image.Image:
    """Red above, blue below; wider than it is high."""
    pixels = np.empty((40, 60, 3), np.uint8)
    pixels[:20], pixels[20:] = RED, BLUE
    return Image.fromarray(pixels)


def noise(height: int, width: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def corners(path: Path, side: int = 32) -> tuple[list[int], list[int]]:
    """Colours at the top left and at the bottom right."""
    image = read_image(path, (side, side))
    return image[:, 1, 1].tolist(), image[:, -2, -2].tolist()


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("RGB", "a.jpg A.PNG a.webp a.bmp a.gif"),
        ("P", "a.png"),
        ("RGBA", "a.png a.tif"),
        ("CMYK", "a.jpg a.tif"),
        ("YCbCr", "a.jpg"),
        ("L", "a.jpg a.png"),
        ("LA", "a.png"),
    ],
)
def test_colours_come_out_as_they_went_in(tmp_path: Path, mode: str, names: str) -> None:
    expected = ([76] * 3, [29] * 3) if mode.startswith("L") else (RED, BLUE)
    for name in names.split():
        two_halves().convert(mode).save(tmp_path / name)
        for found, color in zip(corners(tmp_path / name), expected, strict=True):
            assert found == pytest.approx(color, abs=4), name


@pytest.mark.parametrize("name", ["a.png", "a.tif", "floats.tif"])
def test_more_than_eight_bits_are_scaled_and_not_clipped(tmp_path: Path, name: str) -> None:
    floats = name.startswith("floats")
    ramp = np.linspace(-3, 5, 256) if floats else np.linspace(0, 65535, 256)
    values = np.tile(ramp.astype(np.float32 if floats else np.uint16), (16, 1))
    if floats:
        values[0, 0] = np.nan
    Image.fromarray(values).save(tmp_path / name)
    levels = (-3.0, 5.0) if floats else (0.0, 65535.0)
    image = read_image(tmp_path / name, (16, 256), Rendering(levels=levels))
    assert torch.equal(image[1, 8], torch.arange(256, dtype=torch.uint8))
    with pytest.raises(UserError, match=r"more than eight bits, as no training photo has; say"):
        read_image(tmp_path / name, (16, 256))


def test_a_scene_is_the_same_picture_in_every_file_of_more_than_eight_bits(tmp_path: Path) -> None:
    scene = np.tile(np.linspace(300, 3499, 64), (64, 1)).astype(np.uint16)
    Image.fromarray(scene).save(tmp_path / "a.png")
    (tmp_path / "a.pgm").write_bytes(b"P5\n64 64\n65535\n" + scene.astype(">u2").tobytes())
    Image.fromarray(scene.astype(np.int32)).save(tmp_path / "i.tif")
    Image.fromarray(scene.astype(np.float32)).save(tmp_path / "f.tif")
    Image.fromarray(scene.astype(np.float32) / 10).save(tmp_path / "dim.tif")
    files = [tmp_path / name for name in ("a.png", "a.pgm", "i.tif", "f.tif")]
    levels = find_levels(files, None, None)
    assert levels == (300, 3499)
    first, *others = (read_image(file, (64, 64), Rendering(levels=levels)) for file in files)
    assert (first.min(), first.max()) == (0, 255)
    assert all(torch.equal(first, other) for other in others)
    dim = read_image(tmp_path / "dim.tif", (64, 64), Rendering(levels=levels))
    assert dim.float().mean() < first.float().mean() / 10


def test_levels_are_measured_once_and_files_of_few_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, most in (("wide", 50_000), ("narrow", 900)):
        ramp = np.linspace(0, most, 64, dtype=np.uint16)
        Image.fromarray(np.tile(ramp, (8, 1))).save(tmp_path / f"{name}.png")
    two_halves().save(tmp_path / "eight.png")
    (tmp_path / "broken.png").write_bytes(b"no photo")
    files = sorted(tmp_path.glob("*.png"))
    assert find_levels(files, None, tmp_path / "cache") == (0, 50_000)
    [message] = caplog.messages
    assert "1 of 2 images of more than eight bits" in message
    assert "narrow.png" in message
    monkeypatch.setattr("kindling.images.levels.value_range", None)
    assert find_levels(files, None, tmp_path / "cache") == (0, 50_000)
    assert find_levels([tmp_path / "eight.png"], None, None) is None


@pytest.mark.parametrize(
    ("name", "alpha", "colour"),
    [
        ("dead.bmp", 0, RED),  # 32 bits a pixel, the last eight without a meaning
        ("dead.tif", 0, RED),
        ("band.tif", 137, RED),  # light of a fourth kind
        ("empty.png", 0, WHITE),
    ],
)
def test_a_fourth_band_that_is_no_alpha_whitens_nothing(
    tmp_path: Path, name: str, alpha: int, colour: list[int]
) -> None:
    pixels = np.full((20, 20, 4), (*RED, alpha), np.uint8)
    Image.fromarray(pixels).save(tmp_path / name)
    assert corners(tmp_path / name, 20) == (colour, colour)


@pytest.mark.parametrize(
    ("fit", "left", "right"),
    [("stretch", RED, BLUE), ("crop", RED, BLUE), ("pad", [0] * 3, [0] * 3)],
)
def test_a_panorama_is_stretched_cut_or_padded(
    tmp_path: Path, fit: Any, left: list[int], right: list[int]
) -> None:
    pixels = np.zeros((20, 80, 3), np.uint8)
    pixels[:, :40], pixels[:, 40:] = RED, BLUE
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png", (16, 32), Rendering(fit))
    assert image.shape == (3, 16, 32)
    assert (image[:, 1, 1].tolist(), image[:, -2, -2].tolist()) == (left, right)
    halves = image[0, 8].gt(128).sum().item(), image[2, 8].gt(128).sum().item()
    assert halves == (16, 16), "the middle stays in the middle"


def write_bands(path: Path, bands: np.ndarray[Any, Any], **options: Any) -> None:
    """A page of a TIFF for each band, ``(N, H, W)``."""
    first, *others = [Image.fromarray(band) for band in bands]
    first.save(path, save_all=True, append_images=others, **options)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_bands_are_chosen_by_number(kind: type, tmp_path: Path) -> None:
    most = 255 if kind is np.uint8 else 3000
    values = (np.random.default_rng(0).random((5, 16, 16)) * most).astype(kind)
    values[[0, 4], 0, :2] = 0, most
    write_bands(path := tmp_path / "a.tif", values)
    levels = find_levels([path], None, tmp_path, (5, 2, 1))
    assert levels == (None if kind is np.uint8 else (0, most))
    scaled = torch.from_numpy(values.astype(np.float64) / most * 255)
    for bands, expected in (((5, 2, 1), [4, 1, 0]), ((3,), [2, 2, 2])):
        image = read_image(path, (16, 16), Rendering(levels=levels, bands=bands))
        torch.testing.assert_close(image.double(), scaled[expected], atol=1, rtol=0)
    Image.fromarray(values[:4].transpose(1, 2, 0).astype(np.uint8), "RGBA").save(path, "TIFF")
    image = read_image(path, (16, 16), Rendering(bands=(4, 1, 2)))
    assert torch.equal(image, torch.from_numpy(values[[3, 0, 1]].astype(np.uint8)))


def test_bands_that_are_not_there_or_cannot_be_read_are_named(tmp_path: Path) -> None:
    three, seven = (struct.pack("<HHII", 277, 3, 1, n) for n in (3, 7))  # samples per pixel

    def fault(bands: tuple[int, ...] | None = (4,)) -> str:
        with pytest.raises(UserError) as caught:
            read_image(tmp_path / "a.tif", (8, 8), Rendering(bands=bands))
        return str(caught.value).partition("a.tif: ")[2]

    write_bands(tmp_path / "a.tif", np.zeros((3, 8, 8), np.uint8))
    assert fault() == "has no band 4 (data.bands) but 3"
    first, second = Image.new("L", (8, 8)), Image.new("L", (4, 4))
    first.save(tmp_path / "a.tif", save_all=True, append_images=[second])
    assert fault((1, 2, 2)).startswith("its pages are not bands of one image")
    Image.new("RGBX", (8, 8)).save(tmp_path / "a.tif")
    assert (
        fault() == "has no band 4 (data.bands) but 4, of which Pillow reads 3: save them as pages"
    )
    Image.new("RGB", (8, 8)).save(tmp_path / "a.tif")
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content.replace(three, seven))
    assert "a kind of TIFF that Pillow does not read; save its bands as pages" in fault(None)
    for wrong in ([], [1, 2], [0]):
        with pytest.raises(UserError, match="one band or three, counted from 1"):
            check_bands(wrong)


def test_what_needs_another_package_says_which(tmp_path: Path) -> None:
    for name in ("a.heic", "b.heic", "c.nef"):
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic")
    files = sorted(tmp_path.iterdir())
    with pytest.raises(UserError) as caught:
        list(read_images(files, (8, 8)))
    heic = ", ".join(map(str, files[:2]))
    assert f"3 images cannot be read: {heic}: cannot be read here: pip install" in str(caught.value)
    faults: dict[int, str] = {}
    two_halves().save(tmp_path / "d.png")
    [stack] = read_images([tmp_path / "d.png", *files], (8, 8), faults=faults)
    assert sorted(faults) == [1, 2, 3]
    assert stack.flatten(1).amax(1).tolist() == [255, 0, 0, 0]


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGBA", {}),
        ("LA", {}),
        ("P", {"transparency": bytes([0, 255])}),
        ("P", {"transparency": 0}),
        ("L", {"transparency": 0}),
        ("RGB", {"transparency": (0, 0, 0)}),
    ],
)
def test_transparent_pixels_are_white(tmp_path: Path, mode: str, options: dict[str, Any]) -> None:
    pixels = np.zeros((20, 20, 4), np.uint8)
    pixels[10:] = (200, 200, 200, 255)
    image = Image.fromarray(pixels).convert(mode)
    if mode == "P":
        image = Image.fromarray(pixels[..., 3] // 255).convert("P")
        image.putpalette([0, 0, 0, 200, 200, 200])
    image.save(tmp_path / "a.png", **options)
    assert corners(tmp_path / "a.png", 20) == (WHITE, [200] * 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_rotated_photos_are_made_upright(tmp_path: Path, name: str, orientation: int) -> None:
    """A camera held in each of the eight ways sees the same quarters, stored in its own order."""
    quarters = np.zeros((40, 40, 3), np.uint8)
    quarters[:20, :20], quarters[:20, 20:], quarters[20:, :20] = RED, BLUE, WHITE
    mirrored = quarters[:, ::-1] if orientation in (2, 4, 5, 7) else quarters
    quarter_turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 1, 7: 3, 8: 3}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(np.rot90(mirrored, quarter_turns))
    Image.fromarray(stored).save(tmp_path / name, exif=exif)
    image = read_image(tmp_path / name, (40, 40)).permute(1, 2, 0).numpy()
    for corner in ((5, 5), (5, 35), (35, 5), (35, 35)):
        assert image[corner] == pytest.approx(quarters[corner], abs=4)


def test_broken_exif_does_not_lose_the_photo(tmp_path: Path) -> None:
    for exif in (b"Exif\0\0not exif", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"):
        two_halves().save(tmp_path / "a.jpg", exif=exif)
        assert corners(tmp_path / "a.jpg")[0] == pytest.approx(RED, abs=4)


def resized(image: Image.Image, size: tuple[int, int]) -> torch.Tensor:
    whole = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    return v2.functional.resize(whole, list(size), antialias=True).int()


@pytest.mark.parametrize("size", [(128, 128), (96, 160), (300, 400)])
def test_resizing_is_antialiased_as_in_torchvision(tmp_path: Path, size: tuple[int, int]) -> None:
    noise(240, 200).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png", size)
    assert (image.shape, image.dtype) == ((3, *size), torch.uint8)
    assert (image.int() - resized(noise(240, 200), size)).abs().max() <= 1


def test_large_jpeg_is_decoded_small_and_stays_sharp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise(1600, 2400).save(tmp_path / "a.jpg", quality=95)
    decoded = []
    kind = JpegImagePlugin.JpegImageFile
    load = kind.load
    monkeypatch.setattr(kind, "load", lambda self: decoded.append(self.size) or load(self))
    image = read_image(tmp_path / "a.jpg", (128, 128))
    assert decoded[-1] == (600, 400)
    assert (image.int() - resized(noise(1600, 2400), (128, 128))).abs().float().mean() < 2


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "TIFF", "EPS"])
@pytest.mark.parametrize("name", ["sky.jpg", "a\nb\x1b.jpg", os.fsdecode(b"\xff.jpg")])
def test_what_is_no_whole_image_is_named(tmp_path: Path, kind: str, name: str) -> None:
    buffer = io.BytesIO()
    noise(64, 64).save(buffer, kind)
    (tmp_path / name).write_bytes(buffer.getvalue()[:-400])
    fault = "not an image" if kind == "EPS" else "broken image"
    with pytest.raises(UserError, match=f"{fault}.*remove it") as error:
        read_image(tmp_path / name, (32, 32))
    assert str(error.value).isprintable()
    assert name != "sky.jpg" or str(error.value).startswith(f"{tmp_path / name}: ")


def test_what_is_no_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("missing.jpg", "folder.jpg", "pipe.jpg"):
        with pytest.raises(UserError, match=f"{name}: no such image file; check the path"):
            read_image(tmp_path / name, (32, 32))

    def denied(*_: object, **__: object) -> None:
        raise PermissionError

    two_halves().save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "open", denied)
    with pytest.raises(UserError, match=r"a\.png: may not be read; change its permissions"):
        read_image(tmp_path / "a.png", (32, 32))


def test_large_photos_are_read_without_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_halves().save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 60 - 1)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(tmp_path / "a.png").close()
    assert read_image(tmp_path / "a.png", (8, 8)).shape == (3, 8, 8)


def test_many_images_come_in_order_or_all_broken_ones_are_named(tmp_path: Path) -> None:
    paths = [tmp_path / f"{value}.png" for value in range(STACK + 1)]
    for value, path in enumerate(paths):
        Image.new("RGB", (9, 9), (value % 256, 0, 0)).save(path)
    stacks = list(read_images(paths, (4, 5)))
    assert [stack.shape for stack in stacks] == [(STACK, 3, 4, 5), (1, 3, 4, 5)]
    assert torch.cat(stacks)[:, 0, 0, 0].tolist() == [*range(256), 0]
    paths[1].write_bytes(b"bad")
    paths[-1].unlink()
    with pytest.raises(UserError, match=r"^2 images cannot be read: .*1\.png: .*256\.png: "):
        list(read_images(paths, (8, 8)))
