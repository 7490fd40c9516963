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
from tests.engine.toy import COLORS, ToyPhotos, refused, write_photo, write_photos

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
        (
            remove("test"),
            {"test": "test"},
            "test: no such folder (--data.test); folders there: train",
        ),
        (remove("train"), {}, "no folder of training photos (--data.train); folders there: test"),
        (None, {"train": None}, "data.train=null: there is nothing to train on"),
        (None, {"levels": [9, 1]}, "data.levels=[9, 1]: two rising numbers: black and white"),
        (None, {"group": "x(["}, "data.group=x([: no pattern of a path: "),
        (None, {"group": "b(.)ue"}, "data.group=b(.)ue: not in train/grey/0.png; a column, or a"),
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
    with refused(message):
        module(root, **settings)


def test_a_checkpoint_of_other_classes_is_refused(root: Path) -> None:
    data = ToyPhotos(root=root, image_size=9)
    data.load_state_dict({"classes": ["cats", "dogs"]})
    with pytest.raises(UserError, match="but the checkpoint was trained on cats, dogs"):
        data.setup("test")


def lay(root: Path, *folders: str, count: int = 6) -> Path:
    """Folders of photos of any one colour; a name that ends with a dot is of files beside."""
    for number, folder in enumerate(folders):
        for k in range(count):
            write_photo(root / folder / f"{k}.png", (40, 90, 20 * number), [number, k])
    return root


