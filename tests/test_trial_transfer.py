"""Trials that begin with a round on other data: what goes over to the stream's rounds, and what does not."""

import copy
from dataclasses import dataclass, field

import pytest
import torch
import torch.nn.functional as F

from rounds import IMAGES, STILL, TABLES, TRIAL, WILD, arrivals, changed, outcome, same, state
from samples import blobs, pictures
from warmstart.basics import InputError, generator_for
from warmstart.diagnostics import GradientNorms, Measurement, When
from warmstart.models import MLP, LogisticRegression, ResNet18
from warmstart.penalties import EWC, L2Init
from warmstart.queries import Margin
from warmstart.strategies import Cold, Noise, ShrinkPerturb, Warm
from warmstart.streams import Active, Part, TwoPhase
from warmstart.training import CarryOver, OptimizerKind, OptimizerState, Recipe, StopReason, TensorData, fit
from warmstart.trial import TrainOn, TrialData, first_start, run

pytestmark = pytest.mark.usefixtures("untouched_globals")

OTHER = TrialData(blobs(70, seed=5, classes=4), blobs(50, seed=6, classes=4), classes=4)
ALIKE = TrialData(blobs(70, seed=5), blobs(50, seed=6), classes=3)
TRANSFER = changed(TRIAL, stream=TwoPhase(), strategy=Warm())
HEAD = {"5.weight", "5.bias"}


def after(source, data=TABLES):
    return changed(data, source=source)


def scaled(data, source):
    """The inputs of ``data`` by mean and deviation of all of the source's pool."""
    known = source.pool.inputs
    return (data.inputs - known.mean(0)) / known.std(0, correction=0)


