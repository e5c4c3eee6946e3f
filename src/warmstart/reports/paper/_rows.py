"""The points of a chart as rows: what is drawn of them, what is told of them, what is left out."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any, Final

from warmstart.paper import Axis, Curves, Point, Source
from warmstart.reports.charts._style import rounded

from ._looks import label_of
from ._values import interval_text, is_value, seeds_text, value_text

LEAST_FOR_A_BAND: Final = 4
MOST_MARKS: Final = 25


def rows_of(curves: Curves) -> list[dict[str, Any]]:
    """Return a row for every point that has a place on the horizontal axis; its ``y`` may be None.

    ``low`` and ``high`` are drawn: on a logarithmic axis an interval that goes down to zero or below goes down to the
    smallest value drawn. ``interval`` says in words what it is. ``banded``: whether the interval is part of a band;
    ``marked``: whether the point has a mark.
    """
    points = placed(curves)
    floor = min((value for point in points for value in _heights(point) if value > 0), default=None)
    banded, marked = _banded(curves, points), _marked(curves, points)
    return [
        {**_drawn(curves, point, floor), **_told(curves, point), "banded": label_of(point) in banded, "marked": mark}
        for point, mark in zip(points, marked, strict=True)
    ]


def placed(curves: Curves) -> list[Point]:
    """Return the points that have a place on the horizontal axis."""
    return [point for point in curves.points if _fits(point.x, curves.x)]


def left_out(curves: Curves) -> list[Point]:
    """Return the points that are not drawn: without a value, or at 0 or less on a logarithmic axis."""
    return [point for point in curves.points if not (_fits(point.x, curves.x) and _fits(point.y, curves.y))]


def has_points(curves: Curves) -> bool:
    """Return whether there is anything to draw."""
    return len(left_out(curves)) < len(curves.points)


def _fits(value: float | None, axis: Axis) -> bool:
    return is_value(value) and (value > 0 or not axis.log)


def _heights(point: Point) -> Iterable[float]:
    return filter(is_value, (point.y, point.low, point.high))


def _by_label(points: Sequence[Point]) -> dict[str, list[int]]:
    """Return the indices of the points by label, from left to right."""
    series: dict[str, list[int]] = defaultdict(list)
    for index in sorted(range(len(points)), key=lambda index: points[index].x):
        series[label_of(points[index])].append(index)
    return series


def _banded(curves: Curves, points: Sequence[Point]) -> set[str]:
    """Return the labels whose intervals are drawn as a band.

    A band would hide an interval between two gaps, and two bands of one colour could not be told apart: hence only
    series of ours without gaps.
    """
    series = {label: [points[index] for index in indices] for label, indices in _by_label(points).items()}
    return {
        label
        for label, members in series.items()
        if curves.joined and len(members) >= LEAST_FOR_A_BAND and members[0].by is Source.US
        if all(_has_interval(curves, member) for member in members)
    }


def _marked(curves: Curves, points: Sequence[Point]) -> list[bool]:
    """Return whether each point has a mark: on a long line only some have, lest the marks cover it."""
    if not curves.joined:
        return [True] * len(points)
    thinned = (indices[:: ceil(len(indices) / MOST_MARKS)] for indices in _by_label(points).values())
    marked = {index for indices in thinned for index in indices}
    return [index in marked for index in range(len(points))]


def _has_interval(curves: Curves, point: Point) -> bool:
    return _fits(point.y, curves.y) and is_value(point.low) and is_value(point.high)


def _drawn(curves: Curves, point: Point, floor: float | None) -> dict[str, Any]:
    low, high = (point.low, point.high) if _has_interval(curves, point) else (None, None)
    if curves.y.log and low is not None and floor is not None:
        low = max(low, floor)
    y = point.y if _fits(point.y, curves.y) else None
    numbers = {"x": point.x, "y": y, "low": low, "high": high}
    return {"label": label_of(point), **{name: rounded(value) for name, value in numbers.items()}}


def _told(curves: Curves, point: Point) -> dict[str, str]:
    return {
        "at": value_text(point.x, curves.x.format, decimals=2),
        "value": value_text(point.y, curves.y.format, decimals=2),
        "interval": interval_text(point.low, point.high, curves.y.format),
        "seeds": seeds_text(point.n),
    }
