"""The built-in learner for classes: the plain engine, and nothing else."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rounds import TABLES, arrivals, changed, same, state
from samples import blobs, pictures
from warmstart.basics import ACCURACY, InputError, derived_seed, generator_for
from warmstart.learners import Classifier, Round
from warmstart.models import MLP, ResNet18
from warmstart.penalties import EWC, L2
from warmstart.strategies import RoundContext, Warm
from warmstart.streams import TwoPhase
from warmstart.training import (
    CarryOver,
    Normalization,
    OptimizerState,
    Recipe,
    StoppingRule,
    TensorData,
    evaluate,
    fit,
)
from warmstart.trial import Trial, run

STOP = StoppingRule(train_accuracy=None, max_epochs=3, early_stopping="off")
CLASSIFIER = Classifier(MLP(width=8), Recipe(learning_rate=0.01, batch_size=16), STOP)


def standalone(learner, data, seed=0, number=1, **options):
    """Build and train a model as somebody does who has no study."""
    model = learner.build(data, seed)
    everything = torch.arange(len(data))
    round = Round(number, seed, data, everything, everything, RoundContext(round=number), **options)
    learner.train(model, round)
    return model, round


@pytest.mark.parametrize("penalty", [None, L2(strength=0.01)], ids=repr)
@pytest.mark.parametrize("data", [blobs(60), pictures(40)], ids=["table", "images"])
def test_training_is_the_plain_engine(data, penalty):
    learner = changed(CLASSIFIER, penalty=penalty)
    model, round = standalone(learner, data, seed=3)
    by_hand = MLP(width=8).build(data.sample_shape, data.classes, generator=torch.Generator().manual_seed(3))
    result = fit(
        by_hand, data, recipe=learner.recipe, stop=STOP, generator=generator_for(3, "order", 1), penalty=penalty
    )
    assert same(state(model), state(by_hand))
    assert [row["train_loss"] for row in round.history] == [report.train_loss for report in result.history]
    assert [row["train_score"] for row in round.history] == [report.train_score for report in result.history]
    assert round.counts["steps"] == result.cost.steps
    assert round.counts["samples"] == result.cost.samples
    assert round.counts.get("flops") == result.cost.flops
    assert round.stop_reason is result.stop_reason


def test_a_trial_is_the_plain_engine_on_columns_of_variance_one():
    trial = Trial(CLASSIFIER, TwoPhase(), Warm(), seed=2)
    found = list(run(trial, TABLES))
    first, second = arrivals(TwoPhase(), len(TABLES.pool), seed=2)
    known = TABLES.pool.inputs[first].double()
    mean, deviation = known.mean(0), known.std(0, correction=0)

    def scaled(part):
        return TensorData(((part.inputs.double() - mean) / deviation).float(), part.labels).of_classes(3)

    pool, held_out = scaled(TABLES.pool), scaled(TABLES.evaluation)
    seed = derived_seed(2, "fresh", 1)
    model = MLP(width=8).build((4,), 3, generator=torch.Generator().manual_seed(seed))
    for number, rows in ((1, first), (2, torch.cat([first, second]))):
        generator = generator_for(2, "order", number)
        fit(model, pool.take(rows), recipe=CLASSIFIER.recipe, stop=STOP, generator=generator)
        by_hand, scores = evaluate(model, held_out), found[number - 1].scores
        # The columns are scaled in another order of operations.
        assert scores.score == pytest.approx(by_hand.accuracy, abs=0.02)
        assert scores.metrics["loss"] == pytest.approx(by_hand.loss, rel=1e-4)


def test_scores_are_one_per_sample_and_those_of_evaluate():
    data = blobs(50)
    model, _ = standalone(CLASSIFIER, data)
    scores, by_hand = CLASSIFIER.evaluate(model, data), evaluate(model, data)
    with torch.no_grad():
        logits = model(data.inputs)
    assert scores.metric == ACCURACY
    assert (scores.values == (logits.argmax(1) == data.labels).numpy().astype(float)).all()
    assert (scores.score, scores.metrics["loss"]) == (by_hand.accuracy, by_hand.loss)
    assert scores.metrics["loss"] == pytest.approx(F.cross_entropy(logits, data.labels).item(), rel=1e-6)


def test_a_learner_has_as_many_outputs_as_there_are_classes():
    few = blobs(60).take(torch.tensor([0, 3, 6]))
    assert few.of_classes(3).classes == 3
    assert CLASSIFIER.build(few.of_classes(3), 0)[-1].out_features == 3
    assert CLASSIFIER.outputs(few.of_classes(7)) == 7


def test_an_own_architecture_and_an_image_model_are_trained_too():
    images = pictures(40)
    model, round = standalone(Classifier(ResNet18(width=2), stop=STOP), images)
    assert len(round.history) == 3
    assert len(Classifier().evaluate(model, images).values) == 40


def test_the_state_of_the_optimizer_is_kept_where_that_is_asked():
    keeping = changed(CLASSIFIER, carry_over=CarryOver(optimizer_state=OptimizerState.KEEP))
    data = blobs(60)
    assert standalone(CLASSIFIER, data)[1].optimizer_state is None
    model, round = standalone(keeping, data)
    assert round.optimizer_state["state"]
    everything = torch.arange(60)
    second = Round(2, 0, data, everything, everything, RoundContext(), optimizer_state=round.optimizer_state)
    other = MLP(width=8).build((4,), 3, generator=torch.Generator().manual_seed(0))
    other.load_state_dict(model.state_dict())
    keeping.train(model, second)
    third = Round(2, 0, data, everything, everything, RoundContext())
    keeping.train(other, third)
    assert not same(state(model), state(other)), "momentum of the round before counts"


def test_statistics_are_recalibrated_where_that_is_asked():
    images = pictures(40)
    models = {
        kind: standalone(Classifier(ResNet18(width=2), stop=STOP, carry_over=CarryOver(kind)), images)[0]
        for kind in (Normalization.KEEP, Normalization.RECALIBRATE)
    }
    weights, buffers = (
        [dict(getattr(model, of)()) for model in models.values()] for of in ("named_parameters", "named_buffers")
    )
    assert same(*weights)
    assert not same(*buffers)


def test_the_model_and_the_global_generators_are_left_to_their_owner(untouched_globals):
    model, _ = standalone(CLASSIFIER, blobs(60))
    assert isinstance(model, nn.Module)
    assert model.training


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": nn.Linear(1, 1)}, "architecture must be of class Architecture"),
        ({"recipe": {"learning_rate": 1}}, "recipe must be of class Recipe"),
        ({"stop": 3}, "stop must be of class StoppingRule, got 3"),
        ({"carry_over": "keep"}, "carry_over must be of class CarryOver"),
        ({"penalty": "l2"}, "penalty must be of class Penalty or None"),
    ],
)
def test_options_of_another_class_are_refused(options, message):
    with pytest.raises(InputError, match=message) as caught:
        Classifier(**options)
    assert "\n" not in str(caught.value)


def test_a_penalty_that_looks_back_begins_with_the_second_round():
    learner = changed(CLASSIFIER, penalty=EWC(strength=10.0))
    plain, held = (list(run(Trial(one, TwoPhase(), Warm()), TABLES)) for one in (CLASSIFIER, learner))
    assert plain[0].history == held[0].history
    assert plain[1].history != held[1].history


def test_labels_are_needed():
    numbers = TensorData(torch.ones(8, 4), torch.linspace(0, 1, 8)).of_classes(2)
    with pytest.raises(InputError, match="labels must be whole numbers") as caught:
        standalone(CLASSIFIER, numbers)
    assert "\n" not in str(caught.value)


def test_a_column_far_outside_of_the_first_arrivals_scale_does_not_rule_over_the_others():
    draw = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    days = (
        torch.arange(400) * 1e-3
    )  # of the first rows a narrow range, of which the last are hundreds of deviations off
    inputs = torch.stack([days, draw[:, 0]], 1)
    data = TensorData(inputs, (draw[:, 0] > 0).long())
    known, rest = data.take(torch.arange(4)), data.take(torch.arange(4, 400))
    learner = Classifier(MLP(width=16), Recipe(learning_rate=0.01, batch_size=64), STOP)
    (scaled,) = learner.prepared([rest], known)
    inputs, _ = scaled.batch(torch.arange(len(rest)))
    assert inputs[:, 0].diff().min() > 0
    assert inputs[:, 0].max() == pytest.approx(5 + math.log(((399 - 1.5) / 1.25**0.5) / 5), rel=1e-4)
