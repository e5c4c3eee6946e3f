"""Adversarial training: being misled by a small change of the inputs costs."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from warmstart.basics import InputError, check_in_range

from ._parameters import trainable, wide
from ._passes import forward_aside
from ._penalty import Penalty, check_strength

Bounds = tuple[float, float]


def fgsm(model: nn.Module, inputs: Tensor, *, labels: Tensor, epsilon: float, bounds: Bounds | None = None) -> Tensor:
    """Return the inputs, each moved by ``epsilon`` where that raises the loss: x + epsilon * sign(grad_x loss).

    The gradient is taken in the model's present mode. It reaches the inputs alone: no parameter gets a gradient, and
    no buffer moves.

    Args:
        model: Left as it is.
        inputs: Floating point, of shape (samples, ...); left as they are.
        labels: Class indices, of shape (samples,).
        epsilon: In units of the model's inputs, after any normalization; finite, at least 0. For pixels in [0, 1]
            that are normalized by a standard deviation of 0.5, 8 grey levels of 255 are 8 / 255 / 0.5.
        bounds: Lowest and highest value of a valid input, to which the result is clipped; None: no clipping.

    Returns:
        A tensor of the shape and dtype of ``inputs``, without a graph.

    Raises:
        InputError: If ``epsilon`` or ``bounds`` is out of range, or the inputs are not floating point.

    Reference:
        Goodfellow, Shlens and Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015, section 4.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = nn.init.eye_(model.weight)
        >>> fgsm(model, torch.zeros(1, 2), labels=torch.tensor([0]), epsilon=0.5)
        tensor([[-0.5000,  0.5000]])
    """
    _check(epsilon, bounds)
    if not inputs.is_floating_point():
        raise InputError(f"inputs must be floating point to be moved by a gradient, got {inputs.dtype}.")
    with torch.enable_grad():
        moved = inputs.detach().requires_grad_()
        # The model gets a copy, for a leaf that enters a module cannot be differentiated while operations are counted.
        loss = F.cross_entropy(wide(forward_aside(model, moved.clone())), labels)
        (gradient,) = torch.autograd.grad(loss, moved)
    examples = inputs.detach() + epsilon * gradient.sign()
    return examples if bounds is None else examples.clamp(*bounds)


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
        labels: Class indices, of shape (samples,).
        strength: Finite, at least 0.
        epsilon: See :func:`fgsm`.
        bounds: See :func:`fgsm`.

    Raises:
        InputError: If an option is out of range, the inputs are not floating point, or nothing is trainable.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = nn.init.eye_(model.weight)
        >>> term = adversarial(model, torch.zeros(1, 2), labels=torch.tensor([0]), strength=1.0, epsilon=0.5)
        >>> round(term.item(), 4)  # log(1 + exp(2 * 0.5))
        1.3133
    """
    check_strength(strength)
    trainable(model)
    examples = fgsm(model, inputs, labels=labels, epsilon=epsilon, bounds=bounds)
    return strength * F.cross_entropy(wide(forward_aside(model, examples)), labels)


def _check(epsilon: float, bounds: Bounds | None) -> None:
    check_in_range("epsilon", epsilon, 0, math.inf, high_open=True)
    if bounds is not None and not bounds[0] < bounds[1]:
        raise InputError(f"bounds must be a lower and a higher number, got {bounds}.")


@dataclass(frozen=True)
class Adversarial(Penalty):
    """Train on misleading neighbours of the batch too: + strength * loss(x + epsilon * sign(grad_x loss)).

    The authors weigh the two losses a and 1 - a. That is strength (1 - a) / a, so 1 for their a = 0.5, but for the
    factor a on the whole loss, which plain SGD takes as a factor on the learning rate.

    Costs a forward and backward pass for the examples and another for the loss on them, about two further steps.
    Both run in the model's present mode on copies of its buffers: in training mode BatchNorm normalizes each by its
    own batch, and the running statistics are those of the unmoved inputs alone, updated once by the loop's own pass.
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
