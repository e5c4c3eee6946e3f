"""What a strategy is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn


@dataclass(frozen=True)
class Context:
    """What a strategy may use besides the previous and the fresh model.

    Args:
        first: Returns the model as it was first initialised, before round 1.
        generator: For draws of the strategy's own; the same for every strategy in the same round under the same seed.
        draw: Returns one more freshly initialised model, independent of the fresh one.
    """

    first: Callable[[], nn.Module]
    generator: torch.Generator
    draw: Callable[[], nn.Module]


class Strategy(ABC):
    """Turns the previous model and a fresh one into the model that a round of training starts from.

    Subclasses are frozen dataclasses of options. They leave their arguments untouched and return a new model. Only
    parameters are theirs to decide: what happens to normalization statistics and to the optimizer is the carry-over.

    Attributes:
        begins_fresh: Whether round 1 starts from the fresh model as it is.
        continues: Whether the start of a round contains the previous model. Where it does not, there is nothing that
            optimizer state or normalization statistics could be carried over with.
    """

    continues: ClassVar[bool] = True

    @property
    @abstractmethod
    def begins_fresh(self) -> bool:
        """Whether round 1 starts from the fresh model as it is."""

    @abstractmethod
    def __call__(self, previous: nn.Module | None, fresh: nn.Module, context: Context) -> nn.Module:
        """Return the model to start from.

        Args:
            previous: The model at the end of the last round; None in round 1.
            fresh: A freshly initialised model of the same shape.
            context: What else a strategy may draw on.

        Returns:
            A new model; no tensor is shared with the arguments.
        """