@pytest.mark.parametrize("source", [OTHER, ALIKE], ids=["other classes", "same classes"])
def test_every_round_is_trained_and_evaluated_on_its_own_data(source):
    rounds = list(run(TRANSFER, after(source)))
    assert [(r.number, r.samples_seen, r.samples_trained_on) for r in rounds] == [
        (1, 70, 70),
        (2, 70 + 45, 45),
        (3, 70 + 90, 90),
    ]
    assert [r.counts["samples"] // len(r.history) for r in rounds] == [70, 45, 90]
    for finished, held_out in zip(rounds, [source.evaluation, *[TABLES.evaluation] * 2], strict=True):
        model = copy.deepcopy(finished.round_state.model).eval()
        with torch.no_grad():
            logits = model(scaled(held_out, source))
        right = int((logits.argmax(1) == held_out.labels).sum())
        assert logits.shape[1] == 1 + int(held_out.labels.max())
        assert finished.scores.score == right / len(held_out)
        assert finished.scores.metrics["loss"] == pytest.approx(
            F.cross_entropy(logits, held_out.labels).item(), rel=1e-5
        )


def test_after_other_classes_everything_but_the_head_is_kept():
    trial = changed(TRANSFER, first_recipe=TRIAL.learner.recipe, recipe=STILL)
    first, second, third = run(trial, after(OTHER))
    fresh = state(TRIAL.learner.architecture.build((4,), 3, generator=generator_for(0, "fresh", 2)))
    before, now = state(first.round_state.model), state(second.round_state.model)
    assert not same(before, state(TRIAL.learner.architecture.build((4,), 4, generator=generator_for(0, "fresh", 1))))
    assert now.keys() > HEAD
    for name, value in now.items():
        assert torch.equal(value, fresh[name] if name in HEAD else before[name])
    assert same(now, state(third.round_state.model)), "within the stream the head is kept, too"


def test_after_the_same_classes_everything_is_kept():
    first, second, _ = run(changed(TRANSFER, first_recipe=TRIAL.learner.recipe, recipe=STILL), after(ALIKE))
    assert same(state(first.round_state.model), state(second.round_state.model))


def test_shrink_perturb_changes_what_is_kept_and_a_new_head_is_as_it_is_drawn():
    trial = changed(TRANSFER, strategy=ShrinkPerturb(0.5, 0.2), first_recipe=TRIAL.learner.recipe, recipe=STILL)
    first, second, _ = run(trial, after(OTHER))
    fresh = state(TRIAL.learner.architecture.build((4,), 3, generator=generator_for(0, "fresh", 2)))
    before = state(first.round_state.model)
    for name, value in state(second.round_state.model).items():
        torch.testing.assert_close(value, fresh[name] if name in HEAD else 0.5 * before[name] + 0.2 * fresh[name])


@pytest.mark.parametrize("strategy", [Cold(), Cold(scale=0.5)], ids=repr)
def test_a_cold_start_ignores_the_source(strategy):
    """Images are scaled alike everywhere, so not a bit of a cold start's later rounds depends on the source."""
    sources = [
        TrialData(TensorData(pictures(count, seed=count).inputs, torch.arange(count) % classes), HELD_OUT, classes)
        for count, classes in ((40, 2), (30, 2), (30, 3))
    ]
    cold = [list(run(changed(TRANSFER, strategy=strategy), after(source, IMAGES))) for source in sources]
    for rounds in cold[1:]:
        assert rounds[0].history != cold[0][0].history
        for one, other in zip(rounds[1:], cold[0][1:], strict=True):
            assert (one.history, one.scores.score, one.scores.metrics) == (
                other.history,
                other.scores.score,
                other.scores.metrics,
            )
            assert same(state(one.round_state.model), state(other.round_state.model))
    warm = [list(run(TRANSFER, after(source, IMAGES)))[1].history for source in sources]
    assert warm[0] != warm[1] != warm[2] != warm[0]


HELD_OUT = pictures(20, seed=1)


@pytest.mark.parametrize("source", [OTHER, ALIKE], ids=["other classes", "same classes"])
@pytest.mark.parametrize(
    "strategy", [Cold(), Warm(), ShrinkPerturb(), ShrinkPerturb(noise=Noise.FIRST), Cold(init="first")], ids=repr
)
@pytest.mark.parametrize("optimizer_state", OptimizerState)
def test_resuming_after_any_round_gives_the_same_bits(source, strategy, optimizer_state):
    trial = changed(TRANSFER, strategy=strategy, carry_over=CarryOver(optimizer_state=optimizer_state))
    whole = list(run(trial, after(source)))
    for index, finished in enumerate(whole[:-1]):
        rest = list(run(trial, after(source), round_state=finished.round_state))
        assert [outcome(r) for r in rest] == [outcome(r) for r in whole[index + 1 :]]
        assert same(state(rest[-1].round_state.model), state(whole[-1].round_state.model))


def test_a_residual_network_goes_over_with_its_statistics():
    source = TrialData(TensorData(pictures(40, seed=5).inputs, torch.arange(40) % 3), pictures(20, seed=6), classes=3)
    trial = changed(
        TRANSFER, architecture=ResNet18(width=2), stream=Part(0.5), first_recipe=TRIAL.learner.recipe, recipe=STILL
    )
    first, second = run(trial, after(source, IMAGES))
    before, now = state(first.round_state.model), state(second.round_state.model)
    different = {name for name, value in now.items() if not _equal(before[name], value)}
    assert {name.split(".")[0] for name in different if "running" not in name and "tracked" not in name} == {"head"}
    (again,) = run(trial, after(source, IMAGES), round_state=first.round_state)
    assert outcome(second) == outcome(again)


def _equal(one, other):
    return one.shape == other.shape and torch.equal(one, other)


def test_the_optimizers_state_is_kept_for_the_same_classes_only():
    keep = CarryOver(optimizer_state=OptimizerState.KEEP)

    def steps(source):
        rounds = list(run(changed(TRANSFER, carry_over=keep), after(source)))
        return [int(r.round_state.optimizer["state"][0]["step"]) for r in rounds], [r.counts["steps"] for r in rounds]

    kept, taken = steps(ALIKE)
    assert kept == [taken[0], taken[0] + taken[1], sum(taken)]
    kept, taken = steps(OTHER)
    assert kept == [taken[0], taken[1], taken[1] + taken[2]]


def test_after_a_divergence_on_the_source_the_stream_begins_anew():
    lost, cold = (
        list(run(changed(TRANSFER, strategy=strategy, first_recipe=WILD), after(OTHER)))
        for strategy in (Warm(), Cold())
    )
    assert lost[0].stop_reason is StopReason.DIVERGED
    assert outcome(lost[1]) == outcome(cold[1])


def test_after_a_divergence_on_the_stream_the_model_of_the_source_is_used_again():
    first = next(run(TRANSFER, after(OTHER)))
    second = next(run(changed(TRANSFER, recipe=WILD), after(OTHER), round_state=first.round_state))
    assert second.stop_reason is StopReason.DIVERGED
    assert same(state(second.round_state.model), state(first.round_state.model))
    third = next(run(changed(TRANSFER, recipe=STILL), after(OTHER), round_state=second.round_state))
    fresh = state(TRIAL.learner.architecture.build((4,), 3, generator=generator_for(0, "fresh", 3)))
    for name, value in state(third.round_state.model).items():
        assert torch.equal(value, fresh[name] if name in HEAD else state(first.round_state.model)[name])


def test_only_the_arrival_is_trained_on_where_asked():
    rounds = list(run(changed(TRANSFER, train_on=TrainOn.ARRIVAL), after(OTHER)))
    assert [r.samples_trained_on for r in rounds] == [70, 45, 45]


def test_an_active_stream_begins_at_random_and_asks_from_the_third_round_on():
    trial = changed(TRANSFER, stream=Active(Margin(), rounds=3))
    rounds = list(run(trial, after(OTHER)))
    planned = arrivals(trial.stream, 90)
    assert rounds[0].round_state.seen is None
    assert torch.equal(rounds[1].round_state.seen, planned[0])
    assert [r.samples_seen for r in rounds] == [70, 100, 130, 160]
    assert sorted(rounds[3].round_state.seen.tolist()) == list(range(90))
    pool, model = scaled(TABLES.pool, OTHER), rounds[1].round_state.model.eval()
    left = sorted(set(range(90)) - set(planned[0].tolist()))
    with torch.no_grad():
        largest = model(pool[left]).double().softmax(1).sort(1).values[:, -2:]
    order = (largest[:, 1] - largest[:, 0]).argsort()[:30]
    assert set(rounds[2].round_state.seen[30:].tolist()) == {left[index] for index in order}
    for index, finished in enumerate(rounds[:-1]):
        rest = list(run(trial, after(OTHER), round_state=finished.round_state))
        assert [outcome(r) for r in rest] == [outcome(r) for r in rounds[index + 1 :]]


def test_first_rounds_on_a_source_are_shared_as_others_are():
    first = {strategy: next(run(changed(TRANSFER, strategy=strategy), after(OTHER))) for strategy in (Cold(), Warm())}
    assert first_start(changed(TRANSFER, strategy=Cold()), after(OTHER)) == first_start(TRANSFER, after(OTHER))
    assert outcome(first[Cold()]) == outcome(first[Warm()])
    assert same(*(state(finished.round_state.model) for finished in first.values()))


def test_l2_init_draws_the_head_towards_its_first_initialisation_for_the_streams_classes():
    recipe = Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e-5, batch_size=16)
    trial = changed(TRANSFER, recipe=recipe, penalty=L2Init(strength=0.5e5))
    for finished, classes in zip(run(trial, after(OTHER)), (4, 3, 3), strict=True):
        first = state(TRIAL.learner.architecture.build((4,), classes, generator=generator_for(0, "fresh", 1)))
        for name, value in state(finished.round_state.model).items():
            torch.testing.assert_close(value, first[name], rtol=0, atol=1e-4)


