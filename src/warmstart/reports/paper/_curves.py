"""Values against a quantity: lines or a scatter plot, with intervals, ours and published."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from warmstart.paper import Axis, Curves
from warmstart.reports.charts._style import HEIGHT, NEUTRAL, WIDTH, altair, faded, highlight

from ._looks import look_channels, looks_of
from ._rows import placed, rows_of
from ._values import axis_labels, log_ticks, title_lines

Row = dict[str, Any]


def curves_chart(curves: Curves) -> Any:
    """Return bands or upright bars of intervals, lines and points; a click in the legend highlights one entry.

    Published points are hollow, their lines dashed. A line is broken where a value is missing.
    """
    alt, picked, rows, looks = altair(), highlight("label"), rows_of(curves), looks_of(placed(curves))
    channels, opacity = look_channels(looks), faded(picked, 1, 0.12)
    places = [row["x"] for row in rows]
    heights = [row[name] for row in rows for name in ("y", "low", "high") if row[name] is not None]
    each = sorted(set(places)) if curves.joined and len(set(places)) <= 6 else None
    y = alt.Y("y:Q", title=None, axis=_axis(curves.y, heights), scale=_scale(curves.y, padding=14))
    x = alt.X(
        "x:Q",
        title=title_lines(curves.x.title),
        axis=_axis(curves.x, places, ticks=each, grid=False),
        scale=_scale(curves.x, padding=24),
    )
    base = alt.Chart().encode(x=x, y=y)
    layers = _intervals(base, rows, channels, picked)
    if curves.zero and not curves.y.log:
        zero = alt.Chart(alt.Data(values=[{"y": 0}])).mark_rule(color=NEUTRAL, strokeWidth=1.5).encode(y=y)
        layers.insert(0, zero)
    if curves.joined:
        labels: dict[tuple[float, ...], list[str]] = defaultdict(list)
        for look in looks:
            labels[look.dash].append(look.label)
        for dash, names in labels.items():
            # One layer for each kind of dash: a scale of dashes would put dashes around the legend's marks, too.
            line = base.transform_filter(alt.FieldOneOfPredicate("label", names))
            line = line.mark_line(strokeWidth=2, strokeDash=list(dash))
            layers.append(line.encode(stroke=channels["stroke"], opacity=opacity))
    titles = {"label:N": "series", "at:N": curves.x.title, "value:N": curves.y.title}
    tooltip = [*(alt.Tooltip(field, title=title) for field, title in titles.items()), "interval:N", "seeds:N"]
    marks = base.mark_point(size=60, strokeWidth=1.8).encode(tooltip=tooltip, **channels, opacity=opacity)
    if all(row["marked"] for row in rows):
        layers.append(marks.add_params(picked))
    else:
        # Where not every point has a mark, invisible marks tell of every point all the same.
        unseen = base.mark_point(size=60, opacity=0).encode(tooltip=tooltip)
        layers += [marks.transform_filter("datum.marked").add_params(picked), unseen]
    # The rows belong to the whole: with a zero line, which has its own, each layer would else repeat them.
    chart = alt.layer(*layers, data=alt.Data(values=rows))
    return chart.properties(title=title_lines(curves.y.title), width=WIDTH, height=HEIGHT)


def _axis(axis: Axis, drawn: Sequence[float], *, ticks: Any = None, grid: bool = True) -> Any:
    alt = altair()
    logarithmic = log_ticks(min(drawn), max(drawn)) if axis.log else []
    values = ticks or (logarithmic if len(logarithmic) > 1 else alt.Undefined)
    labels = {"labelOverlap": "greedy", "labelSeparation": 6, "labelFlush": False, **axis_labels(axis)}
    return alt.Axis(values=values, **labels, **({} if grid else {"grid": False}))


def _scale(axis: Axis, *, padding: int) -> Any:
    kind = {"type": "log"} if axis.log else {"zero": False}
    # Room at both ends instead of round ends: a logarithmic axis would be prolonged to a whole decade.
    return altair().Scale(**kind, nice=False, padding=padding)


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
