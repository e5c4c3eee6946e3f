"""The report of a retraining project as a document: what serves and why, scores, costs, audits, decisions, arrivals."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from warmstart.analysis import COST_TITLES
from warmstart.basics import METRICS, PERCENT, Metric
from warmstart.reports._document import (
    Block,
    Chart,
    Column,
    Document,
    Group,
    Note,
    Paragraph,
    Table,
    settings_table,
)
from warmstart.reports._format import NOTHING, cost_text
from warmstart.reports.charts import capitalized
from warmstart.reports.charts._references import levels_in_reach, words_on_far_levels
from warmstart.retrain import ProjectReport, ReportedArrival, ReportedPromotion, ReportedRound, RowScore, gap_text
from warmstart.statistics import Estimate, times_text

from ._charts import Number, audit_chart, drawn, licence_chart, line_chart, words_on_drawn

_RECENT: Final = 10
"""Rows of a table that are shown at once; older ones open by a click."""
_MOST_ROWS: Final = 500
_MOST_DAMAGE: Final = 5
_LEAST_CHANGES: Final = 3
_SHORT: Final = 12
_KINDS: Final = {
    "gate": "passed the gate",
    "hand": "promoted by hand",
    "rollback": "rolled back by hand",
    "watch": "rolled back by the watch",
    "repair": "took the place of a damaged one",
}
_OWN_TABLES: Final = ("add", "round")
"""Kinds of events that other tables show."""

Item = TypeVar("Item")


def retrain_document(report: ProjectReport) -> Document:
    """Return the report of a retraining project; its charts need the extra ``report``."""
    status = report.status
    sections: dict[str, Sequence[Block]] = {
        "Score": [_held_out(report), _over_arrivals(report)],
        "Cost": [_cost(report)],
        "Audits and licences": _audits(report),
        "Watch": [_watch(report)],
        "Promotions and refusals": _rounds(report),
        "Champions": _champions(report),
        "Arrivals": _arrivals(report),
        "Deletions": [_deletions(report)],
        "Events": _events(report),
        "How to read it": [Paragraph(text) for text in _how_to_read(report)],
        "Details": [Group("fold", (settings_table(report.settings),), "Settings")],
    }
    counts = f"{_count(status.rounds, 'round')}, {_count(status.arrivals, 'arrival')}, {status.rows:,} rows"
    return Document(
        kicker="Retraining project",
        title=report.name,
        subtitle=f"{counts}; policy {status.policy}",
        blocks=(_headline(report), *(Group("section", tuple(blocks), title) for title, blocks in sections.items())),
    )


def _headline(report: ProjectReport) -> Note:
    """Return what serves, since when and why, the last verdict, and what waits."""
    status, last = report.status, report.status.last_round
    text = "No model serves yet."
    if status.champion is not None and report.promotions:
        one, serving = status.champion, report.promotions[-1].row
        state = "" if one.state == "champion" else f", {one.state}"
        pinned = ", and is pinned" if status.pinned else ""
        text = (
            f"Model {one.id[:_SHORT]} ({one.strategy}, round {one.round}{state}) serves since "
            f"{_when(serving.time)}{pinned}. {_sentence(serving.reason or _KINDS[serving.kind])}"
        )
    verdict = () if last is None else (f"Last round, {last.number} ({_when(last.ended)}): {_sentence(last.reason)}",)
    waiting = f"{_count(status.waiting_arrivals, 'arrival')} with {status.waiting_rows:,} rows"
    remarks = [f"Waiting for the next round: {waiting}." if status.waiting_arrivals else "No arrival waits."]
    if status.unlabelled_rows:
        remarks.append(f"{status.unlabelled_rows:,} rows wait for their labels.")
    if status.open_round is not None:
        remarks.append(f"Round {status.open_round} is under way or was interrupted; `update` resumes it.")
    if status.pending_audits:
        remarks.append(f"Audits that wait for the next arrival: of round {_listed(status.pending_audits)}.")
    remarks += [
        f"{_count(one['keys'], 'key')} must be forgotten by {_when(one['due'])}." for one in status.deletions_due
    ]
    remarks += [f"Damage: {one}." for one in status.damage[:_MOST_DAMAGE]]
    if len(status.damage) > _MOST_DAMAGE:
        remarks.append(f"{len(status.damage) - _MOST_DAMAGE:,} more files are damaged; `verify` lists all of them.")
    return Note("Champion", text, tuple(remarks), verdict)


def _held_out(report: ProjectReport) -> Block:
    """Return the champion's score after each round, on the rows that judged it."""
    metric, rounds = report.metric, [one for one in report.rounds if one.row.state in ("promoted", "kept")]
    known = [one.held_out for one in rounds if one.held_out is not None]
    if metric is None or not known:
        why = "no round has been decided" if not rounds else "no model served on rows whose scores are stored"
        return _absent(f"Held-out scores are not known: {why}.")
    points = {one.row.number: (one.held_out, {report.baseline or "": one.baseline}) for one in rounds}
    notes = {one.row.number: f", {one.row.state}" for one in rounds}
    unserved = sum(one.row.champion_after is None for one in rounds)
    window = report.settings["retrain"]["window"]
    size = _range([one.rows for one in known])
    caption = (
        f"{capitalized(metric.name)}{_in_unit(metric)} of the champion after each round, on the held-out rows of the "
        f"last {window:,} arrivals that no model has been trained on ({size} rows)."
        f"{_words_on_missing(len(rounds) - len(known), unserved, 'round')}"
    )
    return _score_chart(
        "held-out", f"{capitalized(metric.name)} on held-out rows", caption, metric, points, notes, "round"
    )


