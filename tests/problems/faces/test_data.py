"""Faces: what every problem promises, what is refused, and who is in which split."""

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

from kindling.data.dataset import FieldDataset
from kindling.data.targets import IGNORE_INDEX
from kindling.testing import Fault, ProblemContract
from problems.faces.data import FacesBatch, FacesDataModule
from tests.problems.faces.conftest import PEOPLE, results_of, rows_of, write_faces

SPLITS: tuple[Any, ...] = ("train", "val", "test")
SCORES = {"identity/accuracy", "identity/top5", "age/mae", "age/rmse"}
NOBODY = {"identity": None, "age": None}


def edit(old: str, new: str) -> Callable[[Path], object]:
    def harm(root: Path) -> None:
        text = (root / "faces.csv").read_text()
        assert old in text
        (root / "faces.csv").write_text(text.replace(old, new))

    return harm


def listing(*rows: str) -> Callable[[Path], object]:
    return lambda root: (root / "faces.csv").write_text("\n".join(["file,identity,age", *rows, ""]))


class TestFaces(ProblemContract):
    task = "faces"
    data = {"image_size": 24, "batch_size": 8}
    model = {"channels": [8, 16], "weighting": "uncertainty", "dropout": 0.1, "lr": 1e-2}
    trainer = {"max_epochs": 20}
    beats = ("identity/accuracy", "age/mae")
    input = ""
    overfit = -0.1  # learned weights are paid for by a loss below 0

    @classmethod
    def write(cls, folder: Path) -> Path:
        root = write_faces(folder)
        edit("33.png,,", "33.png,,40")(root)
        return root

    @classmethod
    def faults(cls) -> dict[str, Fault]:
        first = [f"photos/{k:02d}.png,{'AB'[k % 2]},{k}" for k in range(4)]
        both = edit("file,identity,age", "file,who,years")
        return super().faults() | {
            "too old": Fault("is not an age from 0 to 150: correct it", edit("Eve,", "Eve,9")),
            "nobody": Fault("no row has an identity or an age", listing("photos/01.png,,")),
            "identity": Fault("change --data.identity, null if there is none", both),
            "age": Fault("change --data.age, null if", both, data={"identity": "who"}),
            "file": Fault("no column 'photo'", data={"file": "photo"}),
            "two names": Fault(
                "row 7: photos/05.png is the same photo as in row 5, byte for byte, but labelled",
                lambda root: shutil.copy(root / "photos/03.png", root / "photos/05.png"),
            ),
            "few": Fault("nobody has 3 different photos or more", listing(*first)),
            "no column": Fault("are both null: name one column at least", data=NOBODY),
            "one column": Fault("file, age, age: name three columns", data={"identity": "age"}),
            "strangers": Fault(
                "no validation photo has a known identity", data={"by": "person"},
                model={"use_age": False},
            ),
            "nothing": Fault("nothing to learn", model={"use_age": False, "use_identity": False}),
        }  # fmt: skip

    def test_results_are_by_head_and_of_the_known_targets(self, trained: Path) -> None:
        results, rows = results_of(trained), rows_of(trained / "predictions.csv")
        assert results["baseline"]["name"] == "commonest identity, median age"
        metrics = results["metrics"]
        assert set(metrics) == set(results["skill"]) == SCORES
        people = [f"probability_identity_{name}" for name in PEOPLE]
        columns = ["file", "identity", "prediction_identity", *people, "age", "prediction_age"]
        assert list(rows[0]) == columns
        right = [row["identity"] == row["prediction_identity"] for row in rows if row["identity"]]
        errors = [abs(float(r["prediction_age"]) - float(r["age"])) for r in rows if r["age"]]
        assert results["known_targets"] == {"identity": len(right), "age": len(errors)}
        assert results["samples"] == len(rows) > min(len(right), len(errors))
        assert metrics["identity/accuracy"]["value"] == pytest.approx(sum(right) / len(right))
        assert metrics["age/mae"]["value"] == pytest.approx(sum(errors) / len(errors), rel=1e-4)
        support = sum(row["identity"] == "Ann" for row in rows)
        assert results["per_class"]["identity/Ann"]["support"] == support

    def test_figures_and_learned_weights_are_of_each_head(self, trained: Path) -> None:
        pictures = ["age_predicted", "age_largest_errors"]
        drawn = ("confusion_matrix", "per_class", "worst_mistakes")
        drawn += ("explained_mistakes", "explained_classes")
        pictures += [f"identity_{n}" for n in drawn]
        assert {path.stem for path in (trained / "figures").iterdir()} == set(pictures)
        epochs = rows_of(trained / "metrics.csv")
        for head in ("identity", "age"):
            first, last = (float(epochs[k][f"train/{head}/weight"]) for k in (0, -1))
            assert 0.5 < first < 2
            assert first != last, "they are learned, from where they were set"


