"""Churn between rounds, scores on the next arrival, and baselines, as a trial measures them."""

import copy
import itertools
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from rounds import STILL, TABLES, TRIAL, WILD, InOrder, arrivals, changed, outcome
from samples import blobs
from warmstart.learners import Regressor, Scores
from warmstart.models import MLP
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Active, Growing, TwoPhase
from warmstart.training import StoppingRule, StopReason, TensorData
from warmstart.trial import TrainOn, Trial, TrialData, run

pytestmark = pytest.mark.usefixtures("untouched_globals")


@dataclass(frozen=True)
class Asking(InOrder):
    """The same, but it says that it reads the model."""

    reads_model: ClassVar[bool] = True


IN_ORDER = changed(TRIAL, stream=InOrder(), strategy=Warm())


def scaled(data, part, first=30):
    """A part of the data on the scale of the first arrival in order."""
    known = data.pool.inputs[:first]
    return (part.inputs - known.mean(0)) / known.std(0, correction=0)


def predicted(model, inputs):
    with torch.no_grad():
        return copy.deepcopy(model).eval()(inputs).argmax(1)


@pytest.mark.parametrize("strategy", [Cold(), Warm(), ShrinkPerturb()], ids=repr)
def test_churn_compares_the_models_of_two_rounds_on_the_evaluation_data(strategy):
    rounds = list(run(changed(IN_ORDER, strategy=strategy), TABLES))
    inputs, labels = scaled(TABLES, TABLES.evaluation), TABLES.evaluation.labels
    found = [predicted(finished.round_state.model, inputs) for finished in rounds]
    assert (rounds[0].churn, rounds[0].negative_flips) == (None, None)
    for finished, before, after in zip(rounds[1:], found[:-1], found[1:], strict=True):
        assert finished.churn == pytest.approx((before != after).double().mean().item())
        flips = (before == labels) & (after != labels)
        assert finished.negative_flips == pytest.approx(flips.double().mean().item())
        assert finished.negative_flips <= finished.churn
    assert any(finished.churn for finished in rounds[1:])


@pytest.mark.parametrize("strategy", [Cold(), Warm()], ids=repr)
def test_where_weights_do_not_move_a_warm_start_has_no_churn(strategy):
    _, *rounds = run(changed(TRIAL, strategy=strategy, recipe=STILL), TABLES)
    assert [finished.churn == 0 for finished in rounds] == [isinstance(strategy, Warm)] * 2


@pytest.mark.parametrize("stream", [Growing(rounds=3), InOrder(), Active(rounds=3)], ids=repr)
def test_a_resumed_trial_measures_the_same(stream):
    trial = changed(TRIAL, strategy=Warm(), stream=stream)
    whole = list(run(trial, TABLES))
    for index, finished in enumerate(whole):
        rest = list(run(trial, TABLES, round_state=copy.deepcopy(finished.round_state)))
        assert [outcome(again) for again in rest] == [outcome(other) for other in whole[index + 1 :]]
    assert None not in [finished.churn for finished in whole[1:]]


def test_after_a_divergence_churn_is_against_the_last_good_model():
    broken = changed(TRIAL, strategy=Warm(), recipe=WILD, first_recipe=TRIAL.learner.recipe)
    first, *rest = run(broken, TABLES)
    assert [finished.stop_reason for finished in rest] == [StopReason.DIVERGED] * 2
    for finished in rest:
        assert (finished.churn, finished.negative_flips, finished.next_scores) == (None, None, None)
        assert finished.baselines["majority"].score == pytest.approx(1 / 3, abs=0.1)
    (again,) = list(run(changed(TRIAL, strategy=Warm()), TABLES, round_state=rest[0].round_state))
    inputs = scaled_by(arrivals(TRIAL.stream, 90)[0])
    before, after = (predicted(finished.round_state.model, inputs) for finished in (first, again))
    assert again.churn == pytest.approx((before != after).double().mean().item())


def scaled_by(rows):
    known = TABLES.pool.inputs[rows]
    return (TABLES.evaluation.inputs - known.mean(0)) / known.std(0, correction=0)


@pytest.mark.parametrize(("classes", "has_churn"), [(3, True), (4, False)])
def test_a_source_is_compared_where_its_model_has_the_same_outputs(classes, has_churn):
    pool, evaluation = (blobs(60, seed=seed, classes=classes) for seed in (5, 6))
    data = changed(TABLES, source=TrialData(pool, evaluation, classes=classes))
    rounds = list(run(IN_ORDER, data))
    assert [finished.churn is not None for finished in rounds] == [False, has_churn, True, True]
    assert [finished.next_scores is not None for finished in rounds] == [has_churn, True, True, False]
    assert [len(finished.baselines["majority"].values) for finished in rounds] == [60, 60, 60, 60]
    if has_churn:
        known = pool.inputs
        inputs = (TABLES.pool.inputs[:30] - known.mean(0)) / known.std(0, correction=0)
        right = predicted(rounds[0].round_state.model, inputs) == TABLES.pool.labels[:30]
        assert rounds[0].next_scores.score == pytest.approx(right.double().mean().item())


# The next arrival.


@pytest.mark.parametrize("train_on", TrainOn)
def test_each_round_is_scored_on_the_next_arrival_before_it_is_trained_on(train_on):
    rounds = list(run(changed(IN_ORDER, train_on=train_on), TABLES))
    assert rounds[-1].next_scores is None
    assert rounds[-1].next_baselines == {}
    for number, finished in enumerate(rounds[:-1], 1):
        rows = torch.arange(30 * number, 30 * (number + 1))
        inputs, labels = scaled(TABLES, TABLES.pool)[rows], TABLES.pool.labels[rows]
        right = predicted(finished.round_state.model, inputs) == labels
        assert finished.next_scores.values.tolist() == right.double().tolist()
        assert list(finished.next_baselines) == ["majority"]
        assert len(finished.next_baselines["majority"].values) == 30


