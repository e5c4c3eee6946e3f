"""Points of charts: arms, rounds, epochs and published numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from statistics import fmean

from warmstart.statistics import Estimate, mean_interval

from .exhibits import Point
from .published import Number, published
from .results import CaseResults, Reading, Results


def estimate_point(series: str, x: float, estimate: Estimate, *, times: float = 1) -> Point:
    """Return an estimate, multiplied by ``times``, as a point of a curve."""
    mean, low, high = (None if v is None else v * times for v in (estimate.mean, estimate.low, estimate.high))
    return Point(series, x, mean, low, high, estimate.n)


def arm_point(case: CaseResults, arm: str, *, series: str, x: float) -> Point:
    """Return the accuracy of an arm after the last round as a point of a curve."""
    return estimate_point(series, x, case.accuracy(arm))


def level_points(case: CaseResults, arms: Mapping[str, str], xs: Sequence[float]) -> list[Point]:
    """Return points at both ends of an option's values for arms that lack the option; none if it has no values.

    Args:
        case: The study.
        arms: Labels of the arms, with the names of their series.
        xs: The option's values.
    """
    # Two points make a level line, whatever is between; a grid of one value has one.
    ends = sorted({min(xs), max(xs)}) if xs else []
    return [arm_point(case, arm, series=series, x=end) for arm, series in arms.items() for end in ends]


def published_points(experiment: str, *, series: Callable[[Number], str], x: str, **facets: str | float) -> list[Point]:
    """Return a point per published accuracy that has the facet ``x`` and these facets."""
    # Whoever published them: the paper's and the reproduction's are told apart by their marks.
    found = [number for number in published(experiment, "accuracy", by=None, **facets) if x in number.facets]
    return [Point(series(number), float(number.facets[x]), number.value, by=number.by) for number in found]


def round_points(case: CaseResults, arms: Iterable[str], *, names: Mapping[str, str] | None = None) -> list[Point]:
    """Return accuracy against samples seen, a point per round and a series per arm."""
    return [
        estimate_point((names or {}).get(arm, arm), seen, case.accuracy(arm, number))
        for arm in arms
        for number, seen in _rounds_begun(case)
    ]


def gap_points(case: CaseResults, arms: Iterable[str]) -> list[Point]:
    """Return the paired difference to a cold start in points, against samples seen."""
    return [
        estimate_point(arm, seen, case.difference(arm, "cold", number), times=100)
        for arm in arms
        for number, seen in _rounds_begun(case)
    ]


def _rounds_begun(case: CaseResults) -> list[tuple[int, int]]:
    """Return the number and the samples seen of every round that any trial has finished."""
    return [(number, seen) for number in range(1, case.rounds + 1) if (seen := case.samples_seen(number))]


def reading_points(
    case: CaseResults,
    arm: str,
    name: str,
    *,
    series: str,
    round: int | None = None,
    after: int = 0,
    by_steps: bool = False,
) -> list[Point]:
    """Return a measurement's readings against epochs (or steps) of a round, the mean over seeds that got that far.

    Args:
        case: The study.
        arm: The arm.
        name: Name of the readings.
        series: Name of the points' series.
        round: Number of the round; by default the last.
        after: Added to the epochs or steps, for rounds that follow others.
        by_steps: Whether x is steps instead of epochs.
    """
    # Later epochs have fewer seeds, since each stops by itself: `n` of a point says how many.
    by_epoch: dict[int, list[Reading]] = {}
    for readings in case.readings(arm, name, round):
        for reading in readings:
            by_epoch.setdefault(reading.epoch, []).append(reading)
    return [
        estimate_point(
            series,
            after + (fmean(reading.steps for reading in readings) if by_steps else epoch),
            mean_interval([reading.value for reading in readings]),
        )
        for epoch, readings in sorted(by_epoch.items())
    ]


def epoch_points(
    case: CaseResults, arm: str, column: str, *, series: str, round: int | None = None, after: int = 0
) -> list[Point]:
    """Return what is stored of every epoch of a round, the mean over seeds that got that far.

    Args:
        case: The study.
        arm: The arm.
        column: "steps", "train_score" as the stopping rule measures it, or "train_loss".
        series: Name of the points' series.
        round: Number of the round; by default the last.
        after: Added to the epochs, for rounds that follow others.
    """
    runs: list[list[float]] = []
    for seed in range(case.study.max_seeds):
        history = case.histories.get((arm, seed, round or case.rounds), {})
        runs.append([row[history["columns"].index(column)] for row in history.get("epochs", [])])
    return [
        estimate_point(series, after + epoch, mean_interval(values))
        for epoch, values in enumerate(zip_longest(*runs), start=1)
    ]


def at_full_scale(results: Results, points: Sequence[Point]) -> Sequence[Point]:
    """Return published points if our results are in the paper's setting, else none."""
    # A chart invites a comparison at a glance, without the words that a table has for what differs.
    return points if results.setting.is_papers else []
