import pytest
import torch

from problems.potability.measurements import Measurements


@pytest.fixture
def measurements() -> Measurements:
    features = torch.arange(12.0).reshape(4, 3)
    features[1, 2] = torch.nan
    return Measurements(features, torch.tensor([0, 1, 1, 0]), torch.tensor([2, 3, 5, 6]))


def test_a_sample_is_its_batch_s_row(measurements: Measurements) -> None:
    batch = measurements[torch.arange(4)]
    assert batch.features.shape == (4, 3)
    for place in range(len(measurements)):
        for alone, row in zip(measurements[place], [part[place] for part in batch], strict=True):
            torch.testing.assert_close(alone, row, rtol=0, atol=0, equal_nan=True)


def test_a_batch_is_in_the_order_that_was_asked_for(measurements: Measurements) -> None:
    batch = measurements[torch.tensor([3, 1])]
    assert batch.features[0].tolist() == [9, 10, 11]
    assert batch.target.tolist() == [0, 1]
    assert batch.indices.tolist() == [3, 1]
    assert {batch.target.dtype, batch.indices.dtype} == {torch.int64}


def test_it_is_a_sequence_like_any_other(measurements: Measurements) -> None:
    assert [int(sample.target) for sample in measurements] == [0, 1, 1, 0]  # type: ignore[attr-defined]
    assert measurements[-1].indices == 3
    with pytest.raises(IndexError):
        measurements[4]


def test_a_part_keeps_the_lines_of_the_file(measurements: Measurements) -> None:
    part = measurements.take(torch.tensor([2, 0]))
    assert part.rows.tolist() == [5, 2]
    assert part[0].features.tolist() == [6, 7, 8]
    assert part[0].indices == 0
