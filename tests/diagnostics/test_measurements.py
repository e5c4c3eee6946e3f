"""Measurements: what they read, and that training does not notice."""

import copy
import inspect
import math
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rounds import arrivals, changed
from samples import blobs, pictures
from warmstart import diagnostics
from warmstart.basics import InputError, generator_for, seeded_globals
from warmstart.diagnostics import (
    Correlation,
    EvaluationCurve,
    GradientNorms,
    Measurement,
    ShrinkCurve,
    When,
)
from warmstart.learners import Classifier
from warmstart.models import MLP, Architecture, ResNet18
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Growing, TwoPhase
from warmstart.training import (
    CarryOver,
    Normalization,
    OptimizerKind,
    Recipe,
    StoppingRule,
    StopReason,
    TensorData,
    evaluate,
)
from warmstart.trial import Trial, TrialData, run

pytestmark = pytest.mark.usefixtures("untouched_globals")

IMAGES = TrialData(pictures(60), pictures(40, seed=1), classes=2)
TABLES = TrialData(blobs(90), blobs(60, seed=1), classes=3)
TRIAL = Trial(
    Classifier(
        MLP(width=8), Recipe(learning_rate=0.01, batch_size=16), StoppingRule(train_accuracy=None, max_epochs=3)
    ),
    TwoPhase(),
    Warm(),
)
STILL = Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e-30, batch_size=16)
MEASUREMENTS = (Correlation(), EvaluationCurve(), GradientNorms(samples=16), ShrinkCurve(steps=4, recalibrate=True))


@dataclass(frozen=True)
class Dropping(Architecture):
    """A model that draws random numbers in every step."""

    def build(self, input_shape, classes, *, generator):
        with seeded_globals(generator):
            return nn.Sequential(
                nn.Flatten(), nn.Linear(math.prod(input_shape), 8), nn.Dropout(), nn.Linear(8, classes)
            )


@dataclass(frozen=True)
class Noting(Measurement):
    """Notes every moment, and returns the readings given to it."""

    values: dict = field(default_factory=dict)
    moments: list = field(default_factory=list)

    def __call__(self, moment):
        self.moments.append(moment)
        return self.values


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def numbers(model):
    return np.concatenate([parameter.detach().double().numpy().ravel() for parameter in model.parameters()])


def is_matrix(model):
    """Which of these numbers stand in a matrix or a kernel."""
    return np.concatenate([np.full(p.numel(), p.ndim >= 2) for p in model.parameters()])


def read(finished, when=None):
    """Return the values of a round by name, in order."""
    found = {}
    for reading in finished.readings:
        if when is None or reading.when is when:
            found.setdefault(reading.name, []).append(reading.value)
    return found


def test_every_exported_measurement_is_tested():
    exported = {
        value for value in vars(diagnostics).values() if inspect.isclass(value) and issubclass(value, Measurement)
    }
    assert exported - {Measurement} == {type(measurement) for measurement in MEASUREMENTS}


@pytest.mark.parametrize("architecture", [ResNet18(width=2), Dropping()], ids=["batchnorm", "dropout"])
def test_training_does_not_notice(architecture):
    # Kept statistics would show it if a measurement had passed data through the model itself.
    trial = changed(TRIAL, architecture=architecture, carry_over=CarryOver(Normalization.KEEP))
    trial = changed(trial, recipe=changed(TRIAL.learner.recipe, step_noise=1e-3))
    plain, measured = (list(run(changed(trial, measurements=given), IMAGES)) for given in ((), MEASUREMENTS))
    for one, other in zip(plain, measured, strict=True):
        assert (one.history, one.scores.score, one.scores.metrics) == (
            other.history,
            other.scores.score,
            other.scores.metrics,
        )
        assert one.counts == other.counts
        expected = state(one.round_state.model)
        assert all(torch.equal(value, expected[name]) for name, value in state(other.round_state.model).items())
    assert all(not one.readings and other.readings for one, other in zip(plain, measured, strict=True))


