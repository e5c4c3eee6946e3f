"""What streams have in common that follow the order of the training data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sized
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from warmstart.basics import InputError

from ._order import PoolOrder
from ._stream import Stream


class OrderedStream(Stream):
    """A stream whose arrivals are a matter of where samples stand in the training data, not of chance.

    Subclasses say what arrives together, by :meth:`cut`. Sizes depend on what is held out, and may differ by seed.
    """

    keeps_order: ClassVar[bool] = True

    @abstractmethod
    def cut(self, order: PoolOrder) -> list[torch.Tensor]:
        """Return the arrivals, each as int64 positions in the pool: what of it is held out is left out.

        Args:
            order: Of the pool.

        Raises:
            InputError: If there are too few training samples.
        """

    def sizes(self, count: int) -> list[int]:
        """Return the sizes of the arrivals of a pool from which nothing is held out; see :meth:`Stream.sizes`."""
        return [len(part) for part in self.cut(PoolOrder.of_all(count))]

    def select(
        self, round: int, pool: Sized, seen: torch.Tensor, model: nn.Module | None, generator: torch.Generator
    ) -> torch.Tensor:
        """Return what arrives in a round if nothing is held out; see :meth:`Stream.select`."""
        return self.cut(PoolOrder.of_all(len(pool)))[round - 1]

    def for_pool(self, order: PoolOrder) -> Stream:
        """Return the arrivals of this pool; see :meth:`Stream.for_pool`.

        Raises:
            InputError: If an arrival is held out completely, or but for one sample of the first.
        """
        arrivals = tuple(self.cut(order))
        for number, part in enumerate(arrivals, 1):
            least = 2 if number == 1 else 1
            if len(part) < least:
                raise InputError(
                    f"arrivals must each have a sample to train on that is not held out, the first one 2, but arrival "
                    f"{number} of {len(arrivals)} has {len(part)}; ask for larger arrivals or a smaller holdout."
                )
        return _Arrivals(arrivals)


@dataclass(frozen=True, eq=False)
class _Arrivals(Stream):
    """The arrivals of one pool, as int64 positions in it."""

    keeps_order: ClassVar[bool] = True
    parts: tuple[torch.Tensor, ...]

    def sizes(self, count: int) -> list[int]:
        return [len(part) for part in self.parts]

    def select(
        self, round: int, pool: Sized, seen: torch.Tensor, model: nn.Module | None, generator: torch.Generator
    ) -> torch.Tensor:
        return self.parts[round - 1]
