"""Arrivals as time brings them."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from warmstart.basics import resolve_choices

from ._growing import Growing
from ._order import PoolOrder
from ._ordered import OrderedStream


@dataclass(frozen=True)
class TimeOrdered(OrderedStream):
    """Arrivals in the order of the data, which is that of a column or of the file, such as week after week.

    All training samples are cut into arrivals, those that are held out included: a week stays a week for every seed,
    and what arrives is what of it is not held out.

    Args:
        arrival_size: Samples of an arrival, at least 2; the last one may be smaller. None: each file of
            a folder is an arrival; other data are split evenly among the rounds.
        rounds: Number of rounds, at least 1. None: as many as use up the data, or 5 where neither ``arrival_size`` nor
            files decide.

    Example:
        >>> TimeOrdered(arrival_size=4).sizes(10)
        [4, 4, 2]
        >>> held_out = torch.tensor([0, 5])  # of ten samples
        >>> rows = torch.tensor([row for row in range(10) if row not in held_out])
        >>> TimeOrdered(arrival_size=4).for_pool(PoolOrder(rows, 10)).sizes(8)
        [3, 3, 2]
    """

    in_time: ClassVar[bool] = True
    arrival_size: int | None = None
    rounds: int | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        Growing(self.arrival_size, self.rounds)  # whose options they are checks them

    def cut(self, order: PoolOrder) -> list[torch.Tensor]:
        """Return the arrivals; see :meth:`OrderedStream.cut`."""
        if self.arrival_size is None and self.rounds is None and order.arrivals is not None:
            sizes = order.arrivals.bincount()
        else:
            sizes = torch.tensor(Growing(self.arrival_size, self.rounds).sizes(order.count))
        # Where each arrival ends, among all training samples and then among those of the pool.
        ends = torch.searchsorted(order.rows, sizes.cumsum(0)).tolist()
        return [torch.arange(start, end) for start, end in zip([0, *ends], ends, strict=False)]
