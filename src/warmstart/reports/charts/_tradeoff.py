"""Accuracy against cost."""

from typing import TYPE_CHECKING, Any, Final

from warmstart.analysis import ArmSummary, Summary
from warmstart.store import COSTS, RoundRecord

from ._choices import LABELS, choices, chosen, chosen_title, fields
from ._style import HEIGHT, WIDTH, altair, arm_channels, faded, has_ends, highlight, rounded
from ._thinned import drawn_seeds

if TYPE_CHECKING:
    import altair as alt

SCOPES: Final = {"last": "last round", "sum": "all rounds"}


def tradeoff_chart(summary: Summary) -> "alt.LayerChart":
    """Return one faint point per drawn seed and one strong point per strategy; menus choose the cost and its scope."""
    alt, picked, shape = altair(), highlight(), arm_channels(summary)["shape"]
    seeds = _positioned(summary, _seed_rows(summary)).mark_point(filled=True, size=35).encode(shape=shape)
    rows = [_mean_row(arm) for arm in summary.arms]
    means = _positioned(summary, rows)
    strong = means.mark_point(filled=True, size=150).encode(
        shape=shape, opacity=faded(picked, 1, 0.15), tooltip=_tooltip(summary)
    )
    layers = [
        seeds.encode(opacity=faded(picked, 0.35, 0.06)),
        *(bar.encode(opacity=faded(picked, 0.9, 0.1)) for bar in _bars(means, rows)),
        strong.add_params(picked),
    ]
    title = chosen_title("Accuracy by ", SCOPES)
    return alt.layer(*layers).add_params(*choices(SCOPES)).properties(title=title, width=WIDTH, height=HEIGHT)


def _positioned(summary: Summary, rows: list[dict[str, Any]]) -> Any:
    alt = altair()
    cost = alt.X("cost_mean:Q", title=None, axis=alt.Axis(labelExpr=LABELS, grid=False), scale=alt.Scale(zero=True))
    accuracy = alt.Y("mean:Q", title=None, axis=alt.Axis(format=".1~%"), scale=alt.Scale(zero=False, padding=12))
    chart = chosen(alt.Chart(alt.Data(values=rows)), cost_mean="mean", cost_low="low", cost_high="high")
    return chart.encode(x=cost, y=accuracy, color=arm_channels(summary)["color"])


def _bars(means: Any, rows: list[dict[str, Any]]) -> list[Any]:
    if not has_ends(rows):
        return []
    upright = means.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=1.6)
    level = means.transform_filter("isValid(datum.cost_low)").mark_rule(strokeWidth=1.6)
    return [upright.encode(y="low:Q", y2="high:Q"), level.encode(x="cost_low:Q", x2="cost_high:Q")]


def _mean_row(arm: ArmSummary) -> dict[str, Any]:
    accuracy = {"mean": arm.accuracy.mean, "low": arm.accuracy.low, "high": arm.accuracy.high}
    return (
        {"arm": arm.arm}
        | {name: rounded(value) for name, value in accuracy.items()}
        | fields("last", {cost: arm.last_round[cost].value for cost in COSTS})
        | fields("sum", {cost: arm.total[cost].value for cost in COSTS})
    )


def _seed_rows(summary: Summary) -> list[dict[str, Any]]:
    drawn = set(drawn_seeds(summary))
    trials: dict[tuple[str, int], list[RoundRecord]] = {}
    for record in summary.trials:
        if record.seed in drawn and record.round <= summary.compared_round:
            trials.setdefault((record.arm, record.seed), []).append(record)
    return [_seed_row(records) for records in trials.values() if len(records) == summary.compared_round]


def _seed_row(records: list[RoundRecord]) -> dict[str, Any]:
    last = max(records, key=lambda record: record.round)
    row: dict[str, Any] = {"arm": last.arm, "seed": last.seed, "mean": rounded(last.accuracy)}
    for cost in COSTS:
        row[f"last_{cost}_mean"] = rounded(getattr(last, cost))
        values = [getattr(record, cost) for record in records]
        row[f"sum_{cost}_mean"] = None if None in values else rounded(sum(values))  # operations may not be counted
    return row


def _tooltip(summary: Summary) -> list[Any]:
    alt = altair()
    share = f"{100 * summary.confidence:g} %"
    return [
        alt.Tooltip("arm:N", title="strategy"),
        alt.Tooltip("mean:Q", title="accuracy", format=".2%"),
        alt.Tooltip("low:Q", title=f"{share} interval from", format=".2%"),
        alt.Tooltip("high:Q", title=f"{share} interval to", format=".2%"),
        alt.Tooltip("cost_mean:Q", title="cost", format=".4~s"),
        alt.Tooltip("cost_low:Q", title=f"{share} interval from", format=".4~s"),
        alt.Tooltip("cost_high:Q", title=f"{share} interval to", format=".4~s"),
    ]
