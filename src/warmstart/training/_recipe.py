"""Hyper-parameters of a round."""

import math
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import nn

from warmstart.basics import (
    InputError,
    added_later,
    check_at_least,
    check_in_range,
    check_trainable,
    resolve_choices,
    weights_of,
)

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
        batch_size: Samples per step, at least 1.
        weight_decay: Factor of the L2 term in the gradient, at least 0.
        momentum: Momentum of SGD, in [0, 1); it applies only to SGD.
        step_shrink: After every step, theta <- step_shrink * theta + N(0, step_noise^2), over all trainable
            parameters: shrink-perturb as a regularizer, for the paper's appendix. In [0, 1]; 1 shrinks nothing.
        step_noise: Standard deviation of that noise, at least 0; 0 adds nothing.
        precision: Arithmetic of the steps; evaluation is always in float32. AUTO is BF16 where the device has
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
    step_shrink: float = added_later(1.0)
    step_noise: float = added_later(0.0)
    precision: Precision = added_later(Precision.FP32)

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_in_range("learning_rate", self.learning_rate, 0, math.inf, low_open=True, high_open=True)
        check_at_least("batch_size", self.batch_size, 1)
        check_in_range("weight_decay", self.weight_decay, 0, math.inf, high_open=True)
        check_in_range("momentum", self.momentum, 0, 1, high_open=True)
        check_in_range("step_shrink", self.step_shrink, 0, 1)
        check_in_range("step_noise", self.step_noise, 0, math.inf, high_open=True)
        if self.momentum and self.optimizer is OptimizerKind.ADAM:
            raise InputError(f"momentum must be 0 with adam, as it applies only to sgd, got {self.momentum}.")

    def build_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """Return a new optimizer over the model's trainable parameters."""
        check_trainable(model)
        weights_of(model)  # names a parameter without values, as of a lazy layer
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        sparse = [name for name, module in model.named_modules() if getattr(module, "sparse", False) is True]
        if sparse and (self.optimizer is OptimizerKind.ADAM or self.weight_decay):
            raise InputError(
                f"model must have dense gradients for {self.optimizer} with weight_decay {self.weight_decay}, but its "
                f"'{sparse[0]}' gives sparse ones: use sgd without weight_decay, or build the layer with sparse=False."
            )
        # One kernel for the whole update: a third less time for ResNet-18's many small tensors on the CPU.
        fused = not sparse and all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in parameters)
        shared = {"lr": self.learning_rate, "weight_decay": self.weight_decay, "fused": fused}
        if self.optimizer is OptimizerKind.SGD:
            return torch.optim.SGD(parameters, momentum=self.momentum, **shared)
        return torch.optim.Adam(parameters, **shared)

    def after_step_(self, model: nn.Module) -> None:
        """Shrink and perturb the parameters in place after a step; draws from the global generator."""
        if self.step_shrink == 1 and not self.step_noise:
            return
        with torch.no_grad():
            for parameter in model.parameters():
                if not parameter.requires_grad:
                    continue
                # By zero_() for 0: a product would keep NaN and infinity.
                parameter.mul_(self.step_shrink) if self.step_shrink else parameter.zero_()
                if self.step_noise:
                    # randn_like gives each part of a complex number half of the variance.
                    parts = torch.view_as_real(parameter) if parameter.is_complex() else parameter
                    parts.add_(torch.randn_like(parts), alpha=self.step_noise)
