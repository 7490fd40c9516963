import logging
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from PIL import Image

from kindling.data.targets import IGNORE_INDEX
from kindling.errors import UserError
from problems.faces.data import FacesDataModule
from problems.faces.model import FacesModule

SPLITS: tuple[Any, ...] = ("train", "val", "test")
Row = tuple[str, str, str]
Rewrite = Callable[[Callable[[list[Row]], list[Row]]], Path]


def module(root: Path, **settings: Any) -> FacesDataModule:
    data = FacesDataModule(root, **{"image_size": 24, **settings})
    data.prepare_data()
    data.setup("fit")
    return data


def names(data: FacesDataModule, split: Any) -> list[str]:
    return list(data.describe(split, torch.arange(len(data.photos(split))))["file"])


def people(data: FacesDataModule, split: Any) -> Counter[str]:
    """Who is in a split, by the table and not by the data module."""
    table = pd.read_csv(data.root / "faces.csv", index_col="file")["identity"].dropna()
    return Counter(table[name] for name in names(data, split) if name in table)


# Splits.


@pytest.mark.parametrize("by", ["image", "person"])
def test_splits_are_disjoint_and_whole(by: Any, root: Path) -> None:
    data = module(root, by=by)
    files = [name for split in SPLITS for name in names(data, split)]
    assert len(files) == len(set(files)) == 59, "one row has neither identity nor age"
    assert all(len(data.photos(split)) > 4 for split in SPLITS)


def test_by_image_everybody_is_in_every_split_and_known(root: Path) -> None:
    data = module(root)
    assert data.classes == ["Ann", "Bob", "Cy", "Dee", "Eve", "Fay"]
    for split, count in zip(SPLITS, ((6, 7), (1, 2), (1, 2)), strict=True):
        assert set(people(data, split)) == set(data.classes)
        assert set(people(data, split).values()) <= set(count), split
        known = data.photos(split).identity != IGNORE_INDEX
        assert known.sum() == people(data, split).total()


