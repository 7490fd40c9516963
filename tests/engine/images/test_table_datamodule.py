"""How a table with photos is read, cut and described, on a toy problem of each kind of target."""

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from kindling.data import paths
from kindling.data.dataset import FieldDataset
from kindling.images.table_datamodule import ImageTableBatch, ImageTableDataModule
from tests.engine.toy import refused

ROWS = 60
SPLITS: tuple[Any, ...] = ("train", "val", "test")
PLACES = np.array(["north", "south", "west"])


class Lots(ImageTableDataModule):
    task = "lots"

    def write_sample(self, folder: Path) -> None:
        (folder / "photos").mkdir(parents=True, exist_ok=True)
        rng, place = np.random.default_rng(0), np.arange(ROWS) % 3
        table: dict[str, Any] = {
            "lot": np.arange(ROWS) + 7,
            "area": rng.uniform(30, 200, ROWS).round(1),
            "place": PLACES[place],
            "zipcode": 10_000 + place,
            "target": rng.uniform(1, 9, ROWS).round(2),
        }
        for side in ("front", "back"):
            table[side] = [f"photos/{k}_{side}.png" for k in range(ROWS)]
            for name in table[side]:
                pixels = rng.integers(0, 256, (16, 16, 3), np.uint8)
                Image.fromarray(pixels).save(folder / name)
        pd.DataFrame(table).to_csv(folder / "lots.csv", index=False)


class Kinds(Lots):
    target_kind = "classes"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "CACHE", tmp_path / "cache")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Lots().write_sample(tmp_path / "lots")
    return tmp_path / "lots"


def module(root: Path, kind: type[Lots] = Lots, **settings: Any) -> Lots:
    data = kind(root, **{"image_size": 16, **settings})
    data.setup("fit")
    return data


def dataset(data: Lots, split: Any) -> FieldDataset[ImageTableBatch]:
    found = data.splits[split]
    assert isinstance(found, FieldDataset)
    return found


def whole(data: Lots, split: Any) -> ImageTableBatch:
    return dataset(data, split)[torch.arange(len(dataset(data, split)))]


def home(data: Lots) -> dict[int, str]:
    """The split of each row, by its line in the file."""
    return {row: split for split in SPLITS for row in dataset(data, split).identifiers["row"]}


def change(root: Path, **columns: dict[int, Any]) -> None:
    """Other cells, by their column and line in the file."""
    table = pd.read_csv(root / "lots.csv", dtype=object)
    for name, cells in columns.items():
        for row, cell in cells.items():
            table.loc[row - 2, name] = cell
    table.to_csv(root / "lots.csv", index=False)


def test_a_sample_is_the_row_of_the_file(root: Path) -> None:
    data, table = module(root), pd.read_csv(root / "lots.csv")
    assert (data.features, data.vocabularies, data.views) == (1, [3, 3], 2)
    assert data.sizes() == {"train": 38, "val": 10, "test": 12}
    assert sorted(home(data)) == [*range(2, ROWS + 2)]
    for split in SPLITS:
        assert list(dataset(data, split).identifiers) == ["row", "lot"]
        for k, row in enumerate(dataset(data, split).identifiers["row"]):
            sample, source = dataset(data, split)[k], table.iloc[row - 2]
            assert sample.target == np.float32(source["target"])
            assert sample.numbers.tolist() == pytest.approx([source["area"]])
            assert data.vocabulary["place"][int(sample.codes[0]) - 1] == source["place"]
            for photo, name in zip(sample.photos, (source["front"], source["back"]), strict=True):
                pixels = torch.from_numpy(np.asarray(Image.open(root / name)).copy())
                assert torch.equal(photo.permute(1, 2, 0), pixels)


@pytest.mark.parametrize(("kind", "target"), [(Lots, "target"), (Kinds, "place")])
def test_rows_of_a_group_or_with_a_photo_in_common_are_in_one_split(
    root: Path, kind: type[Lots], target: str
) -> None:
    """Also through one another: a house's photo that another house has joins the two."""
    owner = {row: f"house {row // 3}" for row in range(2, ROWS + 2)}
    change(root, owner=owner, front={2: "photos/58_front.png"})
    data = module(root, kind, group="owner", target=target)
    where = home(data)
    for row, name in owner.items():
        assert where[row] == where[next(k for k, other in owner.items() if other == name)]
    assert where[2] == where[60]
    assert len(set(where.values())) == 3
    assert dataset(data, "test").identifiers["owner"], "is named, and not learned from"
    with refused("no column 'owners'"):
        module(root, kind, group="owners", target=target)


def test_a_time_column_cuts_in_time(root: Path) -> None:
    change(root, sold={row: f"2024-{1 + row % 12:02}-{1 + row // 12:02}" for row in range(2, 62)})
    change(root, front={3: "photos/9_front.png"})  # of row 11, which is later
    data = module(root, time="sold")
    sold = pd.read_csv(root / "lots.csv")["sold"]
    dates = {s: [sold[row - 2] for row in dataset(data, s).identifiers["row"]] for s in SPLITS}
    dates = {s: [d for d in dates[s] if d != sold[1]] for s in SPLITS}
    assert max(dates["train"]) < min(dates["val"]) <= max(dates["val"]) < min(dates["test"])
    assert home(data)[3] == home(data)[11]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("kind", "target"), [(Lots, "target"), (Kinds, "place")])
