"""A learner's validation part: which samples it holds, and what a round under early stopping reports."""

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rounds import TABLES, TRIAL, outcome, same, state
from samples import blobs
from warmstart.basics import InputError, generator_for
from warmstart.learners import Classifier, Regressor, Round
from warmstart.learners._validation import FEWEST_SAMPLES, held_apart, never_trained_on
from warmstart.models import MLP, ResNet18
from warmstart.strategies import RoundContext, Warm
from warmstart.streams import Growing
from warmstart.training import (
    CarryOver,
    EarlyStopping,
    OptimizerState,
    Recipe,
    StoppingRule,
    StopReason,
    TensorData,
    evaluate,
    fit,
    recalibrate_,
)
from warmstart.trial import Trial, run

STOP = StoppingRule(validation_patience=3, max_epochs=40, early_stopping="on", validation=0.25)
LEARNER = Classifier(MLP(width=8), Recipe(learning_rate=0.05, batch_size=16), STOP)
COUNTS = st.lists(st.integers(0, 30), min_size=1, max_size=5)


def labels_of(counts, seed=0):
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    return labels[torch.randperm(len(labels), generator=generator_for(seed))]


def apart(labels, share, classes=5, seed=0):
    return held_apart(labels, share, classes=classes, generator=generator_for(seed))


@given(COUNTS, st.floats(0.01, 0.5), st.integers(0, 3))
def test_every_class_gives_its_share_and_keeps_its_first(counts, share, seed):
    labels = labels_of(counts, seed)
    mask = apart(labels, share, seed=seed)
    for label, count in enumerate(counts):
        of_class = mask[labels == label]
        assert -2 - 1e-9 < int(of_class.sum()) - share * count < 1 + 1e-9
        assert not count or not of_class[0]


@given(COUNTS, COUNTS, st.floats(0.05, 0.5))
def test_a_sample_stays_in_its_part_when_data_grow(before, later, share):
    first, then = labels_of(before), labels_of(later, seed=1)
    grown = torch.cat([first, then])
    assert torch.equal(apart(grown, share)[: len(first)], apart(first, share))


@settings(max_examples=20)
@given(st.floats(0.05, 0.5), st.integers(0, 10))
def test_the_part_goes_evenly_over_the_order(share, seed):
    places = apart(torch.zeros(200).long(), share, classes=1, seed=seed).nonzero()[:, 0]
    gaps = places.diff()
    assert set(gaps.tolist()) <= {int(1 / share), int(1 / share) + 1}


def test_which_samples_they_are_is_drawn_and_each_may_be():
    seen = torch.stack([apart(torch.zeros(12).long(), 0.25, classes=1, seed=seed) for seed in range(200)])
    assert seen[:, 1:].any(0).all()
    assert seen.float().mean().item() == pytest.approx(0.25, abs=0.05)


def test_targets_count_as_one_class():
    targets = torch.randn(40, generator=generator_for(0))
    assert int(apart(targets, 0.25).sum()) in (9, 10)
    assert int(apart(torch.stack([targets, targets], 1), 0.25).sum()) in (9, 10)


def trained(learner, data, number=1, seed=0):
    model, rows = learner.build(data, seed), torch.arange(len(data))
    round = Round(number, seed, data, rows, rows, RoundContext(round=number))
    learner.train(model, round)
    return model, round


@pytest.mark.parametrize(
    ("learner", "data"),
    [
        (LEARNER, blobs(80)),
        (Regressor(MLP(width=8), LEARNER.recipe, STOP), TensorData(blobs(80).inputs, blobs(80).inputs.sum(1))),
        (replace(LEARNER, architecture=ResNet18(width=2)), TensorData(torch.rand(40, 1, 8, 8), torch.arange(40) % 2)),
    ],
    ids=["classes", "numbers", "images"],
)
def test_a_round_is_the_plain_engine_on_its_two_parts(learner, data):
    model, round = trained(learner, data, number=2, seed=3)
    mask = held_apart(data.labels, 0.25, classes=data.classes, generator=generator_for(3, "validation"))
    parts = [data.take(where.nonzero()[:, 0]) for where in (~mask, mask)]
    by_hand = learner.architecture.build(
        data.sample_shape, learner.outputs(data), generator=torch.Generator().manual_seed(3)
    )
    result = fit(by_hand, parts[0], recipe=learner.recipe, stop=learner.stop, generator=generator_for(3, "order", 2),
                 loss=learner.objective, validation=parts[1])  # fmt: skip
    recalibrate_(by_hand, data, generator=generator_for(3, "recalibration", 2), batch_size=16)
    assert same(state(model), state(by_hand))
    assert round.stop_reason is result.stop_reason
    for name in ("train_score", "train_loss", "validation_score", "validation_loss"):
        assert [row[name] for row in round.history] == [getattr(report, name) for report in result.history]
    assert round.counts["samples"] == result.cost.samples == len(parts[0]) * len(result.history)
    assert round.notes == []


@pytest.mark.parametrize("count", [FEWEST_SAMPLES - 1, FEWEST_SAMPLES])
def test_a_round_with_too_few_samples_is_plain_and_says_so(count):
    data = blobs(count)
    model, round = trained(LEARNER, data)
    plain, _ = trained(replace(LEARNER, stop=replace(STOP, early_stopping="off")), data)
    is_plain = count < FEWEST_SAMPLES
    assert same(state(model), state(plain)) is is_plain
    assert ("validation_loss" in round.history[0]) is not is_plain
    assert round.notes == is_plain * [
        "The round's 19 samples are too few to hold a validation part apart, so it ends by its training score."
    ]


