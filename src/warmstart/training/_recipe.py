"""Hyper-parameters of a round."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import nn

from warmstart.basics import (
    InputError,
    added_later,
    check_at_least,
    check_in_range,
    check_trainable,
    memory_key,
    resolve_choices,
    weights_of,
)

from ._augment import Augmentation, augmentations
from ._data import TensorData
from ._loss import Loss
from ._precision import Precision
from ._schedule import Schedule


class OptimizerKind(StrEnum):
    """The paper's two optimizers, and Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    ADAM = "adam"
    SGD = "sgd"
    ADAMW = "adamw"


class ClassWeights(StrEnum):
    """How much a sample's loss weighs in training.

    ``NONE``: 1. ``BALANCED``: n / (K n_k) for a sample of class k, where n_k of the round's n training samples, of K
    classes that occur, are of class k.
    """

    NONE = "none"
    BALANCED = "balanced"


@dataclass(frozen=True)
class Recipe:
    """How a round trains; the defaults are the paper's.

    Args:
        optimizer: Adam, AdamW (decoupled weight decay), or stochastic gradient descent.
        learning_rate: Learning rate, greater than 0.
        batch_size: Samples per step, at least 1.
        weight_decay: Factor of the L2 term in the gradient, at least 0; with AdamW decoupled from it: every step
            multiplies the weights by 1 - learning_rate * weight_decay.
        momentum: Momentum of SGD, in [0, 1); it applies only to SGD.
        step_shrink: After every step, theta <- step_shrink * theta + N(0, step_noise^2), over all trainable
            parameters: shrink-perturb as a regularizer, for the paper's appendix. In [0, 1]; 1 shrinks nothing.
        step_noise: Standard deviation of that noise, at least 0; 0 adds nothing.
        precision: Arithmetic of the steps; evaluation is always in float32. AUTO is BF16 where the device has
            instructions for it, else FP32; a study stores which of them it was.
        nesterov: Use Nesterov momentum; needs ``momentum``.
        schedule: Learning-rate schedule over the round's whole budget: max_steps of the stopping rule, else max_epochs
            times the steps of an epoch. A round that stops earlier does not reach the end of the schedule.
        warm_up: Share of that budget, in [0, 1), over which the learning rate rises linearly to its full value; with
            one-cycle the share of its rising half, and 0 then means 0.3.
        clip_norm: Gradients are clipped to this norm, of all parameters together, greater than 0; None: no clipping.
        class_weights: Weights of the classes in the training loss: none, or balanced, which makes rare ones count more.
        label_smoothing: Share of the target that is spread evenly over all classes in the training loss, in [0, 1).
        augmentation: Random changes of training images: any of flip, crop and cutout, separated by commas on the
            command line.
        ema: Decay d of an exponential moving average of the weights, in [0, 1): average <- d * average + (1 - d) *
            weights after every step. The average is what is validated, evaluated and passed on to the next round; 0:
            no averaging.

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
    nesterov: bool = added_later(False)
    schedule: Schedule = added_later(Schedule.CONSTANT)
    warm_up: float = added_later(0.0)
    clip_norm: float | None = added_later(None)
    class_weights: ClassWeights = added_later(ClassWeights.NONE)
    label_smoothing: float = added_later(0.0)
    augmentation: tuple[Augmentation, ...] = added_later(())
    ema: float = added_later(0.0)

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_in_range("learning_rate", self.learning_rate, 0, math.inf, low_open=True, high_open=True)
        check_at_least("batch_size", self.batch_size, 1)
        check_in_range("weight_decay", self.weight_decay, 0, math.inf, high_open=True)
        check_in_range("momentum", self.momentum, 0, 1, high_open=True)
        check_in_range("step_shrink", self.step_shrink, 0, 1)
        check_in_range("step_noise", self.step_noise, 0, math.inf, high_open=True)
        check_in_range("warm_up", self.warm_up, 0, 1, high_open=True)
        if self.clip_norm is not None:
            check_in_range("clip_norm", self.clip_norm, 0, math.inf, low_open=True, high_open=True)
        check_in_range("label_smoothing", self.label_smoothing, 0, 1, high_open=True)
        check_in_range("ema", self.ema, 0, 1, high_open=True)
        if self.momentum and self.optimizer is not OptimizerKind.SGD:
            raise InputError(
                f"momentum must be 0 with {self.optimizer}, as it applies only to sgd, got {self.momentum}."
            )
        if self.nesterov and not self.momentum:
            raise InputError("nesterov must be false without momentum, got true: set momentum, such as 0.9, with sgd.")
        object.__setattr__(self, "augmentation", augmentations(self.augmentation))

    def check_loss(self, loss: Loss) -> None:
        """Raise unless the options that need classes are used with a loss that has them."""
        used = {"class_weights": (self.class_weights, ClassWeights.NONE), "label_smoothing": (self.label_smoothing, 0)}
        for name, (value, off) in used.items():
            if loss.takes_floats and value != off:
                raise InputError(f"{name} must be {off} for numbers as targets, which have no classes, got {value}.")

    def check_fits(self, data: Any, loss: Loss) -> None:
        """Raise unless the options fit the data and the loss: class weights need classes, augmentation images.

        Args:
            data: The round's training data; of a loader, images are known only at the first batch.
            loss: What training minimizes.

        Raises:
            InputError: If an option does not fit.
        """
        self.check_loss(loss)
        is_tensors = isinstance(data, TensorData)
        if self.class_weights is not ClassWeights.NONE and not is_tensors:
            raise InputError(
                f"class_weights must be none for a loader, whose labels are not known before the round, got "
                f"{self.class_weights}: pass TensorData."
            )
        if self.augmentation and is_tensors and (not data.is_image or data.holds_indices):
            raise InputError(
                f"augmentation must be empty for samples of shape {data.sample_shape}, got "
                f"{','.join(self.augmentation)}: it changes images (channels, height, width)."
            )

    @property
    def needs_host(self) -> tuple[str, ...]:
        """Names of the options in use with which steps cannot be recorded."""
        # Learning rates are numbers of the host, and augmentation draws anew in every step.
        used = {
            "schedule": self.schedule is not Schedule.CONSTANT,
            "warm_up": self.warm_up > 0,
            "clip_norm": self.clip_norm is not None,
            "augmentation": bool(self.augmentation),
            "ema": self.ema > 0,
        }
        return tuple(name for name, is_used in used.items() if is_used)

    def build_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """Return a new optimizer over the model's trainable parameters."""
        check_trainable(model)
        weights_of(model)  # names a parameter without values, as of a lazy layer
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        sparse = [name for name, module in model.named_modules() if getattr(module, "sparse", False) is True]
        if sparse and (self.optimizer is not OptimizerKind.SGD or self.weight_decay or self.clip_norm is not None):
            clipped = "" if self.clip_norm is None else f" and clip_norm {self.clip_norm}"
            raise InputError(
                f"model must have dense gradients for {self.optimizer} with weight_decay {self.weight_decay}{clipped}, "
                f"but its '{sparse[0]}' gives sparse ones: use sgd without weight_decay"
                f"{' and clip_norm' if clipped else ''}, or build the layer with sparse=False."
            )
        # One kernel for the whole update: a third less time for ResNet-18's many small tensors on the CPU.
        fused = not sparse and all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in parameters)
        shared = {"lr": self.learning_rate, "weight_decay": self.weight_decay, "fused": fused}
        if self.optimizer is OptimizerKind.SGD:
            return torch.optim.SGD(parameters, momentum=self.momentum, nesterov=self.nesterov, **shared)
        kind = torch.optim.AdamW if self.optimizer is OptimizerKind.ADAMW else torch.optim.Adam
        return kind(parameters, **shared)

    def clip_(self, model: nn.Module) -> None:
        """Scale the gradients in place where their norm, over all parameters, is greater than ``clip_norm``."""
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), self.clip_norm)

    def after_step_(self, model: nn.Module) -> None:
        """Shrink and perturb the parameters in place after a step; draws from the global generator."""
        if self.step_shrink == 1 and not self.step_noise:
            return
        met: set[object] = set()
        with torch.no_grad():
            for parameter in model.parameters():
                if not parameter.requires_grad:
                    continue
                if (memory := memory_key(parameter)) is not None:
                    # Tied by memory, not by being one parameter: it is changed under its first name.
                    place = memory, parameter.storage_offset(), parameter.numel()
                    if place in met:
                        continue
                    met.add(place)
                # By zero_() for 0: a product would keep NaN and infinity.
                parameter.mul_(self.step_shrink) if self.step_shrink else parameter.zero_()
                if self.step_noise:
                    # randn_like gives each part of a complex number half of the variance.
                    parts = torch.view_as_real(parameter) if parameter.is_complex() else parameter
                    parts.add_(torch.randn_like(parts), alpha=self.step_noise)