def test_a_resumed_round_is_read_alike():
    trial = changed(TRIAL, measurements=MEASUREMENTS)
    first, second = run(trial, TABLES)
    (again,) = run(trial, TABLES, round_state=first.round_state)
    assert second.readings == again.readings


def test_measurements_do_not_disturb_each_other():
    together = next(run(changed(TRIAL, measurements=MEASUREMENTS), TABLES)).readings
    alone = [reading for p in MEASUREMENTS for reading in next(run(changed(TRIAL, measurements=(p,)), TABLES)).readings]
    assert sorted(together, key=repr) == sorted(alone, key=repr)


@pytest.mark.parametrize("architecture", [MLP(width=8), ResNet18(width=2)], ids=["mlp", "batchnorm"])
def test_gradient_norms_at_the_start_are_those_of_autograd_in_training_mode(architecture):
    first, second = run(changed(TRIAL, architecture=architecture, measurements=(GradientNorms(),)), IMAGES)
    model = copy.deepcopy(first.round_state.model).train()
    for name, part in zip(("old gradient", "new gradient"), arrivals(TRIAL.stream, 60), strict=True):
        inputs, labels = IMAGES.pool.batch(part)
        gradients = torch.autograd.grad(F.cross_entropy(model(inputs), labels), list(model.parameters()))
        expected = math.sqrt(sum(float(gradient.double().square().sum()) for gradient in gradients))
        assert read(second, When.START)[name] == [pytest.approx(expected, rel=1e-4)]


def test_both_averages_of_gradients_and_both_shrink_curves_can_be_measured_in_one_study():
    both = (GradientNorms(), GradientNorms(average="norms", batch_size=10), ShrinkCurve(1), ShrinkCurve(1, True))
    _, second = run(changed(TRIAL, architecture=ResNet18(width=2), measurements=both), IMAGES)
    found = read(second)
    assert set(found) == {
        *(f"{part} {kind}" for part in ("old", "new") for kind in ("gradient", "batch gradient")),
        *(f"{kind} {factor}" for factor in (0, 1) for kind in ("shrink", "recalibrated shrink")),
    }
    # Samples of a batch cancel one another less than all samples do.
    assert found["old batch gradient"][0] > found["old gradient"][0]


def test_without_earlier_data_there_is_only_the_new_gradient():
    first, second = run(changed(TRIAL, measurements=(GradientNorms(),)), IMAGES)
    assert set(read(first)) == {"new gradient"}
    assert set(read(second)) == {"old gradient", "new gradient"}


def test_gradient_norms_are_of_the_same_samples_at_every_moment():
    # No step moves the weights: what would differ is the samples.
    trial = changed(TRIAL, recipe=STILL)
    few, of_all = (
        [read(finished) for finished in run(changed(trial, measurements=(measurement,)), IMAGES)]
        for measurement in (GradientNorms(samples=5), GradientNorms())
    )
    for readings in (*few, *of_all):
        for values in readings.values():
            assert (len(values), len(set(values))) == (1 + 3, 1)
    assert few[1]["new gradient"] != of_all[1]["new gradient"], "five samples are not all of them"


@pytest.mark.parametrize("measurement", [GradientNorms(every=2), EvaluationCurve(every=2)], ids=repr)
def test_curves_are_measured_as_often_as_asked(measurement):
    trial = changed(TRIAL, stop=StoppingRule(None, max_epochs=5), measurements=(measurement,))
    steps = len(arrivals(trial.stream, 60)[0]) // 16 + 1
    found = [(reading.when, reading.epoch, reading.steps) for reading in next(run(trial, IMAGES)).readings]
    epochs = [(When.EPOCH, epoch, epoch * steps) for epoch in (2, 4)]
    at_start = [(When.START, 0, 0)] if isinstance(measurement, GradientNorms) else []
    assert list(dict.fromkeys(found)) == at_start + epochs


