"""A model with all that could be counted twice or by mistake."""

import pytest
import torch
from torch import nn


class Model(nn.Module):
    """Tied weights, a frozen layer, BatchNorm, and a parameter that the loss does not reach."""

    def __init__(self):
        super().__init__()
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.norm = nn.BatchNorm1d(4)
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(4, 3)
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, inputs):
        hidden = self.second(self.first(self.norm(self.frozen(inputs))).tanh())
        return self.head(self.dropout(hidden))


@pytest.fixture
def make():
    """Return a function from a seed to a model."""

    def build(seed=0):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Model()

    return build
