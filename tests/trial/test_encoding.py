"""Columns of a table, windows and whole numbers on their way to a model: what a trial does with them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from rounds import TRIAL, changed, outcome
from warmstart.basics import InputError, generator_for
from warmstart.data import ColumnEncoding, ColumnKind, LabelledArrays, TableEncoding
from warmstart.learners import Classifier, Regressor, Scores
from warmstart.models import MLP, LogisticRegression, UserModel
from warmstart.streams import Growing, TwoPhase
from warmstart.training import TensorData
from warmstart.trial import Arrays, EvaluateOn, EvaluationSettings, Trial, encoded, first_start, run, split
from warmstart.trial._data import prepared

CPU = torch.device("cpu")
HOLDOUT = EvaluationSettings(holdout=0.25)
ENCODING = TableEncoding(
    (
        ColumnEncoding("size", has_missing=True),
        ColumnEncoding("color", ColumnKind.CATEGORY, ("blue", "green", "red")),
    )
)


def table(count=80, seed=0):
    """Rows of size and color; the class is the color, and every fifth size is missing."""
    generator = np.random.default_rng(seed)
    colors = generator.integers(0, 3, count)
    sizes = generator.normal(5, 2, count) + colors
    sizes[::5] = np.nan
    return LabelledArrays(np.stack([sizes, colors.astype(float)], 1), (colors == 2).astype(np.int64))


def arrays(count=80, seed=0, **options):
    return Arrays(table(count, seed), table(40, seed + 1), 2, encoding=ENCODING, **options)


def first_rows(data, trial):
    """The raw rows of the first arrival, for which the stream is asked by hand."""
    generator = generator_for(trial.seed, "stream")
    order = trial.stream.select(1, data.pool, torch.empty(0, dtype=torch.int64), None, generator)
    return data.pool.take(order).inputs.numpy()


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("evaluate", list(EvaluateOn))
def test_columns_are_numbers_as_the_first_arrival_alone_determines_them(seed, evaluate):
    trial = changed(TRIAL, seed=seed)
    data = split(arrays(), trial, EvaluationSettings(evaluate, 0.25), device=CPU)
    fitted = ENCODING.fitted(first_rows(data, trial))
    found = encoded(trial, data)
    for part, raw in ((found.pool, data.pool), (found.evaluation, data.evaluation)):
        assert torch.equal(part.inputs, torch.from_numpy(fitted.encode(raw.inputs.numpy())))
        assert torch.equal(part.labels, raw.labels)
        assert (part.classes, part.sample_shape) == (2, (ENCODING.width,))
    assert found.fitted_encoding == fitted
    assert fitted.fills != ENCODING.fitted(data.pool.inputs.numpy()).fills
    assert encoded(trial, found) is found


def test_the_encoding_is_with_round_1_and_a_resumed_trial_has_the_same():
    data = split(arrays(), TRIAL, HOLDOUT, device=CPU)
    whole = list(run(TRIAL, data))
    assert whole[0].preparation["encoding"] == encoded(TRIAL, data).fitted_encoding.to_dict()
    assert [result.preparation for result in whole[1:]] == [None, None]
    resumed = list(run(TRIAL, data, round_state=whole[0].round_state))
    assert [outcome(result) for result in resumed] == [outcome(result) for result in whole[1:]]
    assert first_start(TRIAL, data) == whole[0].start


def test_with_a_source_it_is_the_source_that_determines_them():
    trial = changed(TRIAL, stream=TwoPhase())
    data = split(arrays(source=arrays(50, seed=7)), trial, HOLDOUT, device=CPU)
    found = encoded(trial, data)
    assert found.fitted_encoding == ENCODING.fitted(data.source.pool.inputs.numpy())
    expected = found.fitted_encoding.encode(data.source.evaluation.inputs.numpy())
    assert torch.equal(found.source.evaluation.inputs, torch.from_numpy(expected))
    assert [result.number for result in run(trial, data)] == [1, 2, 3]


class Own:
    """A learner of one's own on what it is given: it records that."""

    def __init__(self):
        self.seen = []

    def build(self, data, seed):
        return nn.Linear(data.sample_shape[0], 2)

    def train(self, model, round):
        self.seen.append(round.data.inputs)

    def evaluate(self, model, data):
        return Scores(torch.zeros(len(data)))


def test_a_learner_of_ones_own_gets_encoded_columns_unscaled():
    own = Own()
    trial = Trial(own, Growing(rounds=2))
    data = split(arrays(), trial, HOLDOUT, device=CPU)
    list(run(trial, data))
    assert own.seen[0].dtype == torch.float32
    rows = ENCODING.fitted(first_rows(data, trial)).encode(first_rows(data, trial))
    assert torch.equal(own.seen[0], torch.from_numpy(rows))


