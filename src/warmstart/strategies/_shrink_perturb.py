"""Shrink-perturb, in its three public meanings."""

import math
from dataclasses import dataclass
from enum import StrEnum

from torch import nn

from warmstart.basics import added_later, check_flag, check_in_range, copy_model, resolve_choices

from ._context import RoundContext
from ._parameters import Include, Scope, change_, check_fresh, gaussian_like
from ._strategy import Strategy


def shrink_perturb_(
    model: nn.Module,
    fresh: nn.Module,
    *,
    shrink: float = 0.4,
    perturb: float = 0.1,
    scope: Scope = Scope.ALL,
    include: Include | None = None,
    head: str | None = None,
) -> nn.Module:
    """Shrink a trained model's parameters and add a little of a fresh one's, in place.

    theta <- shrink * theta + perturb * theta_fresh

    Call it between the rounds of your own training loop, and make a new optimizer afterwards. Buffers and frozen
    parameters keep their values, tied parameters stay tied and are changed once, those that are tied by memory too;
    dtype and device stay. Of a reparametrized layer the weight that it computes with is changed, and each factor of a
    LoRA update is shrunk by the square root, so that the update itself shrinks by ``shrink``. Either model may be
    wrapped, as by ``torch.compile``.

    Directly after it, BatchNorm's running statistics fit the old weights, not the new ones: recalibrate them before
    evaluating, also after a short training.

    Args:
        model: The trained model, changed in place.
        fresh: A model of the same shape that supplies the noise, left untouched: freshly initialised (the paper's
            released code), ``gaussian_like(model, generator=g)`` (the paper's text), or the model's own first
            initialisation.
        shrink: Factor on the trained parameters, in [0, 1].
        perturb: Factor on the noise, finite and at least 0.
        scope: Which parameters.
        include: Takes name and parameter and returns whether it is changed; None: all in ``scope`` are.
        head: Name of the module that is the head, for the scopes ``HEAD`` and ``BODY``; None: the last layer that runs.

    Returns:
        The same model.

    Raises:
        InputError: If a factor is out of range, the models' shapes differ, nothing in ``scope`` is trainable, ``fresh``
            holds parameters of ``model``, or a weight cannot take the new value, as one under spectral norm; the model
            is unchanged then.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, section 4; the defaults are those of
        the released code.

    Example:
        >>> model, fresh = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.constant_(model.weight, 2.0), nn.init.constant_(fresh.weight, 1.0)
        >>> round(shrink_perturb_(model, fresh, shrink=0.4, perturb=0.1).weight.item(), 4)
        0.9
    """
    _check(shrink, perturb)
    check_fresh(model, fresh)
    return change_(model, factor=shrink, noise=fresh, amount=perturb, scope=scope, include=include, head=head)


def shrink_perturb(
    previous: nn.Module,
    fresh: nn.Module,
    *,
    shrink: float = 0.4,
    perturb: float = 0.1,
    scope: Scope = Scope.ALL,
    include: Include | None = None,
    head: str | None = None,
) -> nn.Module:
    """Return a shrunk and perturbed copy of ``previous``; see :func:`shrink_perturb_`."""
    # Before the copy, which for a large model takes longer than a wrong argument is worth.
    _check(shrink, perturb)
    check_fresh(previous, fresh)
    model = copy_model(previous)
    return change_(model, factor=shrink, noise=fresh, amount=perturb, scope=scope, include=include, head=head)


def _check(shrink: float, perturb: float) -> None:
    check_in_range("shrink", shrink, 0, 1)
    check_in_range("perturb", perturb, 0, math.inf, high_open=True)


class Noise(StrEnum):
    """What shrink-perturb adds: ``FRESH`` initialisation, ``GAUSSIAN`` noise, the stored ``FIRST`` initialisation."""

    FRESH = "fresh"
    GAUSSIAN = "gaussian"
    FIRST = "first"


@dataclass(frozen=True)
class ShrinkPerturb(Strategy):
    """Start a round from the previous model, shrunk, plus noise: theta <- shrink * previous + perturb * noise.

    Public codes mean three things by the name:

    - ``noise=FRESH`` (the paper's released code): a fresh initialisation, so that every kind of parameter gets noise
      of the scale it is initialised with; shrink 0.4, perturb 0.1.
    - ``noise=GAUSSIAN`` (the paper's text; DASH's code with ``scope=LAYERS``, shrink 0.3): N(0, perturb^2).
    - ``noise=FIRST`` (Hare & Tortoise, FIRE): the model's own first initialisation, a step back towards it;
      with c of those codes, shrink = 1 - c and perturb = c.

    In round 1 it is a cold start, unless ``before_first_round`` asks for what the released code does: shrink and
    perturb the first initialisation as well, which makes it a cold start of about ``shrink`` times the usual scale.

    Args:
        shrink: Factor on the previous parameters, in [0, 1].
        perturb: Factor on the noise, at least 0. By default 0.1 for fresh and 0.01 for Gaussian noise, and 1 - shrink
            for the first initialisation.
        noise: What is added.
        scope: Which parameters are changed.
        before_first_round: Also shrink and perturb the first initialisation.
        head: Name of the module that is the head, for the scopes ``HEAD`` and ``BODY``; None: the last layer that runs.

    Reference:
        Ash and Adams 2020 (arXiv 1910.08475); Shin et al. 2024 (2410.23495); Lee et al. 2024 (2406.02596).

    Example:
        >>> ShrinkPerturb(noise=Noise.GAUSSIAN).perturb
        0.01
    """

    shrink: float = 0.4
    perturb: float | None = None
    noise: Noise = Noise.FRESH
    scope: Scope = Scope.ALL
    before_first_round: bool = False
    head: str | None = added_later(None)

    def __post_init__(self) -> None:
        """Check the options and resolve the default of ``perturb``."""
        resolve_choices(self)
        check_flag("before_first_round", self.before_first_round)
        check_in_range("shrink", self.shrink, 0, 1)
        if self.perturb is None:
            # Rounded, since 1 - 0.9 is 0.09999999999999998, which would stand in names of arms and in files.
            defaults = {Noise.FRESH: 0.1, Noise.GAUSSIAN: 0.01, Noise.FIRST: round(1 - self.shrink, 12)}
            object.__setattr__(self, "perturb", defaults[self.noise])
        _check(self.shrink, self._perturb)

    @property
    def _perturb(self) -> float:
        assert self.perturb is not None, "resolved at construction"
        return self.perturb

    def __call__(self, previous: nn.Module | None, fresh: nn.Module, context: RoundContext) -> nn.Module:
        """Return the shrunk and perturbed copy; in round 1 a copy of the fresh model, see the class."""
        if previous is not None:
            return self._apply(previous, fresh, context)
        if self.before_first_round:
            return self._apply(fresh, context.another(), context)
        return copy_model(fresh)

    def _apply(self, model: nn.Module, fresh: nn.Module, context: RoundContext) -> nn.Module:
        if self.noise is Noise.GAUSSIAN:
            fresh = gaussian_like(model, generator=context.generator)
        elif self.noise is Noise.FIRST:
            fresh = context.first()
        return shrink_perturb(model, fresh, shrink=self.shrink, perturb=self._perturb, scope=self.scope, head=self.head)
