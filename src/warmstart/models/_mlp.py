"""The paper's multilayer perceptron."""

import math
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import torch
from torch import nn

from warmstart.basics import check_at_least, resolve_choices, seeded_globals

from ._architecture import LARGER, Architecture, FlattenNumbers, check_size

# The limit on parameters alone would let a billion layers of one unit pass.
MOST_LAYERS, MOST_UNITS = 1_000, 1_000_000


class Activation(StrEnum):
    """Nonlinearity between hidden layers."""

    RELU = "relu"
    TANH = "tanh"


@dataclass(frozen=True)
class MLP(Architecture):
    """A multilayer perceptron on the flattened input.

    The default, 2 x 100 with ReLU, is what the paper's released code trains; its text says 3 x 100 with tanh, which is
    ``MLP(layers=3, activation=Activation.TANH)``.

    Args:
        layers: Number of hidden layers, from 1 to 1,000.
        width: Units of each hidden layer, from 1 to 1,000,000; all layers together have at most a billion parameters.
        activation: Nonlinearity between the layers.
        bias: Whether the layers have biases; without them (and with ReLU) scaling all weights by one factor does not
            change the predicted class.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, section 2.

    Example:
        >>> from warmstart.basics import generator_for
        >>> model = MLP().build((3, 32, 32), 10, generator=generator_for(0))
        >>> sum(p.numel() for p in model.parameters())
        318410
    """

    layers: int = 2
    width: int = 100
    activation: Activation = Activation.RELU
    bias: bool = True

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_at_least("layers", self.layers, 1, most=MOST_LAYERS, why=LARGER)
        check_at_least("width", self.width, 1, most=MOST_UNITS, why=LARGER)
        # The size of the input is still unknown, but the hidden layers alone may be too large.
        check_size(self, (self.layers - 1) * self.width**2)

    def build(self, input_shape: tuple[int, ...], classes: int, *, generator: torch.Generator) -> nn.Module:
        """Return the model; see :meth:`Architecture.build`."""
        sizes = [math.prod(input_shape), *[self.width] * self.layers]
        check_size(self, sum(inputs * outputs for inputs, outputs in pairwise([*sizes, classes])))
        with seeded_globals(generator):
            activation = {Activation.RELU: nn.ReLU, Activation.TANH: nn.Tanh}[self.activation]
            modules: list[nn.Module] = [FlattenNumbers()]
            for inputs, outputs in pairwise(sizes):
                modules += [nn.Linear(inputs, outputs, bias=self.bias), activation()]
            return nn.Sequential(*modules, nn.Linear(sizes[-1], classes, bias=self.bias))
