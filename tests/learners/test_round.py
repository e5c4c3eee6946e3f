"""The round that a learner sees: its seeds, what it counts and reports."""

import math

import numpy as np
import pytest
import torch

from warmstart.basics import InputError
from warmstart.learners import Round
from warmstart.strategies import RoundContext
from warmstart.training import EpochReport, StopReason

NOTHING = torch.arange(0)


def round_of(number=1, seed=0, **options):
    return Round(number, seed, [], NOTHING, NOTHING, RoundContext(), **options)


def draws(generator):
    return torch.randint(10**9, (3,), generator=generator).tolist()


def test_the_seed_depends_on_trial_and_round_alone():
    seeds = {(trial, number): round_of(number, trial).seed for trial in range(3) for number in (1, 2, 3)}
    assert len(set(seeds.values())) == 9
    assert round_of(2, 1).seed == seeds[1, 2]


def test_generators_differ_by_purpose_round_and_trial():
    found = {
        (trial, number, purpose): tuple(draws(round_of(number, trial).generator(purpose)))
        for trial in (0, 1)
        for number in (1, 2)
        for purpose in ("order", "noise")
    }
    assert len(set(found.values())) == 8
    assert tuple(draws(round_of(2, 1).generator("noise"))) == found[1, 2, "noise"]


def test_every_call_gives_a_generator_at_its_beginning():
    round = round_of()
    assert draws(round.generator("order")) == draws(round.generator("order"))


def test_costs_add_up_by_name():
    round = round_of()
    round.count(samples=64, tokens=4096, flops=1e12)
    round.count(samples=64, flops=0.5e12)
    round.count(steps=0)
    assert round.counts == {"samples": 128, "tokens": 4096, "flops": 1.5e12, "steps": 0}


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ({"sample": 1}, "Unknown cost 'sample': did you mean 'samples'?"),
        ({"seconds": 1.0}, "Unknown cost 'seconds'"),
        ({"samples": -1}, "samples must be a whole number of at least 0, got -1"),
        ({"samples": 1.5}, "samples must be a whole number of at least 0, got 1.5"),
        ({"tokens": None}, "tokens must be a whole number of at least 0, got None"),
        ({"steps": True}, "steps must"),
        ({"flops": math.inf}, "flops must"),
        ({"flops": math.nan}, "flops must"),
        ({"flops": -1.0}, "flops must"),
        ({"flops": "many"}, "flops must"),
    ],
)
def test_bad_costs_are_refused_in_one_sentence(costs, message):
    round = round_of()
    with pytest.raises(InputError, match=message) as caught:
        round.count(**costs)
    assert "\n" not in str(caught.value)
    assert round.counts == {}


def test_what_is_left_out_of_a_report_is_filled_in():
    round = round_of()
    round.report(loss=0.5)
    round.count(steps=7)
    round.report(loss=0.25)
    round.report(epoch=10, steps=99, loss=0.125)
    assert round.history == [
        {"epoch": 1, "steps": 0, "loss": 0.5},
        {"epoch": 2, "steps": 7, "loss": 0.25},
        {"epoch": 10, "steps": 99, "loss": 0.125},
    ]


def test_reports_are_handed_on_as_they_come():
    heard = []
    round = round_of(on_report=heard.append)
    round.report(loss=0.5)
    assert heard == round.history
    round.report(loss=0.25)
    assert heard == round.history


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loss": "low"}, "report takes numbers, got loss = 'low'"),
        ({"loss": None}, "report takes numbers, got loss = None"),
        ({"done": True}, "report takes numbers, got done = True"),
        ({"loss": torch.zeros(2)}, "report takes numbers, got loss = "),
        ({"epoch": -1}, "epoch must"),
        ({"epoch": math.nan}, "epoch must"),
        ({"steps": math.inf}, "steps must"),
    ],
)
def test_bad_reports_are_refused_in_one_sentence_and_leave_nothing(values, message):
    heard = []
    round = round_of(on_report=heard.append)
    with pytest.raises(InputError, match=message) as caught:
        round.report(**values)
    assert "\n" not in str(caught.value)
    assert (round.history, heard) == ([], [])


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), torch.tensor(0.5)], ids=lambda v: type(v).__name__)
def test_numbers_of_arrays_and_tensors_are_numbers(value):
    round = round_of()
    round.report(loss=value)
    assert round.history[0]["loss"] == 0.5
    assert type(round.history[0]["loss"]) is float


def test_an_epoch_of_the_engine_is_a_report():
    round = round_of()
    round.report_epoch(EpochReport(epoch=3, steps=12, train_score=0.5, train_loss=0.25))
    assert round.history == [{"epoch": 3, "steps": 12, "train_score": 0.5, "train_loss": 0.25}]


def test_a_round_ends_at_a_limit_unless_its_learner_knows_better():
    assert round_of().stop_reason is StopReason.LIMIT
    assert round_of().seconds is None
