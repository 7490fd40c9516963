"""What columns are taken for, and that names overrule it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kindling.tables.columns import Columns, choose, looks_like
from kindling.tables.read import read_table

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
        (column("zipcode", 93446, 91901, 93446), "categories"),
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
    return pd.DataFrame(
        {
            "house": ["1", "2", "3", "4"],
            "area": ["7", "8", "8", "9"],
            "zipcode": ["5", "6", "6", "6"],
            "front": ["1.jpg", "2.jpg", "3.jpg", "4.jpg"],
            "price": ["10", "20", "30", "40"],
        },
        dtype=object,
    )


def test_what_is_not_named_is_inferred() -> None:
    columns = choose(table(), "price", {"numbers": None, "identifiers": []}, PATH)
    assert columns == Columns(["area"], ["zipcode"], ["front"], ["house"])


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"numbers": ["zipcode"]}, Columns(["zipcode"], [], ["front"], ["house"])),
        ({"categories": ["area"]}, Columns([], ["area"], ["front"], ["house"])),
        ({"numbers": ["house", "area"]}, Columns(["house", "area"], ["zipcode"], ["front"], [])),
        ({"photos": []}, Columns(["area"], ["zipcode"], [], ["house"])),
        ({"identifiers": ["zipcode"]}, Columns(["area"], [], ["front"], ["zipcode", "house"])),
    ],
)
def test_names_overrule(named: dict[str, list[str]], expected: Columns) -> None:
    assert choose(table(), "price", named, PATH) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["houses.csv", "houses_362.csv"])
def test_the_real_houses(name: str, real: Path) -> None:
    path = real / "houses" / name
    columns = choose(read_table(path), "price", {}, path)
    assert columns.numbers == ["bedrooms", "bathrooms", "area"]
    assert columns.categories == ["zipcode"]
    assert columns.photos == ["frontal", "bedroom", "kitchen", "bathroom"]
    assert columns.identifiers == ["house"]
