"""What is read of a table and its photos, and that no split knows of another."""

import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from PIL import Image

from kindling.data import paths
from kindling.data.files import duplicates
from kindling.errors import UserError
from kindling.tables.read import read_table
from problems.prices.data import PricesDataModule
from problems.prices.model import PricesModule
from problems.prices.offers import PricesBatch

SPLITS = ("train", "val", "test")
SMALL: dict[str, Any] = {"image_size": 16}


def module(root: Path, **settings: Any) -> PricesDataModule:
    data = PricesDataModule(root, **{**SMALL, **settings})
    data.prepare_data()
    data.setup("fit")
    return data


def whole(data: PricesDataModule, split: Any) -> PricesBatch:
    offers = data.offers(split)
    return offers[torch.arange(len(offers))]


def rows(data: PricesDataModule, split: Any) -> list[int]:
    return list(data.describe(split, whole(data, split).indices)["row"])


def change(root: Path, **columns: Any) -> pd.DataFrame:
    """Write the table again with other columns, or cells by their line in the file."""
    table = pd.read_csv(root / "lots.csv", dtype=object)
    for name, cells in columns.items():
        if isinstance(cells, dict):
            for row, cell in cells.items():
                table.loc[row - 2, name] = cell
        else:
            table[name] = cells
    table.to_csv(root / "lots.csv", index=False)
    return table


def test_splits_are_disjoint_and_whole(root: Path) -> None:
    data = module(root)
    assert data.sizes() == {"train": 38, "val": 10, "test": 12}
    assert sorted(row for split in SPLITS for row in rows(data, split)) == [*range(2, 62)]


def test_the_cut_follows_its_own_seed_alone(root: Path) -> None:
    torch.manual_seed(1)
    first = rows(module(root), "test")
    torch.manual_seed(2)
    assert rows(module(root), "test") == first
    assert rows(module(root, split_seed=1), "test") != first


def test_the_cut_is_the_same_with_a_branch_off(root: Path) -> None:
    photos = root / "photos"
    shutil.copy(photos / "0_front.png", photos / "59_back.png")
    both = module(root)
    for off in ({"use_photos": False}, {"use_table": False}):
        assert [rows(module(root, **off), s) for s in SPLITS] == [rows(both, s) for s in SPLITS]


def test_a_sample_is_the_row_of_the_file(root: Path) -> None:
    data, table = module(root), pd.read_csv(root / "lots.csv")
    assert (data.features, data.vocabularies, data.views) == (1, [3, 3], 2)
    places = data.vocabulary["place"]
    for split in SPLITS:
        for place, row in enumerate(rows(data, split)):
            sample, source = data.offers(split)[place], table.iloc[row - 2]
            assert sample.price == source["price"]
            assert sample.numbers.tolist() == pytest.approx([source["area"]])
            assert places[int(sample.codes[0]) - 1] == source["place"]
            for photo, name in zip(sample.photos, (source["front"], source["back"]), strict=True):
                pixels = torch.tensor(list(Image.open(root / name).tobytes()), dtype=torch.uint8)
                assert torch.equal(photo.permute(1, 2, 0).flatten(), pixels)


def test_a_single_sample_is_the_batch_s_row(root: Path) -> None:
    offers = module(root).offers("train")
    index = torch.tensor([3, 0, 20])
    batch = offers[index]
    assert batch.photos.shape == (3, 2, 3, 16, 16)
    for k, place in enumerate(index.tolist()):
        for part, many in zip(offers[place], batch, strict=True):
            assert torch.equal(part, many[k])
    assert len(list(offers)) == len(offers)  # type: ignore[call-overload]


def test_a_row_is_described_by_its_line_and_what_the_file_calls_it(root: Path) -> None:
    table = pd.read_csv(root / "lots.csv")
    described = module(root).describe("test", torch.tensor([0, 5]))
    assert list(described) == ["row", "lot"]
    assert [int(lot) for lot in described["lot"]] == [
        table["lot"][row - 2] for row in described["row"]
    ]
    assert list(module(root, ignore=["place"]).describe("val", torch.tensor([0]))) == [
        "row",
        "place",
        "lot",
    ]


def test_what_columns_were_taken_for_is_said_in_one_line(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="kindling"):
        module(root, photos=["front"])
    (record,) = [r for r in caplog.records if r.getMessage().startswith("columns")]
    assert record.getMessage() == (
        "columns: numbers area; categories place (3), zipcode (3); photos front; identifiers lot; "
        "target price; not used back"
    )


# Leaks.


def held_out_to_training(data: PricesDataModule) -> list[torch.Tensor]:
    torch.manual_seed(0)
    sizes = (data.features, data.vocabularies, data.views, data.image_size)
    model = PricesModule(*sizes, channels=[8])
    model.fit_statistics(data.training)
    return [*whole(data, "train"), *model.state_dict().values()]


