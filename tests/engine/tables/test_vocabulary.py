from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kindling.errors import UserError
from kindling.tables.vocabulary import encode, vocabularies

PATH = Path("some.csv")


def table(*cells: str | None) -> pd.DataFrame:
    return pd.DataFrame({"fuel": list(cells)}, dtype=object)


def test_only_training_rows_make_known_what_there_is() -> None:
    rows = table("gas", "petrol", None, "gas", "steam", "petrol")
    known = vocabularies(rows, ["fuel"], np.array([0, 1, 2, 3]), 9, PATH)
    assert known == {"fuel": ["gas", "petrol"]}
    assert encode(rows, known, PATH)[:, 0].tolist() == [1, 2, 0, 1, 0, 2]
    assert encode(rows, {}, PATH).shape == (6, 0)


def test_a_code_is_the_same_however_it_was_written() -> None:
    known = vocabularies(table("10", "20", "02"), ["fuel"], np.arange(3), 9, PATH)
    assert known == {"fuel": ["02", "10", "20"]}
    assert encode(table("20.0", "10.00", "2", "2.5"), known, PATH)[:, 0].tolist() == [3, 2, 0, 0]


def test_a_thousand_values_are_no_category() -> None:
    rows = table(*map(str, range(1000)))
    with pytest.raises(UserError) as caught:
        vocabularies(rows, ["fuel"], np.arange(10), 100, PATH)
    assert str(caught.value) == (
        "some.csv, column 'fuel': 1,000 different values are too many for a category; "
        "--data.ignore='[fuel]' leaves it out, --data.category_limit=1000 allows it"
    )
    assert len(vocabularies(rows, ["fuel"], np.arange(1000), 1000, PATH)["fuel"]) == 1000
