"""What the charts have in common: colours, shapes, dashes, the theme and the legend that highlights."""

import json
from collections.abc import Mapping, Sequence
from math import floor, log10
from types import ModuleType
from typing import Any, Final

from warmstart.analysis import Summary
from warmstart.basics import require

WIDTH: Final = 560
HEIGHT: Final = 300
NEUTRAL: Final = "#8a8f94"

# The palette of Okabe and Ito, distinguishable with every common kind of colour blindness. Its black and its yellow
# are left out: they vanish on one of the two backgrounds. Lengths without a common factor give 42 distinct pairs.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SHAPES: Final = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")
DASHES: Final = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4])


def altair() -> ModuleType:
    """Return altair.

    Raises:
        InputError: If it is not installed.
    """
    return require("altair", extra="report", purpose="A report with charts")


def theme(*, dark: bool) -> dict[str, Any]:
    """Return the Vega-Lite configuration of a light or a dark page."""
    ink, quiet, line = ("#e6e8ea", "#a0a9b2", "#343a41") if dark else ("#1d2125", "#5c6670", "#e3e7ea")
    return {
        "background": "transparent",
        "font": "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif",
        "view": {"stroke": None},
        "title": {"color": ink, "anchor": "start", "fontSize": 13, "fontWeight": 600, "offset": 14},
        "axis": {
            "labelColor": quiet,
            "titleColor": quiet,
            "gridColor": line,
            "domainColor": quiet,
            "tickColor": quiet,
            "labelFontSize": 12,
            "labelSeparation": 8,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 10,
        },
        "legend": {
            "labelColor": ink,
            "labelFontSize": 12,
            "labelLimit": 300,
            "symbolSize": 90,
            "rowPadding": 5,
            "symbolOpacity": 1,
            "symbolStrokeWidth": 0,
            "columns": 2,
        },
    }


def arm_channels(summary: Summary) -> dict[str, Any]:
    """Return the encodings that distinguish strategies: colour, shape and dash, in one legend, width and size.

    The same strategy looks the same in every chart of a report.
    """
    alt, labels = altair(), [arm.arm for arm in summary.arms]
    # One object for all three: Vega-Lite merges the legends only of channels whose legends are equal.
    legend = alt.Legend(orient="bottom", title=None)
    return {
        # Computed by `stacked`, not scales of their own: their legends would be merged with this one.
        "strokeWidth": alt.StrokeWidth("stroke:Q", scale=None, legend=None),
        "size": alt.Size("spot:Q", scale=None, legend=None),
        "color": alt.Color("arm:N", scale=_scale(labels, COLOURS), legend=legend),
        "shape": alt.Shape("arm:N", scale=_scale(labels, SHAPES), legend=legend),
        "strokeDash": alt.StrokeDash("arm:N", scale=_scale(labels, DASHES), legend=legend),
    }


def stacked(chart: Any, summary: Summary, *, rounds: int = 1) -> Any:
    """Add the fields of width and size: of marks that lie on top of each other, those below are larger.

    Args:
        chart: Any chart with the field ``arm``.
        summary: What the study says.
        rounds: Points of a strategy in the chart: many in a row would cover their line, if they were large.
    """
    labels = [arm.arm for arm in summary.arms]
    last = max(1, len(labels) - 1)
    widest, largest = (3.4, 140) if rounds <= 20 else (2.6, 50) if rounds <= 60 else (2.0, 10)
    widths = {label: round(widest * (1 - 0.5 * place / last), 2) for place, label in enumerate(labels)}
    sizes = {label: round(largest * (1 - 0.65 * place / last)) for place, label in enumerate(labels)}
    return chart.transform_calculate(stroke=f"{json.dumps(widths)}[datum.arm]", spot=f"{json.dumps(sizes)}[datum.arm]")


def highlight(field: str = "arm") -> Any:
    """Return the selection of one strategy, or of whatever else the legend's ``field`` holds, by a click there."""
    return altair().selection_point(name="highlight", fields=[field], bind="legend")


def faded(selection: Any, strong: float, weak: float) -> Any:
    """Return an opacity that is ``weak`` for what is not selected."""
    alt = altair()
    return alt.condition(selection, alt.value(strong), alt.value(weak))


def has_ends(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether any row has the lower end of an interval; a layer without data has no scale to draw on.

    Example:
        >>> has_ends([{"mean": 0.9, "low": None}]), has_ends([{"sum_steps_low": 3.0}])
        (False, True)
    """
    return any(name.endswith("low") and value is not None for row in rows for name, value in row.items())


def samples_axis(summary: Summary) -> Any:
    """Return the horizontal axis of samples seen; few rounds are labelled each."""
    alt, seen = altair(), sorted({row.samples_seen for row in summary.rounds})
    axis = alt.Axis(format=",d", grid=False, values=seen if len(seen) <= 6 else alt.Undefined, labelOverlap=True)
    # Room at both ends, for the marks of the first and the last round.
    scale = alt.Scale(zero=False, nice=False, padding=24)
    return alt.X("samples_seen:Q", title="training samples seen", axis=axis, scale=scale)


def capitalized(text: str) -> str:
    """Return a text that begins a title; unlike `str.capitalize` it leaves the rest as it is."""
    return text[:1].upper() + text[1:]


def rounded(value: float | None) -> float | None:
    """Return a number with five significant digits, which keeps the page small.

    Example:
        >>> rounded(0.123456789), rounded(123456789), rounded(0.0), rounded(None)
        (0.12346, 123460000, 0.0, None)
    """
    if not value:
        return value
    number = round(value, 4 - floor(log10(abs(value))))
    # 123460000.0 would be two characters longer, a thousand times on a page.
    return int(number) if abs(number) >= 10**5 else number


def _scale(labels: Sequence[str], values: Sequence[Any]) -> Any:
    return altair().Scale(domain=list(labels), range=[values[index % len(values)] for index in range(len(labels))])
