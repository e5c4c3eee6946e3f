"""Rows of made tables and images, learners of users' own, and settings of a trial: what tests of a project train."""

import json
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from warmstart.data import ColumnEncoding, TableEncoding
from warmstart.learners import Classifier, Regressor, Scores
from warmstart.models import MLP
from warmstart.retrain._rows import Rows, TrainingRows
from warmstart.strategies import Warm
from warmstart.training import Recipe, StoppingRule
from warmstart.trial import Trial

CLASSES = ("no", "yes", "maybe")
STOP = StoppingRule(max_epochs=3, early_stopping="off")
LEARNER = Classifier(MLP(width=8), Recipe(learning_rate=0.01, batch_size=16), STOP)
VALUES = Regressor(MLP(width=8), Recipe(learning_rate=0.01, batch_size=16), StoppingRule(None, max_epochs=3))
TRIAL = Trial(LEARNER, strategy=Warm())
COLUMNS = (ColumnEncoding("size", has_missing=True), ColumnEncoding("color", "category", ("blue", "green", "red")))


def table(count=80, *, seed=0, classes=CLASSES[:2], columns=None, kind=TrainingRows, **options):
    """Rows of two columns whose label is easy to tell: numbers, or a number with gaps and a category."""
    draw = np.random.default_rng(seed)
    size = draw.normal(5.0, 3.0, count)
    labels = np.digitize(size, np.quantile(size, np.arange(1, len(classes)) / len(classes)))
    if columns is None:
        inputs = np.stack([size, draw.normal(size=count)], 1).astype(np.float32)
    else:
        gaps = np.where(draw.random(count) < 0.1, np.nan, size)
        inputs = np.stack([gaps, draw.integers(0, len(columns[1].values), count)], 1)
    encoding = None if columns is None else TableEncoding(columns)
    return kind(inputs, labels.astype(np.int64), classes, encoding, **options)


def values(count=80, *, seed=0, targets=1, kind=TrainingRows, **options):
    """Rows whose targets are far from mean 0 and variance 1."""
    rows = table(count, seed=seed)
    found = np.stack([3 * rows.inputs[:, 0] + 100, -rows.inputs[:, 0]], 1).astype(np.float32)
    return kind(rows.inputs, found[:, 0] if targets == 1 else found, **options)


def images(count=60, *, seed=0, kind=TrainingRows, **options):
    """Small pictures of bytes, brighter in one class."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, count)
    pixels = draw.integers(0, 120, (count, 3, 8, 8)) + 100 * labels[:, None, None, None]
    return kind(pixels.astype(np.uint8), labels, ("dark", "bright"), **options)


def plain(rows):
    """The rows without what only training reads."""
    return Rows(rows.inputs, rows.labels, rows.classes, rows.encoding, rows.features, rows.scale)


class _Stump(nn.Module):
    """A decision stump: no tensor in it, as in a model of another library that is held as a text."""

    def __init__(self):
        super().__init__()
        self.rule = {"threshold": 0.0, "rounds": 0}

    def get_extra_state(self):
        return json.dumps(self.rule)

    def set_extra_state(self, state):
        self.rule = json.loads(state)


@dataclass(frozen=True)
class Stump:
    """A learner of the user's own without tensors: the mean of the first column decides."""

    with_predictions: bool = True

    def build(self, data, seed):
        return _Stump()

    def train(self, model, round):
        inputs = torch.stack([round.data[index][0] for index in range(len(round.data))])
        model.rule = {"threshold": float(inputs[:, 0].mean()), "rounds": model.rule["rounds"] + 1}
        round.count(samples=len(round.data))

    def evaluate(self, model, data):
        predicted = (data.inputs[:, 0] > model.rule["threshold"]).long()
        return Scores(predicted == data.labels, predictions=predicted if self.with_predictions else None)


@dataclass(frozen=True)
class Loop:
    """A plain loop of the user's own over a linear model."""

    epochs: int = 2

    def build(self, data, seed):
        return nn.Linear(data.sample_shape[0], data.classes)

    def train(self, model, round):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for _ in range(self.epochs):
            for inputs, labels in round.data:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(inputs), labels).backward()
                optimizer.step()

    def evaluate(self, model, data):
        with torch.no_grad():
            predicted = model(data.inputs).argmax(1)
        return Scores(predicted == data.labels, predictions=predicted)


class Grouped(Loop):
    """Scores pairs of rows."""

    def evaluate(self, model, data):
        return Scores(torch.ones(len(data) // 2))


def digest(model):
    """All tensors of a model's state as bytes."""
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}
