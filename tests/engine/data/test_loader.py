import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from kindling.data.loader import Batches, load


def order(batches: Batches) -> Tensor:
    return torch.cat(list(batches))


def test_keeps_the_order_without_a_seed() -> None:
    assert order(Batches(10, 4)).tolist() == list(range(10))
    assert [len(batch) for batch in Batches(10, 4)] == [4, 4, 2]


def test_every_epoch_is_another_permutation_that_follows_from_the_seed() -> None:
    epochs = []
    for epoch in range(3):
        batches = Batches(100, 32, seed=7)
        batches.set_epoch(epoch)
        epochs.append(order(batches))
        assert sorted(epochs[-1].tolist()) == list(range(100))
        assert torch.equal(epochs[-1], order(batches))
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 3
    assert not torch.equal(epochs[0], order(Batches(100, 32, seed=8)))


def test_a_lone_last_sample_of_training_goes_with_the_batch_before() -> None:
    assert [len(batch) for batch in Batches(9, 4, seed=0)] == [4, 5]
    assert [len(batch) for batch in Batches(9, 4)] == [4, 4, 1]
    assert len(Batches(9, 4, seed=0)) == 2
    assert [len(batch) for batch in Batches(1, 4, seed=0)] == [1]


@pytest.mark.parametrize("size", [*range(1, 30), 64])
@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_see_each_sample_once_in_as_many_batches(
    size: int, seed: int | None, processes: int
) -> None:
    dealt = [list(Batches(size, 4, seed, rank, processes)) for rank in range(processes)]
    assert len({len(batches) for batches in dealt}) == 1
    assert {len(batches) for batches in dealt} == {len(Batches(size, 4, seed, 0, processes))}
    every = torch.cat([batch for batches in dealt for batch in batches])
    assert sorted(every.tolist()) == list(range(size))
    least = 1 if seed is None else 2
    if size >= least * processes:
        assert min(len(batch) for batches in dealt for batch in batches) >= least


def test_goes_on_in_mid_epoch_with_the_batches_that_were_left() -> None:
    data = TensorDataset(torch.arange(50))
    whole = load(data, Batches(50, 8, seed=3))
    whole.sampler.set_epoch(2)
    seen = iter(whole)
    first = [next(seen)[0] for _ in range(3)]
    state = whole.state_dict()

    resumed = load(data, Batches(50, 8, seed=3))
    resumed.load_state_dict(state)
    rest = [batch[0] for batch in resumed]
    both = torch.cat([*first, *rest])
    assert len(rest) == 4
    assert sorted(both.tolist()) == list(range(50))
    again = Batches(50, 8, seed=3)
    again.set_epoch(2)
    assert torch.equal(both, order(again))
    assert len(list(resumed)) == 7, "the epoch after is whole again"


def test_an_epoch_that_has_had_its_share_of_batches_leaves_the_next_one_whole() -> None:
    """As the Trainer limits them, and goes on with such an epoch for its validation alone."""
    loader = load(TensorDataset(torch.arange(50)), Batches(50, 8, seed=3))
    loader.load_state_dict({"epoch": 2, "batches": 5})
    loader.sampler.set_epoch(2)
    loader.sampler.set_epoch(3)
    assert len(list(loader)) == 7


def test_goes_on_with_the_next_epoch_after_a_whole_one() -> None:
    loader = load(TensorDataset(torch.arange(20)), Batches(20, 8, seed=3))
    loader.sampler.set_epoch(4)
    list(loader)
    resumed = load(TensorDataset(torch.arange(20)), Batches(20, 8, seed=3))
    resumed.load_state_dict(loader.state_dict())
    assert resumed.sampler.epoch == 5
    assert len(list(resumed)) == 3
