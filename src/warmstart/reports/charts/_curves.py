"""What is drawn against data seen: a line per strategy, with its interval as a band."""

from typing import Any

from warmstart.analysis import Summary

from ._style import altair, arm_channels, faded, has_ends, highlight, samples_axis


def curves(summary: Summary, rows: list[dict[str, Any]], *, axis: Any, tooltip: list[Any], choose: Any = None) -> Any:
    """Return bands, lines and points over the samples seen; a click in the legend highlights one strategy.

    Args:
        summary: What the study says.
        rows: Values with the fields ``arm`` and ``samples_seen``, and ``mean``, ``low`` and ``high`` unless ``choose``
            computes these three.
        axis: The vertical channel of ``mean``, without a title.
        tooltip: What a point tells.
        choose: A function that adds transforms to a chart.

    Returns:
        The layers, in front of which others may be laid.
    """
    alt, arms, picked = altair(), arm_channels(summary), highlight()
    chart = alt.Chart(alt.Data(values=rows))
    base = (choose(chart) if choose else chart).encode(x=samples_axis(summary), y=axis, color=arms["color"])
    opacity = faded(picked, 1, 0.15)
    lines = base.mark_line(strokeWidth=2.2).encode(strokeDash=arms["strokeDash"], opacity=opacity)
    points = base.mark_point(filled=True, size=70).encode(shape=arms["shape"], opacity=opacity, tooltip=tooltip)
    intervals = [_interval(summary, base, picked)] if has_ends(rows) else []
    return alt.layer(*intervals, lines, points.add_params(picked))


def _interval(summary: Summary, base: Any, picked: Any) -> Any:
    """Draw the band, or an upright line where a single round makes no band."""
    ends = base.transform_filter("isValid(datum.low)").encode(y="low:Q", y2="high:Q")
    if len({row.samples_seen for row in summary.rounds}) < 2:
        return ends.mark_rule().encode(opacity=faded(picked, 0.8, 0.1))
    # Many bands on top of each other hide the lines.
    strong = 0.16 if len(summary.arms) <= 4 else 0.07
    return ends.mark_area(strokeWidth=0).encode(opacity=faded(picked, strong, 0.02))