def _over_arrivals(report: ProjectReport) -> Block:
    """Return the champion's score on each arrival before training on it, beside predictors that learn nothing."""
    metric, arrivals = report.metric, [one for one in report.arrivals if one.round is not None]
    unserved = sum(one.tested is None for one in arrivals)
    known = [one.score for one in arrivals if one.score is not None]
    if metric is None or not known:
        why = "none has come since a model serves" if unserved == len(arrivals) else "they are not stored any more"
        return _absent(f"Scores on arrivals before training on them are not known: {why}.")
    points = {
        one.row.number: (one.score, {name: RowScore(mean, 0) for name, mean in one.baselines.items()})
        for one in arrivals
    }
    caption = (
        f"{capitalized(metric.name)}{_in_unit(metric)} of the champion on each arrival, before any model was trained "
        f"on it ({_range([one.rows for one in known])} rows)."
        f"{_words_on_missing(len(arrivals) - len(known), unserved, 'arrival')}"
    )
    title = f"{capitalized(metric.name)} on each new arrival"
    return _score_chart("arrivals", title, caption, metric, points, {}, "arrival")


_Points = Mapping[int, tuple[RowScore | None, Mapping[str, RowScore | None]]]


def _score_chart(
    name: str, title: str, caption: str, metric: Metric, points: _Points, notes: Mapping[int, str], across: str
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


def _cost(report: ProjectReport) -> Block:
    """Return what training has cost, with audits, beside what cold starts would have."""
    unit, rounds = report.cost, [one for one in report.rounds if one.models]
    if unit is None or not rounds:
        return _absent("Costs are not known: no round has trained a model, or none was counted of all of them.")
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
        f"Cumulative {COST_TITLES[unit]} of what {_count(len(rounds), 'round')} trained: the candidates, and with them "
        f"the cold starts of audits. Dashed grey: a cold start in every round, {estimate}.{ratio}"
        f"{words_on_drawn([one.row.number for one in rounds], 'rounds')}"
    )
    up = Number(COST_TITLES[unit], "~s", ".4~s", zero=True)
    used = [names["alone"], names["all"]]
    chart = line_chart(rows, series=used, grey=[names["cold"]], across="round", up=up, title=title)
    return Chart("cost", "Training cost", caption, chart.to_dict())