def whole_trial(inputs, learner, scale=True):
    labels = np.arange(len(inputs), dtype=np.int64) % 2
    held = Arrays(LabelledArrays(inputs, labels), None, 2, scale=scale)
    trial = replace(TRIAL, learner=replace(learner, recipe=TRIAL.learner.recipe, stop=TRIAL.learner.stop))
    data = split(held, trial, HOLDOUT, device=CPU)
    return trial, data, [result.scores.score for result in run(trial, data)]


@pytest.mark.parametrize(("shape", "axis"), [((5,), -1), ((6, 3), -1), ((3, 4, 6), 1), ((2, 3, 4, 6), 1)])
def test_channels_have_mean_0_and_variance_1_over_what_is_known(shape, axis):
    generator = np.random.default_rng(0)
    inputs = generator.normal(3, 2, (60, *shape)) * np.arange(1, shape[-1] + 1)
    data = TensorData(inputs.astype(np.float32), np.arange(60) % 2)
    found = Classifier(MLP()).prepared([data], data.take(torch.arange(20)))[0]
    batch = found.batch(torch.arange(20))[0].double()
    channels = batch.movedim(axis, 0).flatten(1)
    assert torch.allclose(channels.mean(1), torch.zeros(len(channels), dtype=torch.float64), atol=1e-5)
    assert torch.allclose(channels.var(1, correction=0), torch.ones(len(channels), dtype=torch.float64), atol=1e-4)
    if len(shape) > 1:  # a channel has one scale, whatever the position
        assert torch.as_tensor(found.scale).numel() == channels.shape[0]


def test_columns_of_a_table_are_scaled_bit_for_bit_as_ever():
    data = TensorData(np.random.default_rng(0).normal(3, 2, (599, 13)).astype(np.float32), np.arange(599) % 2)
    known = data.take(torch.arange(200))
    found = Classifier(MLP()).prepared([data], known)[0]
    deviation = known.inputs.std(0, correction=0)
    assert torch.equal(found.scale, 1 / deviation)
    assert torch.equal(found.offset, -known.inputs.mean(0) * (1 / deviation))


def test_a_constant_channel_becomes_zero():
    data = TensorData(np.full((4, 5, 2), 7, np.float32), np.arange(4) % 2)
    assert Classifier(MLP()).prepared([data], data)[0].batch(torch.arange(4))[0].abs().max() < 1e-6


def test_numbers_that_are_not_to_be_scaled_reach_the_model_unchanged():
    inputs = np.random.default_rng(0).normal(3, 2, (60, 4)).astype(np.float32)
    trial, data, _ = whole_trial(inputs, Classifier(MLP(width=4)), scale=False)
    found = prepared(data, trial.learner_of(2), torch.arange(10))
    assert torch.equal(found.pool.batch(torch.arange(5))[0], data.pool.inputs[:5])


def test_targets_are_scaled_whatever_happens_to_inputs():
    data = TensorData(torch.ones(40, 3) * 5, torch.arange(40.0) * 100)
    found = Regressor(MLP()).prepared([data], data, scale=False)[0]
    assert torch.equal(found.batch(torch.arange(3))[0], torch.full((3, 3), 5.0))
    assert found.labels.std(correction=0).item() == pytest.approx(1)


class Embedding(nn.Module):
    """Takes token ids only, as an embedding does."""

    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(30, 4), nn.LazyLinear(2)

    def forward(self, tokens):
        assert tokens.dtype == torch.int64
        return self.head(self.embedding(tokens).mean(1))


@pytest.mark.parametrize(
    "architecture", [UserModel(f"{__name__}:Embedding"), MLP(width=4), LogisticRegression()], ids=repr
)
def test_whole_numbers_reach_a_model_as_they_are_and_built_in_ones_take_them(architecture):
    tokens = np.random.default_rng(0).integers(0, 30, (60, 5))
    trial, data, scores = whole_trial(tokens, Classifier(architecture))
    assert len(scores) == 3
    found = prepared(data, trial.learner_of(2), torch.arange(10))
    assert torch.equal(found.pool.batch(torch.arange(5))[0], data.pool.inputs[:5])


@pytest.mark.parametrize("shape", [(6, 3), (3, 8, 8)])
@pytest.mark.parametrize("architecture", [MLP(width=4), LogisticRegression()], ids=repr)
def test_built_in_models_take_windows_and_pictures_of_numbers(architecture, shape):
    inputs = np.random.default_rng(0).normal(100, 50, (60, *shape)).astype(np.float32)
    assert len(whole_trial(inputs, Classifier(architecture))[2]) == 3


def test_a_table_of_other_columns_is_one_sentence():
    data = split(arrays(), TRIAL, HOLDOUT, device=CPU)
    with pytest.raises(InputError, match="rows must have 1 columns, got the shape"):
        encoded(TRIAL, replace(data, encoding=TableEncoding(ENCODING.columns[:1])))
