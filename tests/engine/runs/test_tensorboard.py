"""TensorBoard's files, read back by its own reader."""

from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from torch.utils.tensorboard import SummaryWriter

from kindling.runs.tensorboard import FINAL, TensorBoard

SCORES = {"train/loss": 0.5, "val/loss": 0.25, "val/auroc": 0.75, "lr": 0.125, "epoch": 3}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A run of two epochs."""
    logger = TensorBoard(tmp_path)
    logger.log_metrics(SCORES, 10)
    logger.log_metrics({**SCORES, "val/loss": 0.125}, 20)
    logger.log_final("test", {"loss": 0.375, "auroc": 0.625}, 20)
    logger.finalize("success")
    return tmp_path


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values by tag."""
    events = EventAccumulator(str(folder), {"tensors": 0})
    events.Reload()
    return {
        tag: [(e.step, float(e.tensor_proto.float_val[0])) for e in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


def summaries(folder: Path) -> int:
    """Events that hold scores."""
    [file] = folder.glob("events.out.tfevents.*")
    return sum(bool(event.summary.value) for event in EventFileLoader(str(file)).Load())


def test_stages_share_a_chart_and_final_scores_lie_apart(written: Path) -> None:
    assert curves(written / "train") == {"curves/loss": [(10, 0.5), (20, 0.5)]}
    assert curves(written / "val") == {
        "curves/loss": [(10, 0.25), (20, 0.125)],
        "curves/auroc": [(10, 0.75), (20, 0.75)],
    }
    assert curves(written) == {"curves/lr": [(10, 0.125), (20, 0.125)]}
    assert curves(written / FINAL) == {"test/loss": [(20, 0.375)], "test/auroc": [(20, 0.625)]}


def test_an_epoch_is_one_event_a_stage(written: Path) -> None:
    """Each event wakes the writer's thread, which holds up the training of a small net."""
    assert [summaries(written / stage) for stage in ("train", "val", "", FINAL)] == [2, 2, 2, 1]


def test_what_is_trained_again_is_forgotten(written: Path) -> None:
    other = SummaryWriter(written / "lightning_logs" / "version_0")
    other.add_scalar("loss", 0.5, 30, new_style=True)
    other.close()
    logger = TensorBoard(written, step=11)
    logger.forget_later_steps()
    logger.log_metrics(SCORES, 20)
    logger.finalize("success")
    assert curves(written / "val")["curves/loss"] == [(10, 0.25), (20, 0.25)]
    assert curves(written / FINAL) == {}
    assert curves(Path(other.log_dir)) == {"loss": [(30, 0.5)]}, "a user's own logger's file"


def test_whatever_a_module_calls_it_is_shown(tmp_path: Path) -> None:
    logger = TensorBoard(tmp_path)
    names = ("loss", "train_loss", "val_loss", "val/a/b", "a/b", "trainer")
    logger.log_metrics(dict.fromkeys(names, 0.5), 3)
    logger.finalize("success")
    points = [(3, 0.5)]
    assert curves(tmp_path / "train") == {"curves/loss": points}
    assert curves(tmp_path / "val") == {"curves/loss": points, "curves/a/b": points}
    assert curves(tmp_path) == {"curves/loss": points, "a/b": points, "curves/trainer": points}


def test_a_module_writes_what_it_likes(tmp_path: Path) -> None:
    logger = TensorBoard(tmp_path)
    logger.experiment.add_histogram("weights", torch.ones(3), 2)
    logger.experiment.add_image("kernel", torch.zeros(1, 4, 4), 2)
    logger.log_hyperparams({"lr": 0.1}, {"loss": 0.5})
    logger.log_graph(torch.nn.Linear(1, 1))
    logger.finalize("success")
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [events.Tags()[kind] for kind in ("histograms", "images")] == [["weights"], ["kernel"]]
