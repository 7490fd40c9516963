"""The finders report and leave no trace: the run after them is the run without them."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from kindling.__main__ import main
from kindling.cli import arguments
from kindling.data import paths
from kindling.training import finders
from kindling.training.finders import draw_rates, draw_speeds

TASKS = arguments.names(paths.CONFIGS)
FINDERS = ["--config=lr_find", "--config=batch_size"]


def fit(logs: Path, task: str, *flags: str) -> Path:
    small = ["--config=smoke", "--trainer.enable_progress_bar=false", "--threads=1"]
    assert main(["fit", f"--config={task}", *small, f"--logs={logs}", *flags]) == 0
    return logs / task / "version_0"


def same(this: Any, other: Any) -> bool:
    """Whether two parts of checkpoints are equal to the last bit."""
    if isinstance(this, torch.Tensor):
        return torch.equal(this.nan_to_num(), other.nan_to_num())
    if isinstance(this, Mapping):
        return this.keys() == other.keys() and all(same(this[key], other[key]) for key in this)
    if isinstance(this, list | tuple):
        return len(this) == len(other) and all(map(same, this, other))
    return bool(this == other)


def alike(found: Path, plain: Path) -> None:
    for name in ("last.ckpt", "best.ckpt"):
        both = [torch.load(run / "checkpoints" / name) for run in (found, plain)]
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "loops", "scores"):
            assert same(both[0][part], both[1][part]), f"{name}: {part}"
        assert both[0]["global_step"] == both[1]["global_step"]
    assert (found / "metrics.csv").read_bytes() == (plain / "metrics.csv").read_bytes()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As little time for a batch size as there can be."""
    monkeypatch.setattr("kindling.training.trial_fit.BUDGET", 0.0)


@pytest.mark.usefixtures("quick")
def test_the_run_is_the_one_without(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With dropout, which draws in each step, and a split in an order that the seed decides."""
    found = fit(logs / "found", "potability", *FINDERS)
    said = capsys.readouterr().out
    assert re.search(r"\nlr finder    suggests \d\.\de-\d+, the run keeps 0\.001\n", said)
    assert re.search(r"\nbatch size   \d+ are [\d,]+ samples a second.*; the run keeps 64\n", said)
    alike(found, fit(logs / "plain", "potability"))
    names = {path.name for path in (found / "figures").iterdir()}
    assert names == {"lr_find.png", "batch_size.png"}
    assert not list(logs.rglob("*lr_find*.ckpt"))
    assert len(list(found.rglob("*.ckpt"))) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("task", TASKS)
def test_of_every_problem_too(task: str, logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = fit(logs / "found", task, *FINDERS)
    said = capsys.readouterr().out
    assert "lr finder    suggests" in said
    assert "batch size   " in said
    alike(found, fit(logs / "plain", task))


@pytest.mark.usefixtures("quick")
def test_a_run_that_goes_on_has_its_report(
    logs: Path, kindling: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--config=potability", "--config=smoke", *FINDERS, "--trainer.max_epochs=1"]
    assert kindling("train", *small) == 0
    assert capsys.readouterr().out.count("lr finder") == 1, "in training, not in the test"
    run = f"--run={logs / 'potability' / 'version_0'}"
    assert kindling("fit", run, "--trainer.max_epochs=2") == 0
    said = capsys.readouterr().out
    assert "lr finder" not in said
    assert "batch size" not in said


def speed_of(size: int) -> float:
    """Whatever is larger than 256 does not fit."""
    if size > 256:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")
    return float(size)


@pytest.mark.parametrize(
    ("gain", "sizes"), [(2.0, [64, 128, 256]), (1.0, [64, 128])], ids=["faster", "as fast"]
)
def test_sizes_double_while_they_fit_and_are_faster(
    gain: float,
    sizes: list[int],
    logs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[int] = []

    class ThroughputProbe:
        speed = 1.0

    def trial_fit(trainer: Any, module: Any, callback: Any, batch_size: int | None = None) -> None:
        assert batch_size is not None
        torch.manual_seed(batch_size)
        callback.speed = speed_of(batch_size) * (batch_size // 64) ** (gain - 2)
        seen.append(batch_size)

    monkeypatch.setattr(finders, "ThroughputProbe", ThroughputProbe)
    monkeypatch.setattr(finders, "trial_fit", trial_fit)
    found = fit(logs / "found", "potability", "--config=batch_size")
    assert seen == sizes
    best = "256 are 256 samples a second, 64 are 64" if gain > 1 else "64 are 64 samples a second"
    assert f"batch size   {best}; the run keeps 64" in capsys.readouterr().out
    alike(found, fit(logs / "plain", "potability"))


def test_plots_mark_what_is_kept_and_what_is_suggested() -> None:
    rates = [10 ** (k / 4 - 5) for k in range(20)]
    losses = [0.0] * 10 + [3.0, 3.0, 2.8, 2.5, 2.0, 2.1, 3.0, 9.0, float("inf"), 1e9]
    [axes] = draw_rates(rates, losses, 1e-3, 0.01).axes
    low, high = axes.get_ylim()
    assert 1.5 < low < 2.0 < 3.0 < high < 5, "the fall can be seen"
    assert list(axes.get_lines()[0].get_xdata()) == rates[10:]
    assert [line.get_label() for line in axes.get_lines()[1:]] == [
        "suggested, 1.0e-03",
        "kept, 0.01",
    ]
    [axes] = draw_rates([1e-4, 1e-3], [3.0, 2.0], None, 0.01).axes
    assert len(axes.get_lines()) == 2
    [axes] = draw_speeds({64: 10.0, 32: 7.0}, 32).axes
    assert list(axes.get_lines()[0].get_xdata()) == [32, 64]
    assert list(axes.get_lines()[1].get_ydata()) == [7.0]
