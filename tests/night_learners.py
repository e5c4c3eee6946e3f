"""Learners of a user's own whose models are known in advance, for projects that promote what a test wants."""

import dataclasses

import torch
from torch import nn

from warmstart.learners import Scores


@dataclasses.dataclass(frozen=True)
class Cut:
    """A learner of the user's own that learns nothing: a sample is of the second class above ``at``."""

    at: float = 0.0

    def build(self, data, seed):
        model = nn.Module()
        model.cut = nn.Parameter(torch.tensor(float("inf")))
        return model

    def train(self, model, round):
        with torch.no_grad():
            model.cut.fill_(self.at)
        round.count(samples=len(round.data))

    def evaluate(self, model, data):
        predicted = (data.inputs[:, 0] > model.cut).long()
        return Scores(predicted == data.labels, predictions=predicted)

    def predict(self, model, data):
        above = (data.inputs[:, 0] > model.cut).float()
        return torch.stack([1 - above, above], 1).log()


@dataclasses.dataclass(frozen=True)
class Memory:
    """Knows the labels of what it was trained on, by the first feature; of others it says what ``Cut`` says."""

    at: float = 0.0
    size: int = 4000

    def build(self, data, seed):
        model = nn.Module()
        model.cut = nn.Parameter(torch.tensor(float("inf")))
        model.seen = nn.Parameter(torch.full((self.size,), float("nan")))
        model.labels = nn.Parameter(torch.zeros(self.size))
        return model

    def train(self, model, round):
        count = len(round.data)
        with torch.no_grad():
            model.cut.fill_(self.at)
            model.seen[:count] = round.data.inputs[:, 0]
            model.labels[:count] = round.data.labels.float()
        round.count(samples=count)

    def _classes(self, model, inputs):
        known = inputs[:, 0, None] == model.seen
        remembered = model.labels[known.float().argmax(1)].long()
        return torch.where(known.any(1), remembered, (inputs[:, 0] > model.cut).long())

    def evaluate(self, model, data):
        predicted = self._classes(model, data.inputs)
        return Scores(predicted == data.labels, predictions=predicted)

    def predict(self, model, data):
        above = self._classes(model, data.inputs).float()
        return torch.stack([1 - above, above], 1).log()


def own(at, learner=Cut):
    """Tables of a project with one of these learners, which take no model, recipe or stopping rule."""
    name = f"{__name__}:{learner.__name__}"
    return {"learner": {"name": name, "at": at}, "model": {}, "recipe": {}, "stop": {}}
