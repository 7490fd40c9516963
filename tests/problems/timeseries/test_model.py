import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from kindling.errors import UserError
from kindling.problems.timeseries.model import RecurrentNet, TimeseriesModule
from kindling.problems.timeseries.windows import Stretch, TimeseriesBatch, Windows

CELLS = ("rnn", "lstm", "gru")


def batch(size: int = 32, calendar: bool = True) -> TimeseriesBatch:
    """Windows of a wave at a level far from zero."""
    series = 100 + 5 * torch.sin(torch.arange(2000) / 8)
    clock = (0, 900) if calendar else None
    windows = Windows(series, [Stretch(0, 2000)], 24, [50], (1, 50), clock)
    return windows[torch.arange(size) * 31]


def module(cell: str = "gru", **settings: Any) -> TimeseriesModule:
    torch.manual_seed(0)
    model = TimeseriesModule(inputs=6, cell=cell, **{"hidden": 16, **settings})
    model.center.fill_(100.0)
    model.scale.fill_(3.5)
    return model


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_shape_finite_gradients_and_equal_output_after_saving(
    cell: str, layers: int, tmp_path: Path
) -> None:
    model = module(cell, layers=layers, dropout=0.1)
    torch.nn.init.normal_(model.net.readout.weight)
    step = model.step(batch())
    assert step.predictions["value"].shape == (32,)
    step.loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name

    torch.save({"state_dict": model.state_dict()}, tmp_path / "x.pt")
    other = module(cell, layers=layers, dropout=0.1)
    other.load_state_dict(torch.load(tmp_path / "x.pt", weights_only=True)["state_dict"])
    inputs = batch()[:2]
    assert torch.equal(model.eval()(*inputs), other.eval()(*inputs))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("change", [True, False])
def test_learns_one_batch_by_heart(cell: str, change: bool) -> None:
    model, data = module(cell, change=change, hidden=32), batch()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(200):
        optimizer.zero_grad()
        loss = model.step(data).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.02 * losses[0]


def test_an_untrained_net_predicts_no_change() -> None:
    data = batch()
    assert torch.equal(module()(data.window, data.calendar), data.window[:, -1, 0])
    level = module(change=False)(data.window, data.calendar)
    torch.testing.assert_close(level, torch.full((32,), 100.0))


def test_a_change_is_forecast_wherever_the_level_lies() -> None:
    model, data = module(), batch()
    torch.nn.init.normal_(model.net.readout.weight)
    here = model(data.window, data.calendar)
    torch.testing.assert_close(model(data.window + 50, data.calendar), here + 50)


def test_increments_are_each_steps_change_from_the_one_before() -> None:
    model, data = module(increments=True), batch()
    seen: list[torch.Tensor] = []
    model.net.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(data.window, data.calendar)
    plain, changes = seen[0].chunk(2, -1)
    assert plain.shape == changes.shape
    assert changes[:, 0].eq(0).all()
    torch.testing.assert_close(changes[:, 1:], plain[:, 1:] - plain[:, :-1])


def test_a_patch_is_several_steps_side_by_side() -> None:
    data = batch()
    steps, columns = data.window.shape[1], data.window.shape[2] + data.calendar.shape[2]
    model = module(patch=steps // 2)
    seen: list[torch.Tensor] = []
    model.net.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(data.window, data.calendar)
    assert seen[0].shape == (len(data.window), 2, columns * steps // 2)
    whole = module()
    whole.net.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    whole(data.window, data.calendar)
    assert torch.equal(seen[0].flatten(), seen[1].flatten())


def test_the_loss_is_in_deviations_and_the_scores_in_units() -> None:
    model, data = module(), batch()
    step = model.step(data)
    error = step.predictions["value"] - data.target
    torch.testing.assert_close(step.loss, (error / 3.5).square().mean())
    metrics = model.heads["value"].metrics(step.predictions["value"], data.target)
    torch.testing.assert_close(metrics["mse"], error.square().mean())
    torch.testing.assert_close(metrics["rmse"], error.square().mean().sqrt())
    torch.testing.assert_close(metrics["mae"], error.abs().mean())


def test_the_recurrence_looks_at_every_step() -> None:
    net = RecurrentNet(2, "lstm", 8, 1, 0.0)
    torch.nn.init.normal_(net.readout.weight)
    x = torch.randn(1, 10, 2, requires_grad=True)
    net(x).backward()
    assert x.grad is not None
    assert (x.grad.abs().sum(-1) > 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden": 0},
        {"hidden": -4},
        {"layers": 0},
        {"patch": 0},
        {"dropout": 1.0},
        {"dropout": -0.1},
    ],
)
def test_sizes_out_of_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"model.{next(iter(wrong))}="):
        module(**wrong)


def test_cells_differ() -> None:
    sizes = {cell: sum(p.numel() for p in module(cell).parameters()) for cell in CELLS}
    assert all(sizes[a] != sizes[b] for a, b in itertools.combinations(CELLS, 2))