def test_rows_that_share_a_photo_stay_together_also_through_others(
    root: Path, kind: type[Lots], target: str, seed: int
) -> None:
    photos = root / "photos"
    # 0 and 3 share a photo by content, in other columns; 3 and 6 another; 9 and 12 a file.
    shutil.copy(photos / "0_front.png", photos / "3_back.png")
    shutil.copy(photos / "3_front.png", photos / "6_front.png")
    change(root, back={14: "photos/9_front.png"})
    data = module(root, kind, target=target, split_seed=seed)
    split = home(data)
    assert split[2] == split[5] == split[8]
    assert split[11] == split[14]
    assert home(module(root, kind, target=target, split_seed=seed)) == split
    if kind is Kinds:
        counts = np.bincount(whole(data, "test").target.numpy())
        assert counts.min() >= 3, "each class has its share"
    for off in ({"use_photos": False}, {"use_table": False}):
        assert home(module(root, kind, target=target, split_seed=seed, **off)) == split


def test_a_row_that_lacks_a_further_photo_has_the_first_in_its_place(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change(root, back={2: None, 9: None}, front={3: "photos\\1_front.png"})
    with caplog.at_level(logging.INFO, logger="kindling"):
        data = module(root, photos=["front", "back"])
    assert "column 'back': rows without this photo, that of 'front' in its place: 2" in caplog.text
    split = home(data)[2]
    sample = dataset(data, split)[dataset(data, split).identifiers["row"].index(2)]
    assert torch.equal(*sample.photos)


def test_a_class_may_have_the_name_of_what_is_missing(root: Path) -> None:
    change(root, place={row: ("Nan", "null", "?")[row % 3] for row in range(2, ROWS + 2)})
    assert module(root, Kinds, target="place").classes == ["?", "Nan", "null"]
    assert module(root, Kinds, target="place", missing=["?"]).classes == ["Nan", "null"]


def test_without_photos_none_is_decoded(root: Path) -> None:
    shutil.rmtree(root / "photos")
    (root / "photos").mkdir()
    (root / "photos" / "0_front.png").write_text("broken")
    data = module(root, use_photos=False, photos=["front"])
    assert data.views == 0
    assert whole(data, "train").photos.numel() == 0
    assert data.files() == [root / "lots.csv"]
    assert not paths.CACHE.exists()


def test_without_the_table_only_photos_are_read(root: Path) -> None:
    change(root, area=dict.fromkeys(range(2, 9), "wide"))
    data = module(root, use_table=False, numbers=["gone"], category_limit=1)
    assert (data.features, data.vocabularies, data.views) == (0, [], 2)
    assert whole(data, "train").numbers.shape == (38, 0)


def test_what_columns_were_taken_for_is_said_in_one_line(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="kindling"):
        module(root, photos=["front"])
    assert [line for line in caplog.messages if line.startswith("columns")] == [
        "columns: numbers area; categories place (3), zipcode (3); photos front; identifiers lot; "
        "target target; not used back"
    ]


def test_rows_to_predict_need_no_target_and_may_come_in_any_order(root: Path) -> None:
    trained, there = module(root), root / "new"
    there.mkdir()
    shutil.copy(root / "photos" / "3_front.png", there / "a.png")
    (there / "x.csv").write_text(
        "place,note,zipcode,back,front,area\nwest,x,10002.0,../photos/3_back.png,a.png,\n"
        ",,99999,a.png,a.png,5\n"
    )
    data = Lots(Path("/gone"), input=there / "x.csv", image_size=16)
    data.load_state_dict(trained.state_dict())
    data.setup("predict")
    batch = whole(data, "predict")
    assert batch.codes.tolist() == [[3, 3], [0, 0]]
    torch.testing.assert_close(batch.numbers, torch.tensor([[torch.nan], [5]]), equal_nan=True)
    assert batch.target.isnan().all()
    assert torch.equal(batch.photos[1, 0], batch.photos[1, 1])
    assert data.describe("predict", batch.indices) == {"row": [2, 3]}
    assert len(list(paths.CACHE.iterdir())) == 1, "photos to predict are not kept"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"numbers": ["area", "zipcode"]}, "data.numbers: the checkpoint was trained with area;"),
        ({"photos": ["front"]}, "data.photos: the checkpoint was trained with front, back;"),
        ({"use_photos": False}, "data.use_photos: the checkpoint was trained with True; leave"),
        ({"use_table": False}, "data.use_table: the checkpoint was trained with True; leave"),
        ({"image_size": 32}, "data.image_size: the checkpoint was trained with 16"),
    ],
)
def test_what_a_checkpoint_was_trained_with_stays(
    root: Path, wrong: dict[str, Any], message: str
) -> None:
    state = module(root).state_dict()
    with refused(message):
        Lots(root, **{"image_size": 16, **wrong}).load_state_dict(state)
    Lots(root, image_size=16, photos=["front", "back"]).load_state_dict(state)


@pytest.mark.parametrize(
    ("cells", "settings", "message"),
    [
        ({}, {"use_photos": False, "use_table": False}, "are both false: one is needed"),
        ({}, {"photos": ["place"]}, "row 2, column 'place': 'north': no such file"),
        ({}, {"image_size": 2}, "data.image_size=2: must be at least 8"),
        ({"front": {5: "photos/x.png"}}, {}, "row 5, column 'front': 'photos/x.png': no such file"),
        ({"front": {5: None}}, {"photos": ["front"]}, "row 5, column 'front': no photo"),
        ({"front": {5: "x"}}, {}, "row 5, column 'front': 'x': no such file"),
        ({"front": {5: "https://a.b/c.png?w=1"}}, {}, "'https://a.b/c.png?w=1' is an address: d"),
        ({"front": {5: "['a.png', 'b.png']"}}, {}, "are several photos: give each a column of"),
        ({"back": {5: "lots.csv"}}, {"photos": ["back"]}, "lots.csv: not an image that Pillow"),
    ],
)
def test_what_cannot_work_is_one_line(
    root: Path, cells: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    change(root, **cells)
    with refused(message):
        module(root, **settings)