def test_auto_is_on_for_tables():
    automatic, _ = trained(replace(LEARNER, stop=replace(STOP, early_stopping="auto")), blobs(60))
    on, _ = trained(replace(LEARNER, stop=replace(STOP, early_stopping="on")), blobs(60))
    off, _ = trained(replace(LEARNER, stop=replace(STOP, early_stopping="off")), blobs(60))
    assert same(state(automatic), state(on))
    assert not same(state(automatic), state(off))
    rule = StoppingRule(validation_patience=3, max_epochs=40, validation=0.25).resolved(is_table=True)
    resolved, _ = trained(replace(LEARNER, stop=rule), blobs(60))
    assert same(state(resolved), state(trained(LEARNER, blobs(60))[0]))


def test_a_rounds_training_score_is_that_of_the_epoch_whose_weights_it_has():
    found = list(run(replace(TRIAL, learner=LEARNER), TABLES))
    for result in found:
        losses = [row["validation_loss"] for row in result.history]
        best = losses.index(min(losses))
        assert result.train_score == result.history[best]["train_score"]
    assert any(result.train_score != result.history[-1]["train_score"] for result in found)
    (plain, *_) = run(TRIAL, TABLES)
    assert plain.train_score == plain.history[-1]["train_score"]


@pytest.mark.parametrize("keep", [False, True])
def test_a_resumed_trial_gives_the_same_bits(keep):
    carry_over = CarryOver(optimizer_state=OptimizerState.KEEP) if keep else CarryOver()
    recipe = replace(LEARNER.recipe, ema=0.9, schedule="cosine", warm_up=0.1, clip_norm=1.0)
    trial = Trial(replace(LEARNER, recipe=recipe, carry_over=carry_over), Growing(rounds=3), Warm(), seed=1)
    first, *rest = run(trial, TABLES)
    again = list(run(trial, TABLES, round_state=first.round_state))
    assert [outcome(one) for one in rest] == [outcome(one) for one in again]


@pytest.mark.parametrize("train_on", ["seen", "arrival"])
@pytest.mark.parametrize("sizes", [{"rounds": 4}, {"arrival_size": 7}], ids=["large", "small"])
def test_a_warm_start_is_validated_on_samples_that_it_has_not_trained_on(sizes, train_on, monkeypatch):
    """The reason for one draw in all rounds; the first rounds of small arrivals have no validation part."""
    import warmstart.learners._tensor_learner as module

    taken, fitting = [], module.fitting

    def noting(model, data, **options):
        taken.append((data, options["validation"] or data.take(torch.arange(0))))
        return fitting(model, data, **options)

    monkeypatch.setattr(module, "fitting", noting)
    found = list(run(Trial(LEARNER, Growing(**sizes), Warm(), train_on=train_on), TABLES))
    trained_on = set()
    for data, validation in taken:
        trained_on |= {tuple(row.tolist()) for row in data.inputs}
        assert trained_on.isdisjoint(tuple(row.tolist()) for row in validation.inputs)
    assert len(taken) == len(found)
    # All but the first two rounds of seven samples, where everything seen is trained on.
    ended = sum(len(validation) > 0 for _, validation in taken)
    assert ended == (4 if "rounds" in sizes else 0 if train_on == "arrival" else len(found) - 2)


@settings(max_examples=50)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 12), st.integers(0, 3))
def test_whatever_the_sizes_no_sample_is_validated_on_after_it_was_trained_on(arrivals, classes, seed):
    sizes, trained_on = list(itertools.accumulate(arrivals)), set()
    labels = torch.randint(classes, (sizes[-1],), generator=generator_for(seed, "labels"))
    for number, size in enumerate(sizes):
        mask = never_trained_on(apart(labels[:size], 0.15, classes, seed), sizes[:number])
        mask = mask if size >= FEWEST_SAMPLES else torch.zeros(size, dtype=torch.bool)
        trained_on |= set((~mask).nonzero()[:, 0].tolist())
        assert trained_on.isdisjoint(mask.nonzero()[:, 0].tolist())


def test_early_stopping_helps_where_labels_are_noisy():
    """The claim, on a table that has a fifth of its labels wrong."""
    gains = []
    for seed in range(4):
        inputs = torch.randn(1400, 8, generator=generator_for(seed, "inputs"))
        flipped = torch.rand(1400, generator=generator_for(seed, "flips")) < 0.2
        data = TensorData(inputs, ((inputs.sum(1) > 0) ^ flipped).long())
        train, held_out = data.take(torch.arange(400)), data.take(torch.arange(400, 1400))
        scores = []
        for stop in (StoppingRule(early_stopping="on"), StoppingRule(early_stopping="off")):
            model, round = trained(Classifier(MLP(), stop=stop), train, seed=seed)
            scores.append(evaluate(model, held_out).accuracy)
        assert round.stop_reason in (StopReason.CONVERGED, StopReason.PLATEAU)
        gains.append(scores[0] - scores[1])
    assert sum(gains) / 4 > 0.02


def test_early_stopping_is_checked_with_the_learner():
    with pytest.raises(InputError, match="Unknown early_stopping 'yes'"):
        replace(STOP, early_stopping="yes")
    assert Regressor(MLP(), stop=STOP).stop.early_stopping is EarlyStopping.ON
