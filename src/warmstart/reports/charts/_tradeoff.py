"""The score against cost."""

from typing import TYPE_CHECKING, Any, Final

from warmstart.analysis import Summary
from warmstart.store import RoundRecord

from ._choices import LABELS, choices, chosen, chosen_title, fields
from ._lines import score_formats
from ._style import HEIGHT, WIDTH, altair, arm_channels, capitalized, faded, has_ends, highlight, rounded, stacked
from ._thinned import drawn_seeds

if TYPE_CHECKING:
    import altair as alt

SCOPES: Final = {"last": "last round", "sum": "all rounds"}


def tradeoff_chart(summary: Summary) -> "alt.LayerChart":
    """Return one faint point per drawn seed and one strong point per strategy; menus choose the cost and its scope."""
    alt, picked, channels = altair(), highlight(), arm_channels(summary)
    seeds = _positioned(summary, _seed_rows(summary)).mark_point(filled=True, size=35).encode(shape=channels["shape"])
    rows = [
        {"arm": arm.arm}
        | {end: rounded(getattr(arm.score, end)) for end in ("mean", "low", "high")}
        | fields(summary, "last", {cost: arm.last_round[cost].value for cost in summary.costs})
        | fields(summary, "sum", {cost: arm.total[cost].value for cost in summary.costs})
        for arm in summary.arms
    ]
    means = _positioned(summary, rows)
    share, (_, form) = f"{100 * summary.confidence:g} %", score_formats(summary.metric)
    tooltip = [
        alt.Tooltip("arm:N", title="strategy"),
        alt.Tooltip("mean:Q", title=summary.metric.name, format=form),
        alt.Tooltip("low:Q", title=f"{share} interval from", format=form),
        alt.Tooltip("high:Q", title=f"{share} interval to", format=form),
        alt.Tooltip("cost_mean:Q", title="cost", format=".4~s"),
        alt.Tooltip("cost_low:Q", title=f"{share} interval from", format=".4~s"),
        alt.Tooltip("cost_high:Q", title=f"{share} interval to", format=".4~s"),
    ]
    strong = means.mark_point(filled=True).encode(
        shape=channels["shape"], size=channels["size"], opacity=faded(picked, 1, 0.15), tooltip=tooltip
    )
    # Seeds below means: eight faint points would otherwise hide the strong one.
    layers = [seeds.encode(opacity=faded(picked, 0.35, 0.06))]
    if has_ends(rows):
        upright = means.transform_filter("isValid(datum.low)").encode(y="low:Q", y2="high:Q")
        level = means.transform_filter("isValid(datum.cost_low)").encode(x="cost_low:Q", x2="cost_high:Q")
        layers += (bar.mark_rule(strokeWidth=1.6).encode(opacity=faded(picked, 0.9, 0.1)) for bar in (upright, level))
    title = chosen_title(capitalized(f"{summary.metric.name} by "), SCOPES)
    chart = alt.layer(*layers, strong.add_params(picked)).add_params(*choices(summary, SCOPES))
    return chart.properties(title=title, width=WIDTH, height=HEIGHT)


def _positioned(summary: Summary, rows: list[dict[str, Any]]) -> Any:
    alt = altair()
    cost = alt.X("cost_mean:Q", title=None, axis=alt.Axis(labelExpr=LABELS, grid=False), scale=alt.Scale(zero=True))
    form, _ = score_formats(summary.metric)
    score = alt.Y("mean:Q", title=None, axis=alt.Axis(format=form), scale=alt.Scale(zero=False, padding=12))
    chart = stacked(
        chosen(alt.Chart(alt.Data(values=rows)), cost_mean="mean", cost_low="low", cost_high="high"), summary
    )
    return chart.encode(x=cost, y=score, color=arm_channels(summary)["color"])


def _seed_rows(summary: Summary) -> list[dict[str, Any]]:
    """Return a row for each drawn trial that has come as far as the comparison."""
    drawn, rows = set(drawn_seeds(summary)), []
    trials: dict[tuple[str, int], list[RoundRecord]] = {}
    for record in summary.trials:
        if record.seed in drawn and record.round <= summary.compared_round:
            trials.setdefault((record.arm, record.seed), []).append(record)
    for (arm, seed), records in trials.items():
        # Half a trial has half a cost, which would look like a cheap one.
        if len(records) < summary.compared_round:
            continue
        last = max(records, key=lambda record: record.round)
        row: dict[str, Any] = {"arm": arm, "seed": seed, "mean": rounded(summary.score_of(last))}
        for cost in summary.costs:
            values = [getattr(record, cost) for record in records]
            row[f"last_{cost}_mean"] = rounded(getattr(last, cost))
            row[f"sum_{cost}_mean"] = None if None in values else rounded(sum(values))  # not counted in some round
        rows.append(row)
    return rows