def _audits(report: ProjectReport) -> list[Block]:
    """Return the differences of audits with the policy's intervals, and who was licensed when."""
    metric, status = report.metric, report.status
    closed = [one for one in report.audits if one.difference is not None]
    blocks: list[Block] = []
    if status.licences and metric is not None:
        columns = (
            Column("strategy"),
            Column("status", is_tight=True),
            Column("difference to cold"),
            Column("audits", is_number=True),
            Column("why"),
        )
        rows = [
            (
                *(one.strategy, one.status),
                NOTHING
                if one.mean is None or one.strategy == "cold"
                else gap_text(metric, one.mean, one.low, one.high),
                *(
                    f"{one.audits:,}",
                    one.reason or ("what the others are compared with" if one.strategy == "cold" else NOTHING),
                ),
            )
            for one in status.licences
        ]
        caption = (
            f"Differences with {_confidence(report)} intervals that stay valid however often one looks. The first "
            "rounds of a trial are not counted: what adds up over rounds does not show in them yet."
        )
        blocks.append(Table(columns, rows, caption))
    if closed and metric is not None:
        blocks.append(_audit_chart(report, metric))
    else:
        why = "no audit's models have been scored on a later arrival yet" if report.audits else "there was no audit yet"
        if not report.audits and not report.licences and report.rounds:
            why = f"the policy {status.policy} is fixed"
        blocks.append(_absent(f"Nothing is known of a cold start beside the strategy: {why}."))
    if report.licences:
        blocks.append(_licence_chart(report))
    return blocks


def _audit_chart(report: ProjectReport, metric: Metric) -> Chart:
    factor = metric.factor
    rows: dict[tuple[str, int], dict[str, Any]] = {}

    def row_of(arm: str, number: int) -> dict[str, Any]:
        nothing = dict.fromkeys(("y", "n", "mean", "low", "high"))
        return rows.setdefault((arm, number), {"arm": arm, "x": number, **nothing})

    for one in report.audits:
        if one.difference is not None:
            row_of(one.arm, one.round).update(y=factor * one.difference, n=one.n)
    seen: dict[str, Any] = {}
    for number, licences in report.licences.items():
        for arm in licences:
            look = (arm.audits, arm.mean, arm.low, arm.high)
            ends = {"mean": arm.mean, "low": arm.low, "high": arm.high}
            if arm.audits and None not in ends.values() and seen.get(arm.strategy) != look:
                row_of(arm.strategy, number).update(
                    {name: factor * end for name, end in ends.items() if end is not None}
                )
            seen[arm.strategy] = look
    kept = drawn(sorted({number for _, number in rows}))
    shown = [row for (_, number), row in sorted(rows.items(), key=lambda item: item[0][1]) if number in kept]
    order = [one.strategy for one in report.status.licences]
    arms = sorted({row["arm"] for row in shown}, key=lambda arm: order.index(arm) if arm in order else -1)
    unit = f" in {metric.difference_unit}" if metric.difference_unit else ""
    is_share = metric.unit == PERCENT
    allowed = -factor * report.settings["retrain"]["tolerance"] if is_share else None
    sizes = [one.n for one in report.audits if one.difference is not None]
    subject = f"{metric.name} of a strategy minus that of the cold start of the same round"
    if not metric.higher_is_better:
        subject = f"{metric.name} of the cold start minus that of the strategy of the same round"
    caption = (
        f"{capitalized(subject)}{unit}, on the next arrival, before training on it: {_count(len(sizes), 'audit')} of "
        f"{_range(sizes)} {'groups' if report.grouped else 'rows'} each. Above zero the strategy was better. Upright "
        f"bars: {_confidence(report)} sequential interval of the mean of the trial so far, where the policy looked; "
        "they may leave the chart." + (" Dashed: the loss that is allowed." if allowed else "")
    )
    title = f"Difference to a cold start{unit}"
    up = Number("difference", "+.1~f" if is_share else "+.3~g", "+.2f" if is_share else "+.4~g")
    chart = audit_chart(shown, arms=arms, allowed=allowed, up=up, title=title)
    return Chart("audits", "Audits", caption, chart.to_dict())


def _licence_chart(report: ProjectReport) -> Chart:
    spans: list[dict[str, Any]] = []
    running: dict[str, dict[str, Any]] = {}
    for number, licences in report.licences.items():
        for one in licences:
            span = running.get(one.strategy)
            if one.strategy == "cold":
                continue
            if span is None or span["status"] != one.status:
                if span is not None:
                    span["end"] = number - 1
                span = {"arm": one.strategy, "status": one.status, "start": number}
                running[one.strategy] = span
                spans.append(span)
            span["end"] = number
    title = "Licences over time"
    caption = (
        "Status of each strategy after each round: on trial it runs beside a cold start, licensed it may run alone, "
        f"revoked it waits ({_count(len(report.licences), 'round')})."
    )
    return Chart("licences", title, caption, licence_chart(spans, arms=list(running), title=title).to_dict())


