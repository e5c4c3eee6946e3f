"""LayerEnd charts a report has, in order, with their titles and captions."""

from typing import TYPE_CHECKING, Any

from warmstart.analysis import Summary

from ._accuracy import accuracy_chart, difference_chart
from ._cost import cost_chart
from ._stop_reasons import stop_reasons_chart
from ._thinned import words_on_rounds, words_on_seeds
from ._tradeoff import tradeoff_chart

if TYPE_CHECKING:
    import altair as alt


def charts_of(summary: Summary) -> "dict[str, alt.LayerChart]":
    """Return the charts that have something to show, by the name of their files."""
    differences = [row.accuracy_difference for row in summary.rounds if row.accuracy_difference is not None]
    applicable = {
        "accuracy": (accuracy_chart, any(row.accuracy.n for row in summary.rounds)),
        "difference": (difference_chart, any(difference.n for difference in differences)),
        "cost": (cost_chart, bool(summary.rounds)),
        "accuracy-against-cost": (tradeoff_chart, any(arm.accuracy.n for arm in summary.arms)),
        "stop_reasons": (stop_reasons_chart, bool(summary.rounds)),
    }
    return {name: chart(summary) for name, (chart, applies) in applicable.items() if applies}


def chart_specs(summary: Summary) -> dict[str, dict[str, Any]]:
    """Return the Vega-Lite specifications of :func:`charts_of`, each built and checked once, for all that draw it."""
    return {name: chart.to_dict() for name, chart in charts_of(summary).items()}


def captions(summary: Summary) -> dict[str, tuple[str, str]]:
    """Return title and caption of every chart, by its name."""
    share = f"{100 * summary.confidence:g} %"
    highlight = f"Click a name in the legend to highlight it.{words_on_rounds(summary)}"
    return {
        "accuracy": ("Accuracy against data seen", f"Mean over seeds with its {share} interval. {highlight}"),
        "difference": (
            f"Difference to {summary.reference} against data seen",
            f"Mean over pairs of one seed with its {share} interval; where it holds zero, no difference was "
            f"detected.{words_on_rounds(summary)}",
        ),
        "cost": (
            "Cost against data seen",
            f"Mean over seeds with its {share} interval, of each round or of all rounds so far. {highlight}",
        ),
        "accuracy-against-cost": (
            "Accuracy against cost",
            f"After round {summary.compared_round}: one faint point {words_on_seeds(summary)}, one strong point per "
            f"strategy with the {share} intervals of both means. Up and to the left is better.",
        ),
        "stop_reasons": ("How rounds ended", "All finished rounds of all seeds."),
    }
