"""Cold start: training from scratch, and its scaled control."""

import copy
import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from warmstart.basics import check_in_range, settle_choices

from ._parameters import Scope, parameters_in
from ._strategy import Context, Strategy


def scale_(model: nn.Module, factor: float, *, scope: Scope = Scope.ALL) -> nn.Module:
    """Multiply the model's trainable parameters by ``factor``, in place: theta <- factor * theta.

    Args:
        model: Buffers and frozen parameters keep their values; tied parameters are scaled once.
        factor: Finite, at least 0.
        scope: Which parameters.

    Returns:
        The same model.

    Raises:
        InputError: If ``factor`` is out of range.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> before = layer.weight.item()
        >>> scale_(layer, 0.5).weight.item() == 0.5 * before
        True
    """
    check_in_range("scale", factor, 0, math.inf, high_open=True)
    with torch.no_grad():
        for _, parameter in parameters_in(model, scope):
            parameter.mul_(factor)
    return model


def scale(model: nn.Module, factor: float, *, scope: Scope = Scope.ALL) -> nn.Module:
    """Return a scaled copy; see :func:`scale_`."""
    return scale_(copy.deepcopy(model), factor, scope=scope)


@dataclass(frozen=True)
class Cold(Strategy):
    """Start every round from the fresh model: theta <- scale * fresh.

    With a ``scale`` other than 1 it is the control that shrink-perturb needs. Shrinking leaves weights of a smaller
    norm than a fresh initialisation has, and a smaller initialisation alone can change accuracy; only what
    shrink-perturb gains over a cold start of the same scale is due to what it kept.

    Args:
        scale: Factor on the fresh parameters, at least 0; 1 is the usual cold start.
        scope: Which parameters are scaled.

    Example:
        >>> Cold(scale=0.5)
        Cold(scale=0.5, scope=<Scope.ALL: 'all'>)
    """

    continues: ClassVar[bool] = False
    scale: float = 1.0
    scope: Scope = Scope.ALL

    def __post_init__(self) -> None:
        """Check the options."""
        settle_choices(self)
        check_in_range("scale", self.scale, 0, math.inf, high_open=True)

    @property
    def begins_fresh(self) -> bool:
        """Unless it is scaled."""
        return self.scale == 1

    def __call__(self, previous: nn.Module | None, fresh: nn.Module, context: Context) -> nn.Module:
        """Return a scaled copy of the fresh model; the previous one is not looked at."""
        return scale(fresh, self.scale, scope=self.scope)
