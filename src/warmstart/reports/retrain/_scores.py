"""How a project's champions have scored, what training has cost, and how many predictions changed."""

from collections.abc import Mapping
from typing import Any, Final

from warmstart.analysis import COST_TITLES
from warmstart.basics import PERCENT, Metric
from warmstart.reports._document import Block, Chart
from warmstart.reports.charts import capitalized
from warmstart.reports.charts._references import levels_in_reach, words_on_far_levels
from warmstart.retrain import ProjectReport, RowScore
from warmstart.statistics import times_text

from ._charts import Number, drawn, line_chart, words_on_drawn
from ._words import absent, counted, range_text

_LEAST_CHANGES: Final = 3

Points = Mapping[int, tuple[RowScore | None, Mapping[str, RowScore | None]]]
"""By the number of a round or arrival: the champion's score, and those of what learns nothing."""


def held_out_block(report: ProjectReport) -> Block:
    """Return the champion's score after each round, on the rows that judged it."""
    metric, rounds = report.metric, [one for one in report.rounds if one.row.state in ("promoted", "kept")]
    known = [one.held_out for one in rounds if one.held_out is not None]
    if metric is None or not known:
        why = "no round has been decided" if not rounds else "no model served on rows whose scores are stored"
        return absent(f"Held-out scores are not known: {why}.")
    points = {one.row.number: (one.held_out, {report.baseline or "": one.baseline}) for one in rounds}
    notes = {one.row.number: f", {one.row.state}" for one in rounds}
    unserved = sum(one.row.champion_after is None for one in rounds)
    window = report.settings["retrain"]["window"]
    size = range_text([one.rows for one in known])
    caption = (
        f"{capitalized(metric.name)}{_in_unit(metric)} of the champion after each round, on the held-out rows of the "
        f"last {window:,} arrivals that no model has been trained on ({size} rows)."
        f"{_words_on_missing(len(rounds) - len(known), unserved, 'round')}"
    )
    return _score_chart(
        "held-out", f"{capitalized(metric.name)} on held-out rows", caption, metric, points, notes, "round"
    )


def arrivals_block(report: ProjectReport) -> Block:
    """Return the champion's score on each arrival before training on it, beside predictors that learn nothing."""
    metric, arrivals = report.metric, [one for one in report.arrivals if one.round is not None]
    unserved = sum(one.tested is None for one in arrivals)
    known = [one.score for one in arrivals if one.score is not None]
    if metric is None or not known:
        why = "none has come since a model serves" if unserved == len(arrivals) else "they are not stored any more"
        return absent(f"Scores on arrivals before training on them are not known: {why}.")
    points = {
        one.row.number: (one.score, {name: RowScore(mean, 0) for name, mean in one.baselines.items()})
        for one in arrivals
    }
    caption = (
        f"{capitalized(metric.name)}{_in_unit(metric)} of the champion on each arrival, before any model was trained "
        f"on it ({range_text([one.rows for one in known])} rows)."
        f"{_words_on_missing(len(arrivals) - len(known), unserved, 'arrival')}"
    )
    title = f"{capitalized(metric.name)} on each new arrival"
    return _score_chart("arrivals", title, caption, metric, points, {}, "arrival")


def _score_chart(
    name: str, title: str, caption: str, metric: Metric, points: Points, notes: Mapping[int, str], across: str
) -> Chart:
    """Return a chart of a score and of what learns nothing, by the number of the round or arrival."""
    chosen, champion = drawn(list(points)), "champion"
    scores = {number: score for number, (score, _) in points.items()}
    by_name: dict[str, dict[int, float]] = {}
    for number, (_, found) in points.items():
        for label, one in found.items():
            if one is not None:
                by_name.setdefault(label, {})[number] = one.mean
    levels = {label: sum(found.values()) / len(found) for label, found in by_name.items()}
    near, far = levels_in_reach(levels, [score and score.mean for score in scores.values()])
    rows: list[dict[str, Any]] = []
    for number in sorted(chosen):
        score = scores[number]
        note = "" if score is None else f"{score.rows:,} rows{notes.get(number, '')}"
        rows.append({"series": champion, "x": number, "y": score and score.mean, "note": note})
        for label in near:
            value, note = by_name[label].get(number), "the same rows"
            rows.append({"series": f"{label} (learns nothing)", "x": number, "y": value, "note": note})
    grey = [f"{label} (learns nothing)" for label in near]
    chart = line_chart(rows, series=[champion], grey=grey, across=across, up=_number_of(metric), title=title)
    caption += (" Dashed grey: what learns nothing." if near else "") + words_on_far_levels(metric, far)
    return Chart(name, title, caption + words_on_drawn(list(points), f"{across}s"), chart.to_dict())