def _watch(report: ProjectReport) -> Block:
    """Return the champion beside its predecessor on all that has arrived since its promotion."""
    metric = report.metric
    if metric is None or not report.watch:
        last = report.promotions[-1].row if report.promotions else None
        why = "no row has arrived since the champion was promoted"
        if last is None:
            why = "no model serves"
        elif last.previous is None:
            why = "the champion is the first one"
        elif last.kind not in ("gate", "hand"):
            why = "what was rolled back is no longer compared"
        return _absent(f"The champion is not compared with its predecessor: {why}.")
    factor, allowed = metric.factor, "allowed loss"
    rows: list[dict[str, Any]] = []
    chosen = drawn([one.arrival for one in report.watch])
    for one in report.watch:
        if one.arrival in chosen:
            upper = None if one.upper is None or not math.isfinite(one.upper) else factor * one.upper
            note = f"{one.t:,} {'groups' if report.grouped else 'rows'} so far{', alarm' if one.alarm else ''}"
            values = {"mean": factor * one.mean, "upper bound": upper, allowed: -factor * one.tolerance}
            rows += [{"series": name, "x": one.arrival, "y": value, "note": note} for name, value in values.items()]
    last = report.watch[-1]
    unit = f", in {metric.difference_unit}" if metric.difference_unit else ""
    order = "champion minus predecessor" if metric.higher_is_better else "predecessor minus champion"
    caption = (
        f"{capitalized(metric.name)}, {order}{unit}, on all {last.t:,} {'groups' if report.grouped else 'rows'} that "
        "have arrived since the promotion, each before training on it: mean, and the upper bound of the true "
        "difference (99 %, valid however often one looks; from 200 on). Above zero the champion is better; where the "
        "bound falls below the dashed line, the predecessor serves again."
    )
    is_share = metric.unit == PERCENT
    up = Number("difference", "+.1~f" if is_share else "+.3~g", "+.2f" if is_share else "+.4~g")
    title = "Champion and predecessor"
    chart = line_chart(rows, series=["mean", "upper bound"], grey=[allowed], across="arrival", up=up, title=title)
    return Chart(
        "watch", title, caption + words_on_drawn([one.arrival for one in report.watch], "arrivals"), chart.to_dict()
    )


def _rounds(report: ProjectReport) -> list[Block]:
    """Return each round's decision with its reason, and all comparisons, newest first."""
    unit = report.cost
    columns: dict[Column, Callable[[ReportedRound], str]] = {
        Column("round", is_number=True): lambda one: str(one.row.number),
        Column("ended", is_tight=True): lambda one: _when(one.row.ended),
        Column("outcome", is_tight=True): lambda one: one.row.state,
        Column("why"): lambda one: (one.row.reason or "not decided yet").removeprefix(f"{one.row.state}: "),
        Column("trained"): lambda one: (
            "; ".join(
                f"{model.strategy}{' (audit)' if model.is_audit else ''}: {model.stop_reason}, {model.state}"
                for model in one.models
            )
            or NOTHING
        ),
    }
    if unit is not None:
        title = Column(COST_TITLES[unit], is_number=True)
        columns[title] = lambda one: _cost_text(unit, [model.cost for model in one.models])
    columns[Column("seconds", is_number=True)] = lambda one: _cost_text("seconds", [m.seconds for m in one.models])
    blocks = list(_newest("round", columns, report.rounds[::-1], "No round has been run yet."))
    compared = [
        (
            *(str(one.row.number), next((m.strategy for m in one.models if m.id == found.model), NOTHING)),
            _opponent(found.role, found.opponent, found.detail),
            NOTHING if report.metric is None else gap_text(report.metric, found.mean, found.low, found.high),
            f"{found.n:,}",
            NOTHING if report.metric is None else report.metric.text(found.tolerance, difference=True),
        )
        for one in report.rounds[::-1]
        for found in one.judgements
    ]
    if compared:
        count, counted = "groups" if report.grouped else "rows", report.metric
        titles = ("round", "model", "against", "difference", count, "loss allowed")
        numbers = {"round", count}
        caption = (
            f"Candidate minus opponent on held-out {count}, with the interval of the gate"
            f"{'' if counted is None or counted.higher_is_better else '; a positive difference is a larger error'}."
            f"{f' The newest {_MOST_ROWS} of {len(compared):,}.' if len(compared) > _MOST_ROWS else ''}"
        )
        table = Table([Column(one, is_number=one in numbers) for one in titles], compared[:_MOST_ROWS], caption)
        blocks.append(Group("fold", (table,), "All comparisons"))
    return blocks


