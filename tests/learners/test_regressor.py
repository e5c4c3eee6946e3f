"""The built-in learner for numbers, against a slow literal loop and scikit-learn."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rounds import arrivals, changed, outcome, same, state
from samples import blobs
from warmstart.basics import InputError, derived_seed, generator_for, seeded_globals
from warmstart.diagnostics import Correlation, EvaluationCurve, GradientNorms, ShrinkCurve, When
from warmstart.learners import Regressor, Round
from warmstart.models import MLP, LogisticRegression
from warmstart.penalties import EWC, L2, Adversarial, Confidence, L2Init
from warmstart.strategies import Cold, RoundContext, ShrinkPerturb, Warm
from warmstart.streams import Active, Growing, TwoPhase
from warmstart.training import (
    CROSS_ENTROPY,
    AbsoluteError,
    CarryOver,
    Huber,
    OptimizerState,
    Recipe,
    SquaredError,
    StoppingRule,
    StopReason,
    TensorData,
)
from warmstart.trial import Trial, TrialData, run

STOP = StoppingRule(train_accuracy=None, max_epochs=4, early_stopping="off")
REGRESSOR = Regressor(MLP(width=8), Recipe(learning_rate=0.01, batch_size=16), STOP)
LOSSES = {
    SquaredError(): lambda errors: errors.square(),
    AbsoluteError(): lambda errors: errors.abs(),
    Huber(delta=0.5): lambda errors: torch.where(errors.abs() <= 0.5, errors.square() / 2, 0.5 * (errors.abs() - 0.25)),
}


def numbers(count, *, seed=0, targets=1):
    """Columns of very different scales, and targets in the thousands."""
    inputs = blobs(count, seed=seed).inputs * torch.tensor([1.0, 100.0, 0.01, 1.0]) + torch.tensor(
        [0.0, 5.0, 0.0, -3.0]
    )
    noise = torch.randn(count, targets, generator=generator_for("numbers", seed))
    factors = torch.arange(1.0, 1 + targets)
    found = 1000 * factors * (inputs[:, :1] + inputs[:, 1:2] / 100) + 5000 + 100 * noise
    return TensorData(inputs, found.squeeze(1) if targets == 1 else found)


ONE = TrialData(numbers(90), numbers(60, seed=1))
TWO = TrialData(numbers(90, targets=2), numbers(60, seed=1, targets=2))


def literal(data, loss, *, strategy, seed):
    """Return rmse, mae and predictions of two rounds: a plain loop on columns and targets of variance 1."""
    first, second = arrivals(TwoPhase(), len(data.pool), seed=seed)
    inputs, targets = data.pool.inputs, data.pool.labels.reshape(len(data.pool), -1)
    x_mean, x_deviation = inputs[first].mean(0), inputs[first].std(0, correction=0)
    y_mean, y_deviation = targets[first].mean(0), targets[first].std(0, correction=0)
    x, y = (inputs - x_mean) / x_deviation, (targets - y_mean) / y_deviation
    found, model = [], None
    for number, rows in ((1, first), (2, torch.cat([first, second]))):
        if model is None or strategy is Cold:
            generator = torch.Generator().manual_seed(derived_seed(seed, "fresh", number))
            model = MLP(width=8).build((4,), targets.shape[1], generator=generator)
        optimizer, order = torch.optim.Adam(model.parameters(), lr=0.01), generator_for(seed, "order", number)
        with seeded_globals(order):  # the engine draws a seed for dropout before the first order
            pass
        for _ in range(4):
            for batch in torch.randperm(len(rows), generator=order).tensor_split(-(-len(rows) // 16)):
                errors = model(x[rows[batch]]) - y[rows[batch]]
                optimizer.zero_grad()
                loss(errors).mean().backward()
                optimizer.step()
        with torch.no_grad():
            found.append(model((data.evaluation.inputs - x_mean) / x_deviation) * y_deviation + y_mean)
    return [predicted.double().numpy() for predicted in found]


@pytest.mark.parametrize("strategy", [Cold, Warm], ids=lambda owner: owner.__name__)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("data", [ONE, TWO], ids=["one", "two"])
def test_a_trial_is_a_plain_loop_and_its_scores_those_of_scikit_learn(data, loss, strategy):
    metrics = pytest.importorskip("sklearn.metrics")
    trial = Trial(changed(REGRESSOR, loss=loss), TwoPhase(), strategy(), seed=2)
    truth = data.evaluation.labels.double().reshape(60, -1).numpy()
    for finished, predicted in zip(
        run(trial, data), literal(data, LOSSES[loss], strategy=strategy, seed=2), strict=True
    ):
        scores = finished.scores
        squared = ((predicted - truth) ** 2).mean(1)
        assert scores.values == pytest.approx(squared, rel=1e-3, abs=1.0)
        assert scores.score == pytest.approx(math.sqrt(metrics.mean_squared_error(truth, predicted)), rel=1e-4)
        assert scores.metrics["mae"] == pytest.approx(metrics.mean_absolute_error(truth, predicted), rel=1e-4)
        r2 = metrics.r2_score(truth, predicted, multioutput="uniform_average")
        assert scores.metrics["r2"] == pytest.approx(r2, rel=1e-3)


def test_the_metric_is_rmse_and_lower_is_better():
    scores = next(run(Trial(REGRESSOR), ONE)).scores
    assert (scores.metric.name, scores.metric.unit, scores.metric.higher_is_better) == ("rmse", "", False)
    assert scores.root
    assert list(scores.metrics) == ["mae", "r2"]


def test_only_the_first_arrival_decides_the_scales():
    """What comes later may be anything: the first round does not know."""
    first, _ = arrivals(TwoPhase(), 90)
    inputs, targets = ONE.pool.inputs.clone(), ONE.pool.labels.clone()
    later = torch.ones(90, dtype=torch.bool)
    later[first] = False
    inputs[later], targets[later] = 1e6, -1e6
    trial = Trial(REGRESSOR, TwoPhase())
    plain, other = (
        next(run(trial, TrialData(pool, ONE.evaluation))) for pool in (ONE.pool, TensorData(inputs, targets))
    )
    assert outcome(plain) == outcome(other)


def test_scores_are_in_the_unit_of_the_targets():
    scaled = [
        TrialData(*(TensorData(part.inputs, part.labels * factor + offset) for part in (ONE.pool, ONE.evaluation)))
        for factor, offset in ((1.0, 0.0), (100.0, -7e5))
    ]
    one, other = (next(run(Trial(REGRESSOR, TwoPhase()), data)).scores for data in scaled)
    assert other.score == pytest.approx(100 * one.score, rel=1e-3)
    assert other.metrics["mae"] == pytest.approx(100 * one.metrics["mae"], rel=1e-3)
    assert other.metrics["r2"] == pytest.approx(one.metrics["r2"], rel=1e-3)


def test_constant_columns_and_targets_are_no_division_by_zero():
    inputs = torch.cat([ONE.pool.inputs, torch.ones(90, 1)], 1)
    data = TensorData(inputs, torch.full((90,), 5.0))
    finished = next(run(Trial(REGRESSOR, TwoPhase()), TrialData(data, data)))
    assert finished.scores.is_finite
    assert finished.scores.metrics["r2"] == 0.0
    assert finished.scores.score < 5


def test_a_round_ends_on_a_plateau_of_the_training_loss():
    noise = TensorData(torch.randn(60, 4, generator=generator_for(1)), torch.randn(60, generator=generator_for(2)))
    learner = Regressor(
        LogisticRegression(), Recipe(learning_rate=0.1), StoppingRule(patience=3, max_epochs=400, early_stopping="off")
    )
    finished = next(run(Trial(learner, TwoPhase()), TrialData(noise, noise)))
    assert finished.stop_reason is StopReason.PLATEAU
    scores = [row["train_score"] for row in finished.history]
    best = scores.index(max(scores))
    assert len(scores) == best + 1 + 3
    assert finished.history[0]["train_score"] == pytest.approx(-finished.history[0]["train_loss"])


def test_a_target_is_a_training_score():
    learner = Regressor(MLP(width=16), Recipe(learning_rate=0.01), StoppingRule(train_score=-0.2))
    finished = next(run(Trial(learner, TwoPhase()), ONE))
    assert finished.stop_reason is StopReason.CONVERGED
    assert finished.history[-1]["train_score"] >= -0.2 > finished.history[-2]["train_score"]


def test_the_default_target_of_accuracy_is_none_of_a_regressor():
    assert Regressor(stop=StoppingRule(max_epochs=3)).stop == StoppingRule(train_accuracy=None, max_epochs=3)
    with pytest.raises(InputError, match=r"stop.train_accuracy must be none for Regressor, got 0.5") as caught:
        Regressor(stop=StoppingRule(train_accuracy=0.5))
    assert "\n" not in str(caught.value)


def test_a_round_that_diverges_has_no_score():
    wild = changed(REGRESSOR, recipe=Recipe(optimizer="sgd", learning_rate=1e25))
    finished = next(run(Trial(wild, TwoPhase()), ONE))
    assert (finished.stop_reason, finished.scores) == (StopReason.DIVERGED, None)


@pytest.mark.parametrize("strategy", [Cold(), Warm(), ShrinkPerturb()], ids=["cold", "warm", "shrink-perturb"])
@pytest.mark.parametrize("state_of", list(OptimizerState))
def test_a_resumed_trial_is_the_uninterrupted_one_bit_for_bit(strategy, state_of):
    learner = changed(REGRESSOR, carry_over=CarryOver(optimizer_state=state_of), penalty=L2Init(strength=0.01))
    trial = Trial(learner, Growing(rounds=3), strategy, measurements=(EvaluationCurve(), Correlation()))
    whole = list(run(trial, TWO))
    for done in (1, 2):
        rest = list(run(trial, TWO, round_state=whole[done - 1].round_state))
        assert list(map(outcome, rest)) == list(map(outcome, whole[done:]))
        assert [finished.readings for finished in rest] == [finished.readings for finished in whole[done:]]
        assert same(state(rest[-1].round_state.model), state(whole[-1].round_state.model))


def test_a_source_decides_the_scales_and_trains_the_first_round():
    source = TrialData(numbers(50, seed=4), numbers(20, seed=5))
    found = list(run(Trial(REGRESSOR, TwoPhase(), Warm()), TrialData(ONE.pool, ONE.evaluation, source=source)))
    assert [finished.samples_trained_on for finished in found] == [50, 45, 90]
    # On targets a thousand times as large: the scale is the source's, and so is the first round.
    large = TrialData(*(TensorData(part.inputs, part.labels * 1000) for part in (ONE.pool, ONE.evaluation)))
    other = list(run(Trial(REGRESSOR, TwoPhase(), Warm()), TrialData(large.pool, large.evaluation, source=source)))
    assert outcome(found[0]) == outcome(other[0])
    assert other[1].history[0]["train_loss"] > 1000 * found[1].history[0]["train_loss"]


@pytest.mark.parametrize("penalty", [L2(strength=0.1), L2Init(strength=0.1)], ids=repr)
def test_penalties_on_weights_are_added_to_the_loss(penalty):
    plain, held = (list(run(Trial(changed(REGRESSOR, penalty=one), TwoPhase()), ONE)) for one in (None, penalty))
    assert held[0].history[0]["train_loss"] != plain[0].history[0]["train_loss"]
    context = RoundContext.from_fresh(model := MLP(width=8).build((4,), 1, generator=generator_for(0)), round=1)
    bound = penalty.for_round(context)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.5
    inputs, targets = ONE.pool.batch(torch.arange(8))
    assert bound(model, inputs, targets, model(inputs)).item() > 0


@pytest.mark.parametrize(
    "penalty", [EWC(strength=1.0), Confidence(strength=1.0), Adversarial(strength=1.0, epsilon=0.1)], ids=repr
)
def test_penalties_that_need_classes_are_refused(penalty):
    message = "penalty must be one that numbers as targets allow, such as L2 or L2Init, got "
    with pytest.raises(InputError, match=message + type(penalty).__name__) as caught:
        Regressor(penalty=penalty)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("loss", [CROSS_ENTROPY, "squared", None, F.mse_loss], ids=["classes", "name", "none", "call"])
def test_other_losses_are_refused(loss):
    with pytest.raises(InputError, match=r"loss must be SquaredError\(\), AbsoluteError\(\) or Huber\(\), got"):
        Regressor(loss=loss)


def read(finished, name, when):
    return [reading.value for reading in finished.readings if (reading.name, reading.when) == (name, when)]


def test_curves_are_those_of_the_learners_own_evaluation():
    trial = Trial(REGRESSOR, TwoPhase(), measurements=(EvaluationCurve(), ShrinkCurve(steps=2)))
    for finished in run(trial, TWO):
        assert len(read(finished, "rmse", When.EPOCH)) == 4
        assert read(finished, "rmse", When.EPOCH)[-1] == finished.scores.score
        assert read(finished, "mae", When.EPOCH)[-1] == finished.scores.metrics["mae"]
        assert read(finished, "r2", When.EPOCH)[-1] == finished.scores.metrics["r2"]
        assert read(finished, "shrink 1", When.END) == [finished.scores.score]
        assert {reading.name for reading in finished.readings} == {
            "rmse",
            "mae",
            "r2",
            "shrink 0",
            "shrink 0.5",
            "shrink 1",
        }


def test_a_model_of_zeros_predicts_the_mean_of_the_first_arrival():
    first, _ = arrivals(TwoPhase(), 90)
    finished = next(run(Trial(REGRESSOR, TwoPhase(), measurements=(ShrinkCurve(steps=1),)), ONE))
    errors = ONE.evaluation.labels.double() - ONE.pool.labels[first].double().mean()
    assert read(finished, "shrink 0", When.END) == [pytest.approx(errors.square().mean().sqrt().item(), rel=1e-4)]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_gradient_norms_are_those_of_the_learners_loss(loss):
    trial = Trial(changed(REGRESSOR, loss=loss), TwoPhase(), measurements=(GradientNorms(),))
    first, _ = arrivals(TwoPhase(), 90)
    finished = next(run(trial, TWO))
    model = MLP(width=8).build((4,), 2, generator=torch.Generator().manual_seed(derived_seed(0, "fresh", 1)))
    inputs, targets = TWO.pool.inputs[first], TWO.pool.labels[first]
    x, y = ((part - part.mean(0)) / part.std(0, correction=0) for part in (inputs, targets))
    LOSSES[loss](model(x) - y).mean().backward()
    norm = math.sqrt(sum(parameter.grad.double().square().sum().item() for parameter in model.parameters()))
    assert read(finished, "new gradient", When.START) == [pytest.approx(norm, rel=1e-4)]


def test_correlation_reads_weights_whatever_the_targets_are():
    found = list(run(Trial(REGRESSOR, TwoPhase(), Warm(), measurements=(Correlation(),)), ONE))
    assert 0.5 < read(found[1], "weight correlation", When.END)[0] <= 1


def test_an_active_stream_asks_for_logits_of_classes():
    with pytest.raises(InputError) as caught:
        list(run(Trial(REGRESSOR, Active(rounds=3), Warm()), ONE))
    assert "\n" not in str(caught.value)


def test_a_regressor_trains_without_a_study():
    data = TensorData(torch.linspace(-1, 1, 40).reshape(-1, 1), torch.linspace(-2, 2, 40))
    learner = Regressor(MLP(width=16), Recipe(learning_rate=0.01), StoppingRule(max_epochs=100, early_stopping="off"))
    model = learner.build(data, 0)
    everything = torch.arange(40)
    before = learner.evaluate(model, data).score
    learner.train(model, Round(1, 0, data, everything, everything, RoundContext()))
    assert learner.evaluate(model, data).score < 0.1 < before
    assert isinstance(model, nn.Module)
    assert np.allclose(learner.evaluate(model, data).values, (model(data.inputs)[:, 0] - data.labels).detach() ** 2)
