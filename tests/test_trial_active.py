"""Trials in which models ask for the data: what they get, and that an interruption leaves it the same."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import pytest
import torch

from rounds import TABLES, TRIAL, WILD, arrivals, changed, outcome, same, state
from warmstart.basics import generator_for
from warmstart.models import MLP
from warmstart.queries import Entropy, LeastConfidence, Margin, Query, Random
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Active, Growing
from warmstart.training import StopReason
from warmstart.trial import RoundState, run

pytestmark = pytest.mark.usefixtures("untouched_globals")

ACTIVE = changed(TRIAL, stream=Active(rounds=4), strategy=Warm())
QUERIES = [Margin(), Entropy(), LeastConfidence(), Random()]
LITERAL = {
    Margin: lambda p: float(p.sort().values[-1] - p.sort().values[-2]),
    Entropy: lambda p: float((p * p.log()).sum()),
    LeastConfidence: lambda p: float(p.max()),
}


def planned(trial):
    return arrivals(trial.stream, 90, trial.seed)


def wanted(query, model, pool, left, count):
    """Ask about the samples one by one, and return those of the lowest numbers in ``LITERAL``."""
    model.eval()

    def number(index):
        with torch.no_grad():
            return LITERAL[type(query)](model(pool[index : index + 1])[0].double().softmax(0))

    return set(sorted(left, key=number)[:count])


def scaled(first):
    """The pool as a trial scales it: by its first arrival."""
    known = TABLES.pool.inputs[first]
    return (TABLES.pool.inputs - known.mean(0)) / known.std(0, correction=0)


@pytest.mark.parametrize("query", QUERIES, ids=repr)
@pytest.mark.parametrize("strategy", [Cold(), Warm()], ids=repr)
def test_no_sample_arrives_twice_and_arrivals_are_as_large_as_planned(query, strategy):
    trial = changed(ACTIVE, strategy=strategy, stream=Active(query, rounds=4))
    rounds = list(run(trial, TABLES))
    assert [r.samples_seen for r in rounds] == [23, 46, 68, 90]
    assert rounds[0].round_state.seen is None, "the stream alone decides the first arrival"
    for finished in rounds[1:]:
        assert len(finished.round_state.seen) == len(finished.round_state.seen.unique()) == finished.samples_seen
    assert sorted(rounds[-1].round_state.seen.tolist()) == list(range(90))
    for earlier, later in pairwise(rounds[1:]):
        assert torch.equal(later.round_state.seen[: earlier.samples_seen], earlier.round_state.seen)


def test_a_last_arrival_takes_what_is_left():
    *_, last = run(changed(ACTIVE, stream=Active(arrival_size=40)), TABLES)
    assert (last.number, last.samples_seen, len(last.round_state.seen.unique())) == (3, 90, 90)


@pytest.mark.parametrize("query", QUERIES[:3], ids=repr)
def test_the_samples_are_those_that_a_loop_over_the_pool_picks(query):
    trial = changed(ACTIVE, stream=Active(query, rounds=4))
    parts, rounds = planned(trial), list(run(trial, TABLES))
    known, pool = parts[0].tolist(), scaled(parts[0])
    for before, finished, part in zip(rounds, rounds[1:], parts[1:], strict=False):
        left = set(range(90)) - set(known)
        expected = wanted(query, before.round_state.model, pool, left, len(part))
        assert set(finished.round_state.seen[len(known) :].tolist()) == expected
        known = finished.round_state.seen.tolist()


def test_the_first_round_is_the_same_whatever_the_query_and_the_next_is_not():
    rounds = {query: list(run(changed(ACTIVE, stream=Active(query, rounds=4)), TABLES)) for query in QUERIES}
    passive = next(run(changed(ACTIVE, stream=Growing(rounds=4)), TABLES))
    assert all(outcome(finished[0]) == outcome(passive) for finished in rounds.values())
    picked = {query: frozenset(finished[1].round_state.seen[23:].tolist()) for query, finished in rounds.items()}
    assert len(set(picked.values())) > 1
    assert picked[Random()] not in [picked[query] for query in QUERIES[:3]]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_random_query_has_draws_of_its_own_in_every_round_of_every_seed(seed):
    trial = changed(ACTIVE, stream=Active(Random(), rounds=4), seed=seed)
    parts, rounds = planned(trial), list(run(trial, TABLES))
    known = parts[0].tolist()
    for finished, part in zip(rounds[1:], parts[1:], strict=True):
        left = sorted(set(range(90)) - set(known))
        order = torch.randperm(len(left), generator=generator_for(seed, "query", finished.number))
        known += [left[index] for index in order[: len(part)]]
        assert finished.round_state.seen.tolist() == known


@dataclass(frozen=True)
class Counting(MLP):
    """An MLP that counts the samples that it is shown in evaluation mode."""

    shown: list = field(default_factory=list, compare=False)

    def build(self, input_shape, classes, *, generator):
        model = super().build(input_shape, classes, generator=generator)
        model.register_forward_hook(self._note)
        return model

    def _note(self, model, inputs, _output):
        self.shown.extend([] if model.training else [len(inputs[0])])

    def __deepcopy__(self, _memo):
        return self  # copies of the model count on in the same list


@pytest.mark.parametrize("query", QUERIES, ids=repr)
def test_one_pass_over_what_has_not_arrived_and_none_for_random(query):
    counting = Counting(width=8)
    list(run(changed(ACTIVE, architecture=counting, stream=Active(query, rounds=4)), TABLES))
    # The evaluation data are shown to the new model, and from round 2 to the previous one, whose churn is counted.
    asked = {1: [67], 2: [44], 3: [22], 4: []}
    expected = [
        count
        for number, left in asked.items()
        for count in [60, *([60] if number > 1 else []), *(left if query.reads_logits else [])]
    ]
    assert counting.shown == expected


@pytest.mark.parametrize("query", [Margin(), Random()], ids=repr)
@pytest.mark.parametrize("strategy", [Cold(), Warm(), ShrinkPerturb()], ids=repr)
@pytest.mark.parametrize("first_recipe", [None, WILD], ids=["good", "diverged"])
def test_resuming_after_any_round_gives_the_same_bits(query, strategy, first_recipe):
    stream = Active(query, rounds=4)
    trial = changed(ACTIVE, stream=stream, strategy=strategy, first_recipe=first_recipe)
    whole = list(run(trial, TABLES))
    assert (whole[0].stop_reason is StopReason.DIVERGED) == (first_recipe is WILD)
    for index, finished in enumerate(whole[:-1]):
        rest = list(run(trial, TABLES, round_state=finished.round_state))
        assert [outcome(r) for r in rest] == [outcome(r) for r in whole[index + 1 :]]
        for one, other in zip(rest, whole[index + 1 :], strict=True):
            assert (one.round_state.seen is None) == (other.round_state.seen is None)
            assert one.round_state.seen is None or torch.equal(one.round_state.seen, other.round_state.seen)
        assert same(state(rest[-1].round_state.model), state(whole[-1].round_state.model))


@dataclass(frozen=True)
class Unasked(Query):
    """A query that nobody may ask."""

    reads_logits: ClassVar[bool] = False

    def __call__(self, logits, count, *, generator):
        raise AssertionError("there is no model that could be asked")


def test_as_long_as_there_is_no_good_model_samples_are_drawn_at_random():
    wild = changed(ACTIVE, recipe=WILD)
    rounds = list(run(changed(wild, stream=Active(Unasked(), rounds=4)), TABLES))
    assert [r.stop_reason for r in rounds] == [StopReason.DIVERGED] * 4
    assert [r.samples_seen for r in rounds] == [23, 46, 68, 90]
    late = changed(ACTIVE, first_recipe=WILD)
    active, passive = (
        run(changed(late, stream=stream), TABLES) for stream in (Active(Unasked(), rounds=4), Growing(rounds=4))
    )
    assert next(active).stop_reason is next(passive).stop_reason is StopReason.DIVERGED
    assert outcome(next(active)) == outcome(next(passive))
    with pytest.raises(AssertionError, match="could be asked"):
        next(active)


def test_the_first_good_model_is_asked_about_all_that_has_not_arrived():
    trial = changed(ACTIVE, first_recipe=WILD)
    _, second, third, _ = run(trial, TABLES)
    parts = planned(trial)
    assert second.round_state.seen is None
    known = torch.cat(parts[:2]).tolist()
    left = set(range(90)) - set(known)
    assert third.round_state.seen[:46].tolist() == known
    expected = wanted(Margin(), second.round_state.model, scaled(parts[0]), left, 22)
    assert set(third.round_state.seen[46:].tolist()) == expected


def test_after_a_late_divergence_the_last_good_model_is_asked():
    first = next(run(ACTIVE, TABLES))
    second = next(run(changed(ACTIVE, recipe=WILD), TABLES, round_state=first.round_state))
    assert second.stop_reason is StopReason.DIVERGED
    assert same(state(second.round_state.model), state(first.round_state.model))
    third = next(run(ACTIVE, TABLES, round_state=second.round_state))
    known = second.round_state.seen.tolist()
    left = set(range(90)) - set(known)
    expected = wanted(Margin(), first.round_state.model, scaled(planned(ACTIVE)[0]), left, 22)
    assert set(third.round_state.seen[46:].tolist()) == expected


def test_a_trial_that_lost_its_first_round_has_still_seen_its_samples():
    second = next(run(ACTIVE, TABLES, round_state=RoundState(round=1)))
    passive = next(run(changed(ACTIVE, stream=Growing(rounds=4)), TABLES, round_state=RoundState(round=1)))
    assert outcome(second) == outcome(passive)
