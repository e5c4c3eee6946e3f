"""One of the things that a study compares."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from warmstart.basics import InputError
from warmstart.specs import (
    PENALTY,
    STRATEGY,
    Nested,
    build_named,
    build_options,
    format_spec,
    kebab,
    options_for,
    plain,
    shortest,
    split_spec,
    stored_options,
    to_table,
)
from warmstart.strategies import Strategy

from ._overrides import OVERRIDES, Overrides

# Before an option of a strategy that is called as one of the arm's.
_OWN = "strategy."


@dataclass(frozen=True)
class Arm(Overrides):
    """A strategy as it takes part in a study: with the settings in which it departs from it.

    Args:
        strategy: What each round starts from. The other options are those of :class:`Overrides`.

    Raises:
        InputError: If an option is out of its range, or an object cannot be named in a study file.

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
        penalty = self.penalty
        short = None if penalty is None else Nested(name=PENALTY.name_of(penalty), **shortest(PENALTY, penalty))
        return self._format(shortest(STRATEGY, self.strategy), short)

    @property
    def spec(self) -> str:
        """The complete spec of this arm, which means the same under other defaults."""
        penalty = None if self.penalty is None else Nested(to_table(PENALTY, self.penalty))
        return self._format(stored_options(self.strategy), penalty)

    def _format(self, options: dict[str, Any], penalty: Nested | None) -> str:
        own = {(_OWN + key if kebab(key) in _KEYS else key): value for key, value in options.items()}
        kinds = {option.name: option.kind for option in options_for(Overrides).values()}
        given = {name: plain(value, kinds[name]) for name in OVERRIDES if (value := getattr(self, name)) is not None}
        return format_spec(
            STRATEGY.name_of(self.strategy), own | given | ({} if penalty is None else {"penalty": penalty})
        )


_KEYS = frozenset(kebab(field.name) for field in fields(Overrides))


def parse_arm(text: str) -> Arm:
    """Return the arm that a spec describes.

    Raises:
        InputError: If the strategy or an option is unknown, or an option's value is not allowed.

    Example:
        >>> parse_arm("cold:scale=0.5").strategy
        Cold(scale=0.5, scope=<Scope.ALL: 'all'>, head=None, init=<Initialization.FRESH: 'fresh'>)
        >>> parse_arm("warm:penalty=l2:penalty.strength=0.1").penalty
        L2(strength=0.1)
    """
    name, options = split_spec(text)
    of_arm = {key: value for key, value in options.items() if key.partition(".")[0] in _KEYS}
    rest = {key.removeprefix(_OWN): value for key, value in options.items() if key not in of_arm}
    if len(rest) + len(of_arm) < len(options):
        raise InputError(f"An option of the strategy must be given once, got it twice in '{text}'.")
    strategy = build_named(STRATEGY, name, rest)
    overrides = build_options(Overrides, of_arm, kind=f"strategy {name}")
    return Arm(strategy, **{field.name: getattr(overrides, field.name) for field in fields(Overrides)})
