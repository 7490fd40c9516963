"""Tests of photos in class folders, from files to splits."""

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from kindling.errors import UserError
from tests.engine.toy import COLORS, ToyPhotos, write_photos

SPLITS = ("train", "val", "test")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos")


def module(root: Path, **settings: Any) -> ToyPhotos:
    data = ToyPhotos(**{"root": root, "image_size": 9, **settings})
    data.setup("fit")
    return data


def names(data: ToyPhotos, split: Any) -> list[str]:
    return list(data.describe(split, torch.arange(len(data.splits[split])))["file"])  # type: ignore[arg-type]


def test_splits_are_disjoint_stratified_and_whole(root: Path) -> None:
    data = module(root)
    assert data.sizes() == {"train": 18, "val": 6, "test": 9}
    train, val, test = (set(names(data, split)) for split in SPLITS)
    assert len(train | val) == 24
    assert all(name.startswith("test/") for name in test)
    assert torch.bincount(data.splits["val"].fields["label"]).tolist() == [2, 2, 2]  # type: ignore[attr-defined]
    torch.manual_seed(1)
    assert names(module(root), "val") == names(data, "val"), "the cut has a seed of its own"
    assert names(module(root, split_seed=1), "val") != names(data, "val")


def test_one_folder_is_cut_into_all_three_or_into_folds(root: Path) -> None:
    settings = {"train": ".", "test": None, "test_fraction": 0.25}
    data = module(root / "train", **settings)
    assert data.sizes() == {"train": 15, "val": 3, "test": 6}
    files = [name for split in SPLITS for name in names(data, split)]
    assert sorted(files) == sorted(f"{kind}/{k}.png" for kind in COLORS for k in range(8))
    other = module(root / "train", **settings, val_fraction=0.5)
    assert names(other, "test") == names(data, "test")
    tested = [name for fold in range(3) for name in names(module(root, folds=3, fold=fold), "test")]
    assert sorted(tested) == sorted(f"train/{file}" for file in files)


def test_labels_and_photos_belong_to_the_files(root: Path) -> None:
    data = module(root)
    for split in SPLITS:
        photos: Any = data.splits[split]
        batch = photos[torch.arange(len(photos))]
        for index, name in enumerate(names(data, split)):
            assert data.classes[batch.label[index]] == Path(name).parent.name
            expected = torch.from_numpy(np.array(Image.open(root / name))).permute(2, 0, 1)
            assert torch.equal(batch.image[index], expected)
            assert torch.equal(photos[index].image, expected)


def test_a_photo_in_two_splits_stays_in_the_later_and_is_named(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = module(root)
    (train, other, *_), (val, kept, *_) = names(before, "train"), names(before, "val")
    for source, target in ((train, "test/grey/0.png"), (val, "test/grey/1.png"), (kept, other)):
        shutil.copy(root / source, root / target)
    with caplog.at_level(logging.WARNING):
        data = module(root)
    assert data.sizes() == {"train": 16, "val": 5, "test": 9}
    assert not {train, other} & set(names(data, "train"))
    assert kept in names(data, "val")
    [record] = caplog.records
    files = ", ".join(sorted([train, other, val]))
    assert record.getMessage() == f"3 photos lie in a later split too, left out: {files}"
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert module(root, drop_duplicates=False).sizes()["train"] == 18
    assert "kept (--data.drop_duplicates=false)" in caplog.text


@pytest.mark.parametrize(
    ("path", "count", "first"), [("", 9, "blue/0.png"), ("grey/2.png", 1, "2.png")]
)
def test_one_photo_or_a_folder_of_them(root: Path, path: str, count: int, first: str) -> None:
    trained = module(root)
    data = ToyPhotos(root=Path("/gone"), input=root / "test" / path, image_size=9)
    data.load_state_dict(trained.state_dict())
    data.setup("predict")
    assert data.classes == trained.classes
    assert len(names(data, "predict")) == count
    assert names(data, "predict")[0] == first
    assert data.splits["predict"].fields["label"].tolist() == [-1] * count  # type: ignore[attr-defined]


def remove(path: str) -> Any:
    return lambda root: shutil.rmtree(root / path)


def leak_class(root: Path) -> None:
    shutil.rmtree(root / "test" / "blue")
    shutil.copytree(root / "train" / "blue", root / "test" / "blue")


@pytest.mark.parametrize(
    ("harm", "settings", "message"),
    [
        (remove(""), {}, "no such folder (--data.root)"),
        (remove("test"), {}, "test: no such folder (--data.test); folders there: train"),
        (None, {"train": "mine"}, "mine: no such folder (--data.train)"),
        (remove("test/blue"), {}, "must hold the same classes; only one of them has blue"),
        (leak_class, {}, "train/blue: all photos are in the test or validation split too; add"),
        (None, {"image_size": 2}, "data.image_size=2: must be at least 8"),
        (None, {"test_fraction": 1.0}, "data.test_fraction=1.0: must lie between"),
        (None, {"folds": 3, "fold": 3}, "data.fold=3: must be 0 to 2"),
        (None, {"folds": 11}, "8 rows in class blue, too few for 11 parts"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(
    root: Path, harm: Any, settings: dict[str, Any], message: str
) -> None:
    if harm is not None:
        harm(root)
    with pytest.raises(UserError) as caught:
        module(root, **settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_other_classes_is_refused(root: Path) -> None:
    data = ToyPhotos(root=root, image_size=9)
    data.load_state_dict({"classes": ["cats", "dogs"]})
    with pytest.raises(UserError, match="but the checkpoint was trained on cats, dogs"):
        data.setup("test")
