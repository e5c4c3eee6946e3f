"""Cost against data seen."""

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from warmstart.analysis import Summary

from ._choices import LABELS, choices, chosen, chosen_title, fields
from ._curves import curves
from ._style import HEIGHT, WIDTH, altair
from ._thinned import drawn_rounds

if TYPE_CHECKING:
    import altair as alt

SCOPES: Final = {"round": "each round", "sum": "all rounds so far"}


def cost_chart(summary: Summary) -> "alt.LayerChart":
    """Return a line of mean cost per strategy with its interval; menus choose the cost, and each round or the sum."""
    alt = altair()
    axis = alt.Y("mean:Q", title=None, axis=alt.Axis(labelExpr=LABELS), scale=alt.Scale(zero=True))
    choose = partial(chosen, mean="mean", low="low", high="high")
    chart = curves(summary, _rows(summary), axis=axis, tooltip=_tooltip(), choose=choose).add_params(*choices(SCOPES))
    return chart.properties(title=chosen_title("Mean ", SCOPES), width=WIDTH, height=HEIGHT)


def _rows(summary: Summary) -> list[dict[str, Any]]:
    return [
        {"arm": row.arm, "round": row.round, "samples_seen": row.samples_seen}
        | fields("round", row.cost)
        | fields("sum", row.cumulative)
        for row in drawn_rounds(summary)
    ]


def _tooltip() -> list[Any]:
    alt = altair()
    return [
        alt.Tooltip("arm:N", title="strategy"),
        alt.Tooltip("round:Q"),
        alt.Tooltip("samples_seen:Q", title="samples seen", format=","),
        alt.Tooltip("mean:Q", format=".4~s"),
        alt.Tooltip("low:Q", title="interval from", format=".4~s"),
        alt.Tooltip("high:Q", title="interval to", format=".4~s"),
    ]
