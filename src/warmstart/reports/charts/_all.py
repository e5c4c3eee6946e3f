"""Which charts a report has, in order, each with its title and caption."""

from warmstart.analysis import Summary
from warmstart.reports._document import Chart

from ._lines import cost_chart, difference_chart, next_levels, next_score_chart, score_chart, score_levels
from ._references import words_on_equal_curves, words_on_far_levels
from ._stop_reasons import stop_reasons_chart
from ._style import capitalized
from ._thinned import drawn_rounds, words_on_rounds, words_on_seeds
from ._tradeoff import tradeoff_chart


def charts_of(summary: Summary) -> list[Chart]:
    """Return the charts that have something to show, each built and checked once for all that draw it.

    Raises:
        InputError: If the extra ``report`` is not installed.
    """
    share, name = f"{100 * summary.confidence:g} %", capitalized(summary.metric.name)
    above, up = ("Above", "Up") if summary.metric.higher_is_better else ("Below", "Down")
    thinned = words_on_rounds(summary)
    (near, far), (next_near, next_far) = score_levels(summary), next_levels(summary)
    trained = summary.metric_key is None and any(row.train_score.n for row in summary.rounds)
    dotted = f" Thin dotted: training {summary.metric.name}." if trained else ""
    grey = " Dashed grey: what learns nothing." if near else ""
    lines = " and ".join(f"{name} ({dash})" for name, dash in zip(next_near, ("solid", "dashed"), strict=False))
    next_grey = f" Grey: {lines}." if lines else ""
    differences = [row.score_difference for row in summary.rounds if row.score_difference is not None]
    # Name of its files, title, caption, how it is drawn, and whether there is anything to draw.
    described = [
        (
            "next-score",
            f"{capitalized(summary.learner_metric.name)} over time",
            f"Each model is scored on the next arrival before anything is trained on it.{next_grey}"
            f"{words_on_far_levels(summary.learner_metric, next_far)}{thinned}",
            next_score_chart,
            any(row.next_score.n for row in summary.rounds),
        ),
        (
            "score",
            f"{name} against data seen",
            f"Mean over seeds with its {share} interval.{dotted}{grey}{words_on_far_levels(summary.metric, far)}"
            f"{words_on_equal_curves(drawn_rounds(summary))}{thinned}",
            score_chart,
            any(row.score.n for row in summary.rounds),
        ),
        (
            "difference",
            f"Difference to {summary.reference} against data seen",
            f"Mean over pairs of one seed with its {share} interval; where it holds zero, no difference was detected. "
            f"{above} zero is better.{thinned}",
            difference_chart,
            any(difference.n for difference in differences),
        ),
        (
            "cost",
            "Cost against data seen",
            f"Mean over seeds with its {share} interval, of each round or of all rounds so far.{thinned}",
            cost_chart,
            bool(summary.rounds),
        ),
        (
            "score-against-cost",
            f"{name} against cost",
            f"After round {summary.compared_round}: one faint point {words_on_seeds(summary)}, one strong point per "
            f"strategy with the {share} intervals of both means. {up} and to the left is better.",
            tradeoff_chart,
            any(arm.score.n for arm in summary.arms),
        ),
        (
            "stop-reasons",
            "How rounds ended",
            "All finished rounds of all seeds.",
            stop_reasons_chart,
            bool(summary.rounds),
        ),
    ]
    return [
        Chart(file, title, caption, draw(summary).to_dict())
        for file, title, caption, draw, applies in described
        if applies
    ]
