"""Batches: every sample once, in an order that follows from the seed, and from where it stopped."""

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from kindling.data.loader import Batches, Loader, load


def order(batches: Batches) -> Tensor:
    return torch.cat(list(batches))


def loader(size: int, epoch: int = 0) -> Loader[list[Tensor]]:
    made = load(TensorDataset(torch.arange(size)), Batches(size, 8, seed=3))
    made.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return made


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


@pytest.mark.parametrize(
    ("size", "seed", "lengths"),
    [(10, None, [4, 4, 2]), (9, None, [4, 4, 1]), (9, 0, [4, 5]), (1, 0, [1])],
)
def test_a_lone_last_sample_of_training_goes_with_the_batch_before(
    size: int, seed: int | None, lengths: list[int]
) -> None:
    batches = Batches(size, 4, seed)
    assert [len(batch) for batch in batches] == lengths
    assert len(batches) == len(lengths)


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("processes", [2, 3])
def test_no_process_has_to_train_on_one_sample(seed: int | None, processes: int) -> None:
    least = 1 if seed is None else 2
    for size in range(least * processes, 30):
        dealt = [list(Batches(size, 4, seed, rank, processes)) for rank in range(processes)]
        assert min(len(batch) for batches in dealt for batch in batches) >= least


def test_weighted_samples_are_drawn_alike_by_one_process_and_by_several() -> None:
    """With replacement, as often as their weights say, in an order that a resumed run repeats."""
    weights = torch.tensor([1.0, 3.0]).repeat(300).double()
    drawn = order(Batches(600, 32, 7, weights=weights))
    assert len(drawn) == 600
    assert (drawn % 2).float().mean().item() == pytest.approx(0.75, abs=0.05)
    assert len(drawn.unique()) < 450
    assert torch.equal(drawn, order(Batches(600, 32, 7, weights=weights)))
    dealt = [order(Batches(600, 16, 7, rank, 2, weights)) for rank in range(2)]
    assert torch.equal(torch.stack(dealt, 1).flatten(), drawn)
    batches = Batches(600, 32, 7, weights=weights)
    batches.first = 5
    assert torch.equal(order(batches), drawn[5 * 32 :])
    batches.set_epoch(1)
    assert not torch.equal(order(batches), drawn)


def test_goes_on_in_mid_epoch_with_the_batches_that_were_left() -> None:
    whole = loader(50, epoch=2)
    seen = iter(whole)
    first = [next(seen)[0] for _ in range(3)]
    resumed = loader(50)
    resumed.load_state_dict(whole.state_dict())
    rest = [batch[0] for batch in resumed]
    assert len(rest) == 4
    again = torch.cat([batch[0] for batch in loader(50, epoch=2)])
    assert torch.equal(torch.cat([*first, *rest]), again)
    assert len(list(resumed)) == 7, "the epoch after is whole again"


def test_an_epoch_that_has_had_its_share_of_batches_leaves_the_next_one_whole() -> None:
    """As the Trainer limits them, and goes on with such an epoch for its validation alone."""
    resumed = loader(50)
    resumed.load_state_dict({"epoch": 2, "batches": 5})
    resumed.sampler.set_epoch(2)  # type: ignore[attr-defined]
    resumed.sampler.set_epoch(3)  # type: ignore[attr-defined]
    assert len(list(resumed)) == 7


def test_goes_on_with_the_next_epoch_after_a_whole_one() -> None:
    whole, resumed = loader(20, epoch=4), loader(20)
    list(whole)
    resumed.load_state_dict(whole.state_dict())
    assert resumed.sampler.epoch == 5  # type: ignore[attr-defined]
    assert len(list(resumed)) == 3
