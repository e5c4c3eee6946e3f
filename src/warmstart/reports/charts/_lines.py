"""What is drawn against data seen: score, difference and cost, a line per strategy with its interval as a band."""

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from warmstart.analysis import Summary
from warmstart.basics import PERCENT, Metric
from warmstart.statistics import Estimate

from ._choices import LABELS, choices, chosen, chosen_title, fields
from ._references import level_rules, levels_in_reach
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
    stacked,
)
from ._thinned import drawn_rounds

if TYPE_CHECKING:
    import altair as alt

SCOPES: Final = {"round": "each round", "sum": "all rounds so far"}
NEXT_DASHES: Final = ([1, 0], [5, 4])


def score_chart(summary: Summary) -> "alt.LayerChart":
    """Return a line of the mean score per strategy with its interval as a band, training scores, and the baselines."""
    metric = summary.metric
    axis, tooltip = score_formats(metric)
    # Labels of shares have their % sign; other labels are plain numbers.
    unit = "" if metric.unit in ("", PERCENT) else f" in {metric.unit}"
    rows = [
        _row(row.arm, row.round, row.samples_seen, row.score, 1.0)
        # Training scores are of the learner's metric alone.
        | {"train": rounded(row.train_score.mean) if summary.metric_key is None else None}
        for row in drawn_rounds(summary)
    ]
    title = f"{metric.name}{unit}, mean with {100 * summary.confidence:g} % interval"
    near, _ = score_levels(summary)
    lines = _lines(summary, rows, axis=_axis(axis), tooltip=tooltip)
    # Behind the lines, which the levels must not cover.
    rules = level_rules(metric, near, rows)
    chart = altair().layer(*rules, lines) if rules else lines
    return chart.properties(title=capitalized(title), width=WIDTH, height=HEIGHT)


def next_score_chart(summary: Summary) -> "alt.LayerChart":
    """Return a line of the score on the next arrival per strategy, and grey ones of predictors that learn nothing."""
    alt, metric = altair(), summary.learner_metric
    axis, tooltip = score_formats(metric)
    rows = [
        # What is scored is the arrival after the round.
        _row(row.arm, row.round, row.samples_seen, row.next_score, 1.0) | {"arrival": row.round + 1}
        for row in drawn_rounds(summary)
        if row.next_score.n
    ]
    near, _ = next_levels(summary)
    levels = [
        {"baseline": name, "arrival": row.round + 1, "mean": rounded(row.next_baselines[name].mean)}
        for row in drawn_rounds(summary)
        for name in near
        if row.arm == summary.reference and name in row.next_baselines
    ]
    unit = "" if metric.unit in ("", PERCENT) else f" in {metric.unit}"
    title = capitalized(f"{metric.name} on the next arrival{unit}, before training on it")
    arrivals = sorted({row["arrival"] for row in rows})
    # Between few whole numbers there would be ticks at halves.
    ticks = arrivals if len(arrivals) <= 10 else alt.Undefined
    across = alt.X(
        "arrival:Q",
        title="arrival",
        axis=alt.Axis(format="d", values=ticks, grid=False, labelOverlap=True),
        scale=alt.Scale(zero=False, nice=False, padding=12),
    )
    lines = _lines(summary, rows, axis=_axis(axis), tooltip=tooltip, across=across)
    layers = []
    for place, name in enumerate(near):
        base = alt.Chart(alt.Data(values=[row for row in levels if row["baseline"] == name]))
        dash, tips = NEXT_DASHES[place % 2], [alt.Tooltip("baseline:N"), alt.Tooltip("mean:Q", format=tooltip)]
        line = base.mark_line(color=NEUTRAL, strokeWidth=1.4, strokeDash=dash)
        layers.append(line.encode(x=across, y=alt.Y("mean:Q", title=None), tooltip=tips))
    return alt.layer(*layers, lines).properties(title=title, width=WIDTH, height=HEIGHT)


def score_levels(summary: Summary) -> tuple[dict[str, float], dict[str, float]]:
    """Return the baselines in the score chart, and those too far away from the scores to be drawn."""
    key = summary.metric_key or summary.metric.name
    levels = {name: found[key].mean for name, found in summary.baselines.items() if key in found}
    shown = [end for row in summary.rounds for end in (row.score.mean, row.score.low, row.score.high)]
    training = [row.train_score.mean for row in summary.rounds] if summary.metric_key is None else []
    return levels_in_reach(levels, [*shown, *training])


def next_levels(summary: Summary) -> tuple[dict[str, float], dict[str, float]]:
    """Return the baselines in the chart of scores on the next arrival, and those too far away to be drawn."""
    levels = {name: found.mean for name, found in summary.next_baselines.items()}
    scores = [row.next_score for row in summary.rounds]
    return levels_in_reach(levels, [end for score in scores for end in (score.mean, score.low, score.high)])


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


def _lines(
    summary: Summary,
    rows: list[dict[str, Any]],
    *,
    axis: Any,
    tooltip: str,
    choose: Any = None,
    across: Any = None,
) -> Any:
    """Return bands, lines and points; a click in the legend highlights one strategy.

    What is drawn first is thicker and larger, so that it can be seen below an identical curve.

    Args:
        summary: What the study says.
        rows: Values with the fields ``arm``, ``round`` and ``samples_seen``, and ``mean``, ``low`` and ``high`` unless
            ``choose`` computes these three; ``train`` is drawn as a thin dotted line.
        axis: The vertical channel of ``mean``, without a title.
        tooltip: How a point writes its value, in the language of d3-format.
        choose: A function that adds transforms to a chart.
        across: The horizontal channel; None: the samples seen.

    Returns:
        The layers, in front of which others may be laid.
    """
    count = len({row.round for row in summary.rounds})
    alt, arms, picked = altair(), arm_channels(summary), highlight()
    chart = stacked(alt.Chart(alt.Data(values=rows)), summary, rounds=count)
    base = (choose(chart) if choose else chart).encode(x=across or samples_axis(summary), y=axis, color=arms["color"])
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
    lines = base.mark_line().encode(strokeDash=arms["strokeDash"], strokeWidth=arms["strokeWidth"], opacity=opacity)
    points = base.mark_point(filled=True).encode(
        shape=arms["shape"], size=arms["size"], opacity=opacity, tooltip=tooltips
    )
    training = []
    if any(row.get("train") is not None for row in rows):
        fitted = base.transform_filter("isValid(datum.train)").encode(
            y=alt.Y("train:Q", title=None), opacity=faded(picked, 0.9, 0.1)
        )
        # A line of a single round cannot be seen.
        mark = fitted.mark_line(strokeWidth=1.2, strokeDash=[1.5, 3]) if count > 1 else fitted.mark_tick(size=14)
        training = [mark]
    intervals = []
    if has_ends(rows):
        ends = base.transform_filter("isValid(datum.low)").encode(y="low:Q", y2="high:Q")
        # A single round makes no band: an upright line instead. Many bands on top of each other hide the lines.
        if count < 2:
            intervals = [ends.mark_rule().encode(opacity=faded(picked, 0.8, 0.1))]
        else:
            strong = 0.16 if len(summary.arms) <= 4 else 0.07
            intervals = [ends.mark_area(strokeWidth=0).encode(opacity=faded(picked, strong, 0.02))]
    return alt.layer(*intervals, *training, lines, points.add_params(picked))