def _champions(report: ProjectReport) -> list[Block]:
    """Return who began to serve when and why, and how many predictions that changed, newest first."""

    def churn(one: ReportedPromotion, *, is_negative: bool) -> str:
        if one.churn is None or (is_negative and one.churn.negative_flips is None):
            return NOTHING
        value = one.churn.negative_flips if is_negative else one.churn.changed
        # The sign stays beside its number, however narrow the column is.
        return METRICS["churn"].text(value or 0.0).replace(" ", "\u00a0")

    columns: dict[Column, Callable[[ReportedPromotion], str]] = {
        Column("since", is_tight=True): lambda one: _when(one.row.time),
        Column("model", is_tight=True): lambda one: one.row.model[:_SHORT],
        Column("strategy"): lambda one: one.strategy or NOTHING,
        Column("how"): lambda one: _KINDS[one.row.kind],
        Column("before it", is_tight=True): lambda one: (one.row.previous or NOTHING)[:_SHORT],
        Column("churn", is_number=True): lambda one: churn(one, is_negative=False),
        Column("negative flips", is_number=True): lambda one: churn(one, is_negative=True),
        Column("rows", is_number=True): lambda one: NOTHING if one.churn is None else f"{one.churn.rows:,}",
        Column("why"): lambda one: (
            f"round {one.row.round}" if one.row.kind == "gate" and one.row.round else one.row.reason or NOTHING
        ),
    }
    caption = (
        "Churn: share of the predictions on held-out rows that changed with the champion. Negative flips: share that "
        f"was right before and wrong afterwards. {NOTHING}: the first champion, no classes, or predictions that are "
        "not stored any more."
    )
    blocks = list(_newest("champion", columns, report.promotions[::-1], "No model has been promoted yet.", caption))
    return [*blocks, *_churn(report)]


def _churn(report: ProjectReport) -> list[Block]:
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
        f"Share in % of the predictions on held-out rows ({_range([one.rows for one in known])} rows) that a change of "
        f"the champion changed, for each of {_count(len(known), 'change')} in their order."
        f"{words_on_drawn([number for number, _ in changes], 'changes')}"
    )
    up = Number("share", ".1~%", ".2%", zero=True)
    shown = [row for row in rows if row["series"] in series]
    chart = line_chart(shown, series=series, across="change of the champion", up=up, title=title)
    return [Chart("churn", title, caption, chart.to_dict())]


def _arrivals(report: ProjectReport) -> list[Block]:
    metric = report.metric
    columns: dict[Column, Callable[[ReportedArrival], str]] = {
        Column("arrival", is_number=True): lambda one: str(one.row.number),
        Column("received", is_tight=True): lambda one: _when(one.row.received),
        Column("from"): lambda one: one.row.source or "memory",
        Column("state", is_tight=True): lambda one: one.row.state,
        Column("rows", is_number=True): lambda one: f"{one.row.rows:,}",
        Column("labelled", is_number=True): lambda one: f"{one.row.labelled:,}",
        Column("held out", is_number=True): lambda one: f"{one.held_out:,}",
        Column("dropped", is_number=True): lambda one: NOTHING if one.duplicates is None else f"{one.duplicates:,}",
        Column("replaced", is_number=True): lambda one: f"{one.superseded:,}",
        Column("round", is_number=True): lambda one: "waits" if one.round is None else str(one.round),
    }
    if metric is not None:
        title = Column(f"{metric.name} before training", is_tight=True)
        columns[title] = lambda one: NOTHING if one.score is None else metric.text(one.score.mean)
    if any(one.row.note for one in report.arrivals):
        columns[Column("notes")] = lambda one: one.row.note or NOTHING
    caption = (
        "Held out: rows that judge before they are trained on. Dropped: rows whose key a later row of the same arrival "
        "has. Replaced: rows of earlier arrivals of which it has a newer version."
    )
    return list(_newest("arrival", columns, report.arrivals[::-1], "Nothing has arrived yet.", caption))


