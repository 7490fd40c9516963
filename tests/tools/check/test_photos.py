"""Photos: what they are, which cannot be read, and doubles in two splits."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from kindling.tools.check.alike import DETAIL, check_alike, difference_hash, likeness
from kindling.tools.check.command import _album
from kindling.tools.check.finding import Section
from kindling.tools.check.photos import Album, look
from tests.tools.check.conftest import texts


def write(path: Path, seed: int, size: tuple[int, int] = (120, 90)) -> Path:
    """A picture with shades and detail of its own."""
    rng = np.random.default_rng(seed)
    shades = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8)).resize(size)
    detail = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.blend(shades, detail.filter(ImageFilter.GaussianBlur(1.5)), 0.3).save(path)
    return path


def album(files: Sequence[Path], splits: Sequence[str], labels: Sequence[str] = ()) -> Album:
    return Album(list(files), list(splits), list(labels) or [""] * len(files))


def examine(section: Section, root: Path, looked: Album) -> None:
    check_alike(look(looked, False, None, section), root, section)


def test_the_hash_beside_a_plain_loop() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (2, 64, 72), np.uint8)
    for image, bits in zip(grey, difference_hash(grey), strict=True):
        cells = [[image[8 * r : 8 * r + 8, 8 * c : 8 * c + 8].mean() for c in range(9)]
                 for r in range(8)]  # fmt: skip
        expected = [row[c + 1] > row[c] for row in cells for c in range(8)]
        assert bits.tolist() == expected


def resaved(source: Path, target: Path) -> None:
    Image.open(source).save(target.with_suffix(".jpg"), quality=75)


def smaller(source: Path, target: Path) -> None:
    image = Image.open(source)
    image.resize((image.width * 2 // 3, image.height * 2 // 3)).save(target)


def brighter(source: Path, target: Path) -> None:
    Image.open(source).point(lambda value: min(255, int(1.1 * value) + 5)).save(target)


@pytest.mark.parametrize("change", [shutil.copy, resaved, smaller, brighter])
def test_a_double_in_another_split_is_the_one_warning(
    tmp_path: Path, section: Section, change: object
) -> None:
    files = [write(tmp_path / f"{k}.png", k) for k in range(12)]
    assert callable(change)
    change(files[3], tmp_path / "double.png")
    [double] = tmp_path.glob("double.*")
    examine(section, tmp_path, album([*files, double], ["train"] * 6 + ["val"] * 6 + ["test"]))
    [warning] = [finding for finding in section.findings if finding.level == "warn"]
    what = "the same photo, byte for byte," if change is shutil.copy else "nearly the same photo"
    assert warning.text == f"{what} in test and train: 1"
    assert warning.each == [f"{double.name}\n = 3.png"]


def test_a_double_in_one_split_or_left_out_is_good_to_know(
    tmp_path: Path, section: Section
) -> None:
    files = [write(tmp_path / f"{k}.png", k % 3) for k in range(6)]
    examine(section, tmp_path, album(files, ["train", "test", "val", "train", "", "val"]))
    assert texts(section, "warn") == []
    same = "the same photo, byte for byte,"
    assert {f"{same} in test, and left out of the others: 1", f"{same} twice in one split: 2"} <= {
        *texts(section, "note")
    }


def test_one_photo_of_two_classes(tmp_path: Path, section: Section) -> None:
    files = [write(tmp_path / f"{k}.png", k % 2) for k in range(3)]
    examine(section, tmp_path, album(files, ["train"] * 3, ["fog", "sun", "rain"]))
    assert texts(section, "warn") == ["the same photo, byte for byte, in two classes: 1"]


def test_smooth_pictures_are_not_alike_by_their_shades() -> None:
    """Two skies, brighter to the same side, with noise of their own."""
    rng = np.random.default_rng(0)
    slope = np.linspace(80, 200, 72) + np.linspace(0, 30, 64)[:, None]
    grey = np.clip(slope + rng.normal(0, 4, (2, 64, 72)), 0, 255).astype(np.uint8)
    assert (difference_hash(grey)[0] != difference_hash(grey)[1]).sum() == 0
    assert np.corrcoef(grey.reshape(2, -1))[0, 1] > 0.97
    assert likeness(grey, np.array([[0, 1]])).item() < DETAIL / 4


def test_all_that_cannot_be_read_are_named(tmp_path: Path, section: Section) -> None:
    files = [write(tmp_path / f"{k}.png", k) for k in range(5)]
    files[1].write_bytes(b"")
    files[2].write_bytes(b"no picture")
    files[3].write_bytes(files[3].read_bytes()[:200])
    looked = look(album(files, ["train"] * 5), True, None, section)
    [stop] = [finding for finding in section.findings if finding.level == "stop"]
    assert stop.text == "photos that cannot be read: 3 of 5"
    assert [
        line.rpartition("/")[2].split(" (")[0].split(" that")[0].split(";")[0] for line in stop.each
    ] == ["1.png: the file is empty", "2.png: not an image", "3.png: broken image"]
    assert looked.sound.tolist() == [0, 4]


def test_sizes_formats_and_modes(tmp_path: Path, section: Section) -> None:
    files = [write(tmp_path / "0.png", 0), write(tmp_path / "1.jpg", 1, (30, 20))]
    Image.open(write(tmp_path / "grey.png", 2)).convert("L").save(tmp_path / "grey.png")
    look(album([*files, tmp_path / "grey.png"], ["train"] * 3), False, 64, section)
    assert texts(section, "note") == [
        "photos: PNG RGB (1), JPEG RGB (1), PNG L (1)",
        "photos of 2 sizes, from 30x20 to 120x90, mostly 120x90",
        "photos smaller than the 64 pixels that training resizes them to: 1 (1.jpg, 30x20)",
        "grey photos among coloured ones: 1",
    ]


def test_the_real_clouds_doubles(real: Path, section: Section) -> None:
    """Those that a list beside the photos names, and no other pair of two splits."""
    from problems.clouds.data import CloudsDataModule

    data = CloudsDataModule(real / "clouds", image_size=8)
    folders = data.sources().pictures
    described = {
        split: {"file": [str(f.relative_to(data.root)) for f in folder.files]}
        for split, folder in zip(("train", "test"), folders, strict=True)
    }
    looked = look(_album(data.sources(), None, described, data, section), False, None, section)
    check_alike(looked, data.root, section)
    listed = (real / "clouds" / "leaky_test_files.txt").read_text().splitlines()
    found = [
        line.partition("\n")[0].removeprefix("clouds_test/")
        for finding in section.findings
        if finding.level == "warn" and "in test and train" in finding.text
        for line in finding.each
    ]
    assert sorted(found) == sorted(line for line in listed if not line.startswith("#"))
