"""Charts of a cost that the reader chooses: of a round or of all rounds so far."""

import json
from collections.abc import Mapping
from typing import Any, Final

from warmstart.analysis import COST_TITLES, Summary
from warmstart.statistics import Estimate

from ._style import altair, rounded

# Numbers up to 9999 as they are, larger ones with a prefix: the axis does not know beforehand which cost it will show.
LABELS: Final = "abs(datum.value) < 10000 ? format(datum.value, ',~r') : format(datum.value, '~s')"


def choices(summary: Summary, scopes: Mapping[str, str]) -> list[Any]:
    """Return the two parameters, ``cost`` and ``scope``, with their menus.

    Args:
        summary: What the study says; costs that it did not count are not offered.
        scopes: Titles of the scopes by their name, the one shown at first in front.
    """
    alt = altair()
    # The menus are the page's own: a chart that is drawn elsewhere shows what is chosen at first.
    costs = alt.binding_select(
        options=list(summary.costs), labels=[COST_TITLES[cost] for cost in summary.costs], name="Cost "
    )
    over = alt.binding_select(options=list(scopes), labels=list(scopes.values()), name="Over ")
    return [
        alt.param(name="cost", value=summary.costs[0], bind=costs),
        alt.param(name="scope", value=next(iter(scopes)), bind=over),
    ]


def chosen_title(start: str, scopes: Mapping[str, str]) -> Any:
    """Return a title that names the chosen cost and scope behind ``start``."""
    alt = altair()
    # JSON is how a text with quotes, such as the name of a metric, stands in an expression.
    before, names, over = map(json.dumps, (start, dict(COST_TITLES), dict(scopes)))
    return alt.TitleParams(text=alt.ExprRef(f"{before} + {names}[cost] + ', ' + {over}[scope]"))


def fields(summary: Summary, scope: str, costs: Mapping[str, Estimate]) -> dict[str, float | None]:
    """Return the fields of one scope in a row: mean, low and high of each counted cost."""
    row: dict[str, float | None] = {}
    for name in summary.costs:
        ends = {"mean": costs[name].mean, "low": costs[name].low, "high": costs[name].high}
        row.update({f"{scope}_{name}_{end}": rounded(value) for end, value in ends.items()})
    return row


def chosen(chart: Any, **ends: str) -> Any:
    """Add fields that hold the chosen cost: each keyword is a new field, its value the end that it reads."""
    # One field for what was chosen, so that no layer depends on the menus.
    reads = {name: f"datum[scope + '_' + cost + '_{end}']" for name, end in ends.items()}
    return chart.transform_calculate(**reads)