@pytest.mark.parametrize("stream", [Growing(rounds=3), TwoPhase(), Active(rounds=3), Asking()], ids=repr)
def test_arrivals_at_random_or_picked_by_the_model_are_not_scored_beforehand(stream):
    for finished in run(changed(TRIAL, stream=stream), TABLES):
        assert finished.next_scores is None
        assert finished.next_baselines == {}


def test_what_is_measured_changes_nothing_and_is_no_training_time():
    plain = list(run(changed(IN_ORDER, stream=Unordered()), TABLES))
    for one, other in zip(run(IN_ORDER, TABLES), plain, strict=True):
        assert (one.history, one.counts, one.scores.score, one.churn) == (
            other.history,
            other.counts,
            other.scores.score,
            other.churn,
        )


@dataclass(frozen=True)
class Unordered(InOrder):
    """The same arrivals, of which nobody says that they stand in time order."""

    keeps_order: ClassVar[bool] = False


# Baselines.


def test_the_majority_is_that_of_what_the_round_trained_on():
    labels = torch.tensor([0] * 30 + [1] * 30 + [2] * 30)
    pool = TensorData(TABLES.pool.inputs, labels)
    seen, arrived = (
        list(run(changed(IN_ORDER, train_on=train_on), TrialData(pool, TABLES.evaluation, classes=3)))
        for train_on in (TrainOn.SEEN, TrainOn.ARRIVAL)
    )
    for number in range(3):
        found = arrived[number].baselines["majority"]
        assert found.recalls == {each: float(each == number) for each in range(3)}
    assert [finished.next_baselines["majority"].score for finished in arrived[:-1]] == [0.0, 0.0]
    # In log loss it is the shares that count: after the third round they are those of the evaluation data.
    assert seen[2].baselines["majority"].metrics["loss"] == pytest.approx(torch.tensor(3.0).log().item())


@pytest.mark.parametrize("strategy", [Cold(), Warm()], ids=repr)
def test_baselines_do_not_depend_on_the_strategy(strategy):
    expected = [
        {name: scores.by_name for name, scores in finished.baselines.items()}
        for finished in run(changed(TRIAL, strategy=ShrinkPerturb()), TABLES)
    ]
    for finished, baselines in zip(run(changed(TRIAL, strategy=strategy), TABLES), expected, strict=True):
        assert {name: scores.by_name for name, scores in finished.baselines.items()} == baselines


def test_the_mean_of_a_regressions_targets_is_in_their_unit():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(90, 4, generator=generator)
    data = TensorData(inputs, 100 + 10 * inputs[:, 0])
    stop = StoppingRule(None, max_epochs=2)
    trial = Trial(Regressor(MLP(width=8), stop=stop), InOrder())
    for number, finished in enumerate(run(trial, TrialData(data, data)), 1):
        mean = data.labels[: 30 * number].mean()
        assert list(finished.baselines) == ["mean"]
        assert finished.baselines["mean"].score == pytest.approx(
            (data.labels - mean).square().mean().sqrt().item(), rel=1e-4
        )
        assert (finished.churn, finished.negative_flips) == (None, None)


# Learners of the user's own.


class Own:
    """A linear classifier; parts of it are replaced by tests."""

    def build(self, data, seed):
        return nn.Linear(4, 3)

    def train(self, model, round):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        inputs, labels = (torch.stack(part) for part in zip(*round.data, strict=True))
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()

    def evaluate(self, model, data):
        inputs, labels = (torch.stack(part) for part in zip(*data, strict=True))
        found = model(inputs).argmax(1)
        return Scores((found == labels).double(), **({"predictions": found} if self.predicts else {}))

    predicts = True


def own(**parts):
    return type("Changed", (Own,), parts)()


SETS = TrialData(*(TensorDataset(part.inputs, part.labels) for part in (TABLES.pool, TABLES.evaluation)))


def test_a_learner_of_the_users_own_has_churn_where_it_returns_predictions():
    rounds = list(run(Trial(Own(), InOrder(), Warm()), SETS))
    found = [predicted(finished.round_state.model, TABLES.evaluation.inputs) for finished in rounds]
    expected = [(one != other).double().mean().item() for one, other in itertools.pairwise(found)]
    assert [finished.churn for finished in rounds] == [None, *map(pytest.approx, expected)]
    assert [finished.next_scores is None for finished in rounds] == [False, False, True]
    assert [finished.baselines for finished in rounds] == [{}] * 3


def test_a_learner_without_predictions_is_asked_to_evaluate_no_more_often_than_before():
    calls = []

    def evaluate(self, model, data):
        calls.append(len(data))
        return Own.evaluate(self, model, data)

    rounds = list(run(Trial(own(evaluate=evaluate, predicts=False), Growing(rounds=3), Warm()), SETS))
    assert calls == [60] * 3
    assert [finished.churn for finished in rounds] == [None] * 3


def test_baselines_of_an_own_learner_are_asked_for_in_every_round():
    def baselines(self, training, data):
        share = sum(int(label) == 0 for _, label in training) / len(training)
        return {"constant": Scores([share] * len(data))}

    rounds = list(run(Trial(own(baselines=baselines), InOrder(), Warm()), SETS))
    assert [finished.baselines["constant"].score for finished in rounds] == [pytest.approx(1 / 3)] * 3
    assert [len(finished.next_baselines.get("constant", Scores([0])).values) for finished in rounds] == [30, 30, 1]
