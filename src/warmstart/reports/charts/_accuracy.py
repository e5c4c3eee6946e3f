"""Accuracy, and its difference to the reference, against data seen."""

from typing import TYPE_CHECKING, Any

from warmstart.analysis import Summary
from warmstart.statistics import Estimate

from ._curves import curves
from ._style import HEIGHT, NEUTRAL, WIDTH, altair, rounded
from ._thinned import drawn_rounds

if TYPE_CHECKING:
    import altair as alt


def accuracy_chart(summary: Summary) -> "alt.LayerChart":
    """Return a line of mean accuracy per strategy, with its interval as a band."""
    rows = [_row(row.arm, row.round, row.samples_seen, row.accuracy, 1.0) for row in drawn_rounds(summary)]
    title = f"Accuracy, mean with {100 * summary.confidence:g} % interval"
    chart = curves(summary, rows, axis=_axis(".1~%"), tooltip=_tooltip(".2%"))
    return chart.properties(title=title, width=WIDTH, height=HEIGHT)


def difference_chart(summary: Summary) -> "alt.LayerChart":
    """Return a line of the paired difference per strategy, in percentage points, with its interval and a zero line."""
    alt = altair()
    rows = [
        _row(row.arm, row.round, row.samples_seen, row.accuracy_difference, 100.0)
        for row in drawn_rounds(summary)
        if row.accuracy_difference is not None
    ]
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=NEUTRAL, strokeWidth=1.5).encode(y="zero:Q")
    lines = curves(summary, rows, axis=_axis("+.1~f"), tooltip=_tooltip("+.2f"))
    title = f"Accuracy minus that of {summary.reference}, in points"
    return alt.layer(zero, lines).properties(title=title, width=WIDTH, height=HEIGHT)


def _row(arm: str, number: int, samples_seen: int, value: Estimate, scale: float) -> dict[str, Any]:
    ends = {"mean": value.mean, "low": value.low, "high": value.high}
    scaled = {name: None if end is None else rounded(end * scale) for name, end in ends.items()}
    return {"arm": arm, "round": number, "samples_seen": samples_seen, "n": value.n, **scaled}


def _axis(form: str) -> Any:
    alt = altair()
    return alt.Y("mean:Q", title=None, axis=alt.Axis(format=form), scale=alt.Scale(zero=False))


def _tooltip(form: str) -> list[Any]:
    alt = altair()
    return [
        alt.Tooltip("arm:N", title="strategy"),
        alt.Tooltip("round:Q"),
        alt.Tooltip("samples_seen:Q", title="samples seen", format=","),
        alt.Tooltip("mean:Q", format=form),
        alt.Tooltip("low:Q", title="interval from", format=form),
        alt.Tooltip("high:Q", title="interval to", format=form),
        alt.Tooltip("n:Q", title="seeds"),
    ]