@pytest.mark.parametrize("strategy", [Cold(), Warm(), ShrinkPerturb(0.5, 0.2)], ids=repr)
def test_correlation_and_norms_are_numpys_on_the_stored_weights(strategy):
    first, second = run(changed(TRIAL, strategy=strategy, measurements=(Correlation(),)), TABLES)
    fresh, end = (
        TRIAL.learner.architecture.build((4,), 3, generator=generator_for(0, "fresh", 2)),
        second.round_state.model,
    )
    starts = {Cold: numbers(fresh), Warm: numbers(first.round_state.model)}
    start = starts.get(type(strategy), 0.5 * numbers(first.round_state.model) + 0.2 * numbers(fresh))
    expected = {
        "weight correlation": np.corrcoef(start[is_matrix(end)], numbers(end)[is_matrix(end)])[0, 1],
        "fresh norm": np.linalg.norm(numbers(fresh)),
        "start norm": np.linalg.norm(start),
        "end norm": np.linalg.norm(numbers(end)),
    }
    assert read(second) == {name: [pytest.approx(value, rel=1e-5)] for name, value in expected.items()}
    assert {(reading.when, reading.epoch) for reading in second.readings} == {(When.END, 3)}


def test_shrinking_relus_without_biases_changes_no_accuracy():
    trial = changed(TRIAL, architecture=MLP(width=8, bias=False), measurements=(ShrinkCurve(steps=4),))
    for finished in run(trial, TABLES):
        curve = {name: value for name, (value,) in read(finished).items()}
        assert list(curve) == ["shrink 0", "shrink 0.25", "shrink 0.5", "shrink 0.75", "shrink 1"]
        of_zeros = (TABLES.evaluation.labels == 0).double().mean().item()  # all logits alike: the first class
        assert curve.pop("shrink 0") == pytest.approx(of_zeros)
        assert set(curve.values()) == {finished.scores.score}
        assert finished.scores.score > of_zeros + 0.2


def test_the_shrink_curve_is_that_of_weights_scaled_by_hand():
    finished = next(run(changed(TRIAL, measurements=(ShrinkCurve(steps=10),)), IMAGES))
    curve = read(finished)
    for step in range(11):
        model = TRIAL.learner.architecture.build((1, 8, 8), 2, generator=generator_for(0))
        model.load_state_dict({name: step / 10 * value for name, value in state(finished.round_state.model).items()})
        assert curve[f"shrink {step / 10:g}"] == [evaluate(model, IMAGES.evaluation).accuracy]


def test_recalibration_saves_a_shrunk_model_from_its_old_statistics():
    """With statistics that fit, shrinking scales what a residual network with BatchNorm knows, and little else."""
    trial = changed(TRIAL, architecture=ResNet18(width=4), stop=StoppingRule(0.99, max_epochs=20))
    curves = {}
    for recalibrate in (False, True):
        measurement = ShrinkCurve(steps=10, recalibrate=recalibrate)
        finished = list(run(changed(trial, measurements=(measurement,)), IMAGES))[-1]
        curves[recalibrate] = [value for (value,) in read(finished).values()]
    assert finished.scores.score > 0.9
    assert curves[False][10] == finished.scores.score
    assert min(curves[True][3:]) > 0.9
    assert min(curves[False][3:]) < 0.8


def test_the_evaluation_curve_ends_where_the_round_does():
    for finished in run(changed(TRIAL, measurements=(EvaluationCurve(),)), TABLES):
        curve = read(finished)
        assert list(curve) == ["accuracy", "loss", "balanced_accuracy"]
        assert [len(values) for values in curve.values()] == [len(finished.history)] * 3
        assert curve["accuracy"][-1] == finished.scores.score
        assert curve["loss"][-1] == pytest.approx(finished.scores.metrics["loss"])
        assert len(set(curve["loss"])) == len(curve["loss"])


