"""The scripts around clouds: robustness, and scores without the leaky files."""

import runpy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from kindling.__main__ import main
from kindling.data import paths
from tests.problems.clouds.conftest import write_photos

ROBUSTNESS = runpy.run_path(str(paths.PROJECT / "scripts" / "robustness.py"))
LEFT_OUT = runpy.run_path(str(paths.PROJECT / "scripts" / "left_out.py"))


def photos() -> torch.Tensor:
    return (torch.arange(2 * 3 * 16 * 16) % 251).reshape(2, 3, 16, 16).to(torch.uint8)


@pytest.mark.parametrize(
    ("name", "amount"), [("shifted", 0), ("rotated", 0), ("scaled", 1), ("darkened", 0)]
)
def test_no_distortion_is_none(name: str, amount: float) -> None:
    _, amounts, distort = ROBUSTNESS["DISTORTIONS"][name]
    assert amount in amounts, "so that the chart shows the undistorted score"
    assert torch.equal(distort(photos(), amount), photos())


def test_distortions_do_what_they_say() -> None:
    images = photos()
    shifted = ROBUSTNESS["shift"](images, 0.25)
    assert torch.equal(shifted[..., 4:, 4:], images[..., :-4, :-4])
    assert torch.equal(ROBUSTNESS["rotate"](images, 180.0), images.flip((-2, -1)))
    assert torch.equal(ROBUSTNESS["darken"](images, 0.5), (images / 2).round().to(torch.uint8))
    middle = ROBUSTNESS["scale"](torch.full_like(images, 9), 2.0)
    assert (middle == 9).all()


@pytest.mark.slow
def test_runs_on_one_chart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_photos(tmp_path / "photos")
    small: list[Any] = ["--data.image_size=24", "--trainer.max_epochs=1", f"--data.root={data}"]
    quiet = [f"--logs={tmp_path}", "--trainer.enable_progress_bar=false", "--trainer.logger=false"]
    assert main(["fit", "--config=clouds", "--config=clouds_linear", *small, *quiet]) == 0
    assert main(["fit", "--config=clouds", "--model.channels=[8]", *small, *quiet]) == 0
    runs = [str(tmp_path / "clouds" / f"version_{k}") for k in range(2)]
    chart = tmp_path / "chart.png"
    ROBUSTNESS["main"]([*runs, "--names", "linear", "conv", "--output", str(chart)])
    assert chart.stat().st_size > 10_000
    table = pd.read_csv(chart.with_suffix(".csv"))
    assert list(table.columns) == ["run", "distortion", "amount", "accuracy"]
    assert set(table["run"]) == {"linear", "conv"}
    assert table["accuracy"].between(0, 1).all()
    assert "shifted" in capsys.readouterr().out


def test_scores_without_some_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame(
        {
            "file": ["t/a/1.jpg", "t/a/2.jpg", "t/b/3.jpg", "t/b/4.jpg"],
            "class": ["a", "a", "b", "b"],
            "prediction": ["a", "b", "b", "b"],
        }
    )
    table.to_csv(tmp_path / "predictions.csv", index=False)
    (tmp_path / "leaky.txt").write_text("# equal\na/2.jpg\n")
    LEFT_OUT["main"]([str(tmp_path / "leaky.txt"), str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "| all (4) | 0.7500 | 0.7333 |"
    assert lines[3] == "| listed left out (3) | 1.0000 | 1.0000 |"
    assert lines[4].startswith("| listed alone (1) | 0.0000")
