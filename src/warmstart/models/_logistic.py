"""Multinomial logistic regression."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from warmstart.basics import seeded_globals

from ._architecture import Architecture, FlattenNumbers


@dataclass(frozen=True)
class LogisticRegression(Architecture):
    """One linear layer on the flattened input: logits = W x + b.

    Example:
        >>> from warmstart.basics import generator_for
        >>> model = LogisticRegression().build((1, 8, 8), 10, generator=generator_for(0))
        >>> model(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 10])
    """

    def build(self, input_shape: tuple[int, ...], classes: int, *, generator: torch.Generator) -> nn.Module:
        """Return the model; see :meth:`Architecture.build`."""
        # PyTorch's layers draw their weights from the global generator, and take no other.
        with seeded_globals(generator):
            return nn.Sequential(FlattenNumbers(), nn.Linear(math.prod(input_shape), classes))