@dataclass(frozen=True)
class Noting(Measurement):
    """Notes every moment."""

    moments: list = field(default_factory=list)

    def __call__(self, moment):
        self.moments.append(moment)
        return {}


def test_a_source_of_the_same_classes_is_what_had_arrived_before():
    """The first round of the stream finished by hand, with EWC around the model of the source."""
    source = TrialData(pictures(40, seed=5), pictures(20, seed=6), classes=2)
    sgd = Recipe(optimizer=OptimizerKind.SGD, learning_rate=0.1, batch_size=16)
    measurement = Noting()
    trial = changed(TRANSFER, stream=Part(0.5), recipe=sgd, penalty=EWC(strength=30.0), measurements=(measurement,))
    first, second = run(trial, after(source, IMAGES))
    penalty = EWC.after(first.round_state.model, [source.pool.batch(torch.arange(40))], strength=30.0)
    (arrival,) = arrivals(trial.stream, 60)
    model, order = copy.deepcopy(first.round_state.model), generator_for(0, "order", 2)
    fit(model, IMAGES.pool.take(arrival), recipe=sgd, stop=trial.learner.stop, generator=order, penalty=penalty)
    for name, value in state(second.round_state.model).items():
        torch.testing.assert_close(state(model)[name], value, rtol=1e-4, atol=1e-6)
    starts = [moment for moment in measurement.moments if moment.when is When.START]
    assert starts[0].old is None
    assert torch.equal(starts[1].old.inputs, source.pool.inputs)


@pytest.mark.parametrize("classes", [2, 5])
def test_a_model_has_no_outputs_for_a_source_of_other_classes(classes):
    """With fewer or more classes than the stream's, gradients on the source would be of a head that never saw it."""
    measurement = Noting()
    source = TrialData(blobs(70, seed=5, classes=classes), blobs(50, seed=6, classes=classes), classes=classes)
    rounds = list(run(changed(TRANSFER, measurements=(measurement, GradientNorms())), after(source)))
    starts = [moment for moment in measurement.moments if moment.when is When.START]
    assert [moment.old is None for moment in starts] == [True, True, False]
    assert [len({reading.name for reading in r.readings}) for r in rounds] == [1, 1, 2]


def test_ewc_on_a_source_of_other_classes_is_refused_before_anything_is_trained():
    with pytest.raises(InputError, match=r"source must have 3 classes, as the data have, for .* EWC.*, got 4"):
        next(run(changed(TRANSFER, penalty=EWC(strength=1.0)), after(OTHER)))


def test_a_model_that_is_all_head_cannot_go_over():
    assert len(list(run(changed(TRANSFER, architecture=LogisticRegression()), after(ALIKE)))) == 3
    with pytest.raises(InputError, match="previous must share a parameter's name and shape with fresh"):
        list(run(changed(TRANSFER, architecture=LogisticRegression()), after(OTHER)))


def test_the_mlps_head_is_its_last_layer():
    assert set(list(state(MLP().build((4,), 3, generator=generator_for(0))))[-2:]) == HEAD
