"""Potable water: what every problem promises, and what is this one's alone."""

import json
import math
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from kindling.data import paths
from kindling.data.dataset import FieldDataset
from kindling.testing import Fault, ProblemContract
from problems.potability.data import PotabilityBatch, PotabilityDataModule
from problems.potability.model import PotabilityModule

FILE = "water_potability.csv"
TWO = {"train": "water_train.csv", "test": "water_test.csv"}
ALL = slice(None)


class TestPotability(ProblemContract):
    task = "potability"
    data = {"batch_size": 32}
    model = {"hidden": [64, 32], "lr": 3e-3, "trees": 10, "indicators": True}
    trainer = {"max_epochs": 6}
    beats = ("accuracy", "auroc", "f1")

    @classmethod
    def faults(cls) -> dict[str, Fault]:
        return super().faults() | {
            "a slip": Fault("did you mean 'Sulfate'?", data={"features": ["ph", "Sulfat"]}),
            "no activation": Fault("model.activation=rel: ", model={"activation": "rel"}),
            "no batch": Fault(
                "batch normalization needs two rows",
                data={"batch_size": 1},
                model={"batch_norm": True},
            ),
        }

    def test_a_run_says_probabilities_and_draws_them(
        self, trained: Path, root: Path, tmp_path: Path
    ) -> None:
        for name in ("confusion_matrix", "roc", "calibration"):
            assert (trained / "figures" / f"{name}.png").stat().st_size > 5000
        rows = pd.read_csv(trained / "predictions.csv")
        told = [f"probability_{k}" for k in range(2)]
        assert list(rows) == ["row", "Potability", "prediction", *told]
        source = pd.read_csv(root / FILE)["Potability"].iloc[rows["row"] - 2]
        assert rows["Potability"].tolist() == source.tolist()
        assert rows["prediction"].tolist() == (rows["probability_1"] > 0.5).astype(int).tolist()
        np.testing.assert_allclose(rows[told].sum(axis=1), 1, rtol=1e-6)
        scores = json.loads((trained / "results.json").read_text())["metrics"]
        hits = (rows["Potability"] == rows["prediction"]).mean()
        assert hits == pytest.approx(scores["accuracy"]["value"])
        # The norms of its gradients are there to be drawn.
        script = runpy.run_path(str(paths.PROJECT / "scripts" / "gradient_flow.py"))
        assert list(script["read"](trained)) == ["net.hidden_1", "net.hidden_2", "net.output"]
        script["main"]([f"first={trained}", str(trained), f"--output={tmp_path / 'flow.png'}"])
        assert (tmp_path / "flow.png").stat().st_size > 10_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three features, one with holes, beside a label."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 3)), columns=["ph", "Hardness", "Sulfate"])
    table.loc[::5, "Sulfate"] = np.nan
    table.assign(Potability=np.arange(200) % 5 // 3).to_csv(tmp_path / FILE, index=False)
    return tmp_path


def read(root: Path, **settings: Any) -> PotabilityDataModule:
    data = PotabilityDataModule(root, **settings)
    data.setup("fit")
    return data


def test_features_are_counted_before_anything_is_split_and_come_as_chosen(root: Path) -> None:
    assert PotabilityDataModule(root).inputs == 3
    assert PotabilityDataModule(root, ignore=["ph"]).inputs == 2
    every, chosen = read(root), read(root, features=["Sulfate", "ph"])
    assert (every.inputs, chosen.inputs) == (3, 2)
    torch.testing.assert_close(
        chosen.training.fields["features"],
        every.training.fields["features"][:, [2, 0]],
        equal_nan=True,
    )


def test_a_checkpoint_s_features_are_kept_on_other_files(root: Path) -> None:
    state = read(root).state_dict()
    table = pd.read_csv(root / FILE).assign(new=1)
    table[["new", "Sulfate", "ph", "Hardness", "Potability"]].to_csv(root / "more.csv", index=False)
    data = PotabilityDataModule(root, train="more.csv")
    data.load_state_dict(state)
    data.setup("test")
    assert data.training.names == {"features": ["ph", "Hardness", "Sulfate"]}


def test_real_files(real: Path) -> None:
    one, two = read(real / "potability"), read(real / "potability", **TWO)
    assert one.sizes() == {"train": 2096, "val": 524, "test": 656}
    holes = [one.splits[s].fields["features"].isnan().sum() for s in one.sizes()]  # type: ignore[attr-defined, index]
    assert sum(map(int, holes)) == 491 + 781 + 162
    assert two.sizes() == {"train": 1206, "val": 302, "test": 503}


def measurements() -> FieldDataset[PotabilityBatch]:
    """Measurements far from zero, one of them with holes; a third is potable."""
    features = 100 + 20 * torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    features[::7, 2] = torch.nan
    target = (torch.arange(64) % 3 == 0).long()
    return FieldDataset(PotabilityBatch, {"features": features, "target": target})


def fitted(**settings: Any) -> tuple[PotabilityModule, PotabilityBatch]:
    torch.manual_seed(0)
    model, rows = PotabilityModule(inputs=4, **{"hidden": [16, 8], **settings}), measurements()
    model.fit_statistics(rows)
    return model, rows[torch.arange(64)]


@pytest.mark.parametrize("pos_weight", [False, True])
def test_the_loss_is_the_cross_entropy_of_the_predictions(pos_weight: bool) -> None:
    model, batch = fitted(pos_weight=pos_weight)
    step = model.step(batch)
    p = step.predictions["potability"].detach().double().numpy()
    t = step.targets["potability"].numpy()
    weight = (t == 0).sum() / t.sum() if pos_weight else 1.0
    expected = -(weight * t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    assert step.loss.item() == pytest.approx(expected, rel=1e-5)


def test_trees_count_for_a_third_where_the_net_is_not_being_trained() -> None:
    model, batch = fitted(trees=10)
    assert model.trees is not None
    inputs = model.normalize(batch.features)
    net, trees = model.eval().net(inputs).squeeze(-1).sigmoid(), model.trees(inputs)
    torch.testing.assert_close(model.predict(batch)["potability"], 2 / 3 * net + 1 / 3 * trees)
    assert torch.equal(model.train()(batch.features), fitted()[0](batch.features))
    # Of what both are sure of, the logit is finite.
    torch.nn.init.constant_(model.net.output.bias, 1e3)  # type: ignore[union-attr, arg-type]
    model.trees.value.fill_(0)
    model.trees.offset.fill_(1)
    assert model.eval()(batch.features).isfinite().all()


def test_scores_are_what_their_names_say() -> None:
    target = torch.tensor([1, 1, 1, 0, 0, 0, 0, 0])
    probability = torch.tensor([0.9, 0.8, 0.3, 0.7, 0.2, 0.1, 0.1, 0.0])
    scores = fitted()[0].heads["potability"].metrics(probability, target)
    expected = {"accuracy": 6 / 8, "auroc": 14 / 15, "f1": 2 / 3}
    assert scores == pytest.approx({**expected, "precision": 2 / 3, "recall": 2 / 3})


def test_the_baseline_scores_as_the_majority_does() -> None:
    model, batch = fitted()
    (baseline,) = model.baselines(batch).values()
    scores = model.heads["potability"].metrics(baseline["potability"], batch.target)
    assert scores["accuracy"] == pytest.approx(float((batch.target == 0).float().mean()))
    assert scores["auroc"] == 0.5
    assert scores["f1"] == scores["precision"] == scores["recall"] == 0


def test_a_missing_value_is_as_good_as_the_training_centre_unless_it_is_told() -> None:
    model, told = fitted()[0].eval(), fitted(indicators=True)[0].eval()
    holes = torch.tensor([[math.nan, 90.0, math.nan, 110.0]])
    filled = torch.where(holes.isnan(), model.normalize.center, holes)
    assert torch.equal(model(holes), model(filled))
    assert not torch.equal(told(holes), told(filled))


@pytest.mark.parametrize(
    ("name", "layers"),
    [("relu", ["Linear", "ReLU"]), ("elu", ["Linear", "BatchNorm1d", "ELU"])],
)
def test_the_course_s_nets(name: str, layers: list[str]) -> None:
    config = yaml.safe_load((paths.PRESETS / f"potability_{name}.yaml").read_text())
    net = PotabilityModule(9, **config["model"]["init_args"]).net
    assert [type(layer).__name__ for layer in net] == [*layers, *layers, "Linear"]
    weights = [p.shape for n, p in net.named_parameters() if p.ndim == 2]
    assert weights == [(16, 9), (8, 16), (1, 8)]
