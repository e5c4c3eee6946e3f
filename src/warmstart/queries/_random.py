"""Random sampling: the control of every other query."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from warmstart.basics import check_generator, check_tensor

from ._query import Query, check_count


@dataclass(frozen=True)
class Random(Query):
    """Ask for samples at random, all equally likely, whatever the model says about them.

    An active stream with it is a passive one. With the same generator it chooses what any other query chooses from
    logits that are equal in all rows.

    Example:
        >>> chosen = Random()(torch.zeros(5, 2), 3, generator=torch.Generator().manual_seed(0))
        >>> len(set(chosen.tolist()))
        3
    """

    reads_logits: ClassVar[bool] = False

    def __call__(self, logits: torch.Tensor, count: int, *, generator: torch.Generator) -> torch.Tensor:
        """Return rows at random, in random order; of the logits only the number of rows counts."""
        check_tensor("logits", logits, shape=("samples", "classes"))
        check_count(count, len(logits))
        check_generator("generator", generator)
        # The draw that most_wanted makes to break ties, so that a query without an opinion agrees with this one.
        return torch.randperm(len(logits), generator=generator, device="cpu")[:count]
