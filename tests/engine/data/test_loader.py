"""Batches: every sample once, in an order that follows from the seed, and from where it stopped."""

import pytest
import torch
from torch import Tensor

from kindling.data.loader import Batches


def order(batches: Batches) -> Tensor:
    return torch.cat(list(batches))


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
