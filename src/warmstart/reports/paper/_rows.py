"""The points of a chart as rows: what is drawn of them, what their tooltips say, what is left out."""

from collections import defaultdict
from collections.abc import Sequence
from math import ceil
from typing import Any, Final

from warmstart.paper import Axis, Curves, Point, Source
from warmstart.reports.charts._style import rounded

from ._looks import label_of
from ._values import interval_text, is_value, seeds_text, value_text

LEAST_FOR_A_BAND: Final = 4
MOST_MARKS: Final = 25
MOST_NAMED: Final = 5


def rows_of(curves: Curves) -> list[dict[str, Any]]:
    """Return a row for every point that has a place on the horizontal axis; its ``y`` may be None.

    ``low`` and ``high`` are drawn: on a logarithmic axis an interval that goes down to zero or below goes down to the
    smallest value drawn. ``interval`` says in words what it is. ``banded``: whether the interval is part of a band;
    ``marked``: whether the point has a mark.
    """
    points = placed(curves)
    ends = (value for point in points for value in (point.y, point.low, point.high))
    floor = min((value for value in ends if is_value(value) and value > 0), default=None)
    series = _by_label(points)
    # A band would hide an interval between two gaps, and two bands of one colour could not be told apart: hence only
    # series of ours without gaps.
    banded = {
        label
        for label, indices in series.items()
        if curves.joined and len(indices) >= LEAST_FOR_A_BAND and points[indices[0]].by is Source.US
        if all(_has_interval(curves, points[index]) for index in indices)
    }
    # On a long line only some points have a mark, lest the marks cover it.
    thinned = {index for indices in series.values() for index in indices[:: ceil(len(indices) / MOST_MARKS)]}
    return [
        {
            **_drawn(curves, point, floor),
            "at": value_text(point.x, curves.x.format, decimals=2),
            "value": value_text(point.y, curves.y.format, decimals=2),
            "interval": interval_text(point.low, point.high, curves.y.format),
            "seeds": seeds_text(point.n),
            "banded": label_of(point) in banded,
            "marked": index in thinned or not curves.joined,
        }
        for index, point in enumerate(points)
    ]


def placed(curves: Curves) -> list[Point]:
    """Return the points that have a place on the horizontal axis."""
    return [point for point in curves.points if _fits(point.x, curves.x)]


def left_out(curves: Curves) -> list[Point]:
    """Return the points that are not drawn: without a value, or at 0 or less on a logarithmic axis."""
    return [point for point in curves.points if not (_fits(point.x, curves.x) and _fits(point.y, curves.y))]


def words_on_left_out(curves: Curves) -> str:
    """Return a sentence on the points that a chart leaves out; empty if there are none.

    Example:
        >>> nowhere = (Point("warm", 0.1, None), Point("warm", 0.2, None))
        >>> words_on_left_out(Curves("c", "", Axis("x"), Axis("y"), nowhere))
        'Not drawn, since there is no value that the axes can show: warm at 0.1, warm at 0.2.'
    """
    points = left_out(curves)
    if not points:
        return ""
    named = [f"{label_of(point)} at {point.x:g}" for point in points[:MOST_NAMED]]
    more = f" and {len(points) - MOST_NAMED} more" if len(points) > MOST_NAMED else ""
    return f"Not drawn, since there is no value that the axes can show: {', '.join(named)}{more}."


def has_points(curves: Curves) -> bool:
    """Return whether there is anything to draw."""
    return len(left_out(curves)) < len(curves.points)


def _fits(value: float | None, axis: Axis) -> bool:
    return is_value(value) and (value > 0 or not axis.log)


def _by_label(points: Sequence[Point]) -> dict[str, list[int]]:
    """Return the indices of the points by label, from left to right."""
    series: dict[str, list[int]] = defaultdict(list)
    for index in sorted(range(len(points)), key=lambda index: points[index].x):
        series[label_of(points[index])].append(index)
    return series


def _has_interval(curves: Curves, point: Point) -> bool:
    return _fits(point.y, curves.y) and is_value(point.low) and is_value(point.high)


def _drawn(curves: Curves, point: Point, floor: float | None) -> dict[str, Any]:
    low, high = (point.low, point.high) if _has_interval(curves, point) else (None, None)
    # The logarithm of zero is nowhere: the interval then ends where the drawing does.
    if curves.y.log and low is not None and floor is not None:
        low = max(low, floor)
    # None instead of no row: a line is broken there, not drawn across.
    y = point.y if _fits(point.y, curves.y) else None
    numbers = {"x": point.x, "y": y, "low": low, "high": high}
    return {"label": label_of(point), **{name: rounded(value) for name, value in numbers.items()}}