def test_by_person_nobody_is_in_two_splits_and_strangers_are_unknown(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        data = module(root, by="person")
    train, val, test = (set(people(data, split)) for split in SPLITS)
    assert train
    assert val
    assert test
    assert not train & val
    assert not train & test
    assert not val & test
    assert data.classes == sorted(train)
    for split in ("val", "test"):
        assert (data.photos(split).identity == IGNORE_INDEX).all()
        assert (~data.photos(split).age.isnan()).any()
    strangers = people(data, "val").total() + people(data, "test").total()
    assert f"by person: {strangers} validation and test photos are of people that" in caplog.text


def test_by_person_photos_without_identity_are_of_nobody_else(rewrite: Rewrite) -> None:
    root = rewrite(lambda rows: [(f, "" if k % 2 else w, a) for k, (f, w, a) in enumerate(rows)])
    data = module(root, by="person")
    unnamed = [len(data.photos(s)) - people(data, s).total() for s in SPLITS]
    assert min(unnamed) > 2, "they are cut one by one, not as one person"


@pytest.mark.parametrize("by", ["image", "person"])
@pytest.mark.parametrize("seed", range(4))
def test_photos_that_are_the_same_stay_together(
    by: Any, seed: int, rewrite: Rewrite, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Copies by other names, of a named photo without its name, and one file in two rows."""
    for number in (0, 1, 7):
        for copy in range(4):
            shutil.copy(root / f"photos/{number:02d}.png", root / f"photos/{number}-{copy}.png")

    def add(rows: list[Row]) -> list[Row]:
        copies = [
            (f"photos/{n}-{c}.png", rows[n][1] if c % 2 else "", "30")
            for n in (0, 1, 7)
            for c in range(4)
        ]
        return [*rows, *copies, rows[12], rows[12]]

    rewrite(add)
    with caplog.at_level(logging.INFO):
        data = module(root, by=by, split_seed=seed)
    holders: dict[bytes, set[str]] = {}
    for split in SPLITS:
        for name in names(data, split):
            holders.setdefault((root / name).read_bytes(), set()).add(split)
    assert len(holders) == 59
    assert all(len(splits) == 1 for splits in holders.values())
    assert "photos that repeat another, byte for byte, in the same split: 14" in caplog.text


def test_who_has_too_few_photos_is_in_training_and_named(
    rewrite: Rewrite, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("x", "y", "z"):
        shutil.copy(root / "photos/00.png", root / f"photos/{name}.png")
        with (root / f"photos/{name}.png").open("ab") as stream:
            stream.write(name.encode())
    rewrite(lambda r: [*r, ("photos/x.png", "Zoe", "9"), ("photos/y.png", "Zoe", "8")])
    with caplog.at_level(logging.WARNING):
        data = module(root)
    assert people(data, "train")["Zoe"] == 2
    assert "Zoe" in data.classes
    assert "too few photos for every split, in training alone: 1 (Zoe)" in caplog.text
    rewrite(lambda r: [*r, ("photos/z.png", "Zoe", "7")])
    assert all(people(module(root), split)["Zoe"] == 1 for split in SPLITS)


@pytest.mark.parametrize("by", ["image", "person"])
def test_the_cut_follows_its_own_seed_alone(by: Any, root: Path) -> None:
    def trained_on(**settings: Any) -> list[str]:
        return names(module(root, by=by, **settings), "train")

    torch.manual_seed(1)
    first = trained_on()
    torch.manual_seed(2)
    assert trained_on() == first
    assert trained_on(split_seed=1) != first


# Targets.


def test_photos_and_targets_belong_to_the_rows(root: Path) -> None:
    data = module(root)
    table = pd.read_csv(root / "faces.csv", index_col="file")
    for split in SPLITS:
        photos = data.photos(split)
        for place, name in enumerate(names(data, split)):
            sample, row = photos[place], table.loc[name]
            pixels = torch.tensor(list(Image.open(root / name).tobytes()), dtype=torch.uint8)
            assert torch.equal(sample.image.permute(1, 2, 0).flatten(), pixels)
            named = sample.identity != IGNORE_INDEX
            assert (data.classes[sample.identity] if named else None) == (
                None if pd.isna(row["identity"]) else row["identity"]
            )
            assert sample.age.item() == pytest.approx(row["age"], nan_ok=True)


def test_missing_targets_are_counted(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        module(root)
    assert "left out what has neither identity nor age: 1 rows" in caplog.text
    assert "targets: identity of 57 photos, age of 56, of 59 in all" in caplog.text


def test_a_column_may_be_absent(root: Path) -> None:
    table = pd.read_csv(root / "faces.csv")
    table[["file", "age"]].to_csv(root / "faces.csv", index=False)
    data = module(root, identity=None)
    assert data.classes == []
    assert data.sizes()["train"] > 30
    table[["file", "identity"]].to_csv(root / "faces.csv", index=False)
    data = module(root, age=None)
    assert data.ages == []
    assert data.training.age.isnan().all()


def test_columns_and_table_by_other_names(root: Path) -> None:
    plain = module(root)
    table = pd.read_csv(root / "faces.csv")
    table.columns = pd.Index(["photo", "who", "years"])
    table.to_csv(root / "mine.csv", index=False, sep=";")
    mine = module(root, table="mine.csv", file="photo", identity="who", age="years")
    assert mine.classes == plain.classes
    assert torch.equal(mine.training.age.nan_to_num(-1), plain.training.age.nan_to_num(-1))
    assert mine.target_names == {"identity": "who", "age": "years"}


def test_what_the_model_is_built_from_is_of_training_alone(root: Path) -> None:
    data = module(root, by="person")
    age = data.training.age[~data.training.age.isnan()]
    assert data.ages == [age.min().item(), age.max().item()]
    assert data.training.identity.max().item() == len(data.classes) - 1
    model = FacesModule(data.classes, data.ages, 24, channels=[8])
    model.fit_statistics(data.training)
    for name in [*names(data, "val"), *names(data, "test")]:
        with (root / name).open("ab") as stream:
            stream.write(b"other")
    again = FacesModule(data.classes, data.ages, 24, channels=[8])
    again.fit_statistics(module(root, by="person").training)
    for (key, value), other in zip(
        model.named_buffers(), dict(again.named_buffers()).values(), strict=True
    ):
        assert torch.equal(value, other), key
    assert model.age.mean == pytest.approx(age.mean().item(), rel=1e-5)
    assert model.age.deviation == pytest.approx(age.std(correction=0).item(), rel=1e-5)
    counts = Counter(data.training.identity.tolist())
    shares = [counts[k] / (counts.total() - counts[IGNORE_INDEX]) for k in range(len(data.classes))]
    assert model.shares.tolist() == pytest.approx(shares)


# What is read.


def test_one_photo_or_a_folder_of_them(root: Path) -> None:
    trained = module(root)
    folder = root / "photos"
    for path, count in ((folder, 60), (folder / "05.png", 1)):
        data = FacesDataModule(Path("/gone"), input=path, image_size=24)
        data.load_state_dict(trained.state_dict())
        data.setup("predict")
        assert (data.classes, data.ages) == (trained.classes, trained.ages)
        photos = data.photos("predict")
        assert len(photos) == count
        assert photos.names[0] == ("00.png" if count > 1 else "05.png")
        assert (photos.identity == IGNORE_INDEX).all()
        assert photos.age.isnan().all()


def test_whom_the_checkpoint_does_not_know_is_unknown(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = FacesDataModule(root, image_size=24)
    data.load_state_dict({"classes": ["Bob", "Nobody"], "ages": [5.0, 80.0]})
    with caplog.at_level(logging.INFO):
        data.setup("test")
    assert set(data.photos("test").identity.tolist()) == {IGNORE_INDEX, 0}
    assert "people that training does not know" in caplog.text


def test_the_fingerprint_is_of_table_and_photos(root: Path, tmp_path: Path) -> None:
    first = module(root).fingerprint
    assert module(root).fingerprint == first
    Image.new("RGB", (24, 24), "red").save(root / "photos" / "02.png")
    second = module(root).fingerprint
    table = root / "faces.csv"
    table.write_text(table.read_text().replace("Ann", "Anna"))
    assert len({first, second, module(root).fingerprint}) == 3


def test_photos_may_lie_elsewhere(root: Path, tmp_path: Path) -> None:
    (root / "photos").rename(tmp_path / "elsewhere")
    table = root / "faces.csv"
    text = table.read_text()
    table.write_text(text.replace("photos/", f"{tmp_path}/elsewhere/"))
    data = module(root)
    assert names(data, "train")[0].startswith(str(tmp_path))
    assert len(data.fingerprint) == 64
    table.write_text(text.replace("photos/", "../elsewhere/"))
    assert names(module(root), "train")[0].startswith("../elsewhere/")


def edit(old: str, new: str) -> Any:
    def harm(root: Path) -> None:
        table = root / "faces.csv"
        assert old in table.read_text()
        table.write_text(table.read_text().replace(old, new))

    return harm


def same_photo(root: Path) -> None:
    shutil.copy(root / "photos/03.png", root / "photos/05.png")


def few(root: Path) -> None:
    lines = (root / "faces.csv").read_text().splitlines()
    (root / "faces.csv").write_text("\n".join(lines[:13]))


@pytest.mark.parametrize(
    ("harm", "settings", "message"),
    [
        (shutil.rmtree, {}, "no such folder (--data.root)"),
        (lambda r: (r / "faces.csv").unlink(), {}, "no CSV file in this folder"),
        (lambda r: (r / "b.csv").touch(), {}, "name the table by --data.table: b.csv, faces.csv"),
        (None, {"table": "mine.csv"}, "mine.csv: no such file (--data.table)"),
        (edit("photos/04.png", "photos/44.jpg"), {}, "row 6, column 'file': 'photos/44.jpg': no"),
        (edit("photos/04.png", ""), {}, "row 6, column 'file': no photo: fill in its path"),
        (lambda r: (r / "photos/04.png").write_bytes(b"?"), {}, "04.png: not an image"),
        (edit("Eve,", "Eve,old"), {}, "is not a number with decimal point"),
        (edit("Eve,", "Eve,-"), {}, "is no age from 0 to 150: correct it"),
        (edit("Eve,", "Eve,9"), {}, "is no age from 0 to 150: correct it"),
        (edit(",age", ",years"), {}, "no column 'age': the columns are file, identity, years; "),
        (edit(",age", ",years"), {}, "name it by --data.age, null if there is none"),
        (edit(",identity", ",who"), {}, "name it by --data.identity, null if there is none"),
        (None, {"identity": None, "age": None}, "are both null: name one column at least"),
        (None, {"identity": "age"}, "file, age, age: name three columns"),
        (same_photo, {}, "row 7: photos/05.png is the same photo as in row 5, byte for byte, and"),
        (few, {}, "nobody has 3 different photos or more, one for each split"),
        (None, {"image_size": 2}, "data.image_size=2: must be at least 8"),
        (None, {"val_fraction": 1.0}, "data.val_fraction=1.0: must lie between 0 and 1"),
        (None, {"test_fraction": 0.0}, "data.test_fraction=0.0"),
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
