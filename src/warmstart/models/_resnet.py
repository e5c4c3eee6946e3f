"""ResNets for small images, with a width."""

from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from warmstart.basics import check_at_least, resolve_choices, seeded_globals

from ._architecture import LARGER, Architecture, check_images

# Nearly a billion parameters, 2,725 times the square of the width: the limit of the built-in architectures.
WIDEST = 600


@dataclass(frozen=True)
class ResNet18(Architecture):
    """ResNet-18 in its form for small images: a 3x3 stem without pooling, four stages, global average pooling.

    Args:
        width: Channels of the first stage, from 1 to 600; the stages have (1, 2, 4, 8) x width. 64 is the usual network
            (11.2 M parameters), 16 that of the paper's released code (0.7 M).

    Reference:
        He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; section 4.2 for small images.

    Example:
        >>> from warmstart.basics import generator_for
        >>> model = ResNet18(width=16).build((3, 32, 32), 10, generator=generator_for(0))
        >>> sum(p.numel() for p in model.parameters())
        701466
    """

    width: int = 16

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_at_least("width", self.width, 1, most=WIDEST, why=LARGER)

    def build(self, input_shape: tuple[int, ...], classes: int, *, generator: torch.Generator) -> nn.Module:
        """Return the model; see :meth:`Architecture.build`.

        Raises:
            InputError: If inputs are not images of at least 8x8 pixels.
        """
        check_images("resnet18", input_shape)
        with seeded_globals(generator):
            return _resnet(input_shape[0], self.width, classes, stages=4, blocks=2)


@dataclass(frozen=True)
class ResNet8(Architecture):
    """The shallowest ResNet for small images: a 3x3 stem, three stages of one block each, global average pooling.

    Args:
        width: Channels of the first stage, from 1 to 600; the stages have (1, 2, 4) x width. 16 is that of the paper's
            networks for CIFAR-10, whose depth is 6 n + 2 with n = 1 here.

    Reference:
        He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2.

    Example:
        >>> from warmstart.basics import generator_for
        >>> model = ResNet8(width=16).build((3, 16, 16), 10, generator=generator_for(0))
        >>> sum(p.numel() for p in model.parameters())
        78042
    """

    width: int = 16

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_at_least("width", self.width, 1, most=WIDEST, why=LARGER)

    def build(self, input_shape: tuple[int, ...], classes: int, *, generator: torch.Generator) -> nn.Module:
        """Return the model; see :meth:`Architecture.build`.

        Raises:
            InputError: If inputs are not images of at least 8x8 pixels.
        """
        check_images("resnet8", input_shape)
        with seeded_globals(generator):
            return _resnet(input_shape[0], self.width, classes, stages=3, blocks=1)


class _Block(nn.Module):
    """relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        # Convolutions have no bias: the batch normalization behind each would cancel it.
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            # Projection shortcuts (option B of the paper), only where the shape changes.
            projection = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden = F.relu(self.norm1(self.conv1(inputs)), inplace=True)
        return F.relu(self.norm2(self.conv2(hidden)) + self.shortcut(inputs), inplace=True)


def _resnet(channels: int, width: int, classes: int, *, stages: int, blocks: int) -> nn.Sequential:
    """Return a stem, stages that each double the channels and halve the size, and a head."""
    # Weights are drawn in the order in which layers are made, which stored results depend on.
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        stem=nn.Conv2d(channels, width, 3, padding=1, bias=False),
        norm=nn.BatchNorm2d(width),
        relu=nn.ReLU(inplace=True),
    )
    inputs = outputs = width
    for number in range(1, stages + 1):
        first = _Block(inputs, outputs, 1 if number == 1 else 2)
        layers[f"stage{number}"] = nn.Sequential(first, *(_Block(outputs, outputs, 1) for _ in range(blocks - 1)))
        inputs, outputs = outputs, 2 * outputs
    head = nn.Linear(inputs, classes)
    return nn.Sequential(layers | OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), head=head))
