"""A small convolutional network."""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from warmstart.basics import check_at_least, resolve_choices, seeded_globals

from ._architecture import Architecture, check_images, check_size


@dataclass(frozen=True)
class ConvNet(Architecture):
    """Four layers of 3x3 convolution, batch normalization and ReLU, with 2x2 max-pooling between them.

    The layers have (1, 2, 4, 8) x width channels, are followed by global average pooling, and end in a linear head.

    Args:
        width: Channels of the first layer, at least 1; 16 has 0.1 M parameters.

    Example:
        >>> from warmstart.basics import generator_for
        >>> model = ConvNet(width=16).build((3, 16, 16), 10, generator=generator_for(0))
        >>> sum(p.numel() for p in model.parameters())
        98970
    """

    width: int = 16

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_at_least("width", self.width, 1)

    def build(self, input_shape: tuple[int, ...], classes: int, *, generator: torch.Generator) -> nn.Module:
        """Return the model; see :meth:`Architecture.build`.

        Raises:
            InputError: If inputs are not images of at least 8x8 pixels, or the model would be too large.
        """
        check_images("convnet", input_shape)
        widths = [input_shape[0], *(self.width * factor for factor in (1, 2, 4, 8))]
        check_size(self, sum(9 * before * after for before, after in pairwise(widths)))
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        with seeded_globals(generator):
            for number, (before, after) in enumerate(pairwise(widths), start=1):
                if number > 1:
                    layers[f"pool{number - 1}"] = nn.MaxPool2d(2)
                # No bias: batch normalization would cancel it.
                layers[f"conv{number}"] = nn.Conv2d(before, after, 3, padding=1, bias=False)
                layers[f"norm{number}"] = nn.BatchNorm2d(after)
                layers[f"relu{number}"] = nn.ReLU(inplace=True)
            head = nn.Linear(widths[-1], classes)
            return nn.Sequential(layers | OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), head=head))
