"""Least confidence: the samples whose predicted class is least probable."""

from dataclasses import dataclass

import torch

from ._probabilities import log_probabilities
from ._query import Query, most_wanted


def least_confidence_scores(logits: torch.Tensor) -> torch.Tensor:
    """Return the probability that the prediction is wrong, as the model sees it: score = 1 - max p.

    Args:
        logits: Finite, of shape (n, classes) with at least 1 class.

    Returns:
        float64 scores of shape (n,) in [0, 1 - 1 / classes].

    Raises:
        InputError: If the logits are of another shape or not finite.

    Reference:
        Lewis and Gale, "A Sequential Algorithm for Training Text Classifiers", SIGIR 1994.

    Example:
        >>> least_confidence_scores(torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]]).log())
        tensor([0.5000, 0.2000], dtype=torch.float64)
    """
    # The sum of all other classes is the same number; 1 - max is 0 for every sample that the model is sure of.
    return log_probabilities(logits).exp().sort(dim=1).values[:, :-1].sum(dim=1)


@dataclass(frozen=True)
class LeastConfidence(Query):
    """Ask for the samples whose most probable class is least probable: the highest 1 - max p.

    Example:
        >>> logits = torch.tensor([[4.0, 0.0], [0.1, 0.0], [0.0, 1.0]])
        >>> LeastConfidence()(logits, 2, generator=torch.Generator().manual_seed(0))
        tensor([1, 2])
    """

    def __call__(self, logits: torch.Tensor, count: int, *, generator: torch.Generator) -> torch.Tensor:
        """Return the rows of the least confidence; see :meth:`Query.__call__`."""
        return most_wanted(least_confidence_scores(logits), count, generator=generator)
