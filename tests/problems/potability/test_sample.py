"""The sample looks like the real file, and is not learned from one column."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from problems.potability.sample import COLUMNS, write_sample

HEADER = (
    b"ph,Hardness,Solids,Chloramines,Sulfate,Conductivity,Organic_carbon,Trihalomethanes,"
    b"Turbidity,Potability\r\n"
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("potability") / "new" / "folder"
    write_sample(folder)
    return folder / "water_potability.csv"


def test_layout_is_the_real_one_and_the_seed_decides(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    assert [file.name for file in path.parent.iterdir()] == ["water_potability.csv"]
    assert content.startswith(HEADER)
    assert content.count(b"\r\n") == content.count(b"\n") == 3277
    for seed in (0, 1):
        write_sample(tmp_path, seed=seed)
        assert ((tmp_path / path.name).read_bytes() == content) == (seed == 0)


def test_numbers_are_those_of_the_real_file_and_none_alone_says_much(path: Path) -> None:
    table = pd.read_csv(path)
    features, target = table[list(COLUMNS)], table["Potability"]
    assert features.isna().sum().tolist() == [491, 0, 0, 0, 781, 0, 0, 162, 0]
    assert target.sum() == 1278
    real_mean = [7.081, 196.4, 22014, 7.122, 333.8, 426.2, 14.28, 66.40, 3.967]
    real_deviation = [1.594, 32.88, 8769, 1.583, 41.42, 80.82, 3.308, 16.18, 0.7804]
    np.testing.assert_allclose(features.mean(), real_mean, rtol=0.03)
    np.testing.assert_allclose(features.std(), real_deviation, rtol=0.05)
    assert (features.min() >= [0, 47, 320, 0.35, 129, 181, 2.19, 0.7, 1.39]).all()
    assert (features.max() <= [14, 325, 61400, 13.3, 482, 754, 28.4, 125, 6.9]).all()
    assert (features.corrwith(target).abs() < 0.1).all()
