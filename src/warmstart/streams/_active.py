"""Equal arrivals that the model asks for."""

from collections.abc import Sized
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from warmstart.basics import InputError, described, resolve_choices
from warmstart.queries import Margin, Query
from warmstart.training import TensorData, predict

from ._growing import Growing
from ._stream import Stream


@dataclass(frozen=True)
class Active(Stream):
    """Arrivals of equal size that a query picks from the pool with the last round's model (active online learning).

    The first arrival is drawn at random; before every other one, the model that the last round ended with runs once
    over all samples that have not arrived, and the query picks among them. After a round that diverged it is the last
    good model that selects; as long as there is none, samples are drawn at random.

    Args:
        query: Rule that picks the samples: margin, entropy, least confidence, or at random.
        arrival_size: As of :class:`Growing`.
        rounds: As of :class:`Growing`.

    Reference:
        Ash and Adams, "On the Difficulty of Warm-Starting Neural Network Training", 2019 (arXiv 1910.08475v1): margin
        sampling.

    Example:
        >>> Active(arrival_size=4).sizes(10)
        [4, 4, 2]
    """

    reads_model: ClassVar[bool] = True
    query: Query = Margin()
    arrival_size: int | None = None
    rounds: int | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        Growing(self.arrival_size, self.rounds)  # whose options they are checks them

    def sizes(self, count: int) -> list[int]:
        """Return the sizes of the arrivals, which are those of :class:`Growing`."""
        return Growing(self.arrival_size, self.rounds).sizes(count)

    def select(
        self, round: int, pool: Sized, seen: torch.Tensor, model: nn.Module | None, generator: torch.Generator
    ) -> torch.Tensor:
        """Return what the query picks of all that has not arrived; see :meth:`Stream.select`.

        Raises:
            InputError: If the pool is too small, or is no ``TensorData`` where a model has to read it.
        """
        if round == 1 or model is None:
            return Growing(self.arrival_size, self.rounds).select(round, pool, seen, model, generator)
        # In the order of the pool, so that equal models pick equal samples however those before were ordered.
        is_left = torch.ones(len(pool), dtype=torch.bool)
        is_left[seen] = False
        left = is_left.nonzero().squeeze(1)
        logits = torch.empty(len(left), 0)
        if self.query.reads_logits:
            if not isinstance(pool, TensorData):
                raise InputError(
                    f"pool must be TensorData for a model to read it, got {described(pool)}; use arrays as data."
                )
            logits = predict(model, pool.take(left))
        return left[self.query(logits, self.sizes(len(pool))[round - 1], generator=generator)]
