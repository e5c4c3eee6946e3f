"""Charts of a cost that the reader chooses: one of four, of a round or of all rounds so far."""

from collections.abc import Mapping
from typing import Any, Final

from warmstart.statistics import Estimate
from warmstart.store import COSTS

from ._style import altair, rounded

TITLES: Final = {
    "steps": "training steps",
    "samples": "samples processed",
    "flops": "FLOPs",
    "seconds": "seconds",
}

# Numbers up to 9999 as they are, larger ones with a prefix: the axis does not know beforehand which cost it will show.
LABELS: Final = "abs(datum.value) < 10000 ? format(datum.value, ',~r') : format(datum.value, '~s')"


def choices(scopes: Mapping[str, str]) -> list[Any]:
    """Return the two parameters, ``cost`` and ``scope``, with their menus.

    Args:
        scopes: Titles of the scopes by their name, the one shown at first in front.
    """
    alt = altair()
    costs = alt.binding_select(options=list(COSTS), labels=[TITLES[cost] for cost in COSTS], name="Cost ")
    over = alt.binding_select(options=list(scopes), labels=list(scopes.values()), name="Over ")
    return [
        alt.param(name="cost", value=COSTS[0], bind=costs),
        alt.param(name="scope", value=next(iter(scopes)), bind=over),
    ]


def chosen_title(start: str, scopes: Mapping[str, str]) -> Any:
    """Return a title that names the chosen cost and scope behind ``start``."""
    alt = altair()
    names, over = (_lookup(titles) for titles in (TITLES, scopes))
    return alt.TitleParams(text=alt.ExprRef(f"'{start}' + {names}[cost] + ', ' + {over}[scope]"))


def fields(scope: str, costs: Mapping[str, Estimate]) -> dict[str, float | None]:
    """Return the fields of one scope in a row: mean, low and high of each cost."""
    row: dict[str, float | None] = {}
    for name, cost in costs.items():
        ends = {"mean": cost.mean, "low": cost.low, "high": cost.high}
        row.update({f"{scope}_{name}_{end}": rounded(value) for end, value in ends.items()})
    return row


def chosen(chart: Any, **ends: str) -> Any:
    """Add fields that hold the chosen cost: each keyword is a new field, its value the end that it reads."""
    reads = {name: f"datum[scope + '_' + cost + '_{end}']" for name, end in ends.items()}
    return chart.transform_calculate(**reads)


def _lookup(titles: Mapping[str, str]) -> str:
    pairs = ", ".join(f"'{name}': '{title}'" for name, title in titles.items())
    return f"{{{pairs}}}"
