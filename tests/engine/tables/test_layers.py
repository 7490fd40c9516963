"""Nets on a table's columns: shapes, initial weights, and what is hidden of categories."""

from typing import Any

import pytest
import torch

from kindling.tables.layers import ACTIVATIONS, MLP, RowNet, TableNet, one_hot

NUMBERS = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
CODES = torch.tensor([[0, 1], [1, 0], [2, 4], [3, 3], [1, 2], [2, 1], [3, 0], [0, 0]])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("more", [{}, {"batch_norm": True, "init": "kaiming", "dropout": 0.2}])
@pytest.mark.parametrize(("hidden", "outputs"), [([], 1), ([], 0), ([5, 3], 0), ([5, 3], 2)])
def test_mlp(hidden: list[int], outputs: int, more: dict[str, Any], activation: Any) -> None:
    net = MLP(2, hidden, outputs, activation=activation, **more)
    assert net(NUMBERS).shape == (8, net.width)
    assert net.width == (outputs or (3 if hidden else 2))
    names = [f"{layer}_{k}" for k in range(1, len(hidden) + 1) for layer in ("hidden", "norm")]
    layers = [name for name in names if more or "norm" not in name] + ["output"] * bool(outputs)
    assert [*dict.fromkeys(name.split(".")[0] for name, _ in net.named_parameters())] == layers


def test_hidden_categories_are_as_those_that_are_unseen() -> None:
    net, unseen = TableNet(0, (3, 4), 4, [5], hide=0.999_999), torch.zeros(8, 2, dtype=torch.int64)
    none = NUMBERS[:, :0]
    assert torch.equal(net(none, CODES), net(none, unseen))
    assert not torch.equal(net.eval()(none, CODES), net(none, unseen))


@pytest.mark.parametrize("init", ["default", "kaiming"])
def test_initial_weights_spread_as_they_should(init: Any) -> None:
    torch.manual_seed(0)
    net = MLP(100, [400, 400], init=init)
    for name, inputs in (("hidden_1", 100), ("hidden_2", 400)):
        bound = (6 / inputs) ** 0.5 if init == "kaiming" else inputs**-0.5
        largest = net.get_parameter(f"{name}.weight").abs().max().item()
        assert 0.99 * bound < largest <= bound


def test_one_hot_has_no_column_for_what_is_unseen() -> None:
    columns = one_hot(CODES, (3, 4))
    assert columns.sum(1).tolist() == (CODES > 0).sum(1).tolist()
    assert columns[2].tolist() == [0, 1, 0, 0, 0, 0, 1]
    assert one_hot(CODES[:, :0], ()).shape == (8, 0)


def test_what_lies_far_outside_of_the_training_rows_counts_as_less_far() -> None:
    torch.manual_seed(0)
    net, none = RowNet(1, [], 1, [5]), CODES[:, :0]
    net.fit(torch.linspace(0, 10, 50)[:, None])
    rows = torch.tensor([[16.0], [1e6], [-6], [-1e6], [12], [13], [torch.nan], [5]])
    for outputs in (net(rows, none), net.columns(rows, none)):
        near, far, low, lower, inside, further, missing, middle = outputs
        assert torch.equal(torch.stack([near, low, missing]), torch.stack([far, lower, middle]))
        assert not torch.equal(inside, further)
