"""A model with everything that a penalty must respect, and a batch for it."""

import pytest
import torch
from torch import nn

from warmstart.basics import generator_for


class Model(nn.Module):
    """Tied weights, a frozen layer, BatchNorm in two modes, and a buffer that every pass moves."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.resting = nn.BatchNorm2d(4)
        self.frozen = nn.Linear(64, 5).requires_grad_(False)
        self.first = nn.Linear(5, 5)
        self.second = nn.Linear(5, 5)
        self.second.weight = self.first.weight
        self.head = nn.Linear(5, 3)
        self.register_buffer("passes", torch.tensor(0))
        self.resting.eval()

    def forward(self, inputs):
        self.passes += 1
        hidden = self.frozen(self.resting(self.norm(self.conv(inputs))).relu().flatten(1))
        return self.head(self.second(self.first(hidden).tanh()).tanh())


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def inputs():
    return torch.randn(6, 1, 4, 4, generator=generator_for("inputs"))


@pytest.fixture
def labels():
    return torch.tensor([0, 1, 2, 0, 1, 2])


def trainable_numbers(model, values=None):
    """Every trainable number of the model, or what ``values`` holds for it, one at a time, tied ones once."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            yield from (parameter if values is None else values[name]).flatten().tolist()


@pytest.fixture
def numbers():
    return trainable_numbers
