import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps, JpegImagePlugin
from torchvision.transforms import v2

from kindling.errors import UserError
from kindling.images import read
from kindling.images.read import read_image, read_images

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def two_halves() -> Image.Image:
    """Red above, blue below; wider than it is high."""
    pixels = np.empty((40, 60, 3), np.uint8)
    pixels[:20], pixels[20:] = RED, BLUE
    return Image.fromarray(pixels)


def noise(height: int, width: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def corner_colours(image: torch.Tensor) -> tuple[list[int], list[int]]:
    return image[:, 1, 1].tolist(), image[:, -2, -2].tolist()


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("RGB", "a.jpg"),
        ("RGB", "A.PNG"),
        ("RGB", "a.webp"),
        ("RGB", "a.bmp"),
        ("RGB", "a.gif"),
        ("P", "a.png"),
        ("RGBA", "a.png"),
        ("RGBA", "a.tif"),
        ("CMYK", "a.jpg"),
        ("CMYK", "a.tif"),
        ("YCbCr", "a.jpg"),
    ],
)
def test_colours_come_out_as_they_went_in(tmp_path: Path, mode: str, name: str) -> None:
    two_halves().convert(mode).save(tmp_path / name)
    top, bottom = corner_colours(read_image(tmp_path / name, (32, 32)))
    assert top == pytest.approx(RED, abs=4)
    assert bottom == pytest.approx(BLUE, abs=4)


@pytest.mark.parametrize(("mode", "name"), [("L", "a.jpg"), ("L", "a.png"), ("LA", "a.png")])
def test_grey_fills_all_three_channels(tmp_path: Path, mode: str, name: str) -> None:
    two_halves().convert(mode).save(tmp_path / name)
    top, bottom = corner_colours(read_image(tmp_path / name, (32, 32)))
    assert top == pytest.approx([76] * 3, abs=2)
    assert bottom == pytest.approx([29] * 3, abs=2)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path, name: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    Image.fromarray(np.tile(ramp, (16, 1))).save(tmp_path / name)
    image = read_image(tmp_path / name, (16, 256))
    assert torch.equal(image[1, 8], torch.arange(256, dtype=torch.uint8))


def test_floats_span_what_they_hold(tmp_path: Path) -> None:
    values = np.tile(np.linspace(-3, 5, 256, dtype=np.float32), (16, 1))
    values[0, 0] = np.nan
    Image.fromarray(values).save(tmp_path / "a.tif")
    image = read_image(tmp_path / "a.tif", (16, 256))
    assert torch.equal(image[1, 8], torch.arange(256, dtype=torch.uint8))


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
def test_transparent_pixels_are_white(tmp_path: Path, mode: str, options: dict) -> None:
    pixels = np.zeros((20, 20, 4), np.uint8)
    pixels[10:] = (200, 200, 200, 255)
    image = Image.fromarray(pixels).convert(mode)
    if mode == "P":
        image = Image.fromarray(pixels[..., 3] // 255).convert("P")
        image.putpalette([0, 0, 0, 200, 200, 200])
    image.save(tmp_path / "a.png", **options)
    top, bottom = corner_colours(read_image(tmp_path / "a.png", (20, 20)))
    assert top == [255, 255, 255]
    assert bottom == [200, 200, 200]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_rotated_photos_are_made_upright(tmp_path: Path, name: str, orientation: int) -> None:
    """A camera held in each of the eight ways sees the same quarters, stored in its own order."""
    quarters = np.zeros((40, 40, 3), np.uint8)
    quarters[:20, :20], quarters[:20, 20:], quarters[20:, :20] = RED, BLUE, WHITE
    stored = {
        1: quarters,
        2: quarters[:, ::-1],
        3: quarters[::-1, ::-1],
        4: quarters[::-1],
        5: quarters.transpose(1, 0, 2),
        6: np.rot90(quarters, 1),
        7: np.rot90(quarters, 2).transpose(1, 0, 2),
        8: np.rot90(quarters, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / name, exif=exif)
    image = read_image(tmp_path / name, (40, 40)).permute(1, 2, 0).numpy()
    for place in ((5, 5), (5, 35), (35, 5), (35, 35)):
        assert image[place] == pytest.approx(quarters[place], abs=4)


def test_broken_exif_does_not_lose_the_photo(tmp_path: Path) -> None:
    for number, exif in enumerate((b"Exif\0\0not exif at all", b"Exif\0\0II*\0\x08\0\0\0\xff\xff")):
        path = tmp_path / f"{number}.jpg"
        two_halves().save(path, exif=exif)
        assert corner_colours(read_image(path, (32, 32)))[0] == pytest.approx(RED, abs=4)


@pytest.mark.parametrize("size", [(128, 128), (96, 160), (300, 400)])
def test_resizing_is_antialiased_as_in_torchvision(tmp_path: Path, size: tuple[int, int]) -> None:
    noise(240, 200).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png", size)
    whole = torch.from_numpy(np.array(noise(240, 200))).permute(2, 0, 1)
    expected = v2.functional.resize(whole, list(size), antialias=True)
    assert image.shape == (3, *size)
    assert image.dtype == torch.uint8
    assert (image.int() - expected.int()).abs().max() <= 1


def test_large_jpeg_is_decoded_small_and_stays_sharp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise(1600, 2400).save(tmp_path / "a.jpg", quality=95)
    decoded = []
    load = JpegImagePlugin.JpegImageFile.load
    monkeypatch.setattr(
        JpegImagePlugin.JpegImageFile, "load", lambda self: decoded.append(self.size) or load(self)
    )
    image = read_image(tmp_path / "a.jpg", (128, 128))
    whole = torch.from_numpy(np.array(noise(1600, 2400))).permute(2, 0, 1)
    expected = v2.functional.resize(whole, [128, 128], antialias=True)
    assert decoded[-1] == (600, 400)
    assert (image.int() - expected.int()).abs().float().mean() < 2


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    noise(64, 64).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "the file is empty"),
        (b"hello", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (png_header(30_000, 30_000), "too many pixels"),
        (png_header(10_000, 10_000), "broken image"),
        *(
            (encoded(kind)[:-400], "broken image")
            for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF")
        ),
    ],
)
def test_what_is_no_whole_image_is_named(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "sky.jpg"
    path.write_bytes(content)
    with pytest.raises(UserError, match=fault) as error:
        read_image(path, (32, 32))
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "remove it" in message
    assert message.isprintable()


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("missing.jpg", "folder.jpg", "pipe.jpg"):
        with pytest.raises(UserError, match=f"{name}: no such image file; check the path"):
            read_image(tmp_path / name, (32, 32))


def test_what_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError

    two_halves().save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "open", denied)
    with pytest.raises(UserError, match=r"a\.png: may not be read; change its permissions"):
        read_image(tmp_path / "a.png", (32, 32))


