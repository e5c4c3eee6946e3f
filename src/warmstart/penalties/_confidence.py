"""Confidence penalty: being sure costs."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.distributions import Categorical

from warmstart.basics import check_tensor, logits_of, upcast

from ._parameters import zero_for
from ._penalty import Penalty, check_strength


def confidence(logits: Tensor, *, strength: float) -> Tensor:
    """Return -strength * mean over samples of H(p), where p = softmax(logits) and H(p) = -sum_k p_k log p_k.

    Args:
        logits: Of shape (samples, classes), at least one sample; a class at minus infinity counts as impossible.
        strength: Finite, at least 0; with 0 the term is 0 whatever the logits are.

    Returns:
        A scalar in nats, in [-strength * log(classes), 0].

    Raises:
        InputError: If ``strength`` is out of range, or ``logits`` are no floating-point tensor of two dimensions.

    Example:
        >>> import torch
        >>> round(confidence(torch.zeros(1, 2), strength=1.0).item(), 4)
        -0.6931
    """
    check_strength(strength)
    check_tensor("logits", logits, shape=("samples", "classes"), floating=True)
    if strength == 0:
        return zero_for(logits)
    # The validation of the distribution would make the host wait for the device at every batch.
    return -float(strength) * Categorical(logits=upcast(logits), validate_args=False).entropy().mean()


@dataclass(frozen=True)
class Confidence(Penalty):
    """Reward predictions of high entropy: - strength * mean entropy; see :func:`confidence`.

    The term is negative, so a training loss may be too.

    Args:
        strength: Finite, at least 0; the authors' beta. The paper on warm starts uses 1e-1 to 1e-4.

    Reference:
        Pereyra et al., "Regularizing Neural Networks by Penalizing Confident Output Distributions", 2017 (arXiv
        1701.06548), section 3, without its annealing and thresholding. Ash and Adams 2020, appendix, table 3.

    Example:
        >>> Confidence(strength=0.1)
        Confidence(strength=0.1)
    """

    needs_classes: ClassVar[bool] = True
    strength: float

    def __post_init__(self) -> None:
        """Check the options."""
        check_strength(self.strength)

    def __call__(self, model: nn.Module, inputs: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        """Return the term; it needs the logits alone, and no further pass."""
        return confidence(logits_of(logits), strength=self.strength)
