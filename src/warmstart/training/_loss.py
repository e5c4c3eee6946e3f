"""Losses: what a step minimizes, and the training score that a stopping rule reads."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from warmstart.basics import InputError, check_in_range, check_labels, logits_of, unwrapped, upcast
from warmstart.penalties import Penalty


class Loss(ABC):
    """What a step minimizes, and the score of the training data that a :class:`StoppingRule` reads.

    Subclasses are frozen dataclasses of options without state. The score is higher for better models: accuracy for
    classification, minus the mean loss for regression.

    Attributes:
        takes_floats: Whether targets are floating-point numbers, of shape (n,) or (n, outputs), rather than classes.
    """

    takes_floats: ClassVar[bool]

    @abstractmethod
    def __call__(self, outputs: Tensor, targets: Tensor, *, reduction: str = "mean") -> Tensor:
        """Return the loss of a batch, in at least single precision.

        Args:
            outputs: What the model returned, of shape (n, outputs).
            targets: As in the data.
            reduction: "mean" over samples, "sum", or "none" for one number per sample, as in PyTorch.
        """

    @abstractmethod
    def scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return one score per sample, higher is better, without a graph."""

    @abstractmethod
    def check_outputs(self, outputs: Tensor, targets: Tensor) -> None:
        """Raise unless outputs and targets fit by shape and type; cheap, and done for every batch."""

    @abstractmethod
    def check_targets(self, targets: Tensor, outputs: int) -> None:
        """Raise unless the values of targets fit a model of so many outputs; on a GPU the host waits for it."""


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy in nats over class indices; the score is accuracy, in [0, 1].

    Example:
        >>> logits, labels = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
        >>> CrossEntropy()(logits, labels).item(), CrossEntropy().scores(logits, labels).tolist()
        (1.1269280910491943, [True, False])
    """

    takes_floats: ClassVar[bool] = False

    def __call__(self, outputs: Tensor, targets: Tensor, *, reduction: str = "mean") -> Tensor:
        """Return the cross-entropy of logits (n, classes) and class indices (n,)."""
        return F.cross_entropy(upcast(outputs), targets, reduction=reduction)

    def scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return whether each sample is classified correctly."""
        return outputs.argmax(1) == targets

    def check_outputs(self, outputs: Tensor, targets: Tensor) -> None:
        """Raise unless there is a row of logits for each label."""
        if targets.is_floating_point():
            raise InputError(
                f"labels must be whole numbers, the index of each sample's class, got {targets.dtype}: labels.long() "
                "makes them so; to train on numbers, pass a regression loss such as SquaredError()."
            )
        if outputs.ndim != 2 or len(outputs) != len(targets) or not outputs.is_floating_point():
            raise InputError(
                f"model must return logits of shape (n, classes), one output for each class; for n = {len(targets)} it "
                f"returned {outputs.dtype} of shape {tuple(outputs.shape)}."
            )

    def check_targets(self, targets: Tensor, outputs: int) -> None:
        """Raise unless every label is a class of the model."""
        check_labels(targets, outputs)


CROSS_ENTROPY = CrossEntropy()