def module(root: Path, **settings: Any) -> FacesDataModule:
    data = FacesDataModule(root, **{"image_size": 24, **settings})
    data.setup("fit")
    return data


def dataset(data: FacesDataModule, split: Any) -> FieldDataset[FacesBatch]:
    found = data.splits[split]
    assert isinstance(found, FieldDataset)
    return found


def names(data: FacesDataModule, split: Any) -> list[str]:
    return list(dataset(data, split).identifiers["file"])


def people(data: FacesDataModule, split: Any) -> Counter[str]:
    """Who is in a split, by the table and not by the data module."""
    table = pd.read_csv(data.root / "faces.csv", index_col="file")["identity"].dropna()
    return Counter(table[name] for name in names(data, split) if name in table)


def test_by_image_everybody_is_in_every_split_and_known(root: Path) -> None:
    data = module(root)
    assert data.classes == ["Ann", "Bob", "Cy", "Dee", "Eve", "Fay"]
    assert sum(data.sizes().values()) == 59, "one row has neither identity nor age"
    for split, count in zip(SPLITS, ((6, 7), (1, 2), (1, 2)), strict=True):
        assert set(people(data, split)) == set(data.classes)
        assert set(people(data, split).values()) <= set(count), split
        known = dataset(data, split).fields["identity"] != IGNORE_INDEX
        assert known.sum() == people(data, split).total()


