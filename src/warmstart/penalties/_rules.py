"""Penalties that have to be made anew for every round, from what came before it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from warmstart.basics import InputError, added_later, check_at_least, check_flag, described

from ._ewc import EWC
from ._l2_init import L2Init
from ._penalty import Penalty, check_strength


@dataclass(frozen=True)
class Before:
    """What a penalty may be made from at the beginning of a round.

    Args:
        first: Returns the model as it was first initialised, before round 1.
        previous: The model at the end of the last round; None in round 1.
        earlier: Returns up to so many samples of what had arrived before this round, drawn at random, as batches of
            inputs and labels. Only to be called where there is a previous model.
    """

    first: Callable[[], nn.Module]
    previous: nn.Module | None
    earlier: Callable[[int], Iterable[tuple[Tensor, Tensor]]]


class PenaltyRule(ABC):
    """Makes the penalty of each round.

    Subclasses are frozen dataclasses of plain options, so that a study can name them in a file; what the penalty itself
    holds, tensors included, is made when the round begins. A penalty that is the same in every round needs no rule.

    Attributes:
        from_round: The first round that has this penalty; one that begins later than round 1 looks back on samples of
            the rounds before.
    """

    from_round: ClassVar[int]

    @abstractmethod
    def __call__(self, before: Before) -> Penalty | None:
        """Return the round's penalty; None: it has none."""


@dataclass(frozen=True)
class L2InitRule(PenaltyRule):
    """Draw every round towards the model's own first initialisation; see :class:`L2Init`.

    Args:
        strength: Finite, at least 0.
        halved: Whether the term has the factor 1/2 of the authors' code; by default it is the paper's formula.
        layer_norm: Whether gains and biases of ``nn.LayerNorm`` take part, which in the authors' code they do not.

    Example:
        >>> L2InitRule(strength=1e-3).halved
        False
    """

    from_round: ClassVar[int] = 1
    strength: float
    halved: bool = added_later(False)
    layer_norm: bool = added_later(True)

    def __post_init__(self) -> None:
        """Check the options."""
        check_strength(self.strength)
        check_flag("halved", self.halved)
        check_flag("layer_norm", self.layer_norm)

    def __call__(self, before: Before) -> Penalty:
        """Return the penalty towards the first initialisation."""
        _check_before(before)
        return L2Init.toward(before.first(), strength=self.strength, halved=self.halved, layer_norm=self.layer_norm)


@dataclass(frozen=True)
class EWCRule(PenaltyRule):
    """From round 2 on, hold what earlier data needed; see :class:`EWC`.

    Args:
        strength: Finite, at least 0.
        samples: How many samples of earlier arrivals the Fisher information is the mean over, at least 1, or all there
            are. It takes their gradients one by one.

    Reference:
        Kirkpatrick et al. 2017. Ash and Adams, "On the Difficulty of Warm-Starting Neural Network Training", 2019
        (arXiv 1910.08475v1).

    Example:
        >>> EWCRule(strength=10.0).samples
        1024
    """

    from_round: ClassVar[int] = 2
    strength: float
    samples: int = 1024

    def __post_init__(self) -> None:
        """Check the options."""
        check_strength(self.strength)
        check_at_least("samples", self.samples, 1)

    def __call__(self, before: Before) -> Penalty | None:
        """Return the penalty around the previous model; None where there is none."""
        _check_before(before)
        if before.previous is None:
            return None
        with torch.enable_grad():
            return EWC.after(before.previous, before.earlier(self.samples), strength=self.strength)


def _check_before(before: Before) -> None:
    if not isinstance(before, Before):
        raise InputError(f"before must be what a round begins from, a Before, got {described(before)}.")
