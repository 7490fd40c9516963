import pytest

from kindling.errors import short


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.123456, "0.1235"),
        (0.0, "0"),
        (-7.5, "-7.5"),
        (999.96, "1000"),
        (1234.5, "1,234"),
        (-149696.6, "-149,697"),
        (3.85e6, "3,850,000"),
        (1.23e-7, "1.23e-07"),
    ],
)
def test_numbers_as_a_person_reads_them(value: float, shown: str) -> None:
    assert short(value) == shown
