"""A small trial, and how tests compare what it comes to."""

from dataclasses import dataclass, fields, replace
from typing import ClassVar

import torch

from samples import blobs, pictures
from warmstart.basics import generator_for
from warmstart.learners import Classifier
from warmstart.models import MLP
from warmstart.streams import Growing, Stream
from warmstart.training import OptimizerKind, Recipe, StoppingRule
from warmstart.trial import Trial, TrialData

TABLES = TrialData(blobs(90), blobs(60, seed=1), classes=3)
IMAGES = TrialData(pictures(60), pictures(40, seed=1), classes=2)
TRIAL = Trial(
    Classifier(
        MLP(width=8), Recipe(learning_rate=0.01, batch_size=16), StoppingRule(0.95, max_epochs=4, early_stopping="off")
    ),
    Growing(rounds=3),
)
# A step so small that the weights cannot move: what a round ends with is what it began with.
STILL = Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e-30)
WILD = Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e25)


@dataclass(frozen=True)
class InOrder(Stream):
    """Arrivals of equal size in the order of the pool."""

    keeps_order: ClassVar[bool] = True
    rounds: int = 3

    def sizes(self, count):
        return [count // self.rounds] * self.rounds

    def select(self, round, pool, seen, model, generator):
        size = len(pool) // self.rounds
        return torch.arange((round - 1) * size, round * size)


def arrivals(stream, count, seed=0):
    """All that a stream brings a trial while no model has a say in it, round by round."""
    parts = []
    for number, _ in enumerate(stream.sizes(count), 1):
        seen = torch.cat(parts) if parts else torch.empty(0, dtype=torch.int64)
        parts.append(stream.select(number, range(count), seen, None, generator_for(seed, "stream")))
    return parts


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def outcome(finished):
    """All of a round that is decided by the settings: everything but seconds."""

    def numbers(scores):
        return scores and (scores.score, scores.metrics, scores.recalls, scores.values.tolist())

    return (
        finished.number,
        finished.samples_seen,
        finished.stop_reason,
        finished.history,
        finished.counts,
        numbers(finished.scores),
        numbers(finished.next_scores),
        {name: numbers(scores) for name, scores in (finished.baselines | finished.next_baselines).items()},
        finished.churn,
        finished.negative_flips,
    )


def changed(settings, **options):
    """Settings with other options; those of a trial's learner are given like its own, as are those of round 1."""
    if not isinstance(settings, Trial):
        return replace(settings, **options)
    given = {name: options.pop(name, None) for name in ("first_recipe", "first_stop")}
    of_first = {name.removeprefix("first_"): value for name, value in given.items() if value is not None}
    known = {field.name for field in fields(settings.learner)}
    of_learner = {name: options.pop(name) for name in list(options) if name in known}
    trial = replace(settings, learner=replace(settings.learner, **of_learner), **options)
    return replace(trial, first_learner=replace(trial.learner, **of_first)) if of_first else trial
