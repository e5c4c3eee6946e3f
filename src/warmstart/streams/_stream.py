"""What a stream is."""

from abc import ABC, abstractmethod

import torch


class Stream(ABC):
    """The rule by which data arrive, round by round.

    Subclasses are frozen dataclasses of options.
    """

    @abstractmethod
    def arrivals(self, count: int, *, generator: torch.Generator) -> list[torch.Tensor]:
        """Return what arrives in each round.

        Args:
            count: Number of samples in the pool that the stream draws from.
            generator: Decides the order of arrival.

        Returns:
            One int64 tensor of indices into the pool for each round; no sample arrives twice.

        Raises:
            InputError: If the pool is too small.
        """
