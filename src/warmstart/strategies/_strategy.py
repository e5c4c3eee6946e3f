"""What a strategy is."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import nn

from ._context import RoundContext


class Strategy(ABC):
    """Turns the previous model and a fresh one into the model that a round of training starts from.

    Subclasses are frozen dataclasses of options with one method, ``__call__``. They leave their arguments untouched and
    return a new model. Only parameters are theirs to decide: what happens to normalization statistics and to the
    optimizer is the carry-over.

    Attributes:
        continues: Whether the start of a round contains the previous model. Where it does not, there is nothing that
            optimizer state or normalization statistics could be carried over with.
        version: Of the formula; raised when a change of the code changes results, so that stored ones are not mixed.

    Example:
        >>> from warmstart.basics import copy_model
        >>> class Older(Strategy):
        ...     def __call__(self, previous, fresh, context):
        ...         return copy_model(context.first() if context.round > 3 else previous or fresh)
        >>> fresh = nn.Linear(2, 1)
        >>> bool((Older()(None, fresh, RoundContext()).weight == fresh.weight).all())
        True
    """

    continues: ClassVar[bool] = True
    version: ClassVar[int] = 1

    @abstractmethod
    def __call__(self, previous: nn.Module | None, fresh: nn.Module, context: RoundContext) -> nn.Module:
        """Return the model to start from.

        Args:
            previous: The model at the end of the last round; None in round 1.
            fresh: A freshly initialised model of the same shape.
            context: What else a strategy may draw on.

        Returns:
            A new model; no tensor is shared with the arguments.
        """