class _RegressionLoss(Loss):
    """A loss of numbers; a sample's loss is the mean over its outputs, and its score is minus that."""

    takes_floats: ClassVar[bool] = True

    @abstractmethod
    def elementwise(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of every entry; both are of shape (n, outputs) and of one type."""

    def __call__(self, outputs: Tensor, targets: Tensor, *, reduction: str = "mean") -> Tensor:
        """Return the loss of outputs against targets, both of shape (n,) or (n, outputs)."""
        # Both as (n, outputs): (n, 1) against (n,) would broadcast to n x n without an error.
        outputs = upcast(outputs).reshape(len(outputs), -1)
        losses = self.elementwise(outputs, targets.reshape(len(targets), -1).to(outputs.dtype)).mean(1)
        return losses if reduction == "none" else losses.sum() if reduction == "sum" else losses.mean()

    def scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return minus the loss of each sample."""
        return -self(outputs.detach(), targets, reduction="none")

    def check_outputs(self, outputs: Tensor, targets: Tensor) -> None:
        """Raise unless there is an output for each target."""
        # By number, not shape: (n,) and (n, 1) are the same outputs.
        if outputs.ndim not in (1, 2) or outputs.numel() != targets.numel() or len(outputs) != len(targets):
            raise InputError(
                f"model must return one output for each target, for targets of shape {tuple(targets.shape)} it "
                f"returned {outputs.dtype} of shape {tuple(outputs.shape)}."
            )
        if not outputs.is_floating_point():
            raise InputError(f"model must return floating-point outputs, got {outputs.dtype}.")

    def check_targets(self, targets: Tensor, outputs: int) -> None:
        """Raise unless every target is finite."""
        if not (is_finite := targets.isfinite().reshape(len(targets), -1).all(1)).all():
            row = int((~is_finite).nonzero()[0])
            raise InputError(f"targets must be finite, got {targets[row].tolist()} in row {row}.")


@dataclass(frozen=True)
class SquaredError(_RegressionLoss):
    """Squared error: (output - target)^2.

    Example:
        >>> SquaredError()(torch.tensor([[1.0], [3.0]]), torch.tensor([0.0, 0.0])).item()
        5.0
    """

    def elementwise(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the squares."""
        return F.mse_loss(outputs, targets, reduction="none")


@dataclass(frozen=True)
class AbsoluteError(_RegressionLoss):
    """Absolute error: |output - target|.

    Example:
        >>> AbsoluteError()(torch.tensor([[1.0], [3.0]]), torch.tensor([0.0, 0.0])).item()
        2.0
    """

    def elementwise(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the absolute values."""
        return F.l1_loss(outputs, targets, reduction="none")


@dataclass(frozen=True)
class Huber(_RegressionLoss):
    """Huber's loss of e = output - target: e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2).

    Args:
        delta: Where the square becomes a line, greater than 0, in the unit of the targets.

    Example:
        >>> Huber(delta=1.0)(torch.tensor([[1.0], [3.0]]), torch.tensor([0.0, 0.0])).item()
        1.5
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        """Check the options."""
        check_in_range("delta", self.delta, 0, math.inf, low_open=True, high_open=True)

    def elementwise(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return Huber's loss of every entry."""
        return F.huber_loss(outputs, targets, reduction="none", delta=self.delta)


@dataclass(frozen=True, eq=False)
class Objective:
    """What a step minimizes, without a penalty: the mean over samples of weight[label] times the loss.

    Args:
        loss: The loss; what is reported as a score is its own.
        label_smoothing: Share s of the target that is spread evenly: (1 - s) times the cross-entropy of the label plus
            s times the mean of that of all classes.
        weights: Of the samples of each class, by label; None: all 1.
    """

    # The sum is divided by the number of samples, not by the batch's weights as nn.CrossEntropyLoss(weight=...) does:
    # there, a batch without the rare class weighs the common one as if no weights were given, and the mean over
    # processes that train on parts of a batch would not be that of the batch.
    loss: Loss
    label_smoothing: float = 0.0
    weights: Tensor | None = None

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        if self.weights is None and not self.label_smoothing:
            return self.loss(outputs, targets)
        smoothing = self.label_smoothing
        losses = F.cross_entropy(upcast(outputs), targets, reduction="none", label_smoothing=smoothing)
        return (losses if self.weights is None else losses * self.weights[targets].to(losses.dtype)).mean()


def balanced_weights(labels: Tensor) -> Tensor:
    """Return n / (K n_k) for each class k up to the highest label, over n labels of K classes; 0 for those without any.

    Example:
        >>> balanced_weights(torch.tensor([0, 0, 0, 2]))
        tensor([0.6667, 0.0000, 2.0000])
    """
    classes, counts = labels.unique(return_counts=True)
    weights = torch.zeros(max(int(classes.max()), 0) + 1, device=labels.device)
    # Labels below 0 are refused where the model is known.
    weights[classes.clamp(min=0)] = len(labels) / (len(classes) * counts)
    return weights


def loss_of(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    penalty: Penalty | None,
    *,
    loss: Loss = CROSS_ENTROPY,
    objective: Objective | None = None,
    check: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return a batch's outputs and its mean loss, the penalty included.

    Args:
        model: In the mode that is wanted.
        inputs: As the model takes them.
        labels: Class indices; for regression, targets.
        penalty: Added to the loss.
        loss: The loss.
        objective: What is minimized instead of it; the loss still says which outputs and labels fit.
        check: Labels whose values are checked against the model, such as all of the data; None: already checked.
    """
    outputs = logits_of(model(inputs))
    loss.check_outputs(outputs, labels)
    if check is not None:
        loss.check_targets(check, outputs.shape[-1])
        if not outputs.requires_grad:
            raise InputError(
                "model must return outputs that depend on a trainable parameter, got none that do: its parameters are "
                "frozen, not used, or used without gradients."
            )
    value = (objective or loss)(outputs, labels)
    return outputs, value if penalty is None else value + penalty(unwrapped(model), inputs, labels, outputs)


@contextmanager
def explained(inputs: Tensor) -> Iterator[None]:
    """Explain in one sentence what a model that fails on a batch was given."""
    try:
        yield
    except (InputError, torch.OutOfMemoryError):
        raise
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else "no message"
        shape = ", ".join(map(str, inputs.shape[1:]))
        raise InputError(
            f"model must take inputs of shape (n, {shape}) and type {inputs.dtype}, got {type(error).__name__} for "
            f"n = {len(inputs)}: {reason}"
        ) from error
