"""Equal arrivals, round after round."""

from dataclasses import dataclass

import torch

from warmstart.basics import InputError, check_at_least, resolve_choices

from ._stream import Stream

DEFAULT_ROUNDS = 5


@dataclass(frozen=True)
class Growing(Stream):
    """Arrivals of equal size, drawn at random from the pool (the paper's passive online learning).

    Args:
        arrival_size: Samples of an arrival, at least 2; the last one may be smaller. None: the pool is split evenly
            among the rounds.
        rounds: Number of rounds, at least 1. None: as many as use up the pool, or 5 where ``arrival_size`` is not
            given either.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, figure 2: ``Growing(1000)``.

    Example:
        >>> [len(arrival) for arrival in Growing(arrival_size=4).arrivals(10, generator=torch.Generator())]
        [4, 4, 2]
    """

    arrival_size: int | None = None
    rounds: int | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_at_least("arrival_size", self.arrival_size, 2)
        check_at_least("rounds", self.rounds, 1)

    def arrivals(self, count: int, *, generator: torch.Generator) -> list[torch.Tensor]:
        """Return the arrivals; see :meth:`Stream.arrivals`."""
        order = torch.randperm(count, generator=generator)
        if self.arrival_size is None:
            return self._even(order)
        self._check_enough(count, self.arrival_size)
        return list(order.split(self.arrival_size))[: self.rounds]

    def _even(self, order: torch.Tensor) -> list[torch.Tensor]:
        rounds = self.rounds or DEFAULT_ROUNDS
        if len(order) < 2 * rounds:
            raise InputError(
                f"rounds must be at most {len(order) // 2}, so that each of the {len(order)} samples' "
                f"arrivals has 2, got {rounds}."
            )
        return list(order.tensor_split(rounds))

    def _check_enough(self, count: int, size: int) -> None:
        if count < size:
            raise InputError(f"arrival_size must be at most {count}, the samples there are to train on, got {size}.")
        possible = -(-count // size)
        if self.rounds is not None and self.rounds > possible:
            raise InputError(
                f"rounds must be at most {possible}, which use up the {count} samples in arrivals of {size}, "
                f"got {self.rounds}."
            )
