"""One of the things that a study compares."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from warmstart.basics import InputError, settle_choices
from warmstart.strategies import Strategy
from warmstart.training import CarryOver, Normalization, OptimizerState
from warmstart.trial import TrainOn

from ._names import build_named, known_strategies, name_of
from ._options import NONE, build_options, fields_of, format_spec, options_of, split_spec


@dataclass(frozen=True)
class Arm:
    """A strategy as it takes part in a study: with what its rounds train on and carry over.

    Args:
        strategy: What each round starts from.
        train_on: What each round trains on; None: as the study says. So do the others:
        normalization: What becomes of running statistics.
        optimizer_state: What becomes of the optimizer's state.

    Example:
        >>> from warmstart.strategies import Warm
        >>> Arm(Warm(), train_on=TrainOn.ARRIVAL).label
        'warm:train-on=arrival'
    """

    strategy: Strategy
    train_on: TrainOn | None = None
    normalization: Normalization | None = None
    optimizer_state: OptimizerState | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        settle_choices(self)

    @property
    def label(self) -> str:
        """The shortest spec of this arm: options at their defaults are left out."""
        options = options_of(self.strategy)
        for key in list(options):
            # One option's default may depend on another's value, so what is left out is tried, not looked up.
            fewer = {name: value for name, value in options.items() if name != key}
            if build_named("strategy", known_strategies(), self._name, fewer) == self.strategy:
                options = fewer
        return format_spec(self._name, {**options, **self._overrides()})

    @property
    def spec(self) -> str:
        """The complete spec of this arm, which means the same under other defaults."""
        return format_spec(self._name, {**options_of(self.strategy), **self._overrides()})

    @property
    def _name(self) -> str:
        return name_of(known_strategies(), self.strategy)

    def _overrides(self) -> dict[str, Any]:
        return {key: value for key, value in options_of(self).items() if key != "strategy" and value != NONE}

    def carry_over(self, of_study: CarryOver) -> CarryOver:
        """Return what is carried over, given what the study says."""
        return CarryOver(
            normalization=self.normalization or of_study.normalization,
            optimizer_state=self.optimizer_state or of_study.optimizer_state,
        )


def parse_arm(text: str) -> Arm:
    """Return the arm that a spec describes.

    Raises:
        InputError: If the strategy or an option is unknown, or an option's value is not allowed.

    Example:
        >>> parse_arm("cold:scale=0.5").strategy
        Cold(scale=0.5, scope=<Scope.ALL: 'all'>)
    """
    name, options = split_spec(text)
    own = [key for key in fields_of(Arm) if key != "strategy"]
    strategy = build_named("strategy", known_strategies(), name, {k: v for k, v in options.items() if k not in own})
    overrides = build_options(_Overrides, {k: v for k, v in options.items() if k in own}, kind=f"strategy {name}")
    return Arm(strategy, **dataclasses.asdict(overrides))


@dataclass(frozen=True)
class _Overrides:
    train_on: TrainOn | None = None
    normalization: Normalization | None = None
    optimizer_state: OptimizerState | None = None


def check_distinct(arms: tuple[Arm, ...], train_on: TrainOn, carry_over: CarryOver) -> None:
    """Raise unless there is an arm, and no two do the same under what the study says."""
    if not arms:
        raise InputError("strategies must name at least one strategy, got none.")
    resolved = [(arm.strategy, arm.train_on or train_on, arm.carry_over(carry_over)) for arm in arms]
    if twice := next((arm.label for arm, what in zip(arms, resolved, strict=True) if resolved.count(what) > 1), None):
        raise InputError(f"strategies must differ from each other, got '{twice}' more than once.")
