"""Ways of doing something that take turns on one machine, so that its noise meets all of them alike."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from torch.utils.benchmark import Timer

from warmstart.basics import check_at_least

Way = Callable[[], Callable[[], object]]
"""Prepares its work, which is not timed, and returns the call that is."""


@dataclass(frozen=True)
class Setting:
    """How much is measured.

    Args:
        threads: PyTorch threads.
        repeats: Turns of each way, at least 1.
        quick: Whether to take less of everything, which only checks that the program runs.
    """

    threads: int = 1
    repeats: int = 5
    quick: bool = False

    def __post_init__(self) -> None:
        """Check the options."""
        check_at_least("threads", self.threads, 1)
        check_at_least("repeats", self.repeats, 1)

    def some(self, full: int, quick: int) -> int:
        """Return one of two amounts."""
        return quick if self.quick else full


class Spread(TypedDict):
    """Median and quartiles of the turns' figures."""

    median: float
    lower_quartile: float
    upper_quartile: float
    turns: int


def take_turns(ways: Mapping[str, Way], setting: Setting) -> dict[str, list[float]]:
    """Return every way's seconds per call, turn by turn.

    In a turn, `torch.utils.benchmark.Timer` calls a way once to warm up, then as often as a fifth of a second needs.
    Every other turn goes backwards, so that a machine that slows down or speeds up favours nobody.
    """
    timers = {
        name: Timer("call()", setup="call = prepare()", globals={"prepare": way}, num_threads=setting.threads)
        for name, way in ways.items()
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(setting.repeats):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            measured = timers[name].blocked_autorange(min_run_time=0.01 if setting.quick else 0.2)
            found[name].append(measured.median)
    return found


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
