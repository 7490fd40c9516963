"""Photos that are refused, and links."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.engine.hard_input.kinds import PHOTO, Refused, files_predicted, train


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


def bomb() -> bytes:
    return png(9, 9, (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000))))


BAD_PHOTOS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "the file is empty"),
    "text": (lambda: b"hello", "not an image that Pillow reads"),
    "truncated": (truncated, "broken image"),
    "a bomb": (bomb, "broken image"),
    "30,000 x 30,000": (lambda: png(30_000, 30_000), "too many pixels to be a photo"),
}


@pytest.mark.parametrize("kind", PHOTO)
@pytest.mark.parametrize("fault", BAD_PHOTOS)
def test_a_bad_photo_is_refused(kind: str, fault: str, root: Path, refused: Refused) -> None:
    make, message = BAD_PHOTOS[fault]
    (root / PHOTO[kind]).write_bytes(make())
    assert f"{root / PHOTO[kind]}: {message}" in refused()


@pytest.mark.parametrize("kind", ["listed"])
@pytest.mark.parametrize("link", [False, True])
def test_a_listed_photo_that_is_not_there(link: bool, root: Path, refused: Refused) -> None:
    (root / "p" / "0.png").unlink()
    if link:
        (root / "p" / "0.png").symlink_to("0.png")
    assert "row 2, column 'front': 'p/0.png': no such file" in refused()


@pytest.mark.parametrize("kind", ["photos"])
def test_links_that_lead_in_circles_are_followed_once(
    kind: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blue = root / "train" / "blue"
    (blue / "up").symlink_to(root)
    (blue / "back").symlink_to(blue)
    (blue / "self.png").symlink_to("self.png")
    (root / "test" / "white" / "beside").symlink_to(root / "test")
    assert train(kind, root) == 0
    assert "not an image, ignored: 1 (blue/self.png)" in capsys.readouterr().err
    assert files_predicted(root, root) == {
        path.relative_to(root).as_posix()
        for path in root.glob("*/*/*.png")
        if path.name != "self.png"
    }
