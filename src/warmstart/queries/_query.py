"""What a query is, and how the best of a pool are taken."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch

from warmstart.basics import InputError, check_generator, check_integer, check_tensor


class Query(ABC):
    """Picks the samples of a pool that an active stream asks for next (an acquisition function).

    Subclasses are frozen dataclasses of options. They look at logits only: whose they are, and in which mode the model
    computed them, is the stream's business.

    Attributes:
        reads_logits: Whether the choice depends on the logits. Where it does not, only the number of rows counts, and
            nobody needs to pay for a pass over the pool.
        version: Of the formula; raised when a change of the code changes results, so that stored ones are not mixed.
    """

    reads_logits: ClassVar[bool] = True
    version: ClassVar[int] = 1

    @abstractmethod
    def __call__(self, logits: torch.Tensor, count: int, *, generator: torch.Generator) -> torch.Tensor:
        """Return the rows that are wanted most.

        Args:
            logits: One row for each sample of the pool, of shape (n, classes), on any device.
            count: How many rows, in [1, n].
            generator: A CPU generator; decides between rows that are equally wanted.

        Returns:
            int64 indices of shape (count,) on the CPU, the most wanted first, none twice.

        Raises:
            InputError: If ``count`` is out of range, or the logits are not what the query needs.
        """


def most_wanted(scores: torch.Tensor, count: int, *, generator: torch.Generator) -> torch.Tensor:
    """Return the indices of the highest scores, the highest first.

    Ties are broken by a random order of the whole pool, so that a model without an opinion gives a random choice, and
    not the first rows of a pool that may be sorted by class.

    Args:
        scores: Of shape (n,), higher is more wanted; infinite ones are allowed, NaN is not.
        count: How many, in [1, n].
        generator: A CPU generator; advanced by one permutation of n, whether there are ties or not.

    Returns:
        int64 indices of shape (count,) on the CPU.

    Raises:
        InputError: If ``count`` is out of range, a score is NaN, or ``scores`` or ``generator`` are of another kind.

    Example:
        >>> most_wanted(torch.tensor([0.1, 0.7, 0.4]), 2, generator=torch.Generator().manual_seed(0))
        tensor([1, 2])
    """
    check_tensor("scores", scores, shape=("samples",))
    check_count(count, len(scores))
    check_generator("generator", generator)
    if scores.isnan().any():
        raise InputError(f"scores must be numbers, got nan in row {int(scores.isnan().nonzero()[0])}.")
    # A stable sort of a shuffled pool breaks ties at random; topk would break them by position.
    order = torch.randperm(len(scores), generator=generator, device="cpu")
    ranks = scores.detach().cpu()[order].argsort(descending=True, stable=True)
    return order[ranks[:count]]


def check_count(count: int, pool: int) -> None:
    """Raise unless ``count`` samples can be taken from ``pool`` of them.

    Example:
        >>> check_count(3, 2)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: count must be at most 2, the samples in the pool, got 3.
    """
    check_integer("count", count, 1)
    if count > pool:
        raise InputError(f"count must be at most {pool}, the samples in the pool, got {count}.")
