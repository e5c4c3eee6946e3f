"""Equal arrivals that the model asks for."""

from dataclasses import dataclass

import torch

from warmstart.basics import check_at_least, resolve_choices
from warmstart.queries import Margin, Query

from ._growing import Growing
from ._stream import Stream


@dataclass(frozen=True)
class Active(Stream):
    """Arrivals of equal size that a query picks from the pool with the last round's model (active online learning).

    The first arrival is drawn at random; before every other one, the model that the last round ended with runs once
    over all samples that have not arrived, and the query picks among them. After a round that diverged it is the last
    good model that is asked; as long as there is none, samples are drawn at random.

    Args:
        query: Picks the samples: margin, entropy, least confidence, or at random.
        arrival_size: As of :class:`Growing`.
        rounds: As of :class:`Growing`.

    Reference:
        Ash and Adams, "On the Difficulty of Warm-Starting Neural Network Training", 2019 (arXiv 1910.08475v1): margin
        sampling.

    Example:
        >>> [len(arrival) for arrival in Active(arrival_size=4).arrivals(10, generator=torch.Generator())]
        [4, 4, 2]
    """

    query: Query = Margin()
    arrival_size: int | None = None
    rounds: int | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_at_least("arrival_size", self.arrival_size, 2)
        check_at_least("rounds", self.rounds, 1)

    def arrivals(self, count: int, *, generator: torch.Generator) -> list[torch.Tensor]:
        """Return the arrivals in number and size; but for the first, the query decides later what is in them."""
        return Growing(self.arrival_size, self.rounds).arrivals(count, generator=generator)
