"""What a measurement is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import nn

from warmstart.basics import InputError, described
from warmstart.training import TensorData


class When(StrEnum):
    """A moment of a round: its ``START``, before the first step; after every ``EPOCH``; its ``END``.

    At the end the model is as it is evaluated and handed on, with running statistics as the carry-over wants them.
    """

    START = "start"
    EPOCH = "epoch"
    END = "end"


@dataclass(frozen=True, eq=False)
class Moment:
    """A moment of a round, and what can be looked at then.

    Args:
        when: LayerEnd kind of moment.
        epoch: Epochs of the round so far.
        steps: Optimizer steps of the round so far.
        model: In training; to be left as it is.
        start: A copy of the model that the round started from.
        fresh: The round's freshly initialised model.
        training: What the round trains on.
        old: What had arrived before this round; None in round 1, and in the one after a source of another number of
            classes, for which the model has no outputs any more.
        new: What arrived for this round.
        evaluation: Never trained on.
        generator: A CPU generator for draws of the measurement's own; the same at every moment of one round.
    """

    when: When
    epoch: int
    steps: int
    model: nn.Module
    start: nn.Module
    fresh: nn.Module
    training: TensorData
    old: TensorData | None
    new: TensorData
    evaluation: TensorData
    generator: torch.Generator


def check_moment(moment: Moment) -> None:
    """Raise unless a measurement was given a moment."""
    if not isinstance(moment, Moment):
        raise InputError(f"moment must be a moment of a round, a Moment, got {described(moment)}.")


@dataclass(frozen=True)
class Reading:
    """One measured value.

    Args:
        name: What was measured.
        value: The value; None where it is not defined or not finite.
        when: At which kind of moment.
        epoch: Epochs of the round until then.
        steps: Optimizer steps of the round until then.
    """

    name: str
    value: float | None
    when: When
    epoch: int
    steps: int


class Measurement(ABC):
    """Measures something at moments of a round; training does not depend on whether it does.

    Subclasses are frozen dataclasses of plain options. They leave the model and the global generators as they are.
    """

    @abstractmethod
    def __call__(self, moment: Moment) -> Mapping[str, float | None]:
        """Return values by name; none at a moment that is of no interest."""
