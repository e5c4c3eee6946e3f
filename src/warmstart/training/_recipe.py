"""Hyper-parameters of a round."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import nn

from warmstart.basics import InputError, check_at_least, check_in_range, settle_choices

from ._precision import Precision


class OptimizerKind(StrEnum):
    """The paper's two optimizers."""

    ADAM = "adam"
    SGD = "sgd"


@dataclass(frozen=True)
class Recipe:
    """How a round trains; the defaults are the paper's.

    Args:
        optimizer: Adam, or stochastic gradient descent.
        learning_rate: Greater than 0.
        batch_size: Samples a step, at least 1.
        weight_decay: Factor of the L2 term in the gradient, at least 0.
        momentum: Of SGD, in [0, 1); Adam has its own and takes none.
        step_shrink: After every step, theta <- step_shrink * theta + N(0, step_noise^2), over all trainable
            parameters: shrink-perturb as a regularizer, for the paper's appendix. In [0, 1]; 1 shrinks nothing.
        step_noise: Its standard deviation, at least 0; 0 adds nothing.
        precision: Arithmetic of the steps; evaluation is in float32 always. AUTO is BF16 where the device has
            instructions for it, else FP32; a study stores which of them it was.

    Example:
        >>> Recipe(optimizer=OptimizerKind.SGD, momentum=0.9).learning_rate
        0.001
    """

    optimizer: OptimizerKind = OptimizerKind.ADAM
    learning_rate: float = 1e-3
    batch_size: int = 128
    weight_decay: float = 0.0
    momentum: float = 0.0
    step_shrink: float = 1.0
    step_noise: float = 0.0
    precision: Precision = Precision.FP32

    def __post_init__(self) -> None:
        """Check the options."""
        settle_choices(self)
        check_in_range("learning_rate", self.learning_rate, 0, math.inf, low_open=True, high_open=True)
        check_at_least("batch_size", self.batch_size, 1)
        check_in_range("weight_decay", self.weight_decay, 0, math.inf, high_open=True)
        check_in_range("momentum", self.momentum, 0, 1, high_open=True)
        check_in_range("step_shrink", self.step_shrink, 0, 1)
        check_in_range("step_noise", self.step_noise, 0, math.inf, high_open=True)
        if self.momentum and self.optimizer is OptimizerKind.ADAM:
            raise InputError(f"momentum must be 0 with adam, which has its own, got {self.momentum}; it is for sgd.")

    def build_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """Return a new optimizer over the model's trainable parameters."""
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not parameters:
            raise InputError("The model must have at least one trainable parameter, got none.")
        shared = {"lr": self.learning_rate, "weight_decay": self.weight_decay, "fused": _can_fuse(parameters)}
        if self.optimizer is OptimizerKind.SGD:
            return torch.optim.SGD(parameters, momentum=self.momentum, **shared)
        return torch.optim.Adam(parameters, **shared)

    def after_step_(self, parameters: Sequence[nn.Parameter]) -> None:
        """Shrink and perturb the parameters in place as every step asks; draws from the global generator."""
        if self.step_shrink == 1 and not self.step_noise:
            return
        with torch.no_grad():
            for parameter in parameters:
                parameter.mul_(self.step_shrink)
                if self.step_noise:
                    parameter.add_(torch.randn_like(parameter), alpha=self.step_noise)


def _can_fuse(parameters: list[nn.Parameter]) -> bool:
    """One kernel for the whole update: a third less time for ResNet-18's many small tensors on the CPU."""
    return all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in parameters)
