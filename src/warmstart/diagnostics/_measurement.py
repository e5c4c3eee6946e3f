"""Measurements of a round: the interface, and the moments at which they are taken."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

import torch
from torch import nn

from warmstart.basics import InputError, described
from warmstart.training import Loss


class When(StrEnum):
    """A moment of a round: its ``START``, before the first step; after every ``EPOCH``; its ``END``.

    At the end the model is as it is evaluated and passed on, after the carry-over has treated its running statistics.
    """

    START = "start"
    EPOCH = "epoch"
    END = "end"


@dataclass(frozen=True, eq=False)
class Moment:
    """A moment of a round, with the models and data that can be measured.

    Args:
        when: The kind of moment.
        epoch: Epochs of the round so far.
        steps: Optimizer steps of the round so far.
        model: In training; measurements must not change it.
        start: A copy of the model that the round started from.
        fresh: The round's freshly initialised model.
        training: The round's training data: tensors, or for a learner of the user's own any map-style data set.
        old: Data that had arrived before this round; None in round 1, and in the round after a source with another
            number of classes, for which the model has no outputs.
        new: Data that arrived for this round.
        evaluation: Held-out data.
        evaluate: The learner's evaluation of a model on these: the score by the name of its metric, then the metrics
            beside it.
        loss: What training minimizes; None: only a learner of the user's own knows.
        generator: A CPU generator for the measurement's own draws; in the same state at every moment of a round.
    """

    when: When
    epoch: int
    steps: int
    model: nn.Module
    start: nn.Module
    fresh: nn.Module
    training: Any
    old: Any
    new: Any
    evaluation: Any
    evaluate: Callable[[nn.Module], Mapping[str, float]]
    loss: Loss | None
    generator: torch.Generator


def check_moment(moment: Moment) -> None:
    """Raise unless a measurement is called with a moment."""
    if not isinstance(moment, Moment):
        raise InputError(f"moment must be a moment of a round, a Moment, got {described(moment)}.")


@dataclass(frozen=True)
class Reading:
    """One measured value.

    Args:
        name: Name of the value.
        value: The value; None where it is undefined or not finite.
        when: The kind of moment.
        epoch: Epochs of the round until then.
        steps: Optimizer steps of the round until then.
    """

    name: str
    value: float | None
    when: When
    epoch: int
    steps: int


class Measurement(ABC):
    """Measures something at moments of a round, without any effect on training.

    Subclasses are frozen dataclasses of plain options. They leave the model and the global generators as they are.

    Attributes:
        needs_loss: Whether it differentiates the training loss, and so needs a built-in learner.
        version: Of the formula; raised when a change of the code changes results, so that stored ones are not mixed.
    """

    needs_loss: ClassVar[bool] = False
    version: ClassVar[int] = 1

    @abstractmethod
    def __call__(self, moment: Moment) -> Mapping[str, float | None]:
        """Return values by name; none at a moment that does not matter."""