def test_the_folders_of_splits_are_found_by_their_names(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    classes = [f"{part}/{k}" for part in ("my_training", "valid", "Test-set") for k in "ab"]
    data = module(lay(tmp_path, *classes))
    assert data.sizes() == {"train": 12, "val": 12, "test": 12}
    assert all(name.startswith("valid/") for name in names(data, "val"))
    assert module(tmp_path, val=None).sizes() == {"train": 10, "val": 2, "test": 12}
    assert "folders that are not used: valid" in caplog.text
    folded = module(tmp_path, folds=3).sizes()
    assert sum(folded.values()) == 24, "folds are of training and validation photos"


def test_a_folder_of_classes_is_cut(tmp_path: Path) -> None:
    data = module(lay(tmp_path / "one", "cat", "dog", count=10))
    assert data.sizes() == {"train": 12, "val": 4, "test": 4}
    kaggle = lay(lay(tmp_path / "kaggle", "train/cat", "train/dog", count=10), "test")
    assert module(kaggle).sizes() == data.sizes()
    with pytest.raises(UserError, match=r"holds kaggle alone; it is DATA=.*kaggle"):
        module(lay(tmp_path / "wrapped", "kaggle/train/a", "kaggle/test/a"))


def test_what_systems_leave_is_no_photo_and_no_class(tmp_path: Path) -> None:
    dirt = ("train/__MACOSX/cat", "train/cat/@eaDir", "train/.ipynb_checkpoints")
    root = lay(tmp_path, "train/cat", "train/dog", "test/cat", "test/dog", *dirt)
    data = module(root)
    assert data.classes == ["cat", "dog"]
    assert data.sizes() == {"train": 10, "val": 2, "test": 12}


def test_photos_without_suffix_or_outside_of_a_class(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = lay(tmp_path, "train/cat", "train/dog", "test/cat", "test/dog", "train")
    for photo in (root / "train" / "cat").glob("*.png"):
        photo.rename(photo.with_suffix(""))
    (root / "train" / "cat" / "README").write_text("cats")
    assert module(root).sizes() == {"train": 10, "val": 2, "test": 12}
    assert "photos outside any class folder: 6 (0.png, " in caplog.text


def test_names_of_classes_in_either_form_of_accents_are_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = lay(tmp_path, "train/Cafe\u0301", "train/bar", "test/Caf\u00e9", "test/bar")
    assert module(root).classes == ["Caf\u00e9", "bar"]
    with pytest.raises(UserError, match="which differ only in upper and lower case"):
        module(lay(tmp_path / "case", "train/Dog", "train/cat", "test/dog", "test/cat"))
    module(lay(tmp_path / "both", "train/Dog", "train/dog", "test/dog", "test/Dog"))
    assert "Dog and dog: should these be different classes?" in caplog.text


def test_a_rare_class_is_in_training_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = lay(tmp_path, "train/a", "train/b", "test/a", "test/b", "test/rare")
    write_photo(root / "train" / "rare" / "0.png", (9, 9, 9), 1)
    data = module(root)
    assert "train/rare/0.png" in names(data, "train")
    assert "class rare has too few photos for every split: only in training" in caplog.text


def test_a_class_that_the_test_lacks_is_scored_if_allowed(root: Path) -> None:
    shutil.rmtree(root / "test" / "grey")
    with pytest.raises(UserError, match=r"--data\.allow_missing_classes=true scores the others"):
        module(root)
    data = module(root, allow_missing_classes=True)
    assert data.classes == ["blue", "grey", "white"]
    assert sorted({*data.splits["test"].fields["label"].tolist()}) == [0, 2]  # type: ignore[attr-defined]


def test_balanced_sampling_draws_all_classes_alike(tmp_path: Path) -> None:
    lay(tmp_path, "test/rare", "test/usual", "train/rare")
    for k in range(60):
        write_photo(tmp_path / "train" / "usual" / f"{k}.png", (9, 9, 9), k)
    data = module(tmp_path, sampling="balanced")
    counts = torch.bincount(data.splits["train"].fields["label"])  # type: ignore[attr-defined]
    assert counts.tolist() == [5, 48]
    loader = data.train_dataloader()
    drawn = torch.cat([batch.label for _ in range(8) for batch in loader])
    assert len(drawn) == 8 * 53
    assert drawn.float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert len(torch.cat([batch.label for batch in data.val_dataloader()])) == 13


def test_groups_stay_together(tmp_path: Path) -> None:
    for k in range(40):
        write_photo(tmp_path / "ab"[k % 2] / f"p{k // 4}_{k}.png", (9, 9, 9), k)
    data = module(tmp_path, group=r"(p\d+)_")
    home: dict[str, str] = {}
    for split in SPLITS:
        for name in names(data, split):
            assert home.setdefault(Path(name).name.partition("_")[0], split) == split
    assert len(home) == 10
    assert all(size >= 4 for size in data.sizes().values())


@pytest.mark.parametrize("kind", ["id", "path", "none"])
def test_a_table_of_files_and_labels(tmp_path: Path, kind: str) -> None:
    """Kaggle's way: names in a column, photos in a folder of another name or of none."""
    lay(tmp_path / "images", *"ab", count=10)
    classes = {"id": "cat dog", "path": "0 1", "none": "none Nan"}[kind].split()
    rows = ["id,note,label" if kind == "id" else "image,breed"]
    for number, folder in enumerate("ab"):
        for k in range(10):
            photo = tmp_path / "images" / folder / f"{k}.png"
            if kind == "id":  # with zeros in front, that a number would lose
                photo.rename(tmp_path / "images" / f"0{number}{k}.png")
                rows.append(f"0{number}{k},x,{classes[number]}")
            else:
                rows.append(f"images\\{folder}\\{k}.png,{classes[number]}")
    (tmp_path / "train.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "sample_submission.csv").write_text("id\n1\n")
    data = module(tmp_path, train="train.csv")
    assert data.classes == sorted(classes)
    assert data.sizes() == {"train": 12, "val": 4, "test": 4}
    if kind == "id":
        assert module(tmp_path, file="id", photos="images", suffix=".png").sizes() == data.sizes()
        with pytest.raises(UserError, match="which column is the class"):
            (tmp_path / "train.csv").write_text("id,x,y\n" + "\n".join(rows[1:]))
            module(tmp_path)


def test_a_folder_is_scored_that_is_not_cut_as_the_one_trained_on(
    root: Path, tmp_path: Path
) -> None:
    state, other = module(root).state_dict(), lay(tmp_path / "new", "blue", "grey", "white")
    data = ToyPhotos(root=other, image_size=9)
    data.load_state_dict(state)
    data.setup("test")
    assert data.sizes() == {"train": 0, "val": 0, "test": 18}
    cut = ToyPhotos(root=other, image_size=9)
    cut.load_state_dict(module(other).state_dict())
    cut.setup("test")
    assert cut.sizes() == {"train": 12, "val": 3, "test": 3}, "of one that was cut, its test alone"


def test_bad_photos_are_left_out_and_named(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("train/blue/0.png", "test/grey/1.png"):
        (root / name).write_bytes(b"no photo")
    with pytest.raises(UserError, match=r"2 images cannot be read: .*blue/0\.png, .*grey/1\.png: "):
        module(root)
    data = module(root, bad_files="skip")
    assert sum(data.sizes().values()) == 31
    assert "left out: 2 images cannot be read: " in caplog.text
    given = ToyPhotos(root=root, input=root / "test", image_size=9)
    given.load_state_dict(data.state_dict())
    given.setup("predict")
    assert len(names(given, "predict")) == 8
    [unread] = given.unread
    assert unread["file"] == "grey/1.png"
    assert unread["error"].startswith("not an image")
