"""What a project knows of cheaper starts beside cold ones, and of its champion beside the one before."""

import math
from typing import Any

from warmstart.basics import PERCENT, Metric
from warmstart.reports._document import Block, Chart, Column, Table
from warmstart.reports._format import NOTHING
from warmstart.reports.charts import capitalized
from warmstart.retrain import ProjectReport, gap_text

from ._charts import Number, audit_chart, drawn, licence_chart, line_chart, words_on_drawn
from ._words import absent, counted, range_text


def audit_blocks(report: ProjectReport) -> list[Block]:
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
            f"Differences with their intervals: {_confidence(report)} for all looks of a trial together. The first "
            "rounds of a trial are not counted: what adds up over rounds does not show in them yet."
        )
        blocks.append(Table(columns, rows, caption))
    if closed and metric is not None:
        blocks.append(_audit_chart(report, metric))
    else:
        why = "no audit's models have been scored on a later arrival yet" if report.audits else "there was no audit yet"
        if not report.audits and not report.licences and report.rounds:
            why = f"the policy {status.policy} is fixed"
        blocks.append(absent(f"Nothing is known of a cold start beside the strategy: {why}."))
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
        f"{capitalized(subject)}{unit}, on rows held out and the next arrival, before training on them: "
        f"{counted(len(sizes), 'audit')} of {range_text(sizes)} {'groups' if report.grouped else 'rows'} each. Above "
        "zero the strategy was better. Upright bars: interval of the mean of the trial so far, where the policy looked "
        f"({_confidence(report)} for all looks together); they may leave the chart."
        + (" Dashed: the loss that is allowed." if allowed else "")
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
        f"revoked it waits ({counted(len(report.licences), 'round')})."
    )
    return Chart("licences", title, caption, licence_chart(spans, arms=list(running), title=title).to_dict())


def watch_block(report: ProjectReport) -> Block:
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
        return absent(f"The champion is not compared with its predecessor: {why}.")
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


def _confidence(report: ProjectReport) -> str:
    return f"{100 * report.audit_confidence:g} %"
