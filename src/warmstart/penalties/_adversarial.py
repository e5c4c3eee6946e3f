"""Adversarial training: being misled by a small change of the inputs costs."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from warmstart.basics import (
    InputError,
    check_has_values,
    check_in_range,
    check_logits,
    check_model,
    check_tensor,
    described,
    float_type,
)

from ._parameters import trainable, zero_for
from ._passes import logits_aside
from ._penalty import Penalty, check_strength

Bounds = tuple[float, float]


def fgsm(model: nn.Module, inputs: Tensor, *, labels: Tensor, epsilon: float, bounds: Bounds | None = None) -> Tensor:
    """Return the inputs, each moved by ``epsilon`` where that raises the loss: x + epsilon * sign(grad_x loss).

    The gradient is taken in the model's present mode. It reaches the inputs alone: no parameter gets a gradient, no
    buffer moves, and attributes that the model's pass sets are put back.

    Args:
        model: Left as it is; it returns logits, see :func:`warmstart.basics.logits_of`.
        inputs: Floating point, as the model takes them, of shape (samples, ...); left as they are.
        labels: Class indices in [0, classes), of shape (samples,).
        epsilon: In units of the model's inputs, after any normalization; finite, at least 0. For pixels in [0, 1]
            that are normalized by a standard deviation of 0.5, 8 grey levels of 255 are 8 / 255 / 0.5.
        bounds: Lowest and highest value of a valid input, to which the result is clipped; None: no clipping.

    Returns:
        A tensor of the shape and dtype of ``inputs``, without a graph.

    Raises:
        InputError: If ``epsilon`` or ``bounds`` is out of range, the inputs are not floating point, a label is out of
            range, or the output does not depend on the inputs differentiably.

    Reference:
        Goodfellow, Shlens and Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015, section 4.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = nn.init.eye_(model.weight)
        >>> fgsm(model, torch.zeros(1, 2), labels=torch.tensor([0]), epsilon=0.5)
        tensor([[-0.5000,  0.5000]])
    """
    _check(epsilon, bounds)
    _check_batch(model, inputs, labels)
    return _examples(model, inputs, labels, epsilon, bounds, with_values=True)


def _examples(
    model: nn.Module, inputs: Tensor, labels: Tensor, epsilon: float, bounds: Bounds | None, *, with_values: bool
) -> Tensor:
    with torch.enable_grad():
        moved = inputs.detach().requires_grad_()
        # The model gets a copy, for a leaf that enters a module cannot be differentiated while operations are counted.
        loss = _mean_loss(model, moved.clone(), labels, with_values=with_values)
        gradient = None
        if loss.requires_grad:
            (gradient,) = torch.autograd.grad(loss, moved, allow_unused=True)
    if gradient is None:
        raise InputError(
            "model must return logits that can be differentiated by its inputs, which seem not to have been used in "
            "the graph."
        )
    examples = inputs.detach() + float(epsilon) * gradient.sign()
    return examples if bounds is None else examples.clamp(*bounds)


def _mean_loss(model: nn.Module, inputs: Tensor, labels: Tensor, *, with_values: bool) -> Tensor:
    logits = logits_aside(model, inputs.to(float_type(model)))
    check_logits(logits, labels, with_values=with_values)
    return F.cross_entropy(logits, labels.long())


def adversarial(
    model: nn.Module,
    inputs: Tensor,
    *,
    labels: Tensor,
    strength: float,
    epsilon: float,
    bounds: Bounds | None = None,
) -> Tensor:
    """Return strength * mean cross-entropy on the examples of :func:`fgsm`, which count as constants.

    Args:
        model: Its buffers do not move; its parameters get gradients when the term is differentiated, not before.
        inputs: Floating point, of shape (samples, ...).
        labels: Class indices in [0, classes), of shape (samples,).
        strength: Finite, at least 0; with 0 the term is 0 whatever the model returns, and nothing is computed.
        epsilon: See :func:`fgsm`.
        bounds: See :func:`fgsm`.

    Raises:
        InputError: If an option is out of range, the inputs are not floating point, a label is out of range, or nothing
            is trainable.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = nn.init.eye_(model.weight)
        >>> term = adversarial(model, torch.zeros(1, 2), labels=torch.tensor([0]), strength=1.0, epsilon=0.5)
        >>> round(term.item(), 4)  # log(1 + exp(2 * 0.5))
        1.3133
    """
    check_strength(strength)
    _check(epsilon, bounds)
    parameters = trainable(model)
    _check_batch(model, inputs, labels)
    if strength == 0:
        return zero_for(next(iter(parameters.values())))
    # In training on a GPU, the host would wait for the device at every batch, and a recorded step cannot.
    with_values = not labels.is_cuda
    examples = _examples(model, inputs, labels, epsilon, bounds, with_values=with_values)
    return float(strength) * _mean_loss(model, examples, labels, with_values=with_values)


def _check(epsilon: float, bounds: Bounds | None) -> None:
    check_in_range("epsilon", epsilon, 0, math.inf, high_open=True)
    if bounds is None:
        return
    is_pair = isinstance(bounds, tuple | list) and len(bounds) == 2
    if not is_pair or not all(isinstance(bound, Real) for bound in bounds) or not bounds[0] < bounds[1]:
        got = bounds if is_pair and all(isinstance(bound, Real) for bound in bounds) else described(bounds)
        raise InputError(f"bounds must be a lower and a higher number, got {got}.")


def _check_batch(model: nn.Module, inputs: Tensor, labels: Tensor) -> None:
    check_model("model", model)
    check_has_values("model", model)
    check_tensor("inputs", inputs)
    if not inputs.is_floating_point():
        raise InputError(f"inputs must be floating point to be moved by a gradient, got {inputs.dtype}.")
    check_tensor("labels", labels, shape=("samples",))
    if labels.is_floating_point() or labels.shape != inputs.shape[:1] or not len(labels):
        raise InputError(
            "labels must be whole numbers, one for each input and at least one, "
            f"got {len(labels)} of {labels.dtype} for inputs of shape {tuple(inputs.shape)}."
        )


@dataclass(frozen=True)
class Adversarial(Penalty):
    """Train on misleading neighbours of the batch too: + strength * loss(x + epsilon * sign(grad_x loss)).

    The authors weigh the two losses a and 1 - a. That is strength (1 - a) / a, so 1 for their a = 0.5, but for the
    factor a on the whole loss, which plain SGD takes as a factor on the learning rate.

    Costs a forward and backward pass for the examples and another for the loss on them, about two further steps.
    Both run in the model's present mode on copies of its buffers, and put back the attributes that they set: in
    training mode BatchNorm normalizes each by its own batch, and the running statistics are those of the unmoved inputs
    alone, updated once by the loop's own pass.
    Dropout draws a new mask in each pass.

    Args:
        strength: Finite, at least 0. The paper on warm starts gives "penalties" of 1e-1 to 1e-4 for adversarial
            training, and does not say whether these are strengths or sizes of the change.
        epsilon: Size of the change in units of the model's inputs, after any normalization; finite, at least 0.
        bounds: Lowest and highest value of a valid input, to which examples are clipped; None: no clipping.

    Reference:
        Goodfellow, Shlens and Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015 (arXiv 1412.6572),
        section 6. Ash and Adams 2020, appendix, table 3.

    Example:
        >>> Adversarial(strength=1.0, epsilon=0.03)
        Adversarial(strength=1.0, epsilon=0.03, bounds=None)
    """

    needs_classes: ClassVar[bool] = True
    strength: float
    epsilon: float
    bounds: Bounds | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        check_strength(self.strength)
        _check(self.epsilon, self.bounds)

    def __call__(self, model: nn.Module, inputs: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        """Return the term; the logits of the unmoved inputs are not looked at."""
        return adversarial(
            model, inputs, labels=labels, strength=self.strength, epsilon=self.epsilon, bounds=self.bounds
        )
