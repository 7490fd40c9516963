import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from kindling.errors import UserError
from kindling.series.windows import Segment, TimeseriesBatch, Windows
from problems.timeseries.model import RecurrentNet, TimeseriesModule

CELLS = ("rnn", "lstm", "gru")


def batch(size: int = 32, calendar: bool = True) -> TimeseriesBatch:
    """Windows of a wave at a level far from zero."""
    series = 100 + 5 * torch.sin(torch.arange(2000) / 8)
    clock = (0, 900) if calendar else None
    windows = Windows(series, [Segment(0, 2000)], 24, [50], (1, 50), clock)
    return windows[torch.arange(size) * 31]


def module(cell: str = "gru", **settings: Any) -> TimeseriesModule:
    torch.manual_seed(0)
    model = TimeseriesModule(cell=cell, **{"inputs": 6, "values": 2, "hidden": 16, **settings})  # type: ignore[arg-type]
    model.center.fill_(100.0)
    model.scale.fill_(3.5)
    return model


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_shape_finite_gradients_and_equal_output_after_saving(
    cell: str, layers: int, tmp_path: Path
) -> None:
    model = module(cell, layers=layers, dropout=0.1)
    torch.nn.init.normal_(model.nets[0].readout.weight)
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
    torch.nn.init.normal_(model.nets[0].readout.weight)
    here = model(data.window, data.calendar)
    torch.testing.assert_close(model(data.window + 50, data.calendar), here + 50)


def seen(model: TimeseriesModule) -> list[torch.Tensor]:
    """What the nets' recurrent layers get, call by call."""
    inputs: list[torch.Tensor] = []
    for net in model.nets:
        net.encoder.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    return inputs


def test_increments_are_each_steps_change_from_the_one_before() -> None:
    model, data = module(increments=True), batch()
    given = seen(model)
    model(data.window, data.calendar)
    values, calendar, changes = given[0].split([2, 4, 2], -1)
    assert torch.equal(calendar, data.calendar)
    assert changes[:, 0].eq(0).all()
    torch.testing.assert_close(changes[:, 1:], values[:, 1:] - values[:, :-1])


def test_a_patch_is_several_steps_side_by_side() -> None:
    data = batch()
    steps, columns = data.window.shape[1], data.window.shape[2] + data.calendar.shape[2]
    model, whole = module(patch=steps // 2), module()
    patches, single = seen(model), seen(whole)
    model(data.window, data.calendar)
    whole(data.window, data.calendar)
    assert patches[0].shape == (len(data.window), 2, columns * steps // 2)
    assert torch.equal(patches[0].flatten(), single[0].flatten())


def test_what_the_first_patch_lacks_is_the_first_step() -> None:
    data, model = batch(), module(patch=5)
    given = seen(model)
    model(data.window, data.calendar)
    whole = seen(reference := module())
    reference(data.window, data.calendar)
    steps = given[0].unflatten(-1, (5, -1)).flatten(1, 2)
    assert steps.shape[1] == 25
    assert torch.equal(steps[:, 0], steps[:, 1])
    assert torch.equal(steps[:, 1:], whole[0])


def test_nets_take_patches_of_their_own_size_in_turn() -> None:
    data, model = batch(), module(patch=[2, 6], members=3)
    assert [net.patch for net in module(patch=[2, 6]).nets] == [2, 6]
    assert [net.patch for net in module(patch=[2, 6], members=1).nets] == [2]
    given = seen(model)
    model(data.window, data.calendar)
    assert [x.shape[1:] for x in given] == [(12, 12), (4, 36), (12, 12)]
    assert torch.equal(given[0].flatten(), given[1].flatten())


def test_folded_the_last_step_has_the_first_value_beside_the_last() -> None:
    data = batch(calendar=False)
    model = module(inputs=2, folded=True)
    given = seen(model)
    model(data.window, data.calendar)
    values = (data.window - data.window[:, -1:, :1]) / 3.5
    steps = data.window.shape[1]
    assert given[0].shape == (len(data.window), steps // 2, 4)
    for step in range(steps // 2):
        late, early = given[0][:, -1 - step].chunk(2, -1)
        torch.testing.assert_close(late, values[:, -1 - step])
        torch.testing.assert_close(early, values[:, step])


def test_bins_are_of_the_training_values() -> None:
    data = batch()
    model = module(bins=4)
    given = seen(model)
    model.encode.fit((data.window - data.window[:, -1:, :1]) / 3.5)  # type: ignore[operator]
    model(data.window, data.calendar)
    binned, calendar = given[0].split([8, 4], -1)
    assert torch.equal(calendar, data.calendar)
    assert binned.min() == 0
    assert binned.max() == 1
    shares = binned.unflatten(-1, (2, 4)).mean((0, 1, 2))
    assert shares.diff().lt(0).all(), "the first bin is the fullest"


def test_nets_learn_on_their_own_and_forecast_together() -> None:
    data, single, several = batch(), module(), module(members=3)
    first, second, third = (next(net.parameters()) for net in several.nets)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)
    for number, net in enumerate(several.nets):
        torch.nn.init.constant_(net.readout.bias, number / 10)
    forecasts = several(data.window, data.calendar)
    torch.testing.assert_close(forecasts, single(data.window, data.calendar) + 0.1 * 3.5)
    errors = [(data.window[:, -1, 0] + 0.35 * k - data.target) / 3.5 for k in range(3)]
    each = torch.stack(errors).square().mean()
    together = errors[1].square().mean()
    torch.testing.assert_close(several.step(data).loss, each)
    torch.testing.assert_close(several.eval().step(data).loss, together)


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
        {"patch": [2, -1], "members": 2},
        {"patch": []},
        {"members": 0},
        {"bins": -1},
        {"dropout": 1.0},
        {"dropout": -0.1},
    ],
)
def test_sizes_out_of_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"model.{next(iter(wrong))}="):
        module(**wrong)


def test_a_folded_window_that_has_no_halves_is_named() -> None:
    windows = Windows(torch.arange(200.0), [Segment(0, 200)], 23)
    with pytest.raises(UserError, match=r"data\.window=23 cannot be halved"):
        module(folded=True).fit_statistics(windows)


def test_cells_differ() -> None:
    sizes = {cell: sum(p.numel() for p in module(cell).parameters()) for cell in CELLS}
    assert all(sizes[a] != sizes[b] for a, b in itertools.combinations(CELLS, 2))
