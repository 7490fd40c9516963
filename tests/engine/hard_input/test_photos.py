"""Photos that are refused, and links."""

import io
import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.engine.hard_input.small import PHOTOS, Refused, files_predicted, train


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of black pixels, a bit each; in other words, of next to nothing."""
    pixels = zlib.compress(bytes((1 + width // 8) * height), 1)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    coded = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(coded)


def truncated() -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG")
    return stream.getvalue()[:-400]


@cache
def bad_photos() -> dict[str, tuple[bytes, str]]:
    bomb = (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000)))
    return {
        "empty": (b"", "the file is empty"),
        "text": (b"hello", "not an image that Pillow reads"),
        "truncated": (truncated(), "broken image"),
        "a bomb": (png(9, 9, bomb), "broken image"),
        "30,000 x 30,000": (png(30_000, 30_000), "too many pixels to be a photo"),
    }


BAD_PHOTOS = ("empty", "text", "truncated", "a bomb", "30,000 x 30,000")


@pytest.mark.parametrize("task", PHOTOS)
@pytest.mark.parametrize("fault", BAD_PHOTOS)
def test_a_bad_photo_is_refused(task: str, fault: str, root: Path, refused: Refused) -> None:
    content, message = bad_photos()[fault]
    (root / PHOTOS[task]).write_bytes(content)
    error = refused(task, root)
    assert f"{root / PHOTOS[task]}: {message}" in error


@pytest.mark.parametrize("task", ["prices", "faces"])
@pytest.mark.parametrize("link", [False, True])
def test_a_listed_photo_that_is_not_there(
    task: str, link: bool, root: Path, refused: Refused
) -> None:
    (root / "p" / "0.png").unlink()
    if link:
        (root / "p" / "0.png").symlink_to("0.png")
    assert "row 2, column" in (error := refused(task, root))
    assert "'p/0.png': no such file" in error


@pytest.mark.parametrize("task", ["clouds"])
def test_links_that_lead_in_circles_are_followed_once(
    task: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fog = root / "clouds_train" / "fog"
    (fog / "up").symlink_to(root)
    (fog / "back").symlink_to(fog)
    (fog / "self.png").symlink_to("self.png")
    (root / "clouds_test" / "sun" / "beside").symlink_to(root / "clouds_test")
    assert train(task, root, command="fit") == 0
    assert "ignored what is no image: 1 (fog/self.png)" in capsys.readouterr().err
    assert files_predicted(task, root, root) == {
        path.relative_to(root).as_posix()
        for path in root.glob("*/*/*.png")
        if path.name != "self.png"
    }
