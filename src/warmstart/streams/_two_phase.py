"""Some of the data, then everything."""

from dataclasses import dataclass

import torch

from warmstart.basics import InputError, check_in_range, resolve_choices

from ._stream import Stream


@dataclass(frozen=True)
class TwoPhase(Stream):
    """A random part of the pool arrives first, all the rest second.

    Args:
        fraction: The first part, in (0, 1); the paper's is one half.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, figure 1 and table 1.

    Example:
        >>> first, second = TwoPhase(0.5).arrivals(5, generator=torch.Generator())
        >>> len(first), len(second)
        (2, 3)
    """

    fraction: float = 0.5

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_in_range("fraction", self.fraction, 0, 1, low_open=True, high_open=True)

    def arrivals(self, count: int, *, generator: torch.Generator) -> list[torch.Tensor]:
        """Return the two arrivals; see :meth:`Stream.arrivals`."""
        first = int(count * self.fraction)
        if first < 2 or first == count:
            raise InputError(
                f"fraction must leave at least 2 of the {count} samples for the first round and 1 for the second, "
                f"got {self.fraction}."
            )
        order = torch.randperm(count, generator=generator)
        return [order[:first], order[first:]]
