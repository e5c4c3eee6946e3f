"""Cold start: training from scratch, and its scaled control."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from torch import nn

from warmstart.basics import (
    added_later,
    check_in_range,
    check_model,
    copy_model,
    resolve_choices,
)

from ._context import RoundContext
from ._parameters import Include, Scope, change_, check_fresh, take_
from ._strategy import Strategy


def scale_(
    model: nn.Module,
    factor: float,
    *,
    scope: Scope = Scope.ALL,
    include: Include | None = None,
    head: str | None = None,
) -> nn.Module:
    """Multiply the model's trainable weights by ``factor``, in place: theta <- factor * theta.

    Of a reparametrized layer the weight that it computes with is scaled, and of a LoRA update the product of its
    factors.

    Args:
        model: Buffers and frozen parameters keep their values; tied parameters are scaled once, those that are tied by
            memory (views) too.
        factor: Finite, at least 0.
        scope: Which parameters.
        include: Takes name and parameter and returns whether it is scaled; None: all in ``scope`` are.
        head: Name of the module that is the head, for the scopes ``HEAD`` and ``BODY``; None: the last layer that runs.

    Returns:
        The same model.

    Raises:
        InputError: If ``factor`` is out of range, nothing in ``scope`` is trainable, or a weight cannot take the new
            value, as one under spectral norm; the model is unchanged then.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> before = layer.weight.item()
        >>> scale_(layer, 0.5).weight.item() == 0.5 * before
        True
    """
    check_in_range("scale", factor, 0, math.inf, high_open=True)
    return change_(model, factor=factor, scope=scope, include=include, head=head)


def scale(
    model: nn.Module,
    factor: float,
    *,
    scope: Scope = Scope.ALL,
    include: Include | None = None,
    head: str | None = None,
) -> nn.Module:
    """Return a scaled copy; see :func:`scale_`."""
    check_model("model", model)
    return scale_(copy_model(model), factor, scope=scope, include=include, head=head)


class Initialization(StrEnum):
    """What a cold start takes: a ``FRESH`` initialization of every round, or the ``FIRST`` one of all again."""

    FRESH = "fresh"
    FIRST = "first"


@dataclass(frozen=True)
class Cold(Strategy):
    """Start every round from the fresh model: theta <- scale * fresh.

    With ``init=FIRST`` every round starts from the same model, the initialization of round 1. Many libraries that reset
    a model do so (``docs/trainers.md`` says which). Rounds then differ in their data alone, and an unlucky draw is
    unlucky in every round.

    With a ``scale`` other than 1 it is the control that shrink-perturb needs. Shrinking leaves weights of a smaller
    norm than a fresh initialisation has, and a smaller initialisation alone can change accuracy; only what
    shrink-perturb gains over a cold start of the same scale is due to what it kept.

    Args:
        scale: Factor on the fresh parameters, at least 0; 1 is the usual cold start.
        scope: Which parameters are scaled.
        head: Name of the module that is the head, for the scopes ``HEAD`` and ``BODY``; None: the last layer that runs.
        init: Which initialization.

    Example:
        >>> Cold(scale=0.5)
        Cold(scale=0.5, scope=<Scope.ALL: 'all'>, head=None, init=<Initialization.FRESH: 'fresh'>)
    """

    continues: ClassVar[bool] = False
    scale: float = 1.0
    scope: Scope = Scope.ALL
    head: str | None = added_later(None)
    init: Initialization = added_later(Initialization.FRESH)

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_in_range("scale", self.scale, 0, math.inf, high_open=True)

    def __call__(self, previous: nn.Module | None, fresh: nn.Module, context: RoundContext) -> nn.Module:
        """Return a scaled copy of the fresh model, or of the first; the previous one is not looked at."""
        if self.init is Initialization.FIRST:
            fresh = _with_weights_of(context.first(), copy_model(fresh))
        return scale(fresh, self.scale, scope=self.scope, head=self.head)


def _with_weights_of(first: nn.Module, model: nn.Module) -> nn.Module:
    """Return the model with the trainable parameters of ``first``; what is not a strategy's to decide stays."""
    check_fresh(model, first)
    take_(model, first)
    return model
