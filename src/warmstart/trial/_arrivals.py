"""A stream's arrivals in order, of which any first few are at hand without a copy."""

from collections.abc import Sequence
from itertools import accumulate

import torch


class Arrivals:
    """What a stream brings, round by round.

    Args:
        parts: Indices into the pool, one tensor for each round.

    Example:
        >>> arrivals = Arrivals([torch.tensor([4, 2]), torch.tensor([0])])
        >>> len(arrivals), arrivals.before(1), arrivals.at(1)
        (2, tensor([4, 2]), tensor([0]))
    """

    def __init__(self, parts: Sequence[torch.Tensor]) -> None:
        # Joined once: joining those before a round anew in every round would take rounds squared.
        self._order = torch.cat(list(parts))
        self._ends = [0, *accumulate(map(len, parts))]

    def __len__(self) -> int:
        """Return the number of rounds."""
        return len(self._ends) - 1

    def before(self, index: int) -> torch.Tensor:
        """Return all that arrives before the round at ``index``, counted from 0."""
        return self._order[: self._ends[index]]

    def at(self, index: int) -> torch.Tensor:
        """Return what arrives in the round at ``index``, counted from 0."""
        return self._order[self._ends[index] : self._ends[index + 1]]