def test_a_shorter_round_is_the_beginning_of_the_evaluation_curve():
    curve = read(next(run(changed(TRIAL, measurements=(EvaluationCurve(),)), TABLES)))["loss"]
    for epochs in (1, 2):
        short = next(run(changed(TRIAL, stop=StoppingRule(None, max_epochs=epochs)), TABLES))
        assert curve[epochs - 1] == pytest.approx(short.scores.metrics["loss"])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_what_is_not_finite_is_no_value(value):
    finished = next(run(changed(TRIAL, measurements=(Noting({"odd": value, "even": 2.0}),)), TABLES))
    assert set(read(finished)["odd"]) == {None}
    assert set(read(finished)["even"]) == {2.0}


def test_a_measurement_sees_the_moments_of_a_round_in_order():
    measurement = Noting({"one": 1.0})
    first, second = run(changed(TRIAL, measurements=(measurement,)), TABLES)
    of_second = measurement.moments[len(first.readings) :]
    steps = [report["steps"] for report in second.history]
    expected = [(When.START, 0, 0), *((When.EPOCH, n + 1, steps[n]) for n in range(3)), (When.END, 3, steps[2])]
    assert [(moment.when, moment.epoch, moment.steps) for moment in of_second] == expected
    assert [(reading.when, reading.epoch, reading.steps) for reading in second.readings] == expected


def test_a_measurement_sees_the_data_and_the_models_of_its_round():
    measurement = Noting()
    list(
        run(
            changed(TRIAL, stream=Growing(rounds=3), strategy=ShrinkPerturb(0.5, 0.2), measurements=(measurement,)),
            IMAGES,
        )
    )
    parts = arrivals(Growing(rounds=3), 60)
    starts = [moment for moment in measurement.moments if moment.when is When.START]
    ends = [moment for moment in measurement.moments if moment.when is When.END]
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        assert same(end.new, parts[index : index + 1])
        assert same(end.training, parts[: index + 1])
        assert same(end.old, parts[:index]) if index else end.old is None
        assert torch.equal(end.evaluation.inputs, IMAGES.evaluation.inputs)
        fresh = TRIAL.learner.architecture.build((1, 8, 8), 2, generator=generator_for(0, "fresh", index + 1))
        assert (numbers(end.fresh) == numbers(fresh)).all()
        assert end.start is start.start
    shrunk = 0.5 * numbers(ends[1].model) + 0.2 * numbers(ends[2].fresh)
    np.testing.assert_allclose(numbers(ends[2].start), shrunk, rtol=1e-5, atol=1e-7)


def same(data: TensorData, parts):
    where = torch.cat(list(parts))
    return torch.equal(data.inputs, IMAGES.pool.inputs[where]) and torch.equal(data.labels, IMAGES.pool.labels[where])


def test_draws_are_the_same_at_every_moment_of_a_round_and_others_in_the_next():
    measurement = Noting()
    first, _ = run(changed(TRIAL, measurements=(measurement,)), TABLES)
    draws = [int(torch.randint(10**9, (), generator=moment.generator)) for moment in measurement.moments]
    count = 1 + len(first.history) + 1
    assert len(set(draws[:count])) == len(set(draws[count:])) == 1
    assert draws[0] != draws[-1]


def test_a_divergence_is_read_until_it_happens():
    wild = Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e25, batch_size=16)
    finished = next(run(changed(TRIAL, recipe=wild, measurements=(Noting({"one": 1.0}),)), TABLES))
    assert finished.stop_reason is StopReason.DIVERGED
    assert {reading.when for reading in finished.readings} == {When.START}


@pytest.mark.parametrize(
    ("owner", "options", "message"),
    [
        (GradientNorms, {"every": 0}, "every must be a whole number of at least 1, got 0"),
        (GradientNorms, {"samples": 0}, "samples must be a whole number of at least 1, got 0"),
        (EvaluationCurve, {"every": 0}, "every must be a whole number of at least 1, got 0"),
        (ShrinkCurve, {"steps": 0}, "steps must be a whole number of at least 1, got 0"),
    ],
)
def test_options_out_of_range_are_refused(owner, options, message):
    with pytest.raises(InputError, match=message):
        owner(**options)


