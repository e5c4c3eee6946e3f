"""Warm start: continue from the previous model."""

from dataclasses import dataclass

from torch import nn

from warmstart.basics import copy_model

from ._context import RoundContext
from ._strategy import Strategy


@dataclass(frozen=True)
class Warm(Strategy):
    """Start every round from the previous model as it is: theta <- previous. In round 1, from the fresh one.

    Example:
        >>> Warm()
        Warm()
    """

    def __call__(self, previous: nn.Module | None, fresh: nn.Module, context: RoundContext) -> nn.Module:
        """Return a copy of the previous model, or of the fresh one where there is none."""
        return copy_model(fresh if previous is None else previous)