def _deletions(report: ProjectReport) -> Block:
    columns = (
        Column("requested", is_tight=True),
        Column("due", is_tight=True),
        Column("keys", is_number=True),
        Column("state"),
    )
    rows = [(_when(one.requested), _when(one.due), f"{one.keys:,}", one.state) for one in report.deletions[::-1]]
    caption = "Which keys were named is not stored."
    return Table(columns, rows, caption) if rows else _absent("No deletion was requested.")


def _events(report: ProjectReport) -> list[Block]:
    columns: dict[Column, Callable[[Any], str]] = {
        Column("time", is_tight=True): lambda one: _when(one.time),
        Column("kind", is_tight=True): lambda one: one.kind,
        Column("what happened"): lambda one: one.text,
    }
    events = [one for one in report.events[::-1] if one.kind not in _OWN_TABLES]
    caption = "Rollbacks, pins, licences, exclusions and the like; arrivals and rounds have tables of their own."
    return list(_newest("event", columns, events, "Nothing beside arrivals and rounds has happened.", caption))


def _how_to_read(report: ProjectReport) -> list[str]:
    settings = report.settings["retrain"]
    units = "groups" if report.grouped else "rows"
    return [
        f"A share of {100 * settings['holdout']:g} % of the {units} is held out: it judges for {settings['window']:,} "
        "arrivals, and is trained on afterwards. Which side a row is on never changes before that.",
        "A candidate is promoted where the interval of its difference to the champion, and to the anchor, the best "
        "model ever shown, leaves no room for a loss beyond the tolerance. It is kept out as 'worse' where such a loss "
        "is shown, and otherwise since the rows cannot tell.",
        "The score on an arrival is that of the model that served when it came, before any model was trained on it. "
        "Predictors that learn nothing are the largest class or the mean of what that model was trained on, and, where "
        "rows have an order in time, the label before.",
        "An audit trains a cold start beside the strategy, on the same data with the same seed. Their difference is "
        "taken on the next arrival; the interval is one that stays valid however often the policy looks.",
        "Costs cover training alone, without loading, judging and scoring.",
    ]


def _newest(
    what: str,
    columns: Mapping[Column, Callable[[Item], str]],
    items: Sequence[Item],
    absent: str,
    caption: str = "",
) -> Iterator[Block]:
    """Yield a table of the newest items, which come first, and the older ones in a fold."""
    if not items:
        yield _absent(absent)
        return
    tables = [
        Table(tuple(columns), [tuple(read(one) for read in columns.values()) for one in part], text, "compact")
        for part, text in ((items[:_RECENT], caption), (items[_RECENT:], ""))
    ]
    yield tables[0]
    if tables[1].rows:
        yield Group("fold", (tables[1],), f"{_count(len(tables[1].rows), f'earlier {what}')}")


def _absent(text: str) -> Paragraph:
    return Paragraph(text, "absent")


def _cost_text(unit: str, costs: Sequence[float | None]) -> str:
    known = [cost for cost in costs if cost is not None]
    return NOTHING if not known else cost_text(unit, Estimate(sum(known), None, None, 1))


def _words_on_missing(missing: int, unserved: int, what: str) -> str:
    """Return why points of a chart are missing; nothing where none is."""
    words = f" No model served for {_count(unserved, what)}." if unserved else ""
    lost = missing - unserved
    return words + (f" Of {_count(lost, what)} too few scores are stored to show a mean." if lost > 0 else "")


def _opponent(role: str, opponent: str, detail: str) -> str:
    if role == "class":
        return f"champion, class {detail} alone"
    return f"{detail} (learns nothing)" if role == "baseline" else f"{role} {opponent[:_SHORT]}"


def _number_of(metric: Metric) -> Number:
    axis, tooltip = (".1~%", ".2%") if metric.unit == PERCENT else (".4~g", ".4~g")
    return Number(metric.name, axis, tooltip)


def _in_unit(metric: Metric) -> str:
    return f" in {metric.unit}" if metric.unit else ""


def _confidence(report: ProjectReport) -> str:
    return f"{100 * report.audit_confidence:g} %"


def _when(time: str | None) -> str:
    """Return a time of the ledger to the minute."""
    return NOTHING if time is None else time[:16].replace("T", " ")


def _sentence(text: str | None) -> str:
    found = capitalized((text or "not decided yet").strip())
    return found if found.endswith((".", "!", "?")) else f"{found}."


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