@pytest.mark.parametrize("architecture", [MLP(width=8), ResNet18(width=2)], ids=["mlp", "batchnorm"])
def test_mean_norms_at_the_start_are_those_of_a_literal_loop(architecture):
    measurement = GradientNorms(average="norms", batch_size=10)
    first, second = run(changed(TRIAL, architecture=architecture, measurements=(measurement,)), IMAGES)
    generator = generator_for(0, "probe", 2)
    for name, part in zip(("old batch gradient", "new batch gradient"), arrivals(TRIAL.stream, 60), strict=True):
        order = torch.randperm(len(part), generator=generator)
        norms = []
        for indices in part[order].tensor_split(3):
            model = copy.deepcopy(first.round_state.model).train()
            inputs, labels = IMAGES.pool.batch(indices)
            gradients = torch.autograd.grad(F.cross_entropy(model(inputs), labels), list(model.parameters()))
            norms.append(math.sqrt(sum(float(gradient.double().square().sum()) for gradient in gradients)))
        assert read(second, When.START)[name] == [pytest.approx(sum(norms) / 3, rel=1e-4)]


@dataclass(frozen=True)
class Frozen(Architecture):
    """A network with one normalization that trains, and a pretrained one that stays as it is."""

    def build(self, input_shape, classes, *, generator):
        with seeded_globals(generator):
            model = nn.Sequential(
                nn.Flatten(), nn.Linear(math.prod(input_shape), 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8)
            )
            model.extend([nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, classes)])
        model[5].running_mean.fill_(0.2)
        model[5].running_var.fill_(0.5)
        model[5].requires_grad_(False).eval()
        return model


def test_the_recalibrated_shrink_curve_is_that_of_statistics_by_hand():
    """All training data fit into one batch, whose statistics are the ones estimated."""
    trial = changed(TRIAL, architecture=ResNet18(width=2), measurements=(ShrinkCurve(steps=5, recalibrate=True),))
    finished = next(run(trial, IMAGES))
    curve = read(finished)
    (part, _) = arrivals(trial.stream, 60)
    for step in range(6):
        model = copy.deepcopy(finished.round_state.model)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter *= step / 5
            for module in model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = 1.0
            model.train()(IMAGES.pool.batch(part)[0])
        assert curve[f"recalibrated shrink {step / 5:g}"] == [evaluate(model.eval(), IMAGES.evaluation).accuracy]


def test_a_frozen_normalization_keeps_its_statistics_in_the_recalibrated_curve():
    trial = changed(TRIAL, architecture=Frozen(), measurements=(ShrinkCurve(steps=5, recalibrate=True),))
    finished = next(run(trial, IMAGES))
    curve = read(finished)
    (part, _) = arrivals(trial.stream, 60)
    for step in range(6):
        model = copy.deepcopy(finished.round_state.model)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter *= step / 5 if parameter.requires_grad else 1
            model.train()[5].eval()
            model[2].momentum = 1.0
            model(IMAGES.pool.batch(part)[0])
        assert (model[5].running_mean == 0.2).all()
        assert curve[f"recalibrated shrink {step / 5:g}"] == [evaluate(model.eval(), IMAGES.evaluation).accuracy]


@pytest.mark.parametrize(
    ("owner", "options", "message"),
    [
        (GradientNorms, {"every": None}, "every must be a whole number of at least 1, got None"),
        (GradientNorms, {"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
        (GradientNorms, {"average": "batches"}, "Unknown average 'batches'"),
        (ShrinkCurve, {"steps": None}, "steps must be a whole number of at least 1, got None"),
        (ShrinkCurve, {"recalibrate": "false"}, "recalibrate must be True or False, got 'false'"),
    ],
)
def test_options_of_another_kind_are_refused(owner, options, message):
    with pytest.raises(InputError, match=message):
        owner(**options)


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=repr)
def test_a_measurement_takes_moments(measurement):
    with pytest.raises(InputError, match="moment must be a moment of a round, a Moment, got None"):
        measurement(None)
