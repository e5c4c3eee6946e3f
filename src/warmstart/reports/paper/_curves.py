"""Values against a quantity: lines or a scatter plot, with intervals, ours and published."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from warmstart.paper import Axis, Curves
from warmstart.reports.charts._style import HEIGHT, NEUTRAL, WIDTH, altair, faded, highlight

from ._looks import Look, look_channels, looks_of
from ._rows import placed, rows_of
from ._values import axis_labels, log_ticks
from ._words import title_lines

Row = dict[str, Any]


def curves_chart(curves: Curves) -> Any:
    """Return bands or upright bars of intervals, lines and points; a click in the legend highlights one entry.

    Published points are hollow, their lines dashed. A line is broken where a value is missing.
    """
    alt, picked, rows = altair(), highlight("label"), rows_of(curves)
    looks = looks_of(placed(curves))
    channels, opacity, y = look_channels(looks), faded(picked, 1, 0.12), _y(curves, rows)
    base = alt.Chart().encode(x=_x(curves, rows), y=y)
    lines = _lines(base, looks) if curves.joined else []
    first, *others = _marks(base, rows, _tooltip(curves))
    layers = [
        *_zero(curves, y),
        *_intervals(base, rows, channels, picked),
        *(line.encode(stroke=channels["stroke"], opacity=opacity) for line in lines),
        first.encode(**channels, opacity=opacity).add_params(picked),
        *others,
    ]
    # The rows belong to the whole: with a zero line, which has its own, each layer would else repeat them.
    chart = alt.layer(*layers, data=alt.Data(values=rows))
    return chart.properties(title=title_lines(curves.y.title), width=WIDTH, height=HEIGHT)


def _x(curves: Curves, rows: Sequence[Row]) -> Any:
    alt, places = altair(), [row["x"] for row in rows]
    each = sorted(set(places)) if curves.joined and len(set(places)) <= 6 else None
    axis = alt.Axis(grid=False, values=each or _ticks(curves.x, places), **_labels(curves.x))
    # Room at both ends instead of round ends: a logarithmic axis would be prolonged to a whole decade.
    scale = alt.Scale(**_kind(curves.x), nice=False, padding=24)
    return alt.X("x:Q", title=title_lines(curves.x.title), axis=axis, scale=scale)


def _y(curves: Curves, rows: Sequence[Row]) -> Any:
    alt = altair()
    heights = [row[name] for row in rows for name in ("y", "low", "high") if row[name] is not None]
    axis = alt.Axis(values=_ticks(curves.y, heights), **_labels(curves.y))
    return alt.Y("y:Q", title=None, axis=axis, scale=alt.Scale(**_kind(curves.y), nice=False, padding=14))


def _kind(axis: Axis) -> dict[str, Any]:
    return {"type": "log"} if axis.log else {"zero": False}


def _ticks(axis: Axis, values: Sequence[float]) -> Any:
    ticks = log_ticks(min(values), max(values)) if axis.log else []
    return ticks if len(ticks) > 1 else altair().Undefined


def _labels(axis: Axis) -> dict[str, Any]:
    return {"labelOverlap": "greedy", "labelSeparation": 6, "labelFlush": False, **axis_labels(axis)}


def _zero(curves: Curves, y: Any) -> list[Any]:
    if not curves.zero or curves.y.log:
        return []
    alt = altair()
    data = alt.Chart(alt.Data(values=[{"y": 0}]))
    return [data.mark_rule(color=NEUTRAL, strokeWidth=1.5).encode(y=y)]


def _intervals(base: Any, rows: Sequence[Row], channels: dict[str, Any], picked: Any) -> list[Any]:
    alt, banded = altair(), {row["label"] for row in rows if row["banded"]}
    ends = base.encode(y=alt.Y("low:Q", title=None), y2="high:Q")
    layers = []
    if banded:
        # Many bands on top of each other hide the lines.
        strong = 0.16 if len(banded) <= 4 else 0.08
        bands = ends.transform_filter("datum.banded").mark_area(strokeWidth=0)
        layers.append(bands.encode(fill=channels["fill"], opacity=faded(picked, strong, 0.02)))
    if any(row["low"] is not None and not row["banded"] for row in rows):
        bars = ends.transform_filter("!datum.banded && isValid(datum.low)").mark_rule(strokeWidth=1.5)
        layers.append(bars.encode(stroke=channels["stroke"], opacity=faded(picked, 0.75, 0.1)))
    return layers


def _lines(base: Any, looks: Sequence[Look]) -> list[Any]:
    # One layer for each kind of dash: a scale of dashes would put dashes around the legend's marks, too.
    alt, labels = altair(), defaultdict(list)
    for look in looks:
        labels[look.dash].append(look.label)
    return [
        base.transform_filter(alt.FieldOneOfPredicate("label", names)).mark_line(strokeWidth=2, strokeDash=list(dash))
        for dash, names in labels.items()
    ]


def _marks(base: Any, rows: Sequence[Row], tooltip: list[Any]) -> list[Any]:
    """Return the marks and, where not every point has one, invisible marks that tell of every point all the same."""
    marks = base.mark_point(size=60, strokeWidth=1.8).encode(tooltip=tooltip)
    if all(row["marked"] for row in rows):
        return [marks]
    return [marks.transform_filter("datum.marked"), base.mark_point(size=60, opacity=0).encode(tooltip=tooltip)]


def _tooltip(curves: Curves) -> list[Any]:
    alt = altair()
    return [
        alt.Tooltip("label:N", title="series"),
        alt.Tooltip("at:N", title=curves.x.title),
        alt.Tooltip("value:N", title=curves.y.title),
        alt.Tooltip("interval:N"),
        alt.Tooltip("seeds:N"),
    ]
