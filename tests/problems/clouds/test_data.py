import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from kindling.errors import UserError
from kindling.images.pixels import channel_statistics
from problems.clouds.data import CloudsDataModule

SPLITS = ("train", "val", "test")


def module(root: Path, **settings: Any) -> CloudsDataModule:
    data = CloudsDataModule(root, **{"image_size": 24, **settings})
    data.prepare_data()
    data.setup("fit")
    return data


def names(data: CloudsDataModule, split: Any) -> list[str]:
    return list(data.describe(split, torch.arange(len(data.photos(split))))["file"])


def test_splits_are_disjoint_stratified_and_whole(root: Path) -> None:
    data = module(root)
    assert data.sizes() == {"train": 24, "val": 6, "test": 12}
    train, val, test = (set(names(data, split)) for split in SPLITS)
    assert not train & val
    assert len(train | val) == 30
    assert all(name.startswith("clouds_test/") for name in test)
    assert torch.bincount(data.photos("val").label).tolist() == [2, 2, 2]


def test_the_cut_follows_its_own_seed_alone(root: Path) -> None:
    torch.manual_seed(1)
    first = names(module(root), "val")
    torch.manual_seed(2)
    assert names(module(root), "val") == first
    assert names(module(root, split_seed=1), "val") != first


def test_labels_and_photos_belong_to_the_files(root: Path) -> None:
    data = module(root)
    for split in SPLITS:
        photos = data.photos(split)
        for place, name in enumerate(names(data, split)):
            assert data.classes[photos.label[place]] == Path(name).parent.name
            pixels = torch.tensor(list(Image.open(root / name).tobytes()), dtype=torch.uint8)
            assert torch.equal(photos[place].image.permute(1, 2, 0).flatten(), pixels)


def test_a_single_sample_is_the_batch_s_row(root: Path) -> None:
    photos = module(root).photos("train")
    index = torch.tensor([3, 0, 20])
    batch = photos[index]
    assert batch.image.shape == (3, 3, 24, 24)
    assert batch.image.dtype == torch.uint8
    for row, place in enumerate(index.tolist()):
        for part, whole in zip(photos[place], batch, strict=True):
            assert torch.equal(part, whole[row])
    assert len(list(photos)) == len(photos)
    assert torch.equal(photos[-1].image, photos[len(photos) - 1].image)


def test_the_statistics_are_of_the_training_photos_alone(root: Path) -> None:
    data = module(root)
    photos = data.training
    pixels = photos.images[photos.rows].double() / 255
    mean, deviation = channel_statistics(photos.images, photos.rows)
    torch.testing.assert_close(mean, pixels.mean((0, 2, 3)).float())
    torch.testing.assert_close(deviation, pixels.std((0, 2, 3), correction=0).float())
    for name in [*names(data, "val"), *names(data, "test")]:
        Image.new("RGB", (24, 24)).save(root / name)
    again = module(root, drop_duplicates=False).training
    assert torch.equal(channel_statistics(again.images, again.rows)[0], mean)


# Photos in two splits.


def copy_over(root: Path, source: str, target: str) -> None:
    shutil.copy(root / source, root / target)


def test_a_test_photo_is_taken_out_of_training_and_named(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = module(root)
    train, val = names(before, "train")[0], names(before, "val")[0]
    copy_over(root, train, "clouds_test/grey layer/0.png")
    copy_over(root, val, "clouds_test/grey layer/1.png")
    with caplog.at_level(logging.WARNING):
        data = module(root)
    assert data.sizes() == {"train": 23, "val": 5, "test": 12}
    assert train not in names(data, "train")
    assert val not in names(data, "val")
    [record] = caplog.records
    assert record.getMessage() == f"2 photos lie in a later split too, left out: {train}, {val}"


def test_a_validation_photo_is_taken_out_of_training(root: Path) -> None:
    before = module(root)
    train, val = names(before, "train")[5], names(before, "val")[0]
    copy_over(root, val, train)
    data = module(root)
    assert train not in names(data, "train")
    assert val in names(data, "val")


def test_they_may_be_kept_but_not_in_silence(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    copy_over(root, names(module(root), "train")[0], "clouds_test/grey layer/0.png")
    with caplog.at_level(logging.WARNING):
        assert module(root, drop_duplicates=False).sizes()["train"] == 24
    assert "kept (--data.drop_duplicates=false)" in caplog.text


def test_a_class_may_not_be_lost_to_the_test(root: Path) -> None:
    shutil.rmtree(root / "clouds_test" / "blue sky")
    shutil.copytree(root / "clouds_train" / "blue sky", root / "clouds_test" / "blue sky")
    with pytest.raises(UserError, match="blue sky: all photos are in the test or validation"):
        module(root)


# What is read.


def test_one_photo_or_a_folder_of_them(root: Path) -> None:
    trained = module(root)
    folder = root / "clouds_test"
    one = folder / "grey layer" / "2.png"
    for path, count, first in ((folder, 12, "blue sky/0.png"), (one, 1, "2.png")):
        data = CloudsDataModule(Path("/gone"), input=path, image_size=24)
        data.load_state_dict(trained.state_dict())
        data.setup("predict")
        assert data.classes == trained.classes
        assert len(data.photos("predict")) == count
        assert data.describe("predict", torch.tensor([0]))["file"] == [first]
        assert data.photos("predict").label.tolist() == [-1] * count


def test_what_is_no_image_is_named_and_skipped(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "clouds_train" / "grey layer" / "notes.txt").touch()
    with caplog.at_level(logging.WARNING):
        assert module(root).sizes()["train"] == 24
    assert "ignored what is no image: 1 (grey layer/notes.txt)" in caplog.text


def test_the_fingerprint_is_of_all_photos(root: Path) -> None:
    before = module(root).fingerprint
    assert module(root).fingerprint == before
    Image.new("RGB", (24, 24), "red").save(root / "clouds_test" / "blue sky" / "0.png")
    assert module(root).fingerprint != before


def remove(path: str) -> Any:
    return lambda root: shutil.rmtree(root / path)


def break_photo(root: Path) -> None:
    photo = root / "clouds_train" / "blue sky" / "3.png"
    photo.write_bytes(photo.read_bytes()[:100])


def empty_class(root: Path) -> None:
    (root / "clouds_train" / "storm").mkdir()


@pytest.mark.parametrize(
    ("harm", "settings", "message"),
    [
        (remove(""), {}, "no such folder (--data.root)"),
        (remove("clouds_test"), {}, "clouds_test: no such folder (--data.test); folders there:"),
        (None, {"train": "mine"}, "mine: no such folder (--data.train)"),
        (remove("clouds_test/blue sky"), {}, "only one of them has blue sky"),
        (empty_class, {}, "storm: no photos in this class; add some or remove the folder"),
        (break_photo, {}, "3.png: broken image ("),
        (None, {"image_size": 2}, "data.image_size=2: must be at least 8"),
        (None, {"val_fraction": 1.0}, "data.val_fraction=1.0: must lie between 0 and 1"),
        (None, {"val_fraction": 0.0}, "data.val_fraction=0.0"),
        (None, {"batch_size": 0}, "data.batch_size=0"),
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
    data = CloudsDataModule(root, image_size=24)
    data.load_state_dict({"classes": ["cats", "dogs"]})
    with pytest.raises(UserError, match="but the checkpoint was trained on cats, dogs"):
        data.setup("test")


def test_the_real_photos(real: Path) -> None:
    data = module(real / "clouds", image_size=16)
    assert data.sizes()["test"] == 486
    assert sum(data.sizes().values()) == 474 - 5 + 486
    assert len(data.classes) == 7
