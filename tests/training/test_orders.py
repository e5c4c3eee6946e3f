"""Predictions are in the order of the data, and data in another order, or that ends after one pass, is refused."""

import pytest
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from small_models import TABLE, trained
from warmstart.basics import InputError
from warmstart.training import evaluate, predict


class Stream(IterableDataset):
    def __iter__(self):
        return iter(zip(TABLE.inputs, TABLE.labels, strict=True))


class Backwards(Sampler):
    def __init__(self):
        pass

    def __iter__(self):
        return iter(range(47, -1, -1))

    def __len__(self):
        return 48


ROWS = TensorDataset(TABLE.inputs, TABLE.labels)


def in_batches(sampler, *, drop):
    return DataLoader(ROWS, batch_sampler=BatchSampler(sampler, 7, drop))


IN_ORDER = {
    "plain": lambda: DataLoader(ROWS, 7),
    "drops its last batch": lambda: DataLoader(ROWS, 7, drop_last=True),
    "by a sampler of batches": lambda: in_batches(SequentialSampler(ROWS), drop=False),
    "by a sampler of batches that drops": lambda: in_batches(SequentialSampler(ROWS), drop=True),
    "by a range": lambda: DataLoader(ROWS, 7, sampler=range(48)),
    "stream": lambda: DataLoader(Stream(), 7),
    "stream that drops": lambda: DataLoader(Stream(), 7, drop_last=True),
    "list": lambda: [ROWS[:20], ROWS[20:]],
}
IN_ANOTHER_ORDER = {
    "shuffled": lambda: DataLoader(ROWS, 7, shuffle=True),
    "shuffled batches": lambda: in_batches(RandomSampler(ROWS), drop=False),
    "random subset": lambda: DataLoader(ROWS, 7, sampler=SubsetRandomSampler(range(48))),
    "weighted": lambda: DataLoader(ROWS, 7, sampler=WeightedRandomSampler([1.0] * 48, 48)),
    "sampler of one's own": lambda: DataLoader(ROWS, 7, sampler=Backwards()),
    "order of one's own": lambda: DataLoader(ROWS, 7, sampler=list(range(47, -1, -1))),
    "batches of one's own": lambda: DataLoader(ROWS, batch_sampler=[[1, 0], [3, 2]]),
}


@pytest.mark.parametrize("name", IN_ORDER)
def test_predictions_are_in_the_order_of_the_data(name):
    model = nn.Linear(4, 3)
    torch.testing.assert_close(predict(model, IN_ORDER[name]()), model(TABLE.inputs).detach())


@pytest.mark.parametrize("name", IN_ANOTHER_ORDER)
def test_a_loader_in_another_order_is_refused(name):
    with pytest.raises(InputError, match="data must be a loader in the order of its data set"):
        predict(nn.Linear(4, 3), IN_ANOTHER_ORDER[name]())


@pytest.mark.parametrize(
    "once",
    [lambda: iter([ROWS[:]]), lambda: (part for part in [ROWS[:]]), lambda: map(tuple, [ROWS[:]])],
    ids=["iterator", "generator", "map"],
)
@pytest.mark.parametrize("call", [trained, evaluate, predict])
def test_data_for_a_single_pass_is_refused(once, call):
    with pytest.raises(InputError, match="starts anew with every pass"):
        call(nn.Linear(4, 3), once())
