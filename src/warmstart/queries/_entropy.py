"""Entropy sampling: the samples whose class is most open."""

from dataclasses import dataclass

import torch

from ._probabilities import log_probabilities
from ._query import Query, most_wanted


def entropy_scores(logits: torch.Tensor) -> torch.Tensor:
    """Return the entropy of the predicted distribution: score = -sum over classes of p ln p, p = softmax(logits).

    Args:
        logits: Finite, of shape (n, classes) with at least 1 class.

    Returns:
        float64 scores of shape (n,) in nats, in [0, ln classes].

    Raises:
        InputError: If the logits are of another shape or not finite.

    Reference:
        Shannon, "A Mathematical Theory of Communication", 1948; as a query Settles, "Active Learning Literature
        Survey", 2009, section 3.1.

    Example:
        >>> entropy_scores(torch.tensor([[0.0, 0.0], [0.0, 3.0]]))
        tensor([0.6931, 0.1909], dtype=torch.float64)
    """
    # entr takes 0 ln 0 as 0, its limit; the product of a probability of 0 and an infinite logarithm would be NaN.
    return torch.special.entr(log_probabilities(logits).exp()).sum(dim=1)


@dataclass(frozen=True)
class Entropy(Query):
    """Ask for the samples whose predicted distribution has the highest entropy.

    With two classes the order is that of :class:`Margin`; with more, it counts how the rest is spread as well.

    Example:
        >>> logits = torch.tensor([[4.0, 0.0], [0.1, 0.0], [0.0, 1.0]])
        >>> Entropy()(logits, 2, generator=torch.Generator().manual_seed(0))
        tensor([1, 2])
    """

    def __call__(self, logits: torch.Tensor, count: int, *, generator: torch.Generator) -> torch.Tensor:
        """Return the rows of the highest entropy; see :meth:`Query.__call__`."""
        return most_wanted(entropy_scores(logits), count, generator=generator)
