"""Margin sampling: the samples between two classes."""

from dataclasses import dataclass

import torch

from ._probabilities import log_probabilities
from ._query import Query, most_wanted


def margin_scores(logits: torch.Tensor) -> torch.Tensor:
    """Return how little the model prefers its first choice to its second: score = -(p1 - p2).

    p1 and p2 are the largest and the second largest class probability of a sample, p = softmax(logits).

    Args:
        logits: Finite, of shape (n, classes) with at least 2 classes.

    Returns:
        float64 scores of shape (n,) in [-1, 0]; 0 where the two are equal.

    Raises:
        InputError: If the logits are of another shape or not finite.

    Reference:
        Scheffer, Decomain and Wrobel, "Active Hidden Markov Models for Information Extraction", IDA 2001.

    Example:
        >>> margin_scores(torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]]).log())
        tensor([-0.2000, -0.7000], dtype=torch.float64)
    """
    # Two of all classes: topk needs no sort of a thousand of them.
    first, second = log_probabilities(logits, classes=2).exp().topk(2, dim=1).values.unbind(dim=1)
    return second - first


@dataclass(frozen=True)
class Margin(Query):
    """Ask for the samples whose two most probable classes are closest: the highest -(p1 - p2).

    The query of the paper's active online learning, in its first version.

    Reference:
        Ash and Adams, "On the Difficulty of Warm-Starting Neural Network Training", 2019 (arXiv 1910.08475v1).

    Example:
        >>> logits = torch.tensor([[4.0, 0.0], [0.1, 0.0], [0.0, 1.0]])
        >>> Margin()(logits, 2, generator=torch.Generator().manual_seed(0))
        tensor([1, 2])
    """

    def __call__(self, logits: torch.Tensor, count: int, *, generator: torch.Generator) -> torch.Tensor:
        """Return the rows of the smallest margins; see :meth:`Query.__call__`."""
        return most_wanted(margin_scores(logits), count, generator=generator)
