"""One of the things that a study compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from warmstart.basics import InputError
from warmstart.penalties import Penalty
from warmstart.specs import (
    build_named,
    build_options,
    format_spec,
    kebab,
    known_penalties,
    known_strategies,
    name_of,
    plain,
    split_spec,
    stored_options,
)
from warmstart.strategies import Strategy

from ._overrides import OVERRIDES, Overrides

_PENALTY = "penalty"


@dataclass(frozen=True)
class Arm(Overrides):
    """A strategy as it takes part in a study: with the settings in which it departs from it.

    Args:
        strategy: What each round starts from. The other options are those of :class:`Overrides`.

    Example:
        >>> from warmstart.strategies import Warm
        >>> from warmstart.trial import TrainOn
        >>> Arm(Warm(), train_on=TrainOn.ARRIVAL).label
        'warm:train-on=arrival'
    """

    strategy: Strategy

    @property
    def label(self) -> str:
        """The shortest spec of this arm: options at their defaults are left out."""
        penalty = {} if self.penalty is None else shortest(known_penalties(), self.penalty)
        return format_spec(self._name, {**shortest(known_strategies(), self.strategy), **self._overrides(penalty)})

    @property
    def spec(self) -> str:
        """The complete spec of this arm, which means the same under other defaults."""
        penalty = {} if self.penalty is None else stored_options(self.penalty)
        return format_spec(self._name, {**stored_options(self.strategy), **self._overrides(penalty)})

    @property
    def _name(self) -> str:
        return name_of(known_strategies(), self.strategy)

    def _overrides(self, of_penalty: Mapping[str, Any]) -> dict[str, Any]:
        given = {name: plain(value) for name in OVERRIDES if (value := getattr(self, name)) is not None}
        if self.penalty is not None:
            given[_PENALTY] = name_of(known_penalties(), self.penalty)
        return given | {f"{_PENALTY}.{key}": value for key, value in of_penalty.items()}


def shortest(known: Mapping[str, type], owner: Any) -> dict[str, Any]:
    """Return the options of what is known by name, without those at their defaults."""
    name, options = name_of(known, owner), stored_options(owner)
    for key in list(options):
        # One option's default may depend on another's value, so what is left out is tried, not looked up.
        fewer = {other: value for other, value in options.items() if other != key}
        if _built(known[name], fewer) == owner:
            options = fewer
    return options


def _built(owner: type, options: Mapping[str, Any]) -> Any:
    try:
        return build_options(owner, options, kind="arm")
    except InputError:
        return None  # an option without a default


def parse_arm(text: str) -> Arm:
    """Return the arm that a spec describes.

    Raises:
        InputError: If the strategy or an option is unknown, or an option's value is not allowed.

    Example:
        >>> parse_arm("cold:scale=0.5").strategy
        Cold(scale=0.5, scope=<Scope.ALL: 'all'>, head=None)
        >>> parse_arm("warm:penalty=l2:penalty.strength=0.1").penalty
        L2(strength=0.1)
    """
    name, options = split_spec(text)
    own = [kebab(key) for key in OVERRIDES]
    of_penalty = {key: value for key, value in options.items() if key.partition(".")[0] == _PENALTY}
    of_arm = {key: value for key, value in options.items() if key in own}
    rest = {key: value for key, value in options.items() if key not in own and key not in of_penalty}
    strategy = build_named("strategy", known_strategies(), name, rest)
    overrides = build_options(Overrides, of_arm, kind=f"strategy {name}")
    return Arm(strategy, **{key: getattr(overrides, key) for key in OVERRIDES}, penalty=_penalty(of_penalty))


def _penalty(options: Mapping[str, str]) -> Penalty | None:
    if not options:
        return None
    if _PENALTY not in options:
        raise InputError(f"{', '.join(options)} must come with a penalty=NAME, got none.")
    inner = {key.removeprefix(f"{_PENALTY}."): value for key, value in options.items() if key != _PENALTY}
    return build_named("penalty", known_penalties(), options[_PENALTY], inner)
