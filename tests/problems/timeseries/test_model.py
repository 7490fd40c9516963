"""What the network's settings do; what any problem promises is in the contract."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kindling.errors import UserError
from kindling.series.layers import OUTERMOST, PiecewiseLinear
from kindling.series.splits import Segment
from kindling.series.windows import SeriesBatch, Windows
from problems.timeseries.model import TimeseriesModule


def quarter_hours(steps: Any) -> Any:
    return np.stack([steps % 96 / 96, steps % 672 / 672], -1)


@pytest.fixture
def batch() -> SeriesBatch:
    """32 windows of 24 steps of a wave at a level far from zero, with one lag and the calendar."""
    index = torch.arange(32) * 31
    series = 100 + 5 * torch.sin(torch.arange(2000, dtype=torch.float64) / 8)
    return Windows(series, [Segment(0, 2000)], 24, [50], phases=quarter_hours)[index]


def module(**settings: Any) -> TimeseriesModule:
    torch.manual_seed(0)
    model = TimeseriesModule(**{"inputs": 6, "values": 2, "cell": "gru", "hidden": 16, **settings})
    model.center.fill_(100.0)
    model.scale.fill_(3.5)
    return model


def forecast(model: TimeseriesModule, batch: SeriesBatch) -> tuple[Tensor, list[Tensor]]:
    """The forecast, and what each net's recurrent layer gets."""
    inputs: list[Tensor] = []
    for net in model.nets:
        net.encoder.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    return model(batch.window, batch.calendar), inputs


@pytest.mark.parametrize(
    ("cell", "settings"),
    [
        ("rnn", {"layers": 2, "dropout": 0.1}),
        ("lstm", {"change": False}),
        ("gru", {"layers": 2, "dropout": 0.1}),
    ],
)
def test_every_net_learns(cell: str, settings: dict[str, Any], batch: SeriesBatch) -> None:
    model = module(cell=cell, **settings)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    first = model.step(batch).loss
    for _ in range(150):
        optimizer.zero_grad()
        model.step(batch).loss.backward()
        optimizer.step()
    assert model.eval().step(batch).loss < 0.05 * first


def test_an_untrained_net_predicts_no_change_wherever_the_level_lies(batch: SeriesBatch) -> None:
    model = module()
    assert torch.equal(forecast(model, batch)[0], batch.window[:, -1, 0])
    torch.testing.assert_close(forecast(module(change=False), batch)[0], torch.full((32,), 100.0))
    torch.nn.init.normal_(model.nets[0].readout.weight)
    higher = batch._replace(window=batch.window + 50)
    torch.testing.assert_close(forecast(model, higher)[0], forecast(model, batch)[0] + 50)


def test_increments_are_each_steps_change_from_the_one_before(batch: SeriesBatch) -> None:
    values, calendar, changes = forecast(module(increments=True), batch)[1][0].split([2, 4, 2], -1)
    assert torch.equal(calendar, batch.calendar)
    assert changes[:, 0].eq(0).all()
    torch.testing.assert_close(changes[:, 1:], values[:, 1:] - values[:, :-1])


def test_nets_take_patches_of_their_own_size_in_turn(batch: SeriesBatch) -> None:
    assert [net.patch for net in module(patch=[2, 6]).nets] == [2, 6]
    assert [net.patch for net in module(patch=[2, 6], members=1).nets] == [2]
    (single,) = forecast(module(), batch)[1]
    patches = forecast(module(patch=[2, 6], members=3), batch)[1]
    assert [x.shape[1:] for x in patches] == [(12, 12), (4, 36), (12, 12)]
    assert all(torch.equal(x.flatten(), single.flatten()) for x in patches)
    (padded,) = forecast(module(patch=5), batch)[1]
    steps = padded.unflatten(-1, (5, -1)).flatten(1, 2)
    assert torch.equal(steps, torch.cat([single[:, :1], single], 1)), "the first step fills up"


def test_folded_the_last_step_has_the_first_value_beside_the_last(batch: SeriesBatch) -> None:
    (whole,), (given,) = (forecast(module(folded=f), batch)[1] for f in (False, True))
    assert given.shape == (32, 12, 12)
    late, early = given.chunk(2, -1)
    assert torch.equal(torch.cat([early.flip(1), late], 1), whole)


def test_nets_learn_on_their_own_and_forecast_together(batch: SeriesBatch) -> None:
    model = module(members=3)
    first, second, third = (next(net.parameters()) for net in model.nets)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)
    for number, net in enumerate(model.nets):
        torch.nn.init.constant_(net.readout.bias, number / 10)
    errors = torch.stack([batch.window[:, -1, 0] + 0.35 * k - batch.target for k in range(3)])
    step = model.step(batch)
    torch.testing.assert_close(step.predictions["value"] - batch.target, errors[1])
    torch.testing.assert_close(step.loss, (errors / 3.5).square().mean().float())
    loss = (errors[1] / 3.5).square().mean()
    torch.testing.assert_close(model.eval().step(batch).loss, loss.float())
    scores = model.heads["value"].metrics(step.predictions["value"], batch.target)
    mse, mae = errors[1].square().mean(), errors[1].abs().mean()
    expected = {"mse": mse, "rmse": mse.sqrt(), "mae": mae}
    torch.testing.assert_close(scores, expected, check_dtype=False)


def test_bins_are_quantiles_of_the_training_values(batch: SeriesBatch) -> None:
    values = torch.randn(3000, generator=torch.Generator().manual_seed(0))
    encode = PiecewiseLinear(8)
    encode.fit(values)
    edges = np.quantile(values.double().numpy(), np.linspace(OUTERMOST, 1 - OUTERMOST, 9))
    np.testing.assert_allclose(encode.edges.numpy(), edges, rtol=1e-6)
    far = torch.cat([values, torch.tensor([-1e6, 1e6])])
    sums = encode(far[:, None]).sum(-1)
    np.testing.assert_allclose(sums, np.interp(far.numpy(), edges, np.arange(9)), atol=1e-4)
    model = module(bins=8)
    model.encode = encode
    binned, calendar = forecast(model, batch)[1][0].split([16, 4], -1)
    changes = (batch.window - batch.window[:, -1:, :1]) / 3.5
    torch.testing.assert_close(binned, encode(changes.float()))
    assert torch.equal(calendar, batch.calendar)


def test_a_common_number_is_a_step_and_there_may_be_many() -> None:
    """More than one edge lies on it, and nothing is divided by zero."""
    encode = PiecewiseLinear(4)
    encode.fit(torch.cat([torch.zeros(900), torch.linspace(-1, 1, 100)]))
    below, at, above = encode(torch.tensor([[-0.5], [0.0], [0.5]])).sum(-1).tolist()
    assert below < at < above
    encode.fit(torch.full((10,), 3.0))
    assert encode(torch.tensor([[2.0], [4.0]])).tolist() == [[0.0] * 4, [1.0] * 4]
    encode.fit(torch.linspace(0, 1, 20_000_001))  # more than torch takes quantiles of
    torch.testing.assert_close(encode.edges[2], torch.tensor(0.5), atol=1e-4, rtol=0)


def test_a_folded_window_that_has_no_halves_is_named() -> None:
    windows = Windows(torch.arange(200.0), [Segment(0, 200)], 23)
    with pytest.raises(UserError, match=r"data\.window=23 cannot be halved"):
        module(folded=True).fit_statistics(windows)
