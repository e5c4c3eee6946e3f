"""Churn between rounds, scores on the next arrival, and baselines, as a trial measures them."""

import copy
import itertools
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from rounds import STILL, TABLES, TRIAL, WILD, InOrder, arrivals, changed, outcome
from samples import blobs
from warmstart.data import LabelledArrays, SampleOrder
from warmstart.learners import Regressor, Scores
from warmstart.models import MLP
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Active, Given, Growing, TimeOrdered, TwoPhase
from warmstart.training import StoppingRule, StopReason, TensorData
from warmstart.trial import Arrays, EvaluateOn, EvaluationSettings, TrainOn, Trial, TrialData, run, split
from warmstart.trial._data import labels_before

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


def in_time(labels, stream, *, holdout=0.25, order=None, evaluate=EvaluateOn.HOLDOUT, test=None):
    """The data of a trial whose samples stand in time order."""
    labels = np.asarray(labels)
    inputs = np.random.default_rng(0).normal(size=(len(labels), 4)).astype(np.float32)
    official = None if test is None else LabelledArrays(inputs[: len(test)], np.asarray(test))
    arrays = Arrays(LabelledArrays(inputs, labels), official, 2, order=order)
    settings = EvaluationSettings(evaluate, holdout)
    return split(arrays, changed(TRIAL, stream=stream), settings, device=torch.device("cpu"))


STEPS = TimeOrdered(arrival_size=40)


@pytest.mark.parametrize(
    ("labels", "score"),
    [
        (np.arange(120) % 2, 0.0),
        (np.ones(120, int), 1.0),
        (np.arange(120) // 30 % 2, 0.95),
    ],
    ids=["alternating", "constant", "blocks"],
)
def test_persistence_is_the_label_before_whether_it_was_held_out_or_not(labels, score):
    data = in_time(labels, STEPS)
    before = np.roll(labels, 1)[np.setdiff1d(np.arange(120), data.order.rows)]
    assert labels_before(data).tolist() == before.tolist()
    for finished in run(changed(TRIAL, stream=STEPS), data):
        found = finished.baselines["persistence"]
        assert found.values.tolist() == (before == data.evaluation.labels.numpy()).tolist()
        assert (found.score >= score) if score else (found.score == 0)
        assert "loss" not in found.metrics


def test_persistence_on_the_next_arrival_begins_with_the_last_label_of_this_one():
    labels = np.repeat([0, 1, 0], 40)
    rounds = list(run(changed(TRIAL, stream=STEPS), data := in_time(labels, STEPS)))
    first = [int(((data.order.rows >= 40 * number) & (data.order.rows < 40 * (number + 1))).sum()) for number in (1, 2)]
    for finished, size in zip(rounds[:-1], first, strict=True):
        found = finished.next_baselines["persistence"]
        assert len(found.values) == size
        assert found.values.sum() >= size - 1
    whole = in_time(labels, STEPS, evaluate=EvaluateOn.TEST, test=[1, 1, 0])
    rounds = list(run(changed(TRIAL, stream=STEPS), whole))
    assert [finished.next_baselines["persistence"].score for finished in rounds[:-1]] == [0.975] * 2


def test_an_official_test_set_comes_after_all_training_samples():
    data = in_time([0, 0, 0, 1, 1, 1, 0, 1] * 10, STEPS, evaluate=EvaluateOn.TEST, test=[1, 0, 0])
    assert labels_before(data).tolist() == [1, 1, 0]
    assert labels_before(data, torch.tensor([3, 0, 4])).tolist() == [0, 0, 1], "nothing is before the first sample"


@pytest.mark.parametrize(
    ("stream", "order", "expected"),
    [
        (STEPS, None, True),
        (STEPS, SampleOrder(groups=np.arange(120) // 5), True),
        (Given([range(60), range(60, 120)]), SampleOrder(in_time=True), True),
        (Given([range(60), range(60, 120)]), None, False),
        (Growing(rounds=3), SampleOrder(in_time=True), False),
    ],
    ids=["time-ordered", "groups", "given in time", "given", "random"],
)
def test_there_is_persistence_where_samples_stand_in_time_order(stream, order, expected):
    data = in_time(np.arange(120) // 10 % 2, stream, order=order)
    for finished in run(changed(TRIAL, stream=stream), data):
        assert ("persistence" in finished.baselines) is expected
        assert ("persistence" in finished.next_baselines) is (expected and finished.next_scores is not None)
    if expected:
        held_out = np.setdiff1d(np.arange(120), data.order.rows)
        assert labels_before(data).tolist() == (np.arange(-1, 119) // 10 % 2)[held_out].tolist()


def test_evaluation_data_that_are_not_what_was_held_out_have_no_place_in_the_order():
    data = in_time(np.arange(120) % 2, STEPS)
    assert labels_before(replace(data, evaluation=data.evaluation.take(torch.arange(3)))) is None
    assert labels_before(replace(data, order=None)) is None


def test_persistence_of_numbers_is_in_their_unit():
    targets = 100 + np.arange(120, dtype=np.float32)
    inputs = np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32)
    trial = Trial(Regressor(MLP(width=8), stop=StoppingRule(None, max_epochs=2)), STEPS)
    arrays = Arrays(LabelledArrays(inputs, targets), LabelledArrays(inputs[:2], np.float32([220, 222])), 0)
    data = split(arrays, trial, EvaluationSettings(EvaluateOn.TEST), device=torch.device("cpu"))
    for finished in run(trial, data):
        assert finished.baselines["persistence"].values.tolist() == pytest.approx([1, 4], rel=1e-3)
        if finished.next_baselines:
            assert finished.next_baselines["persistence"].score == pytest.approx(1, rel=1e-3)


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
