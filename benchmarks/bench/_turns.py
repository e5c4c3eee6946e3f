"""Ways that take turns on one machine, so that its noise meets all of them, and what their figures say together."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

Way = Callable[[], Mapping[str, float]]
"""Does its work once and returns its figures by name; it decides what is timed and what is preparation."""


class Spread(TypedDict):
    """Median and quartiles of the turns' figures."""

    median: float
    lower_quartile: float
    upper_quartile: float
    turns: int


def seconds_of(call: Callable[[], object]) -> float:
    """Return the wall-clock seconds of a call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def repeated(call: Callable[[], object], times: int) -> float:
    """Return the wall-clock seconds of calling so many times."""
    return seconds_of(lambda: [call() for _ in range(times)])


def clocked(name: str, call: Callable[[], object]) -> Way:
    """Return a way whose one figure is the seconds of a call."""
    return lambda: {name: seconds_of(call)}


def take_turns(ways: Sequence[Way], repeats: int) -> dict[str, list[float]]:
    """Return every way's figures, turn by turn.

    Every other turn goes backwards, so that a machine that slows down or speeds up favours nobody. The first turn
    warms up and is dropped.
    """
    found: dict[str, list[float]] = {}
    for turn in range(repeats + 1):
        for way in reversed(ways) if turn % 2 else ways:
            for name, figure in way().items():
                found.setdefault(name, []).append(figure)
    return {name: figures[1:] for name, figures in found.items()}


def spread(figures: Sequence[float]) -> Spread:
    """Return median and quartiles; all three are the figure where there is one.

    Example:
        >>> spread([1.0, 2.0, 3.0])
        {'median': 2.0, 'lower_quartile': 1.5, 'upper_quartile': 2.5, 'turns': 3}
    """
    low, median, high = statistics.quantiles(figures, n=4, method="inclusive") if len(figures) > 1 else [*figures] * 3
    return {"median": median, "lower_quartile": low, "upper_quartile": high, "turns": len(figures)}


def ratio(found: Mapping[str, Sequence[float]], above: str, below: str) -> Spread:
    """Return the spread of one way's figures over another's, taken turn by turn.

    Example:
        >>> ratio({"a": [2.0, 9.0], "b": [1.0, 3.0]}, "a", "b")["median"]
        2.5
    """
    return spread([one / other for one, other in zip(found[above], found[below], strict=True)])


def spreads(found: Mapping[str, Sequence[float]]) -> dict[str, Spread]:
    """Return the spread of every way."""
    return {name: spread(figures) for name, figures in found.items()}
