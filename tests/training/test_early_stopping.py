"""Early stopping: when a round ends, what it ends with, what it costs; and targets below the base rate."""

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from samples import blobs
from small_models import net
from warmstart.basics import InputError, copy_model, generator_for
from warmstart.training import (
    EarlyStopping,
    EpochReport,
    OptimizerKind,
    Recipe,
    StoppingRule,
    StopReason,
    TensorData,
    best_epoch,
    evaluate,
    fit,
    recalibrate_,
)

ON = EarlyStopping.ON
RECIPE = Recipe(learning_rate=0.02, batch_size=16)
LOSSES = st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5, math.nan, math.inf])


def noisy(count, seed=0):
    """Blobs, a third of them with another label: fitting them to the end makes the validation loss rise."""
    data = blobs(count, seed=seed)
    labels = data.labels.clone()
    labels[::3] = torch.randint(3, (len(labels[::3]),), generator=generator_for("noise", seed))
    return TensorData(data.inputs, labels, scale=1.0, offset=0.0)


TRAIN, VALIDATION = noisy(60), noisy(45, seed=1)
STOP = StoppingRule(validation_patience=4, max_epochs=60, early_stopping=ON)


def report(epoch, loss, score=0.5, train_loss=1.0):
    return EpochReport(epoch, 10 * epoch, score, train_loss, True, loss, 0.5)


def fitted(model, stop=STOP, recipe=RECIPE, **options):
    return fit(model, TRAIN, **{"recipe": recipe, "stop": stop, "generator": generator_for(3), **options})


@given(st.lists(LOSSES, min_size=1, max_size=40), st.integers(1, 6))
def test_patience_runs_out_when_the_least_loss_of_all_epochs_is_so_long_ago(losses, patience):
    rule = StoppingRule(validation_patience=patience, early_stopping=ON)
    history = [report(epoch, loss) for epoch, loss in enumerate(losses, 1)]
    finite = [loss if math.isfinite(loss) else math.inf for loss in losses]

    def ended(length):
        return length - 1 - finite.index(min(finite[:length])) >= patience

    end = next((length for length in range(1, len(history) + 1) if ended(length)), len(history) + 1)
    assert all(rule.stop_reason(history[:length]) is None for length in range(1, end))
    assert end > len(history) or rule.stop_reason(history[:end]) is StopReason.PLATEAU


@given(st.lists(LOSSES, max_size=20))
def test_the_best_epoch_is_the_first_of_least_loss(losses):
    finite = [loss for loss in losses if math.isfinite(loss)]
    assert best_epoch(losses) == (losses.index(min(finite)) + 1 if finite else None)
    assert best_epoch([None, *losses]) == (losses.index(min(finite)) + 2 if finite else None)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"train_accuracy": 0.95}, StopReason.CONVERGED),
        ({"train_score": 0.95}, StopReason.CONVERGED),
        ({"early_stopping": "off"}, StopReason.CONVERGED),
        ({"early_stopping": "auto"}, StopReason.CONVERGED),
        ({"max_epochs": 1}, StopReason.LIMIT),
        ({"max_steps": 10}, StopReason.LIMIT),
    ],
)
def test_the_default_target_is_not_one_of_early_stopping_and_limits_hold(options, expected):
    rule = StoppingRule(**{"early_stopping": "on", **options})
    assert rule.stop_reason([report(1, 0.5, score=1.0)]) is expected


def test_each_patience_counts_where_it_belongs():
    history = [report(1, 0.4, score=0.9), report(2, 0.5, score=0.9), report(3, 0.5, score=0.9)]
    assert StoppingRule(patience=1, validation_patience=3, early_stopping=ON).stop_reason(history) is None
    assert StoppingRule(patience=9, validation_patience=2, early_stopping=ON).stop_reason(history) == "plateau"
    assert StoppingRule(patience=9, validation_patience=2).stop_reason(history) is None
    with pytest.raises(InputError, match="validation_patience must be a whole number of at least 1, got 0"):
        StoppingRule(validation_patience=0)


