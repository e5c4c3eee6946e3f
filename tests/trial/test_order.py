"""Trials in the order of the data: who is held out, what arrives when, and that nothing else has changed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rounds import TRIAL, changed, outcome
from warmstart.basics import InputError, generator_for
from warmstart.data import ColumnEncoding, LabelledArrays, SampleOrder, TableEncoding
from warmstart.diagnostics import GradientNorms
from warmstart.learners import Scores
from warmstart.penalties import EWC
from warmstart.strategies import Warm
from warmstart.streams import Active, Given, Growing, TimeOrdered, TwoPhase
from warmstart.trial import (
    Arrays,
    EvaluateOn,
    EvaluationSettings,
    TrainOn,
    Trial,
    arrival_sizes,
    fitted,
    rows_of,
    run,
    split,
)

CPU = torch.device("cpu")
HOLDOUT = EvaluationSettings(holdout=0.25)
IN_TIME = changed(TRIAL, stream=TimeOrdered(20), strategy=Warm())


def numbered(count, order=None, **options):
    """Samples whose only input says which they are."""
    inputs = np.arange(count, dtype=np.float32)[:, None]
    return Arrays(LabelledArrays(inputs, np.arange(count) // 2 % 2), None, 2, order=order, **options)


def rows_in(data):
    return data.inputs[:, 0].long().tolist()


@pytest.mark.parametrize("seed", range(3))
def test_pool_and_evaluation_ascend_and_are_those_of_a_random_stream(seed):
    trial = replace(IN_TIME, seed=seed)
    data = split(numbered(100), trial, HOLDOUT, device=CPU)
    expected = split(numbered(100), replace(trial, stream=Growing()), HOLDOUT, device=CPU)
    for part, other in ((data.pool, expected.pool), (data.evaluation, expected.evaluation)):
        assert rows_in(part) == sorted(rows_in(other)) != rows_in(other)
    assert data.order.rows.tolist() == rows_in(data.pool)
    assert (data.order.count, expected.order) == (100, None)


class Recording:
    """A learner that records the numbers of the samples that it trains on."""

    def __init__(self):
        self.trained, self.arrived = [], []

    def build(self, data, seed):
        return torch.nn.Linear(1, 2)

    def train(self, model, round):
        self.trained.append(rows_in(round.data))
        self.arrived.append(len(round.arrival))

    def evaluate(self, model, data):
        return Scores(torch.zeros(len(data)))


@pytest.mark.parametrize("train_on", list(TrainOn))
@pytest.mark.parametrize("seed", range(2))
def test_rounds_train_on_the_weeks_in_order(train_on, seed):
    own = Recording()
    trial = Trial(own, TimeOrdered(20), train_on=train_on, seed=seed)
    data = split(numbered(100), trial, HOLDOUT, device=CPU)
    results = list(run(trial, data))
    # Slow and literal: a sample arrives in the week it belongs to, if it is not held out.
    held_out = set(rows_in(data.evaluation))
    weeks = [[row for row in range(start, start + 20) if row not in held_out] for start in range(0, 100, 20)]
    seen = [[row for week in weeks[: number + 1] for row in week] for number in range(5)]
    assert own.trained == (seen if train_on is TrainOn.SEEN else weeks)
    assert [result.samples_seen for result in results] == [len(rows) for rows in seen]
    assert arrival_sizes(numbered(100), trial, HOLDOUT) == tuple(map(len, weeks))


def test_seeds_have_arrivals_of_other_sizes_and_as_many_rounds():
    sizes = [arrival_sizes(numbered(100), replace(IN_TIME, seed=seed), HOLDOUT) for seed in range(4)]
    assert len(set(sizes)) == 4
    assert {len(one) for one in sizes} == {5}
    assert {sum(one) for one in sizes} == {75}


def test_what_the_data_say_arrives_together():
    arrivals = np.repeat(np.arange(4), [10, 40, 30, 20])
    held = numbered(100, SampleOrder(in_time=True, arrivals=arrivals))
    own = Recording()
    trial = Trial(own, TimeOrdered(), train_on=TrainOn.ARRIVAL)
    list(run(trial, split(held, trial, HOLDOUT, device=CPU)))
    assert [set(arrivals[rows].tolist()) for rows in own.trained] == [{0}, {1}, {2}, {3}]


def test_on_the_test_set_everything_arrives():
    held = replace(numbered(50), test=numbered(10).train)
    own = Recording()
    trial = Trial(own, Given([[5, 3], [40, 41, 2]]), train_on=TrainOn.ARRIVAL)
    list(run(trial, split(held, trial, EvaluationSettings(EvaluateOn.TEST), device=CPU)))
    assert own.trained == [[5, 3], [40, 41, 2]]


@pytest.mark.parametrize("train_on", list(TrainOn))
def test_a_resumed_trial_is_an_uninterrupted_one(train_on):
    encoding = TableEncoding((ColumnEncoding("number", has_missing=True),))
    numbers = np.random.default_rng(0).normal(size=(100, 1))
    numbers[::7] = np.nan
    held = replace(
        numbered(100), train=LabelledArrays(numbers, (numbers[:, 0] > 0).astype(np.int64)), encoding=encoding
    )
    trial = replace(IN_TIME, train_on=train_on)
    data = split(held, trial, HOLDOUT, device=CPU)
    whole = list(run(trial, data))
    for number in (1, 3):
        resumed = list(run(trial, data, round_state=whole[number - 1].round_state))
        assert [outcome(result) for result in resumed] == [outcome(result) for result in whole[number:]]
    fitted = encoding.fitted(data.pool.inputs[: whole[0].samples_seen].numpy())
    assert whole[0].preparation["encoding"] == fitted.to_dict()


def test_time_order_after_a_source_with_penalty_and_measurements():
    trial = changed(IN_TIME, penalty=EWC(strength=1.0), measurements=(GradientNorms(),))
    held = numbered(100, source=numbered(60))
    data = split(held, trial, HOLDOUT, device=CPU)
    results = list(run(trial, data))
    assert [result.samples_seen for result in results] == [
        45 + seen for seen in np.cumsum((0, *arrival_sizes(held, trial, HOLDOUT)))
    ]
    assert results[-1].readings


@st.composite
def grouped(draw):
    sizes = draw(st.lists(st.integers(1, 12), min_size=2, max_size=15))
    labels = np.repeat(np.arange(len(sizes)) * 3, sizes)
    is_mixed = draw(st.booleans())
    return np.random.default_rng(0).permutation(labels) if is_mixed else labels


@given(grouped(), st.integers(0, 3), st.sampled_from([0.1, 1 / 3, 0.9]), st.booleans())
@settings(deadline=None)
def test_groups_are_held_out_whole_until_the_share_is_reached(groups, seed, share, keeps_order):
    stream = TimeOrdered() if keeps_order else Growing()
    settings = EvaluationSettings(holdout=share)
    held = numbered(len(groups), SampleOrder(groups=groups))
    fit, out = (rows.numpy() for rows in rows_of(held, Trial(stream=stream, seed=seed), settings))
    assert sorted([*fit.tolist(), *out.tolist()]) == list(range(len(groups)))
    on_both_sides = set(groups[fit].tolist()) & set(groups[out].tolist())
    assert not on_both_sides
    assert set(groups[fit].tolist())
    assert set(groups[out].tolist())
    # Literally: groups in random order, one after the other, until there are enough, but never the last one.
    names = np.unique(groups)
    drawn = names[torch.randperm(len(names), generator=generator_for(seed, "split")).numpy()]
    wanted, taken_out = len(groups) - fitted(len(groups), settings), []
    for name in drawn[:-1]:
        if np.isin(groups, taken_out).sum() < wanted:
            taken_out.append(name)
    assert set(groups[out].tolist()) == set(taken_out)


def test_days_are_held_out_whole_and_weeks_arrive_in_order():
    days = np.arange(480) // 8
    held = numbered(480, SampleOrder(in_time=True, groups=days))
    own = Recording()
    trial = Trial(own, TimeOrdered(56), train_on=TrainOn.ARRIVAL)
    data = split(held, trial, HOLDOUT, device=CPU)
    list(run(trial, data))
    assert not set(days[rows_in(data.pool)].tolist()) & set(days[rows_in(data.evaluation)].tolist())
    assert len(data.evaluation) == 120
    assert [set((np.array(rows) // 56).tolist()) for rows in own.trained] == [{week} for week in range(9)]


@pytest.mark.parametrize("stream", [Growing(), TwoPhase(), Active()], ids=repr)
def test_random_streams_draw_single_samples_whatever_the_groups(stream):
    held = numbered(120, SampleOrder(groups=np.arange(120) // 10))
    trial = changed(TRIAL, stream=stream)
    data = split(held, trial, HOLDOUT, device=CPU)
    results = list(run(trial, data))
    assert results[-1].samples_seen == len(data.pool) == 90
    assert tuple(np.diff([0, *(result.samples_seen for result in results)])) == arrival_sizes(held, trial, HOLDOUT)


def test_an_arrival_that_is_held_out_is_refused_before_anything_trains():
    held = numbered(60, SampleOrder(in_time=True, groups=np.arange(60) // 10))
    with pytest.raises(InputError, match="arrivals must each have a sample to train on that is not held out"):
        arrival_sizes(held, changed(TRIAL, stream=TimeOrdered(10)), HOLDOUT)