def test_message_is_one_line_whatever_the_name(tmp_path: Path) -> None:
    for name in ("a\nb.jpg", "a\tb\x1b.jpg", os.fsdecode(b"\xff.jpg")):
        with pytest.raises(UserError) as error:
            read_image(tmp_path / name, (32, 32))
        assert str(error.value).isprintable()


@pytest.mark.parametrize("name", ["a b.png", "it's.png", 'a "b".png', "небо 空.png", "a\nb.png"])
def test_any_name_is_read(tmp_path: Path, name: str) -> None:
    two_halves().save(tmp_path / name)
    assert corner_colours(read_image(tmp_path / name, (32, 32))) == (list(RED), list(BLUE))


def test_large_photo_below_the_limit_is_read_without_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_halves().save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 60 - 1)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(tmp_path / "a.png").close()
    assert read_image(tmp_path / "a.png", (8, 8)).shape == (3, 8, 8)
    assert [len(stack) for stack in read_images([tmp_path / "a.png"] * 3, (8, 8))] == [3]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_damaged_bytes_give_an_image_or_one_line(tmp_path: Path, kind: str) -> None:
    whole, rng = np.frombuffer(encoded(kind), np.uint8), np.random.default_rng(0)
    path = tmp_path / "a"
    faults = []
    for _ in range(60):
        damaged = whole.copy()
        damaged[rng.integers(0, min(len(whole), 200), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes())
        try:
            assert read_image(path, (16, 16)).shape == (3, 16, 16)
        except UserError as error:
            faults.append(str(error))
    assert faults
    assert all(fault.isprintable() for fault in faults)


def test_many_images_come_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_STACK", 3)
    paths = [tmp_path / f"{value}.png" for value in range(8)]
    for value, path in enumerate(paths):
        ImageOps.colorize(Image.new("L", (9, 9)), (value, 0, 0), WHITE).save(path)
    stacks = list(read_images(paths, (4, 5)))
    assert [stack.shape for stack in stacks] == [(3, 3, 4, 5), (3, 3, 4, 5), (2, 3, 4, 5)]
    assert torch.cat(stacks)[:, 0, 0, 0].tolist() == list(range(8))


def test_all_broken_images_are_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "_STACK", 2)
    two_halves().save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"bad")
    names = ["good.png", "bad.png", "good.png", "good.png", "missing.png"]
    with pytest.raises(UserError, match=r"^2 images cannot be read: .*bad\.png: .*missing\.png: "):
        list(read_images([tmp_path / name for name in names], (8, 8)))
    with pytest.raises(UserError, match=r"^\S*bad\.png: not an image"):
        list(read_images([tmp_path / name for name in names[:4]], (8, 8)))
