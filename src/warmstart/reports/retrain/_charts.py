"""The charts of a retraining project: lines over rounds or arrivals, audits with intervals, licences over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from warmstart.reports.charts import rounded
from warmstart.reports.charts._style import COLOURS, DASHES, HEIGHT, NEUTRAL, SHAPES, WIDTH, altair, faded, highlight

MOST_DRAWN: Final = 400
"""Rounds or arrivals that a chart draws: the eye tells no more apart, and the page stays small."""
STATUS_COLOURS: Final = {"untried": "#c3c8cd", "trial": "#E69F00", "licensed": "#009E73", "revoked": "#D55E00"}
_GREY_DASHES: Final = ([5, 4], [1, 3], [9, 3])
_FEW: Final = 12
_MANY: Final = 60

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Number:
    """How numbers of an axis are written, in the language of d3-format, what they are called, whether 0 is shown."""

    title: str
    axis: str
    tooltip: str
    zero: bool = False


def drawn(numbers: Sequence[int]) -> set[int]:
    """Return which of these are drawn: all, or some at even distances, the first and the last among them.

    Example:
        >>> len(drawn(range(1000))), {0, 999} <= drawn(range(1000)), drawn([3, 4])
        (335, True, {3, 4})
    """
    step = max(1, -(-len(numbers) // MOST_DRAWN))
    return {*numbers[::step], *numbers[-1:]}


def words_on_drawn(numbers: Sequence[int], what: str) -> str:
    """Return a sentence on what a chart leaves out; nothing where it leaves out nothing."""
    count = len(drawn(numbers))
    return "" if count == len(numbers) else f" Of {len(numbers):,} {what}, {count} are drawn, at even distances."


def line_chart(
    rows: Sequence[Row], *, series: Sequence[str], grey: Sequence[str] = (), across: str, up: Number, title: str
) -> Any:
    """Return a line per series, broken where a value is missing; a click in the legend highlights one.

    Args:
        rows: With ``series``, ``x``, ``y`` (None: missing), and ``note``, which a tooltip shows.
        series: Coloured ones, in the order of the legend.
        grey: Those to compare with, drawn behind the others.
        across: Title of the horizontal axis, whose numbers are whole.
        up: The vertical axis.
        title: Of the chart.
    """
    alt, picked = altair(), highlight("series")
    names = [*series, *grey]
    legend = alt.Legend(orient="bottom", title=None) if len(names) > 1 else None
    looks = {
        "color": [*(COLOURS[place % len(COLOURS)] for place in range(len(series))), *(NEUTRAL for _ in grey)],
        "strokeDash": [
            *(DASHES[place % len(DASHES)] for place in range(len(series))),
            *(_GREY_DASHES[place % len(_GREY_DASHES)] for place in range(len(grey))),
        ],
        "shape": [SHAPES[place % len(SHAPES)] for place in range(len(names))],
    }
    channels = {
        name: getattr(alt, name[0].upper() + name[1:])(
            "series:N", scale=alt.Scale(domain=names, range=values), legend=legend
        )
        for name, values in looks.items()
    }
    places = sorted({row["x"] for row in rows})
    # Room below is for what may be below zero: a sum of costs is not.
    scale = alt.Scale(zero=True) if up.zero else alt.Scale(zero=False, nice=False, padding=10)
    base = alt.Chart(alt.Data(values=[{**row, "y": rounded(row["y"])} for row in rows])).encode(
        x=whole_axis(across, places),
        y=alt.Y("y:Q", title=None, axis=alt.Axis(format=up.axis), scale=scale),
        color=channels["color"],
    )
    opacity = faded(picked, 1, 0.12)
    tooltip = [
        alt.Tooltip("series:N", title="line"),
        alt.Tooltip("x:Q", title=across, format=",d"),
        alt.Tooltip("y:Q", title=up.title, format=up.tooltip),
        alt.Tooltip("note:N", title="of"),
    ]
    # Many grey marks would hide what is compared with them.
    marked = base if len(places) <= _MANY else base.transform_filter(alt.FieldOneOfPredicate("series", list(series)))
    marks = marked.mark_point(filled=True, size=_size(len(places))).encode(
        shape=channels["shape"], opacity=opacity, tooltip=tooltip
    )
    lines = base.mark_line(strokeWidth=1.8).encode(strokeDash=channels["strokeDash"], opacity=opacity)
    return alt.layer(lines, marks.add_params(picked)).properties(title=title, width=WIDTH, height=HEIGHT)


def audit_chart(rows: Sequence[Row], *, arms: Sequence[str], allowed: float | None, up: Number, title: str) -> Any:
    """Return a point per audit, and per look of the policy the interval of an arm's differences so far.

    Args:
        rows: With ``arm``, ``x``, ``y``, ``n``; ``mean``, ``low`` and ``high`` where the policy looked.
        arms: In the order of the legend.
        allowed: The difference that a licence needs, drawn as a dashed line; None: it changes with the error.
        up: The vertical axis.
        title: Of the chart.
    """
    alt, picked = altair(), highlight("arm")
    legend = alt.Legend(orient="bottom", title=None)

    def scale(values: Sequence[str]) -> Any:
        return alt.Scale(domain=list(arms), range=[values[place % len(values)] for place in range(len(arms))])

    colour = alt.Color("arm:N", scale=scale(COLOURS), legend=legend)
    shape = alt.Shape("arm:N", scale=scale(SHAPES), legend=legend)
    # The first intervals are far wider than all that follow: they may leave the chart.
    last = {row["arm"]: row for row in rows if row["low"] is not None}
    ends = [row["y"] for row in rows if row["y"] is not None]
    ends += [end for row in last.values() for end in (row["low"], row["high"])] + [0.0, allowed or 0.0]
    room = 0.06 * (max(ends) - min(ends)) or 1.0
    domain = alt.Scale(domain=[min(ends) - room, max(ends) + room], nice=False)
    y = alt.Y("y:Q", title=None, axis=alt.Axis(format=up.axis), scale=domain)
    places = sorted({row["x"] for row in rows})
    values = [{**row, **{name: rounded(row[name]) for name in ("y", "mean", "low", "high")}} for row in rows]
    base = alt.Chart().encode(x=whole_axis("round", places), y=y, color=colour)
    rules = [_level(0.0, [1, 0]), *([_level(allowed, [5, 4])] if allowed else [])]
    opacity = faded(picked, 0.75, 0.1)
    looks = base.transform_filter("isValid(datum.low)")
    bars = looks.mark_rule(strokeWidth=1.5, clip=True).encode(
        y=alt.Y("low:Q", title=None), y2="high:Q", opacity=opacity
    )
    means = looks.mark_tick(orient="horizontal", size=9, thickness=2.5, clip=True).encode(
        y=alt.Y("mean:Q", title=None), opacity=opacity
    )
    tooltip = [
        alt.Tooltip("arm:N", title="strategy"),
        alt.Tooltip("x:Q", title="round", format=",d"),
        alt.Tooltip("y:Q", title=up.title, format=up.tooltip),
        alt.Tooltip("n:Q", title="rows or groups", format=",d"),
        alt.Tooltip("mean:Q", title="mean of all so far", format=up.tooltip),
        alt.Tooltip("low:Q", title="interval from", format=up.tooltip),
        alt.Tooltip("high:Q", title="interval to", format=up.tooltip),
    ]
    marks = base.mark_point(filled=True, size=_size(len(places))).encode(
        shape=shape, opacity=faded(picked, 1, 0.12), tooltip=tooltip
    )
    has_looks = bool(last)
    layers = [*rules, *([bars, means] if has_looks else []), marks.add_params(picked)]
    # The rows belong to the whole: beside levels, which have their own, each layer would else repeat them.
    return alt.layer(*layers, data=alt.Data(values=values)).properties(title=title, width=WIDTH, height=HEIGHT)


def licence_chart(spans: Sequence[Row], *, arms: Sequence[str], title: str) -> Any:
    """Return a bar per strategy, coloured by the status that it had.

    Args:
        spans: With ``arm``, ``status``, and the rounds ``start`` to ``end``.
        arms: From above.
        title: Of the chart.
    """
    alt = altair()
    scale = alt.Scale(domain=list(STATUS_COLOURS), range=list(STATUS_COLOURS.values()))
    # Half a round to both sides, so that a single one can be seen.
    values = [{**span, "from": span["start"] - 0.5, "to": span["end"] + 0.5} for span in spans]
    places = sorted({number for span in spans for number in range(span["start"], span["end"] + 1)})
    across = whole_axis("round", places, field="from", padding=0)
    bars = (
        alt.Chart(alt.Data(values=values))
        .mark_bar(height={"band": 0.7})
        .encode(
            x=across,
            x2="to:Q",
            y=alt.Y("arm:N", sort=list(arms), title=None, axis=alt.Axis(labelLimit=190, domain=False, ticks=False)),
            color=alt.Color("status:N", scale=scale, legend=alt.Legend(orient="bottom", title=None, columns=2)),
            tooltip=[
                alt.Tooltip("arm:N", title="strategy"),
                alt.Tooltip("status:N"),
                alt.Tooltip("start:Q", title="from round", format=",d"),
                alt.Tooltip("end:Q", title="to round", format=",d"),
            ],
        )
    )
    return bars.properties(title=title, width=WIDTH, height=30 * len(arms))


def whole_axis(title: str, places: Sequence[int], *, field: str = "x", padding: int = 14) -> Any:
    """Return a horizontal axis of whole numbers; few are labelled each."""
    alt = altair()
    ticks = list(places) if len(places) <= _FEW else alt.Undefined
    axis = alt.Axis(format=",d", values=ticks, grid=False, labelOverlap=True, labelBound=True, tickMinStep=1)
    return alt.X(f"{field}:Q", title=title, axis=axis, scale=alt.Scale(zero=False, nice=False, padding=padding))


def _level(value: float, dash: list[int]) -> Any:
    alt = altair()
    mark = alt.Chart(alt.Data(values=[{"level": value}])).mark_rule(color=NEUTRAL, strokeWidth=1.4, strokeDash=dash)
    return mark.encode(y=alt.Y("level:Q", title=None))


def _size(count: int) -> int:
    """Return the size of marks of which so many stand side by side."""
    return 70 if count <= 20 else 36 if count <= _MANY else 10
