"""TensorBoard's files, read back by its own reader."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from kindling.logger import FINAL, TensorBoard

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


def test_stages_share_a_chart(written: Path) -> None:
    assert curves(written / "train") == {"curves/loss": [(10, 0.5), (20, 0.5)]}
    assert curves(written / "val") == {
        "curves/loss": [(10, 0.25), (20, 0.125)],
        "curves/auroc": [(10, 0.75), (20, 0.75)],
    }
    assert curves(written)["curves/lr"] == [(10, 0.125), (20, 0.125)]


def test_final_scores_lie_apart(written: Path) -> None:
    assert curves(written / FINAL) == {"test/loss": [(20, 0.375)], "test/auroc": [(20, 0.625)]}


def test_an_epoch_is_one_event_a_stage(written: Path) -> None:
    """Each event wakes the writer's thread, which holds up the training of a small net."""
    assert {stage: summaries(written / stage) for stage in ("train", "val", "", FINAL)} == {
        "train": 2,
        "val": 2,
        "": 2,
        FINAL: 1,
    }


def test_what_is_trained_again_is_forgotten(written: Path) -> None:
    logger = TensorBoard(written, step=10)
    logger.forget_later_steps()
    logger.finalize("success")
    assert curves(written / "val")["curves/loss"] == [(10, 0.25)]
    assert curves(written / FINAL) == {}
