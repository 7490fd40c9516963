"""Clouds with several labels a photo: from a table to scores, predictions and an export."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.nn.functional import binary_cross_entropy_with_logits
from torchmetrics.functional.classification import multilabel_auroc, multilabel_average_precision

from kindling.__main__ import main
from kindling.data.dataset import FieldDataset
from kindling.errors import UserError
from kindling.images import ImageBatch
from problems.clouds.model import HEAD, CloudsModule

LABELS = ["blue", "green", "red"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Sixty photos, each brighter in the colours that it is labelled with."""
    rng = np.random.default_rng(0)
    rows = ["file,tags"]
    (tmp_path / "set" / "p").mkdir(parents=True)
    for k in range(60):
        has = [k >> bit & 1 for bit in range(3)]
        pixels = np.array(has)[::-1] * 150 + rng.normal(50, 15, (16, 16, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / f"set/p/{k:02}.png")
        tags = [name for name, there in zip(LABELS, has, strict=True) if there]
        rows.append(f"{k:02}.png,{'|'.join(tags)}")
    (tmp_path / "set" / "labels.csv").write_text("\n".join([*rows, ""]))
    return tmp_path / "set"


def test_several_labels_are_learned_and_scored(
    root: Path, kindling: Callable[..., int], logs: Path
) -> None:
    flags = [f"--data.root={root}", "--data.image_size=16", "--data.batch_size=8"]
    flags += ["--model.channels=[8]", "--model.autocontrast=0", "--model.lr=0.02"]
    assert kindling("train", "--config=clouds", *flags, "--trainer.max_epochs=4") == 0
    run = logs / "clouds" / "version_0"
    results = json.loads((run / "results.json").read_text())
    names = {f"{s}_{a}" for s in ("precision", "recall", "f1") for a in ("macro", "micro")}
    assert set(results["metrics"]) == names | {
        "average_precision", "auroc", "exact_match", "hamming",
    }  # fmt: skip
    assert all(results["skill"][name] > 0 for name in ("f1_macro", "auroc", "hamming"))
    rows = pd.read_csv(run / "predictions.csv", keep_default_na=False)
    assert list(rows) == ["file", "class", "prediction", *(f"probability_{n}" for n in LABELS)]
    written = pd.read_csv(root / "labels.csv", keep_default_na=False).set_index("file")["tags"]
    assert [written[Path(file).name] for file in rows["file"]] == rows["class"].tolist()
    chosen = rows[[f"probability_{n}" for n in LABELS]].to_numpy() > 0.5
    said = ["|".join(np.array(LABELS)[row]) for row in chosen]
    assert rows["prediction"].tolist() == said
    exact = (rows["prediction"] == rows["class"]).mean()
    assert results["metrics"]["exact_match"]["value"] == pytest.approx(exact)
    assert "per_step" not in results
    support = {name: row["support"] for name, row in results["per_class"].items()}
    assert support == {name: rows["class"].str.contains(name).sum() for name in LABELS}
    drawn = {path.stem for path in (run / "figures").iterdir()}
    assert {"per_class", "worst_mistakes", "explained_mistakes", "explained_classes"} <= drawn
    assert "confusion_matrix" not in drawn


@pytest.mark.slow
def test_several_labels_are_checked_exported_and_predicted(
    root: Path, kindling: Callable[..., int], logs: Path
) -> None:
    flags = [f"--data.root={root}", "--data.image_size=16", "--model.channels=[8]"]
    flags += ["--data.separator=|", "--model.mixup=0.5", "--trainer.max_epochs=1"]
    assert main(["check", "--task=clouds", *flags, f"--logs={logs}"]) == 0
    assert kindling("train", "--config=clouds", *flags) == 0
    run = logs / "clouds" / "version_0"
    assert main(["export", "--run", str(run)]) == 0
    [output] = json.loads((run / "export" / "model.json").read_text())["outputs"]
    assert output["classes"] == LABELS
    given = [f"--run={run}", f"--data.input={root / 'p'}"]
    assert main(["predict", *given]) == 0
    again = pd.read_csv(run / "predictions" / "p.csv", keep_default_na=False)
    assert list(again) == ["file", "prediction", *(f"probability_{n}" for n in LABELS)]
    assert len(again) == 60


def labelled(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(count, 3), torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 0]] * (count // 3))


def module(**settings: object) -> CloudsModule:
    return CloudsModule(LABELS, 16, multilabel=True, channels=[8], **settings)


def test_the_loss_is_of_each_label_on_its_own_and_may_be_smoothed_and_balanced() -> None:
    logits, label = labelled()
    photos = torch.zeros(6, 3, 16, 16, dtype=torch.uint8)
    data = FieldDataset(ImageBatch, {"image": torch.arange(6), "label": label}, {"image": photos})
    target = label.float()
    for settings, expected in (
        ({}, binary_cross_entropy_with_logits(logits, target)),
        ({"label_smoothing": 0.2}, binary_cross_entropy_with_logits(logits, 0.8 * target + 0.1)),
        (
            {"class_weights": "balanced"},
            binary_cross_entropy_with_logits(
                logits, target, pos_weight=torch.tensor([0.5, 2.0, 999_999.0])
            ),
        ),
    ):
        model = module(**settings)
        model.fit_statistics(data)
        torch.testing.assert_close(model.loss(logits, label), expected)
        plain = binary_cross_entropy_with_logits(logits, target)
        torch.testing.assert_close(model.eval().loss(logits, label), plain)
    batch = ImageBatch(photos, label, torch.arange(6))
    mixed = module(mixup=1.0).augmented(batch)
    assert mixed.label.shape == (6, 3)
    assert mixed.label.is_floating_point()
    assert set(module(mixup=1.0).step(mixed).targets[HEAD].unique().tolist()) <= {0, 1}


def test_labels_that_no_photo_has_do_not_count_in_a_mean() -> None:
    logits, label = labelled(12)
    scores = module().heads[HEAD].metrics(logits.sigmoid(), label)
    some = logits.sigmoid()[:, :2], label[:, :2], 2
    torch.testing.assert_close(scores["auroc"], multilabel_auroc(*some))
    torch.testing.assert_close(scores["average_precision"], multilabel_average_precision(*some))
    with pytest.raises(UserError, match=r"^1 labels \(sun\): two or more are needed$"):
        CloudsModule(["sun"], 16, multilabel=True)
