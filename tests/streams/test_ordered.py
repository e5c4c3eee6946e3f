"""Streams in the order of the data: what arrives when, whatever is held out, beside a reference that counts by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from warmstart.basics import InputError, generator_for
from warmstart.streams import Given, Growing, PoolOrder, TimeOrdered


def bound_arrivals(stream, order):
    """What a trial's stream brings, as positions in the pool."""
    bound = stream.for_pool(order)
    sizes = bound.sizes(len(order.rows))
    nothing = torch.empty(0, dtype=torch.int64)
    parts = [bound.select(n, range(len(order.rows)), nothing, None, generator_for(0)) for n in range(1, len(sizes) + 1)]
    assert sizes == [len(part) for part in parts]
    return [part.tolist() for part in parts]


def by_hand(rows, labels_of_arrivals):
    """For each arrival in turn, the positions of the pool's samples that belong to it."""
    found = [[] for _ in range(max(labels_of_arrivals) + 1)]
    for position, row in enumerate(rows):
        found[labels_of_arrivals[row]].append(position)
    return found


@st.composite
def pools(draw):
    count = draw(st.integers(4, 40))
    rows = sorted(draw(st.sets(st.integers(0, count - 1), min_size=1)))
    return count, rows


@given(pools(), st.integers(2, 12))
@settings(deadline=None)
def test_arrivals_of_a_size_are_cut_before_anything_is_held_out(pool, size):
    count, rows = pool
    if size > count:
        return
    expected = by_hand(rows, [row // size for row in range(count)])
    order = PoolOrder(torch.tensor(rows), count)
    assert [part.tolist() for part in TimeOrdered(size).cut(order)][: len(expected)] == expected
    is_enough = len(expected[0]) >= 2 and all(expected) and len(expected) == -(-count // size)
    if is_enough:
        assert bound_arrivals(TimeOrdered(size), order) == expected
    else:
        with pytest.raises(InputError, match="arrivals must each have a sample to train on that is not held out"):
            bound_arrivals(TimeOrdered(size), order)


@given(pools(), st.integers(1, 6), st.randoms())
@settings(deadline=None)
def test_arrivals_of_the_data_are_those_of_the_data(pool, number, random):
    count, rows = pool
    if number > count:
        return
    starts = sorted(random.sample(range(1, count), number - 1))
    of_rows = [sum(row >= start for start in starts) for row in range(count)]
    order = PoolOrder(torch.tensor(rows), count, torch.tensor(of_rows))
    expected = by_hand(rows, of_rows) + [[]] * (number - 1 - max(of_rows[row] for row in rows))
    assert [part.tolist() for part in TimeOrdered().cut(order)] == expected[:number]
    # What is asked for counts more than what the data say.
    if count >= 4:
        halves = [int(row >= -(-count // 2)) for row in range(count)]
        assert [len(part) for part in TimeOrdered(rounds=2).cut(order)] == [
            sum(halves[row] == half for row in rows) for half in (0, 1)
        ]


def test_two_pools_of_the_same_data_have_the_same_weeks():
    days = torch.arange(70)
    for seed in range(5):
        rows = torch.randperm(70, generator=generator_for(seed))[:47].sort().values
        parts = bound_arrivals(TimeOrdered(7), PoolOrder(rows, 70))
        assert len(parts) == 10
        for week, part in enumerate(parts):
            assert set((days[rows[part]] // 7).tolist()) == {week}


def test_rounds_end_where_they_are_asked_to_end():
    order = PoolOrder(torch.tensor([0, 1, 3, 4, 6, 7, 9]), 10)
    assert bound_arrivals(TimeOrdered(3, 2), order) == [[0, 1], [2, 3]]
    assert bound_arrivals(TimeOrdered(rounds=2), order) == [[0, 1, 2, 3], [4, 5, 6]]


def test_given_arrivals_lose_what_is_held_out_and_keep_their_order():
    order = PoolOrder(torch.tensor([0, 2, 3, 5, 9]), 10)
    assert bound_arrivals(Given([[9, 4, 0], [1, 5], (3,)]), order) == [[4, 0], [3], [2]]


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (
            Given([[0, 1], [5]]),
            "but arrival 1 of 2 has 1; ask for larger arrivals or a smaller holdout",
        ),
        (Given([[0, 2], [1], [5]]), "but arrival 2 of 3 has 0"),
        (Given([[0, 2], [10]]), r"arrivals must be of indices in \[0, 10\), got 10"),
    ],
)
def test_an_arrival_that_is_held_out_is_one_sentence(stream, message):
    with pytest.raises(InputError, match=message):
        stream.for_pool(PoolOrder(torch.tensor([0, 2, 5]), 10))


def test_given_takes_arrays_and_lists_of_indices():
    arrays = [np.array([3, 1]), torch.tensor([0, 2])]
    assert Given(arrays) == Given([[3, 1], (0, 2)]) == Given(((3, 1), (0, 2)))
    assert hash(Given(arrays)) == hash(Given([[3, 1], [0, 2]]))


def test_a_bound_stream_stays_bound_and_others_are_for_every_pool():
    order = PoolOrder(torch.tensor([0, 2, 5]), 10)
    bound = Given([[0, 2], [5]]).for_pool(order)
    assert bound.for_pool(PoolOrder.of_all(3)) is bound
    growing = Growing()
    assert growing.for_pool(order) is growing


@pytest.mark.parametrize(
    ("rows", "count", "arrivals", "message"),
    [
        ([0, 2, 1], 3, None, r"rows must ascend within \[0, 3\), got \[0, 2, 1\]"),
        ([0, 0], 3, None, "rows must ascend"),
        ([0, 3], 3, None, r"within \[0, 3\)"),
        ([-1, 0], 3, None, "rows must ascend"),
        ([0.5], 3, None, "rows must be int64 of shape"),
        ([0], 3, [0, 0], "arrivals must be one for each of 3 samples, got 2"),
    ],
)
def test_an_order_that_cannot_be_is_refused(rows, count, arrivals, message):
    with pytest.raises(InputError, match=message):
        PoolOrder(torch.tensor(rows), count, None if arrivals is None else torch.tensor(arrivals))