def cost_block(report: ProjectReport) -> Block:
    """Return what training has cost, with audits, beside what cold starts would have."""
    unit, rounds = report.cost, [one for one in report.rounds if one.models]
    if unit is None or not rounds:
        return absent("Costs are not known: no round has trained a model, or none was counted of all of them.")
    names = {"alone": "candidates", "all": "candidates and audits", "cold": "always cold"}
    sums: dict[str, float | None] = dict.fromkeys(names, 0.0)
    rows: list[dict[str, Any]] = []
    chosen = drawn([one.row.number for one in rounds])
    for one in rounds:
        parts = {"all": one.models, "alone": [model for model in one.models if not model.is_audit]}
        added = {name: [model.cost for model in models] for name, models in parts.items()} | {"cold": [one.cold_cost]}
        for name, costs in added.items():
            before = sums[name]
            sums[name] = None if before is None or None in costs else before + sum(cost or 0 for cost in costs)
        if one.row.number in chosen:
            note = ", ".join(model.strategy for model in one.models)
            rows += [
                {"series": title, "x": one.row.number, "y": sums[name], "note": note} for name, title in names.items()
            ]
    title = f"Training cost so far, {COST_TITLES[unit]}"
    measured = sum(one.is_cold_measured for one in rounds)
    estimate = (
        f"measured in {measured:,}, in the others the cost of the last cold start by the number of rows"
        if measured < len(rounds)
        else "which every round has trained"
    )
    ratio = ""
    if sums["all"] is not None and sums["cold"]:
        ratio = f" All together cost {times_text(sums['all'] / sums['cold'])}x of always cold."
    caption = (
        f"Cumulative {COST_TITLES[unit]} of what {counted(len(rounds), 'round')} trained: the candidates, and with "
        f"them the cold starts of audits. Dashed grey: a cold start in every round, {estimate}.{ratio}"
        f"{words_on_drawn([one.row.number for one in rounds], 'rounds')}"
    )
    up = Number(COST_TITLES[unit], "~s", ".4~s", zero=True)
    used = [names["alone"], names["all"]]
    chart = line_chart(rows, series=used, grey=[names["cold"]], across="round", up=up, title=title)
    return Chart("cost", "Training cost", caption, chart.to_dict())


def churn_blocks(report: ProjectReport) -> list[Block]:
    """Return a chart of churn, where there are enough changes of the champion to see more than in the table."""
    changes = list(enumerate(report.promotions[1:], 1))
    known = [one.churn for _, one in changes if one.churn is not None]
    if len(known) < _LEAST_CHANGES:
        return []
    chosen, title = drawn([number for number, _ in changes]), "Churn"
    rows: list[dict[str, Any]] = []
    for number, one in changes:
        if number in chosen:
            found = one.churn
            note = "" if found is None else f"{found.rows:,} rows"
            values = {"churn": found and found.changed, "negative flips": found and found.negative_flips}
            rows += [{"series": name, "x": number, "y": value, "note": note} for name, value in values.items()]
    has_flips = any(one.negative_flips is not None for one in known)
    series = ["churn", *(["negative flips"] if has_flips else [])]
    caption = (
        f"Share in % of the predictions on held-out rows ({range_text([one.rows for one in known])} rows) that a "
        f"change of the champion changed, for each of {counted(len(known), 'change')} in their order."
        f"{words_on_drawn([number for number, _ in changes], 'changes')}"
    )
    up = Number("share", ".1~%", ".2%", zero=True)
    shown = [row for row in rows if row["series"] in series]
    chart = line_chart(shown, series=series, across="change of the champion", up=up, title=title)
    return [Chart("churn", title, caption, chart.to_dict())]


def _words_on_missing(missing: int, unserved: int, what: str) -> str:
    """Return why points of a chart are missing; nothing where none is."""
    words = f" No model served for {counted(unserved, what)}." if unserved else ""
    lost = missing - unserved
    return words + (f" Of {counted(lost, what)} too few scores are stored to show a mean." if lost > 0 else "")


def _number_of(metric: Metric) -> Number:
    axis, tooltip = (".1~%", ".2%") if metric.unit == PERCENT else (".4~g", ".4~g")
    return Number(metric.name, axis, tooltip)


def _in_unit(metric: Metric) -> str:
    return f" in {metric.unit}" if metric.unit else ""
