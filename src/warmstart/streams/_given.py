"""Arrivals of one's own."""

import operator
from dataclasses import dataclass
from itertools import pairwise

import torch

from warmstart.basics import InputError, shown

from ._order import PoolOrder
from ._ordered import OrderedStream


@dataclass(frozen=True)
class Given(OrderedStream):
    """Arrivals of your own, as lists of indices into the training data; what of them is held out does not arrive.

    Args:
        arrivals: Lists of sample indices, one per arrival, as in [[0,1,5],[2,3]]: whole numbers from 0, each at most
            once. Samples of no arrival are never trained on.

    Raises:
        InputError: If there is no arrival, one is empty, an index is no whole number of at least 0, or comes twice.

    Example:
        >>> Given([[0, 1, 5], [2, 3]]).sizes(10)
        [3, 2]
    """

    arrivals: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        """Check the indices; lists and arrays of them become tuples."""
        try:
            arrivals = tuple(tuple(map(operator.index, part)) for part in self.arrivals)
        except TypeError as error:
            raise InputError(f"arrivals must be lists of whole numbers, got {shown(self.arrivals)}.") from error
        object.__setattr__(self, "arrivals", arrivals)
        indices = [index for part in arrivals for index in part]
        if not arrivals or not all(arrivals):
            raise InputError(f"arrivals must each have at least one sample, got {shown(arrivals)}.")
        if min(indices) < 0:
            raise InputError(f"arrivals must be of indices from 0, got {min(indices)}.")
        if len(set(indices)) < len(indices):
            twice = next(one for one, following in pairwise(sorted(indices)) if one == following)
            raise InputError(f"arrivals must contain each sample at most once, got {twice} twice.")

    def cut(self, order: PoolOrder) -> list[torch.Tensor]:
        """Return the arrivals, each in its own order; see :meth:`OrderedStream.cut`.

        Raises:
            InputError: If an index is that of no training sample.
        """
        highest = max(map(max, self.arrivals))
        if highest >= order.count:
            raise InputError(f"arrivals must be of indices in [0, {order.count}), got {highest}.")
        places = torch.full((order.count,), -1)
        places[order.rows] = torch.arange(len(order.rows))
        parts = [places[torch.tensor(part)] for part in self.arrivals]
        return [part[part >= 0] for part in parts]
