"""The finders report and leave no trace: the run after them is the run without them."""

import re
from typing import Any

import pytest
import torch

from kindling.training import finders
from kindling.training.finders import draw_rates, draw_speeds
from tests.engine.toy import PHOTOS, TABLE, Run, Train, same

FINDERS = ("--config=lr_find", "--config=batch_size")


def alike(found: Run, plain: Run) -> None:
    for name in ("last", "best"):
        both = [run.checkpoint(name) for run in (found, plain)]
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "loops", "scores"):
            assert same(both[0][part], both[1][part]), f"{name}: {part}"
        assert both[0]["global_step"] == both[1]["global_step"]
    assert found.table() == plain.table()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As little time for a batch size as there can be."""
    monkeypatch.setattr("kindling.training.trial_fit.BUDGET", 0.0)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("base", "size"),
    [((*TABLE, "--model.dropout=0.3"), 16), (PHOTOS, 6)],
    ids=["table", "photos"],
)
def test_the_run_is_the_one_without(
    base: tuple[str, ...], size: int, train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    """With dropout, which draws in each step, and a split in an order that the seed decides."""
    found = train(*base, *FINDERS, command="fit")
    said = capsys.readouterr().out
    assert re.search(r"\nlr finder    suggests \d\.\de-\d+, the run keeps 0\.001\n", said)
    report = r"\nbatch size   \d+ are \S+ samples a second.*; the run keeps "
    assert re.search(rf"{report}{size}\n", said)
    alike(found, train(*base, command="fit"))
    assert {"lr_find.png", "batch_size.png"} <= {p.name for p in found.folder.glob("figures/*")}
    assert len(list(found.folder.parents[1].rglob("*.ckpt"))) == 4, "none of the finder's own"


@pytest.mark.usefixtures("quick")
def test_a_run_that_goes_on_has_its_report(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(*FINDERS, "--trainer.max_epochs=1")
    assert capsys.readouterr().out.count("lr finder") == 1, "in training, not in the test"
    train(f"--run={run.folder}", "--trainer.max_epochs=2", command="fit")
    said = capsys.readouterr().out
    assert "lr finder" not in said
    assert "batch size" not in said


def speed_of(size: int) -> float:
    """Whatever is larger than 64 does not fit."""
    if size > 64:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")
    return float(size)


@pytest.mark.parametrize(
    ("gain", "sizes"), [(2.0, [16, 32, 64]), (1.0, [16, 32])], ids=["faster", "as fast"]
)
def test_sizes_double_while_they_fit_and_are_faster(
    gain: float,
    sizes: list[int],
    train: Train,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[int] = []

    class ThroughputProbe:
        speed = 1.0

    def trial_fit(trainer: Any, module: Any, callback: Any, batch_size: int | None = None) -> None:
        assert batch_size is not None
        torch.manual_seed(batch_size)
        callback.speed = speed_of(batch_size) * (batch_size // 16) ** (gain - 2)
        seen.append(batch_size)

    monkeypatch.setattr(finders, "ThroughputProbe", ThroughputProbe)
    monkeypatch.setattr(finders, "trial_fit", trial_fit)
    found = train("--config=batch_size", command="fit")
    assert seen == sizes
    best = "64 are 64 samples a second, 16 are 16" if gain > 1 else "16 are 16 samples a second"
    assert f"batch size   {best}; the run keeps 16" in capsys.readouterr().out
    alike(found, train(command="fit"))


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