def test_divergence_counts_before_all_else():
    assert StoppingRule(early_stopping=ON).stop_reason([report(1, 0.5, train_loss=math.nan)]) is StopReason.DIVERGED


def test_auto_is_on_for_tables_and_an_answer_stays():
    rule = StoppingRule(validation_patience=3)
    assert not rule.stops_early
    assert rule.resolved(is_table=True) == StoppingRule(validation_patience=3, early_stopping=ON)
    assert rule.resolved(is_table=False) is rule
    assert not rule.resolved(is_table=False).stops_early
    for given_one in ("on", "off"):
        rule = StoppingRule(early_stopping=given_one)
        assert rule.resolved(is_table=True) is rule.resolved(is_table=False) is rule


@pytest.mark.parametrize("share", [0, 0.51, -1])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(InputError, match=r"validation must lie in \(0, 0\.5\]"):
        StoppingRule(validation=share)


class Recorder:
    """Looks at a model after every epoch, by a loop of its own."""

    def __init__(self, model):
        self.model, self.states, self.losses = model, [], []

    def __call__(self, report):
        copied = recalibrate_(copy_model(self.model), TRAIN, generator=torch.Generator().manual_seed(0))
        self.losses.append(evaluate(copied, VALIDATION).loss)
        self.states.append(copy.deepcopy(self.model.state_dict()))
        assert report.validation_score == evaluate(copied, VALIDATION).accuracy


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def plain():
    """Without normalization, so that there is nothing to recalibrate."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))


@pytest.mark.parametrize("build", [net, plain])
@pytest.mark.parametrize("ema", [0.0, 0.7])
def test_a_round_ends_with_all_of_its_best_epoch(build, ema):
    model = build()
    looked = Recorder(model)
    recipe = Recipe(learning_rate=0.05, batch_size=16, ema=ema)
    result = fitted(model, recipe=recipe, validation=VALIDATION, on_epoch=looked)
    assert [report.validation_loss for report in result.history] == pytest.approx(looked.losses)
    best = looked.losses.index(min(looked.losses))
    assert result.best_epoch == best + 1
    assert result.stop_reason is StopReason.PLATEAU
    assert len(looked.losses) == best + 1 + STOP.validation_patience
    assert same(model.state_dict(), looked.states[best])
    assert not same(model.state_dict(), looked.states[-1])


def test_the_steps_are_those_of_a_round_without_validation():
    looked, unwatched = Recorder(net()), net()
    watched = fitted(looked.model, validation=VALIDATION, on_epoch=looked)
    epochs = len(watched.history)
    other = fitted(unwatched, stop=StoppingRule(None, patience=None, max_epochs=epochs))
    assert same(unwatched.state_dict(), looked.states[-1])
    assert (watched.cost.steps, watched.cost.samples) == (other.cost.steps, other.cost.samples)
    assert watched.cost.flops == other.cost.flops
    assert other.best_epoch is None
    assert other.history[-1].validation_loss is other.history[-1].validation_score is None


def test_without_early_stopping_a_validation_part_is_only_looked_at():
    model, alone = net(), net()
    stop = StoppingRule(None, max_epochs=5)
    result = fitted(model, stop=stop, validation=VALIDATION)
    fitted(alone, stop=stop)
    assert same(model.state_dict(), alone.state_dict())
    assert all(report.validation_loss > 0 for report in result.history)
    assert result.best_epoch is None


def test_the_optimizers_state_is_that_of_the_best_epoch():
    model, states = plain(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)

    def look(_):
        states.append(copy.deepcopy(optimizer.state_dict()["state"]))

    result = fitted(model, validation=VALIDATION, optimizer=optimizer, on_epoch=look)
    kept, found = states[result.best_epoch - 1], optimizer.state_dict()["state"]
    assert result.best_epoch < len(states)
    assert all(torch.equal(value, found[index][name]) for index, of in kept.items() for name, value in of.items())
    assert not torch.equal(states[-1][0]["exp_avg"], found[0]["exp_avg"])


def test_a_limit_within_an_epoch_still_gives_the_best_one():
    model = plain()
    looked = Recorder(model)
    stop = StoppingRule(validation_patience=None, max_steps=4 * 30 + 2, early_stopping=ON)
    result = fitted(model, stop=stop, recipe=Recipe(learning_rate=0.1, batch_size=16), validation=VALIDATION,
                    on_epoch=looked)  # fmt: skip
    assert result.stop_reason is StopReason.LIMIT
    assert not result.history[-1].is_whole
    assert result.best_epoch == best_epoch(looked.losses) < 31
    assert same(model.state_dict(), looked.states[result.best_epoch - 1])


def test_a_round_that_diverges_says_so():
    wild = Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e25, batch_size=16)
    result = fitted(plain(), recipe=wild, validation=VALIDATION)
    assert result.stop_reason is StopReason.DIVERGED


def test_validation_passes_are_no_training_time(monkeypatch):
    from warmstart.training import _engine as engine

    slow = engine.recalibrated_score_and_loss

    def slower(*given, **options):
        import time

        time.sleep(0.2)
        return slow(*given, **options)

    stop = StoppingRule(validation_patience=None, max_epochs=3, early_stopping=ON)
    monkeypatch.setattr(engine, "recalibrated_score_and_loss", slower)
    assert fitted(plain(), stop=stop, validation=VALIDATION).cost.seconds < 0.5


def test_early_stopping_needs_a_validation_part():
    with pytest.raises(InputError, match="validation must be given with early_stopping=on"):
        fitted(plain())
    with pytest.raises(InputError, match="at least one sample to evaluate on, got 0"):
        fitted(plain(), validation=blobs(0))
    with pytest.raises(InputError, match="data must be TensorData, or a DataLoader"):
        fitted(plain(), validation=iter([]))


def test_a_loader_may_be_the_validation_part():
    as_tensors = fitted(plain(), validation=VALIDATION)
    as_batches = fitted(plain(), validation=[(VALIDATION.inputs[:20], VALIDATION.labels[:20]),
                                             (VALIDATION.inputs[20:], VALIDATION.labels[20:])])  # fmt: skip
    found, expected = ([r.validation_loss for r in result.history] for result in (as_batches, as_tensors))
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("target", [0.5, 0.8, 0.99])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.995, 1.0])
def test_a_target_takes_more_than_naming_the_largest_class(target, share):
    raised = StoppingRule(target).above_base_rate(share)
    if target > share:
        assert raised == StoppingRule(target)
    else:
        # A model that explains the same part of what the base rate leaves.
        assert raised.target == pytest.approx(share + (1 - share) * target)
        assert raised.target > share or share == 1


@pytest.mark.parametrize(
    "rule", [StoppingRule(None), StoppingRule(0.5, train_score=0.2), StoppingRule(early_stopping=ON)], ids=repr
)
def test_only_a_target_accuracy_that_counts_is_raised(rule):
    assert rule.above_base_rate(0.995) is rule


def rare(count=300):
    labels = (torch.arange(count) % 100 == 0).long()
    inputs = torch.randn(count, 3, generator=generator_for("rare")) + 3 * labels[:, None]
    return TensorData(inputs, labels, scale=1.0, offset=0.0)


def test_a_round_does_not_end_at_the_base_rate_and_says_so():
    data, model = rare(), nn.Linear(3, 2)
    result = fit(model, data, recipe=Recipe(learning_rate=0.05), stop=StoppingRule(), generator=generator_for(0))
    (note,) = result.notes
    assert note == (
        "The target accuracy 0.99 is not above the share of the largest class in the training data, 0.99, so the round "
        "ends at 0.9999 instead."
    )
    assert result.stop_reason is StopReason.CONVERGED
    assert result.history[-1].train_score == 1.0
    positives = data.labels == 1
    assert (model(data.inputs)[positives].argmax(1) == 1).all(), "the rare class was learnt"


def test_a_target_above_the_base_rate_is_left_without_a_note():
    assert fit(net(), blobs(60), recipe=RECIPE, stop=StoppingRule(0.9), generator=generator_for(0)).notes == ()
