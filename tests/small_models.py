"""Small models that tests share, and how they are built and trained."""

import copy

import torch
from torch import nn

from samples import blobs
from warmstart.basics import generator_for
from warmstart.strategies import RoundContext
from warmstart.training import Recipe, StoppingRule, fit

INPUTS = torch.linspace(-1, 1, 12).reshape(3, 4)
TABLE = blobs(48)
RECIPE = Recipe(learning_rate=0.01, batch_size=16)


def net(seed=0):
    """Two layers with a normalization layer between them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def trained(model, data=TABLE, **options):
    """Return the result of two epochs."""
    given = {"recipe": RECIPE, "stop": StoppingRule(None, max_epochs=2), "generator": generator_for(0), **options}
    return fit(model, data, **given)


def context(fresh):
    """Return the context of a strategy whose new models are copies of one."""
    return RoundContext(first=lambda: fresh, generator=generator_for(0), another=lambda: copy.deepcopy(fresh))


class HeadFirst(nn.Module):
    """Its head is defined first."""

    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(5, 3), nn.Linear(4, 5)

    def forward(self, inputs):
        return self.head(torch.relu(self.body(inputs)))


class Tied(nn.Module):
    """Two layers, whose weights a function may tie."""

    def __init__(self, tie=lambda model: None):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        tie(self)

    def forward(self, inputs):
        return self.b(torch.relu(self.a(inputs)))


def same_parameter(model):
    model.b.weight = model.a.weight


def transposed(model):
    model.b.weight.data = model.a.weight.data.t()


def overlapping(model):
    whole = torch.randn(6, 4)
    model.a.weight.data, model.b.weight.data = whole[:4], whole[2:]


def expanded(model):
    model.b.weight.data = torch.randn(4).expand(4, 4)
