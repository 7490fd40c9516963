import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from kindling.loader import Batches, load


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


def test_leaves_out_a_lone_last_sample_in_training_alone() -> None:
    assert [len(batch) for batch in Batches(9, 4, seed=0)] == [4, 4]
    assert [len(batch) for batch in Batches(9, 4)] == [4, 4, 1]
    assert len(Batches(9, 4, seed=0)) == 2
    assert [len(batch) for batch in Batches(1, 4, seed=0)] == [1]


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


def test_goes_on_with_the_next_epoch_after_a_whole_one() -> None:
    loader = load(TensorDataset(torch.arange(20)), Batches(20, 8, seed=3))
    loader.sampler.set_epoch(4)
    list(loader)
    resumed = load(TensorDataset(torch.arange(20)), Batches(20, 8, seed=3))
    resumed.load_state_dict(loader.state_dict())
    assert resumed.sampler.epoch == 5
    assert len(list(resumed)) == 3