def test_by_person_nobody_is_in_two_splits_and_strangers_are_unknown(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        data = module(root, by="person")
    train, val, test = (people(data, split) for split in SPLITS)
    assert len(train | val | test) == len(train) + len(val) + len(test) == 6
    assert data.classes == sorted(train)
    for split in ("val", "test"):
        assert (dataset(data, split).fields["identity"] == IGNORE_INDEX).all()
        assert (~dataset(data, split).fields["age"].isnan()).any()
    strangers = val.total() + test.total()
    assert f"by person: {strangers} validation and test photos are of people not in" in caplog.text
    age = dataset(data, "train").fields["age"]
    assert data.ages == [age[~age.isnan()].min().item(), age[~age.isnan()].max().item()]


def test_by_person_photos_without_identity_are_of_nobody_else(root: Path) -> None:
    table = pd.read_csv(root / "faces.csv")
    table.loc[::2, "identity"] = None
    table.to_csv(root / "faces.csv", index=False)
    data = module(root, by="person")
    unnamed = [len(dataset(data, s)) - people(data, s).total() for s in SPLITS]
    assert min(unnamed) > 2, "they are cut one by one, not as one person"


@pytest.mark.parametrize(("by", "seed"), [("image", 0), ("person", 1)])
def test_photos_that_are_the_same_stay_together(
    by: Any, seed: int, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Copies by other names, of a named photo without its name, and one file in two rows."""
    table = pd.read_csv(root / "faces.csv")
    rows = [table, table.iloc[[12, 12]]]
    for number in (0, 1, 7):
        for copy in range(4):
            name = f"photos/{number}-{copy}.png"
            shutil.copy(root / f"photos/{number:02d}.png", root / name)
            who = table["identity"][number] if copy % 2 else None
            rows.append(pd.DataFrame({"file": [name], "identity": [who], "age": [30]}))
    pd.concat(rows).to_csv(root / "faces.csv", index=False)
    with caplog.at_level(logging.INFO):
        data = module(root, by=by, split_seed=seed)
    holders: dict[bytes, set[str]] = {}
    for split in SPLITS:
        for name in names(data, split):
            holders.setdefault((root / name).read_bytes(), set()).add(split)
    assert len(holders) == 59
    assert all(len(splits) == 1 for splits in holders.values())
    assert "photos that repeat another, byte for byte, in the same split: 14" in caplog.text
    torch.manual_seed(seed + 1)
    assert names(module(root, by=by, split_seed=seed), "val") == names(data, "val")


def test_who_has_too_few_photos_is_in_training_and_named(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def add(name: str) -> FacesDataModule:
        Image.new("RGB", (24, 24), name).save(root / f"photos/{name}.png")
        with (root / "faces.csv").open("a") as stream:
            stream.write(f"photos/{name}.png,Zoe,9\n")
        return module(root)

    add("red")
    with caplog.at_level(logging.WARNING):
        data = add("green")
    assert people(data, "train")["Zoe"] == 2
    assert "Zoe" in data.classes
    assert "too few photos for every split, only in training: 1 (Zoe)" in caplog.text
    data = add("blue")
    assert all(people(data, split)["Zoe"] == 1 for split in SPLITS)


def test_photos_and_targets_belong_to_the_rows(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        data = module(root)
    assert "rows with neither identity nor age left out: 1" in caplog.text
    assert "targets: identity of 57 photos, age of 56, of 59 in all" in caplog.text
    table = pd.read_csv(root / "faces.csv", index_col="file")
    for split in SPLITS:
        for k, name in enumerate(names(data, split)):
            sample, row = dataset(data, split)[k], table.loc[name]
            pixels = torch.tensor(list(Image.open(root / name).tobytes()), dtype=torch.uint8)
            assert torch.equal(sample.image.permute(1, 2, 0).flatten(), pixels)
            named = sample.identity != IGNORE_INDEX
            who = data.classes[int(sample.identity)] if named else None
            assert who == (None if pd.isna(row["identity"]) else row["identity"])
            assert sample.age.item() == pytest.approx(row["age"], nan_ok=True)


def test_columns_and_table_by_other_names_or_absent(root: Path) -> None:
    plain, table = module(root), pd.read_csv(root / "faces.csv")
    table.columns = pd.Index(["photo", "who", "years"])
    table.to_csv(root / "mine.csv", index=False, sep=";")
    mine = module(root, table="mine.csv", file="photo", identity="who", age="years")
    for field in ("identity", "age"):
        pair = (dataset(data, "test").fields[field].nan_to_num(-1) for data in (plain, mine))
        assert torch.equal(*pair)
    assert mine.target_names == {"identity": "who", "age": "years"}
    mine = module(root, table="mine.csv", file="photo", identity=None, age="years")
    assert mine.classes == []
    assert mine.sizes()["train"] > 30
    mine = module(root, table="mine.csv", file="photo", identity="who", age=None)
    assert mine.ages == []
    assert dataset(mine, "train").fields["age"].isnan().all()


def test_whom_the_checkpoint_does_not_know_is_unknown(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = FacesDataModule(root, image_size=24)
    data.load_state_dict({"classes": ["Bob", "Nobody"], "ages": [5.0, 80.0]})
    with caplog.at_level(logging.INFO):
        data.setup("test")
    assert set(dataset(data, "test").fields["identity"].tolist()) == {IGNORE_INDEX, 0}
    assert "people not in the training split" in caplog.text
