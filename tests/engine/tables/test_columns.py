"""What columns are taken for, that names overrule it, and what becomes of categories."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kindling.errors import UserError
from kindling.tables.columns import Columns, choose, looks_like
from kindling.tables.read import read_table
from kindling.tables.vocabulary import encode, vocabularies

PATH = Path("some.csv")
NUMBERS = np.random.default_rng(0).permutation(40)


def column(name: str, *cells: object) -> "pd.Series[str]":
    return pd.Series([None if c is None else str(c) for c in cells], name=name, dtype=object)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (column("area", 3, 4, 3, 5), "numbers"),
        (column("area", 2.5, -1, "1e3", None), "numbers"),
        (column("area", "1,5", "2,5", "1,5"), "numbers"),
        (column("area", 3, 4, "x", 5), "numbers"),  # one mistake, to be named as one
        (column("mileage", *(1000 * NUMBERS)), "numbers"),  # all different, and no count of rows
        (column("fuel", "petrol", "gas", "petrol"), "categories"),
        (column("fuel", "yes", None, "no"), "categories"),
        (column("grade", "3A", "3B", "4"), "categories"),
        (column("ZIP", 93446, 91901, 93446), "categories"),
        (column("Postal code", 1, 2, 2), "categories"),
        (column("dealer_id", 1, 2, 2), "categories"),
        (column("paid", 1, 2, 2), "numbers"),
        (column("codes_found", 1, 2, 2), "numbers"),
        (column("place", "02134", "10001", "02134"), "categories"),
        (column("zipcode", 1.5, 2.5, 2.5), "numbers"),
        (column("house", 31, 33, 40, 81), "identifiers"),
        (column("house", 31.0, 33.0, 40.0, 8100.0), "identifiers"),
        (column("house", *(NUMBERS + 500)), "identifiers"),  # shuffled
        (column("house", 31, 33, None, 81), "numbers"),
        (column("house", 31, 33, 33, 81), "numbers"),
        (column("front", "a/1.jpg", "a/2.JPG", "b.png"), "photos"),
        (column("front", "a/1.jpg", None), "photos"),
        (column("front", "a/1.jpg", "none taken"), "categories"),
        (column("note", None, None), None),
    ],
)
def test_looks(cells: "pd.Series[str]", kind: str | None) -> None:
    assert looks_like(cells) == kind


def table() -> pd.DataFrame:
    photos = [f"{k}.jpg" for k in range(4)]
    cells = {"house": [*"1234"], "area": [*"7889"], "zipcode": [*"5666"], "front": photos}
    return pd.DataFrame({**cells, "price": [*"1234"]}, dtype=object)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (
            {"numbers": None, "identifiers": []},
            Columns(["area"], ["zipcode"], ["front"], ["house"]),
        ),
        ({"numbers": ["zipcode"]}, Columns(["zipcode"], [], ["front"], ["house"])),
        ({"categories": ["area"]}, Columns([], ["area"], ["front"], ["house"])),
        ({"numbers": ["house", "area"]}, Columns(["house", "area"], ["zipcode"], ["front"], [])),
        ({"photos": []}, Columns(["area"], ["zipcode"], [], ["house"])),
        ({"identifiers": ["zipcode"]}, Columns(["area"], [], ["front"], ["zipcode", "house"])),
    ],
)
def test_names_overrule_looks(named: dict[str, list[str]], expected: Columns) -> None:
    assert choose(table(), "price", named, PATH) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["houses.csv", "houses_362.csv"])
def test_the_real_houses(name: str, real: Path) -> None:
    path = real / "houses" / name
    columns = choose(read_table(path), "price", {}, path)
    assert columns.numbers == ["bedrooms", "bathrooms", "area"]
    assert columns.categories == ["zipcode"]
    assert columns.photos == ["frontal", "bedroom", "kitchen", "bathroom"]
    assert columns.identifiers == ["house"]


def fuel(*cells: object) -> pd.DataFrame:
    return column("fuel", *cells).to_frame()


def test_only_training_rows_make_known_what_there_is() -> None:
    rows = fuel("gas", "petrol", None, "gas", "steam", "petrol")
    known = vocabularies(rows, ["fuel"], np.arange(4), 9, PATH)
    assert known == {"fuel": ["gas", "petrol"]}
    assert encode(rows, known, PATH)[:, 0].tolist() == [1, 2, 0, 1, 0, 2]
    assert encode(rows, {}, PATH).shape == (6, 0)


def test_a_code_is_the_same_however_it_was_written() -> None:
    known = vocabularies(fuel(10, 20, "02"), ["fuel"], np.arange(3), 9, PATH)
    assert known == {"fuel": ["02", "10", "20"]}
    assert encode(fuel("20.0", "10.00", 2, 2.5), known, PATH)[:, 0].tolist() == [3, 2, 0, 0]


def test_a_thousand_values_are_no_category() -> None:
    rows = fuel(*range(1000))
    with pytest.raises(UserError) as caught:
        vocabularies(rows, ["fuel"], np.arange(10), 999, PATH)
    assert str(caught.value) == (
        "some.csv, column 'fuel': 1,000 different values are too many for a category; "
        "--data.ignore='[fuel]' leaves it out, --data.category_limit=1000 allows it"
    )
    assert len(vocabularies(rows, ["fuel"], np.arange(1000), 1000, PATH)["fuel"]) == 1000
