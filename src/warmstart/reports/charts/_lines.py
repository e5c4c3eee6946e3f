"""What is drawn against data seen: score, difference and cost, a line per strategy with its interval as a band."""

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from warmstart.analysis import Summary
from warmstart.basics import PERCENT, Metric
from warmstart.statistics import Estimate

from ._choices import LABELS, choices, chosen, chosen_title, fields
from ._style import (
    HEIGHT,
    NEUTRAL,
    WIDTH,
    altair,
    arm_channels,
    capitalized,
    faded,
    has_ends,
    highlight,
    rounded,
    samples_axis,
)
from ._thinned import drawn_rounds

if TYPE_CHECKING:
    import altair as alt

SCOPES: Final = {"round": "each round", "sum": "all rounds so far"}


def score_chart(summary: Summary) -> "alt.LayerChart":
    """Return a line of the mean score per strategy, with its interval as a band."""
    metric = summary.metric
    axis, tooltip = score_formats(metric)
    # Labels of shares have their % sign; other labels are plain numbers.
    unit = "" if metric.unit in ("", PERCENT) else f" in {metric.unit}"
    rows = [_row(row.arm, row.round, row.samples_seen, row.score, 1.0) for row in drawn_rounds(summary)]
    title = f"{metric.name}{unit}, mean with {100 * summary.confidence:g} % interval"
    chart = _lines(summary, rows, axis=_axis(axis), tooltip=tooltip)
    return chart.properties(title=capitalized(title), width=WIDTH, height=HEIGHT)


def difference_chart(summary: Summary) -> "alt.LayerChart":
    """Return a line of the paired difference per strategy with its interval and a zero line; of shares in points."""
    alt, metric = altair(), summary.metric
    rows = [
        _row(row.arm, row.round, row.samples_seen, row.score_difference, metric.factor)
        for row in drawn_rounds(summary)
        if row.score_difference is not None
    ]
    # Behind the lines, which it must not cover.
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=NEUTRAL, strokeWidth=1.5).encode(y="zero:Q")
    axis, tooltip = ("+.1~f", "+.2f") if metric.unit == PERCENT else ("+.3~g", "+.4~g")
    lines = _lines(summary, rows, axis=_axis(axis), tooltip=tooltip)
    title = capitalized(f"{metric.name} minus that of {summary.reference}")
    unit = f", in {metric.difference_unit}" if metric.difference_unit else ""
    return alt.layer(zero, lines).properties(title=f"{title}{unit}", width=WIDTH, height=HEIGHT)


def cost_chart(summary: Summary) -> "alt.LayerChart":
    """Return a line of mean cost per strategy with its interval; menus choose the cost, and each round or the sum."""
    alt = altair()
    axis = alt.Y("mean:Q", title=None, axis=alt.Axis(labelExpr=LABELS), scale=alt.Scale(zero=True))
    # All costs in each row: the page chooses among them without asking for data.
    rows = [
        {"arm": row.arm, "round": row.round, "samples_seen": row.samples_seen}
        | fields(summary, "round", row.cost)
        | fields(summary, "sum", row.cumulative)
        for row in drawn_rounds(summary)
    ]
    choose = partial(chosen, mean="mean", low="low", high="high")
    chart = _lines(summary, rows, axis=axis, tooltip=".4~s", choose=choose).add_params(*choices(summary, SCOPES))
    return chart.properties(title=chosen_title("Mean ", SCOPES), width=WIDTH, height=HEIGHT)


def score_formats(metric: Metric) -> tuple[str, str]:
    """Return how scores are written at an axis and in a tooltip, in the language of d3-format."""
    # ~g drops zeros at the end, and writes large and small numbers with an exponent, which every unit can live with.
    return (".1~%", ".2%") if metric.unit == PERCENT else (".4~g", ".4~g")


def _row(arm: str, number: int, samples_seen: int, value: Estimate, scale: float) -> dict[str, Any]:
    ends = {"mean": value.mean, "low": value.low, "high": value.high}
    scaled = {name: None if end is None else rounded(end * scale) for name, end in ends.items()}
    return {"arm": arm, "round": number, "samples_seen": samples_seen, "n": value.n, **scaled}


def _axis(form: str) -> Any:
    alt = altair()
    return alt.Y("mean:Q", title=None, axis=alt.Axis(format=form), scale=alt.Scale(zero=False))


def _lines(summary: Summary, rows: list[dict[str, Any]], *, axis: Any, tooltip: str, choose: Any = None) -> Any:
    """Return bands, lines and points over the samples seen; a click in the legend highlights one strategy.

    Args:
        summary: What the study says.
        rows: Values with the fields ``arm``, ``round`` and ``samples_seen``, and ``mean``, ``low`` and ``high`` unless
            ``choose`` computes these three.
        axis: The vertical channel of ``mean``, without a title.
        tooltip: How a point writes its value, in the language of d3-format.
        choose: A function that adds transforms to a chart.

    Returns:
        The layers, in front of which others may be laid.
    """
    alt, arms, picked = altair(), arm_channels(summary), highlight()
    chart = alt.Chart(alt.Data(values=rows))
    base = (choose(chart) if choose else chart).encode(x=samples_axis(summary), y=axis, color=arms["color"])
    opacity = faded(picked, 1, 0.15)
    tooltips = [
        alt.Tooltip("arm:N", title="strategy"),
        alt.Tooltip("round:Q"),
        alt.Tooltip("samples_seen:Q", title="samples seen", format=","),
        alt.Tooltip("mean:Q", format=tooltip),
        alt.Tooltip("low:Q", title="interval from", format=tooltip),
        alt.Tooltip("high:Q", title="interval to", format=tooltip),
        *([alt.Tooltip("n:Q", title="seeds")] if rows and "n" in rows[0] else []),
    ]
    lines = base.mark_line(strokeWidth=2.2).encode(strokeDash=arms["strokeDash"], opacity=opacity)
    points = base.mark_point(filled=True, size=70).encode(shape=arms["shape"], opacity=opacity, tooltip=tooltips)
    intervals = []
    if has_ends(rows):
        ends = base.transform_filter("isValid(datum.low)").encode(y="low:Q", y2="high:Q")
        # A single round makes no band: an upright line instead. Many bands on top of each other hide the lines.
        if len({row.samples_seen for row in summary.rounds}) < 2:
            intervals = [ends.mark_rule().encode(opacity=faded(picked, 0.8, 0.1))]
        else:
            strong = 0.16 if len(summary.arms) <= 4 else 0.07
            intervals = [ends.mark_area(strokeWidth=0).encode(opacity=faded(picked, strong, 0.02))]
    return alt.layer(*intervals, lines, points.add_params(picked))
