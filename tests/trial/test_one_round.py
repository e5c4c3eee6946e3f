"""One round by itself: the code of a trial's round, on data that the caller has chosen."""

from dataclasses import replace

import pytest
import torch

import warmstart.learners._tensor_learner as engine
from rounds import TABLES, TRIAL, InOrder, changed, outcome, same, state
from samples import blobs
from warmstart.basics import InputError
from warmstart.learners import Scores
from warmstart.penalties import EWC
from warmstart.strategies import Warm
from warmstart.training import CarryOver, OptimizerState, StoppingRule, StopReason
from warmstart.trial import RoundPlan, RoundState, TrainOn, Trial, TrialData, run, run_round, taken

EARLY = StoppingRule(validation_patience=3, max_epochs=6, early_stopping="on", validation=0.25)


def plan(arrival, seen, data=TABLES, **options):
    old = taken(data.pool, seen) if len(seen) else None
    return RoundPlan(data, arrival, seen, old, len(seen) + len(arrival), **options)


def by_hand(trial, data=TABLES, sizes=(30, 60, 90), **options):
    """The rounds of a trial whose arrivals are these parts of the pool, each called by itself."""
    held, found = RoundState(), []
    for number, (start, end) in enumerate(zip((0, *sizes), sizes, strict=False), 1):
        upcoming = {} if end == sizes[-1] else {"next": taken(data.pool, torch.arange(end, end + 30))}
        of_round = plan(torch.arange(start, end), torch.arange(start), data, **upcoming, **options)
        found.append(run_round(trial, of_round, held, number))
        held = found[-1].round_state
    return found


@pytest.mark.parametrize("train_on", list(TrainOn))
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strategy": Warm(), "carry_over": CarryOver(optimizer_state=OptimizerState.KEEP)},
        {"strategy": Warm(), "penalty": EWC(strength=2.0)},
    ],
    ids=["cold", "optimizer", "penalty"],
)
def test_rounds_called_one_by_one_are_those_of_a_trial(options, train_on):
    # Without a scale to estimate, the data are what a trial makes of them.
    trial = changed(TRIAL, stream=InOrder(), train_on=train_on, **options)
    bare = replace(TABLES, scale=False)
    whole = list(run(trial, bare))
    alone = by_hand(trial, bare)
    assert [outcome(one) for one in alone] == [outcome(one) for one in whole]
    assert same(state(alone[-1].round_state.model), state(whole[-1].round_state.model))


def test_its_stream_is_not_read():
    trial = changed(TRIAL, stream=InOrder(rounds=9), seed=2)
    assert outcome(by_hand(trial)[1]) == outcome(by_hand(replace(trial, stream=InOrder(2)))[1])


def test_reports_carry_the_number_of_the_round():
    heard = []
    of_round = plan(torch.arange(90), torch.arange(0))
    run_round(TRIAL, of_round, RoundState(), 7, on_report=lambda number, values: heard.append((number, values)))
    assert heard
    assert {number for number, _ in heard} == {7}


@pytest.fixture
def parts(monkeypatch):
    """What was trained on and what was held apart, as the engine got them."""
    found, fitting = [], engine.fitting

    def noting(model, data, **options):
        found.append((data, options["validation"]))
        return fitting(model, data, **options)

    monkeypatch.setattr(engine, "fitting", noting)
    return found


def test_what_is_held_apart_is_what_the_plan_says(parts):
    mask = torch.arange(90) % 5 == 1
    trial = changed(TRIAL, stop=EARLY)
    of_round = plan(torch.arange(60, 90), torch.arange(60), validation=mask, earlier=(10, 20))
    result = run_round(trial, of_round, RoundState(), 1)
    (fitted, held) = parts[0]
    assert torch.equal(held.inputs, TABLES.pool.inputs[mask])
    assert torch.equal(fitted.inputs, TABLES.pool.inputs[~mask])
    assert (result.notes, result.samples_trained_on) == ((), 90)


def test_a_mask_is_over_the_samples_trained_on_in_their_order(parts):
    mask = torch.arange(30) < 10
    trial = changed(TRIAL, stop=EARLY, train_on=TrainOn.ARRIVAL)
    run_round(trial, plan(torch.arange(60, 90), torch.arange(60), validation=mask), RoundState(), 1)
    assert torch.equal(parts[0][1].inputs, TABLES.pool.inputs[60:70])


def test_without_early_stopping_a_mask_changes_nothing():
    of_round = plan(torch.arange(90), torch.arange(0))
    masked = replace(of_round, validation=torch.arange(90) % 2 == 0)
    found = [outcome(run_round(TRIAL, one, RoundState(), 1)) for one in (of_round, masked)]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("count", "apart"),
    [(19, range(5)), (90, range(0)), (90, range(90)), (90, range(89))],
    ids=["few", "none", "all", "all but one"],
)
def test_where_a_part_is_too_small_the_round_is_plain_and_says_so(count, apart, parts):
    mask = torch.zeros(count, dtype=torch.bool)
    mask[list(apart)] = True
    result = run_round(
        changed(TRIAL, stop=EARLY), plan(torch.arange(count), torch.arange(0), validation=mask), RoundState(), 1
    )
    assert (len(parts[0][0]), parts[0][1]) == (count, None)
    assert result.notes == (
        f"The round's {count} samples are too few to hold a validation part apart, so it ends by its training score.",
    )


@pytest.mark.parametrize("mask", [torch.arange(90), torch.zeros(30, dtype=torch.bool)], ids=["indices", "short"])
def test_a_mask_of_other_samples_is_refused(mask):
    with pytest.raises(InputError, match=r"mask over the 90 samples trained on, bool of shape \(90,\), got torch"):
        run_round(TRIAL, plan(torch.arange(90), torch.arange(0), validation=mask), RoundState(), 1)


class Reading:
    """A learner of the user's own that reads which samples it is to hold apart."""

    def build(self, data, seed):
        return torch.nn.Linear(2, 3)

    def train(self, model, round):
        round.notes.append(f"{0 if round.validation is None else int(round.validation.sum())} held apart")

    def evaluate(self, model, data):
        return Scores(torch.ones(len(data)))


@pytest.mark.parametrize("mask", [None, torch.arange(90) % 3 == 0])
def test_a_learner_of_your_own_can_read_the_mask(mask):
    data = TrialData(blobs(90), blobs(20, seed=1), classes=3)
    result = run_round(
        Trial(Reading()), plan(torch.arange(90), torch.arange(0), data, validation=mask), RoundState(), 1
    )
    assert result.notes == (f"{0 if mask is None else 30} held apart",)


def test_a_round_that_diverges_passes_on_what_it_got():
    class Broken(Reading):
        def evaluate(self, model, data):
            return Scores(torch.full((len(data),), float("nan")))

    held = RoundState(3, torch.nn.Linear(2, 3))
    result = run_round(Trial(Broken()), plan(torch.arange(60, 90), torch.arange(60)), held, 4)
    assert (result.stop_reason, result.scores) == (StopReason.DIVERGED, None)
    assert (result.round_state.round, result.round_state.model) == (4, held.model)
