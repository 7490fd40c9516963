"""The contract: kept by the toy problems, and broken where a promise is."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import yaml

from kindling.data import paths
from kindling.data.datamodule import STAGES
from kindling.testing import Fault, ProblemContract
from tests.engine.toy import ToyNet, ToyTable, write_photos, write_table


@pytest.fixture(autouse=True, scope="module")
def _configs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder of configs as a project's, of the toy problems."""
    folder = tmp_path_factory.mktemp("configs")
    (folder / "trainer.yaml").write_text((paths.CONFIGS / "trainer.yaml").read_text())
    for task, pair in {"toy": ("Table", "Net"), "toy_photos": ("Photos", "Conv")}.items():
        classes = zip(("data", "model"), pair, strict=True)
        config = {part: {"class_path": f"tests.engine.toy.Toy{name}"} for part, name in classes}
        (folder / f"{task}.yaml").write_text(yaml.safe_dump(config))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "CONFIGS", folder)
        yield


class TestTable(ProblemContract):
    task = "toy"
    model: ClassVar = {"hidden": [32, 16], "dropout": 0.1, "lr": 0.02}
    trainer: ClassVar = {"max_epochs": 8}

    @classmethod
    def faults(cls) -> dict[str, Fault]:
        own = {"a share of none": Fault("data.val_fraction=0.0", data={"val_fraction": 0.0})}
        return super().faults() | own


class TestPhotos(ProblemContract):
    task = "toy_photos"
    model: ClassVar = {"lr": 0.02}
    trainer: ClassVar = {"max_epochs": 8}

    @classmethod
    def write(cls, folder: Path) -> Path:
        return write_photos(folder)

    @classmethod
    def faults(cls) -> dict[str, Fault]:
        return {"no folder": super().faults()["no folder"]}


class Leaking(ToyTable):
    """Tests on what it trains on."""

    def read(self) -> Any:
        splits = dict(super().read())
        return {**splits, "test": splits["train"]}


class Peeking(ToyTable):
    """Centres its numbers by the mean of all rows."""

    def read(self) -> Any:
        splits: Any = super().read()
        numbers = [splits[split].fields["numbers"] for split in STAGES]
        for values in numbers:
            values -= torch.cat(numbers).nanmean()
        return splits


class Frozen(ToyNet):
    """Has a weight that nothing is learned from."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.unused = torch.nn.Linear(1, 1)


@pytest.mark.parametrize(
    ("data", "model", "promise"),
    [
        (Leaking, ToyNet, "no_sample_is_in_two_splits"),
        (ToyTable, Frozen, "every_parameter_gets_a_finite_gradient"),
        (Peeking, ToyNet, "statistics_are_of_the_training_split_alone"),
    ],
)
def test_what_breaks_a_promise_fails(
    data: type[ToyTable], model: type[ToyNet], promise: str, tmp_path: Path
) -> None:
    class Broken(ProblemContract):
        task = "toy"

        @classmethod
        def config(cls, part: str) -> tuple[Any, dict[str, Any]]:
            return {"data": data, "model": model}[part], {}

    samples = Broken.read(write_table(tmp_path / "table"))
    given = {"samples": samples, "root": samples.root, "tmp_path": tmp_path}
    test = getattr(Broken(), f"test_{promise}")
    with pytest.raises(AssertionError):
        test(**{name: given[name] for name in inspect.signature(test).parameters})
