"""Folds of a cross-validation over each problem's sample, of those that are there."""

from typing import Any

import pytest
import torch

from kindling.data.datamodule import DataModule


def identifiers(data: DataModule) -> dict[str, set[str]]:
    """What identifies the samples of each split."""
    found = {}
    for split in ("train", "val", "test"):
        place = torch.arange(len(data.splits[split]))  # type: ignore[arg-type, index]
        columns = data.describe(split, place)  # type: ignore[arg-type]
        found[split] = {str(values) for values in zip(*columns.values(), strict=True)}
        assert len(found[split]) == len(place)
    return found


def module(task: str, **settings: Any) -> Any:
    """The data module of a problem, which somebody may have deleted."""
    source = pytest.importorskip(f"problems.{task}.data")
    data = getattr(source, f"{task.title()}DataModule")(**settings)
    data.prepare_data()
    data.setup("fit")
    return data


MODULES: list[Any] = [
    ("potability", {}),
    pytest.param("clouds", {"image_size": 8}, marks=pytest.mark.slow),
    pytest.param("faces", {"image_size": 8}, marks=pytest.mark.slow),
    ("faces", {"image_size": 8, "by": "person"}),
    ("prices", {"use_photos": False}),
]


@pytest.mark.parametrize(("task", "settings"), MODULES)
def test_each_sample_is_tested_on_in_one_fold(task: str, settings: dict[str, Any]) -> None:
    tested: list[set[str]] = []
    wholes = []
    for fold in range(3):
        names = identifiers(module(task, **settings, folds=3, fold=fold))
        assert sum(map(len, names.values())) == len(set().union(*names.values()))
        tested.append(names["test"])
        wholes.append(names["train"] | names["val"] | names["test"])
    assert len(set().union(*tested)) == sum(map(len, tested)), "no sample is tested on twice"
    # What is rare, or repeats what is held out, need not be tested on.
    assert len(set().union(*tested)) > 0.95 * len(set().union(*wholes))
