"""What columns are taken for, that names overrule it, and what becomes of categories."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kindling.tables.columns import Columns, choose, looks_like, not_used, related_rows
from kindling.tables.read import numeric, read_table
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
        (column("area", *range(3, 99, 2), 4, 4, "x"), "numbers"),  # a mistake, to be named as one
        (column("grade", *[9, 10, 11, 12] * 30, "other", "other"), "categories"),
        (column("grade", *[9, 10, 11, 12] * 30, "other", "?", "?"), "numbers"),
        (column("hp", 130, "?", 165, 150), "numbers"),  # a mark of what is missing
        (column("ticket", 113803, 373450, "A/5 21171", 349909), "categories"),
        (column("price", "$1,777", "$365", "$12,450", "$998"), "numbers"),
        (column("share", "5 %", "7 %", "7 %"), "numbers"),
        (column("signup", "2024-01-01", "2024-01-03"), None),  # dates, whose parts are numbers
        (column("issued", "Mar-2018", "Apr-2018", "Mar-2018"), None),
        (column("opens", "11:57", "08:30", "08:30"), None),
        (column("ratio", "11:57", "1:100", "08:30"), "categories"),
        (column("CustomerId", 15634602, 15619304, 15701354, 15737888), "identifiers"),
        (column("CustomerID", *"abab" * 3), "categories"),
        (column("name", *(f"name {k}" for k in range(40))), "identifiers"),
        (column("surname", *(f"name {k % 150}" for k in range(600))), "categories"),
        (column("mileage", *(1000 * NUMBERS)), "numbers"),  # all different, and no count of rows
        (column("fuel", "petrol", "gas", "petrol"), "categories"),
        (column("fuel", "yes", None, "no"), "categories"),
        (column("grade", "3A", "3B", "4"), "categories"),
        (column("ZIP", 93446, 91901, 93446), "categories"),
        (column("zip_code", *[98117, 98121] * 20, "98121-4321"), "categories"),
        (column("Postal code", 1, 2, 2), "categories"),
        (column("dealer_id", 1, 2, 2), "categories"),
        (column("UserID", 7, 7, 8), "categories"),
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


def test_of_many_values_the_most_frequent_are_learned_one_by_one() -> None:
    rows = fuel(*range(1000), *"55779")
    known = vocabularies(rows, ["fuel"], np.arange(1005), 3, PATH)
    assert known == {"fuel": ["5", "7", "9"]}
    assert encode(rows, known, PATH)[-6:, 0].tolist() == [0, 1, 1, 2, 2, 3]


def test_what_cannot_be_learned_from_is_named() -> None:
    prose = [f"{'a long story ' * 9} {k}" for k in range(30)]
    columns = {
        "same": ["7"] * 30,
        "none": [None] * 30,
        "story": prose,
        "area": [*map(str, range(0, 90, 3))],
    }
    rows = pd.DataFrame({**columns, "copy": columns["area"], "price": prose}, dtype=object)
    rows["area"] = rows["copy"] = ["3", *columns["area"][1:]]
    assert choose(rows, "price", {}, PATH) == Columns(["area"], [], [], [])
    assert not_used(rows, ["area", "price"]) == [
        "same (always '7')",
        "none (empty)",
        "story (long text)",
        "copy (the same as 'area')",
    ]


def test_what_looks_like_a_group_or_a_time_is_said() -> None:
    cells = {
        "country": [*"abcdef" * 4],
        "year": [*"1234" * 6],
        "day": [f"2024-01-{k + 1:02d}" for k in range(24)],
        "hour": [f"{k}:30" for k in range(24)],
        "open_accounts": [*"1234567890" * 2, *"1234"],
    }
    assert related_rows(pd.DataFrame(cells, dtype=object), ["year"]) == [
        "country has 4 rows for each of 6 values: data.group='country' keeps them in one split",
        "day is a time: data.time='day' tests on what comes last",
    ]


def test_a_time_of_day_is_a_share_of_a_day() -> None:
    opens = column("opens", "00:00", "18:00", None)
    table = opens.to_frame().assign(closes=["1", "2", "2"])
    assert choose(table, "closes", {}, PATH).numbers == ["opens hour", "opens days"]
    assert numeric(opens.to_frame(), ["opens days"], PATH)[:2, 0].tolist() == [0, 0.75]
