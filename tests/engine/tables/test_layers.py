"""Nets on a table's columns: shapes, gradients, what is drawn, and what is read back."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from kindling.tables.layers import ACTIVATIONS, MLP, TableNet, one_hot

NUMBERS = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
CODES = torch.tensor([[0, 1], [1, 0], [2, 4], [3, 3], [1, 2], [2, 1], [3, 0], [0, 0]])


def check(net: nn.Module, other: nn.Module, *inputs: torch.Tensor, file: Path) -> None:
    """Finite gradients, and equal outputs with weights that were saved."""
    net(*inputs).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    torch.save(net.state_dict(), file)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(net.eval()(*inputs), other.eval()(*inputs))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("more", [{}, {"batch_norm": True, "init": "kaiming", "dropout": 0.2}])
@pytest.mark.parametrize(("hidden", "outputs"), [([], 1), ([], 0), ([5, 3], 0), ([5, 3], 2)])
def test_mlp(
    hidden: list[int], outputs: int, more: dict[str, Any], activation: Any, tmp_path: Path
) -> None:
    net, other = (MLP(2, hidden, outputs, activation=activation, **more) for _ in range(2))
    assert net(NUMBERS).shape == (8, net.width)
    assert net.width == (outputs or (3 if hidden else 2))
    if hidden or outputs:
        check(net, other, NUMBERS, file=tmp_path / "net.pt")


@pytest.mark.parametrize(("sizes", "numbers"), [((3, 4), 2), ((3, 4), 0), ((), 2)])
def test_table_net(sizes: tuple[int, ...], numbers: int, tmp_path: Path) -> None:
    net, other = (TableNet(numbers, sizes, 4, [5], 1, hide=0.5) for _ in range(2))
    inputs = NUMBERS[:, :numbers], CODES[:, : len(sizes)]
    assert net(*inputs).shape == (8, net.width)
    check(net, other, *inputs, file=tmp_path / "net.pt")


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
    assert columns.shape == (8, 7)
    assert columns.sum(1).tolist() == (CODES > 0).sum(1).tolist()
    assert columns[2].tolist() == [0, 1, 0, 0, 0, 0, 1]
    assert one_hot(CODES[:, :0], ()).shape == (8, 0)