@pytest.mark.parametrize("split", ["val", "test"])
def test_changing_held_out_rows_changes_nothing_in_training(root: Path, split: Any) -> None:
    data = module(root)
    before, held_out = held_out_to_training(data), rows(data, split)
    wild = {"area": 1e6, "place": "moon", "price": 1e9}
    change(root, **{name: dict.fromkeys(held_out, cell) for name, cell in wild.items()})
    for row in held_out:
        Image.new("RGB", (16, 16), (row, 0, 255)).save(root / "photos" / f"{row - 2}_front.png")
    after = module(root)
    assert whole(after, split).numbers.unique().tolist() == [1e6]
    assert whole(after, split).codes[:, 0].unique().tolist() == [0]
    for a, b in zip(before, held_out_to_training(after), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def split_of(data: PricesDataModule) -> dict[int, str]:
    return {row: split for split in SPLITS for row in rows(data, split)}


def test_rows_that_share_a_photo_stay_together_also_through_others(root: Path) -> None:
    photos = root / "photos"
    # 0 and 1 share a photo by content, in other columns; 1 and 2 another; 3 and 4 a file.
    shutil.copy(photos / "0_front.png", photos / "1_back.png")
    shutil.copy(photos / "1_front.png", photos / "2_front.png")
    change(root, back={6: "photos/3_front.png"})
    for seed in range(8):
        where = split_of(module(root, split_seed=seed))
        assert where[2] == where[3] == where[4]
        assert where[5] == where[6]


def test_no_photo_lies_in_two_splits_of_the_sample(tmp_path: Path) -> None:
    data = PricesDataModule(**SMALL)
    data.prepare_data()
    assert_no_photo_in_two_splits(data)


@pytest.mark.parametrize("name", ["houses.csv", "houses_362.csv"])
def test_no_photo_lies_in_two_splits_of_the_real_houses(real: Path, name: str) -> None:
    data = PricesDataModule(real / "houses", table=name, **SMALL)
    assert_no_photo_in_two_splits(data)


def assert_no_photo_in_two_splits(data: PricesDataModule) -> None:
    """In files that are known to hold equal photos."""
    data.setup("fit")
    table = read_table(data.files()[0])
    where = split_of(data)
    files: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for row, split in where.items():
        files[split] += [data.root / table[name][row] for name in data.columns.photos]
    assert duplicates(files) == []
    flat = [file for split in SPLITS for file in files[split]]
    every = {str(k): [file] for k, file in enumerate(flat)}
    assert len(duplicates(every)) > 5


# Branches.


def test_without_the_photo_branch_no_photo_is_decoded(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "CACHE", root / "cache")
    shutil.rmtree(root / "photos")
    (root / "photos").mkdir()
    (root / "photos" / "0_front.png").write_text("broken")
    data = module(root, use_photos=False)
    assert data.views == 0
    assert whole(data, "train").photos.numel() == 0
    assert [file.name for file in data.files()] == ["lots.csv"]
    assert not (root / "cache").exists()


def test_without_the_table_branch_only_photos_and_prices_are_needed(root: Path) -> None:
    table = change(root, lot="a rather long text", area=[str(k) for k in range(60)])
    table[["area", "front", "back", "price"]].to_csv(root / "lots.csv", index=False)
    data = module(root, use_table=False, numbers=["gone"], category_limit=1)
    assert (data.features, data.vocabularies, data.views) == (0, [], 2)
    assert whole(data, "train").numbers.shape == (38, 0)


# Prediction.


def test_rows_to_predict_need_no_price_and_may_come_in_any_order(root: Path) -> None:
    trained = module(root)
    there = root / "new"
    there.mkdir()
    shutil.copy(root / "photos" / "3_front.png", there / "a.png")
    (there / "x.csv").write_text(
        "place,note,zipcode,back,front,area\nwest,x,10002.0,../photos/3_back.png,a.png,\n"
        ",,99999,a.png,a.png,5\n"
    )
    data = PricesDataModule(Path("/gone"), input=there / "x.csv", **SMALL)
    data.load_state_dict(trained.state_dict())
    assert data.vocabularies == trained.vocabularies
    data.setup("predict")
    batch = whole(data, "predict")
    known = trained.vocabulary
    west = known["place"].index("west") + 1, known["zipcode"].index("10002") + 1
    assert batch.codes.tolist() == [[*west], [0, 0]]
    torch.testing.assert_close(batch.numbers, torch.tensor([[torch.nan], [5]]), equal_nan=True)
    assert batch.price.isnan().all()
    assert torch.equal(batch.photos[1, 0], batch.photos[1, 1])
    assert data.describe("predict", batch.indices) == {"row": [2, 3]}


def test_the_columns_of_a_checkpoint_stay_what_they_are(root: Path) -> None:
    state = module(root).state_dict()
    change(root, area=[str(k) for k in range(60)], place=["north", "east"] * 30)
    data = PricesDataModule(root, **SMALL)
    data.load_state_dict(state)
    data.setup("test")
    assert data.vocabulary["place"] == ["north", "south", "west"]
    assert data.columns.numbers == ["area"]
    for wrong, message in (
        ({"numbers": ["area", "zipcode"]}, "data.numbers: the checkpoint was trained with area;"),
        ({"use_photos": False}, "data.use_photos: the checkpoint was trained with True; leave"),
        ({"log_price": False}, "data.log_price: the checkpoint was trained with True"),
        ({"image_size": 32}, "data.image_size: the checkpoint was trained with 16"),
    ):
        with pytest.raises(UserError) as caught:
            PricesDataModule(root, **{**SMALL, **wrong}).load_state_dict(state)
        assert message in str(caught.value)


def test_the_fingerprint_is_of_table_and_photos(root: Path) -> None:
    before = module(root).fingerprint
    assert module(root).fingerprint == before
    Image.new("RGB", (16, 16), "red").save(root / "photos" / "3_back.png")
    assert module(root).fingerprint != before


def test_photos_may_lie_elsewhere(root: Path, tmp_path: Path) -> None:
    shutil.move(root / "photos" / "0_front.png", tmp_path / "far.png")
    change(root, front={2: str(tmp_path / "far.png")})
    data = module(root)
    assert tmp_path / "far.png" in data.files()
    assert len(data.fingerprint) == 64


# What cannot be.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"use_photos": False, "use_table": False}, "are both false: one is needed"),
        ({"target": "prize"}, "no column 'prize' (did you mean 'price'?)"),
        ({"table": "lot.csv"}, "lot.csv: no such file (--data.table); CSV files there: lots.csv"),
        ({"numbers": ["aera"]}, "no column 'aera' (did you mean 'area'?)"),
        ({"numbers": ["place"]}, "row 2, column 'place': 'south' is not a number"),
        ({"photos": ["place"]}, "row 2, column 'place': 'south': no such file"),
        ({"categories": ["area"], "category_limit": 9}, "column 'area': 60 different values"),
        ({"image_size": 2}, "data.image_size=2: must be at least 8"),
        ({"category_limit": 0}, "data.category_limit=0: must be at least 1"),
        ({"val_fraction": 1.0}, "data.val_fraction=1.0: must lie between 0 and 1"),
        ({"test_fraction": 0.0}, "data.test_fraction=0.0: must lie between 0 and 1"),
        ({"test_fraction": 0.01}, "a split of one row has no R2"),
    ],
)
def test_settings_that_cannot_work(root: Path, settings: dict[str, Any], message: str) -> None:
    assert message in complaint(root, **settings)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"price": {5: "0"}}, "row 5, column 'price': '0' has no logarithm"),
        ({"price": {5: "-3"}}, "row 5, column 'price': '-3' has no logarithm"),
        ({"price": {5: None}}, "row 5, column 'price': no price: fill it in or delete the row"),
        ({"price": {5: "dear"}}, "row 5, column 'price': 'dear' is not a number"),
        ({"area": {5: "wide"}}, "row 5, column 'area': 'wide' is not a number"),
        ({"front": {5: "photos/x.png"}}, "row 5, column 'front': 'photos/x.png': no such file"),
        ({"front": {5: None}}, "row 5, column 'front': no photo"),
        ({"back": {5: "lots.png"}}, "lots.png: not an image that Pillow reads"),
        (
            {"place": [f"street {k}" for k in range(60)]},
            "lots.csv, column 'place': 60 different values are too many for a category; "
            "--data.ignore='[place]' leaves it out",
        ),
    ],
)
def test_tables_that_cannot_be_right(root: Path, cells: dict[str, Any], message: str) -> None:
    change(root, **cells)
    (root / "lots.png").write_text("no photo")
    assert message in complaint(root, category_limit=50)


def test_any_price_may_be_learned_as_it_is(root: Path) -> None:
    change(root, price={5: "0", 6: "-3"})
    data = module(root, log_price=False)
    assert min(whole(data, split).price.min() for split in SPLITS) == -3


def test_two_tables_must_be_told_apart(root: Path) -> None:
    shutil.copy(root / "lots.csv", root / "again.csv")
    assert "name the table by --data.table: again.csv, lots.csv" in complaint(root)
    assert module(root, table="again.csv").files()[0] == root / "again.csv"


def complaint(root: Path, **settings: Any) -> str:
    """The one line that the user gets."""
    with pytest.raises(UserError) as caught:
        module(root, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_real_houses(real: Path) -> None:
    data = module(real / "houses", table="houses_362.csv")
    assert data.sizes() == {"train": 232, "val": 58, "test": 72}
    assert (data.features, data.vocabularies, data.views) == (3, [7], 4)
