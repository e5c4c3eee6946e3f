"""The context of a round, made by hand and by a trial."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn

from rounds import TABLES, TRIAL, arrivals, changed, same, state
from warmstart.basics import InputError, copy_model, generator_for
from warmstart.penalties import Penalty
from warmstart.strategies import Cold, RoundContext, Strategy, Warm
from warmstart.streams import Stream
from warmstart.trial import run


@pytest.mark.parametrize("name", ["first", "another", "old", "new"])
def test_what_is_not_given_is_named_when_it_is_asked_for(name):
    arguments = (16,) if name in ("old", "new") else ()
    with pytest.raises(InputError, match=rf"^{name} must be given to a RoundContext .*RoundContext\({name}=...\)"):
        getattr(RoundContext(), name)(*arguments)
    given = RoundContext(**{name: lambda *arguments: arguments})
    assert getattr(given, name)(*arguments) == arguments


def test_by_default_it_is_round_one_with_a_generator_of_its_own():
    one, other = RoundContext(), RoundContext()
    assert (one.round, one.previous) == (1, None)
    assert torch.equal(torch.rand(3, generator=one.generator), torch.rand(3, generator=other.generator))


@pytest.mark.parametrize("number", [0, 1.5, None, True])
def test_rounds_are_counted_from_one(number):
    with pytest.raises(InputError, match="round must be a whole number of at least 1, got "):
        RoundContext(round=number)


def test_from_fresh_draws_copies():
    fresh, previous = nn.Linear(2, 2), nn.Linear(2, 2)
    context = RoundContext.from_fresh(fresh, round=3, seed=5, previous=previous)
    for drawn in (context.first(), context.another()):
        assert drawn is not fresh
        assert same(state(drawn), state(fresh))
    assert (context.round, context.previous) == (3, previous)
    expected = torch.rand(2, generator=generator_for(5, "strategy", 3))
    assert torch.equal(torch.rand(2, generator=context.generator), expected)


@dataclass(frozen=True)
class Noting(Strategy):
    """A strategy with one method, which notes what it sees; also a penalty's view of the same."""

    seen: ClassVar[list] = []

    def __call__(self, previous, fresh, context):
        assert context.previous is previous
        self.seen.append((context, [list(context.old(8)), list(context.new(8)), list(context.new(10**6))], fresh))
        return copy_model(fresh if previous is None else previous)


@dataclass(frozen=True)
class NotingPenalty(Penalty):
    """A penalty that notes its contexts and adds nothing."""

    contexts: ClassVar[list] = []

    def for_round(self, context):
        self.contexts.append(context)

    def __call__(self, model, inputs, labels, logits):
        raise AssertionError("no round has it")


def test_a_trial_gives_strategies_and_penalties_one_context_of_each_round(monkeypatch):
    monkeypatch.setattr(Noting, "seen", [])
    monkeypatch.setattr(NotingPenalty, "contexts", [])
    rounds = list(run(changed(TRIAL, strategy=Noting(), penalty=NotingPenalty()), TABLES))
    assert [context.round for context, *_ in Noting.seen] == [1, 2, 3]
    assert all(one is other for (one, *_), other in zip(Noting.seen, NotingPenalty.contexts, strict=True))
    parts = arrivals(TRIAL.stream, 90)
    known = parts[0]
    inputs = (TABLES.pool.inputs - TABLES.pool.inputs[known].mean(0)) / TABLES.pool.inputs[known].std(0, correction=0)
    for number, (context, (old, new, all_new), fresh) in enumerate(Noting.seen):
        rows = torch.cat([batch for batch, _ in all_new])
        found = {tuple(row) for row in rows.round(decimals=3).tolist()}
        assert found == {tuple(row) for row in inputs[parts[number]].round(decimals=3).tolist()}
        assert sum(len(labels) for _, labels in new) == 8
        assert sum(len(labels) for _, labels in old) == (8 if number else 0)
        first, another = context.first(), context.another()
        assert same(state(first), state(Noting.seen[0][2]))
        assert not same(state(another), state(fresh))
        assert context.previous is (rounds[number - 1].round_state.model if number else None)


def test_samples_are_the_same_however_often_they_are_asked_for(monkeypatch):
    monkeypatch.setattr(Noting, "seen", [])
    list(run(changed(TRIAL, strategy=Noting()), TABLES))
    context, (old, new, _), _ = Noting.seen[-1]
    for first, again in ((old, context.old(8)), (new, context.new(8))):
        assert all(torch.equal(one[0], other[0]) for one, other in zip(first, again, strict=True))


@dataclass(frozen=True)
class Halves(Stream):
    """A stream of one's own: the first half in order, then the rest."""

    def sizes(self, count):
        return [count // 2, count - count // 2]

    def select(self, round, pool, seen, model, generator):
        assert model is None, "it does not read the model"
        half = len(pool) // 2
        return torch.arange(half) if round == 1 else torch.arange(half, len(pool))


def test_a_strategy_and_a_stream_of_ones_own_run_like_built_in_ones(monkeypatch):
    monkeypatch.setattr(Noting, "seen", [])
    own = list(run(changed(TRIAL, strategy=Noting(), stream=Halves()), TABLES))
    warm = list(run(changed(TRIAL, strategy=Warm(), stream=Halves()), TABLES))
    cold = list(run(changed(TRIAL, strategy=Cold(), stream=Halves()), TABLES))
    assert [r.samples_seen for r in own] == [45, 90]
    assert same(state(own[-1].round_state.model), state(warm[-1].round_state.model))
    assert not same(state(own[-1].round_state.model), state(cold[-1].round_state.model))
    assert own[-1].round_state.seen is None
    rest = list(run(changed(TRIAL, strategy=Warm(), stream=Halves()), TABLES, round_state=warm[0].round_state))
    assert same(state(rest[-1].round_state.model), state(warm[-1].round_state.model))


@dataclass(frozen=True)
class Repeating(Halves):
    """A stream that brings the same samples twice."""

    def select(self, round, pool, seen, model, generator):
        return torch.arange(self.sizes(len(pool))[round - 1])


def test_a_stream_of_ones_own_that_repeats_samples_is_refused():
    with pytest.raises(InputError, match=r"Repeating.select must return indices of samples .* in round 2"):
        list(run(changed(TRIAL, stream=Repeating()), TABLES))
