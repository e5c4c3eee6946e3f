"""A project's rounds, champions, arrivals, deletions and events as tables, newest first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from warmstart.analysis import COST_TITLES
from warmstart.basics import METRICS
from warmstart.reports._document import Block, Column, Group, Table
from warmstart.reports._format import NOTHING, cost_text
from warmstart.retrain import ProjectReport, ReportedArrival, ReportedPromotion, ReportedRound, gap_text
from warmstart.statistics import Estimate

from ._scores import churn_blocks
from ._words import SHORT, absent, counted, when

_RECENT: Final = 10
"""Rows of a table that are shown at once; older ones open by a click."""
_MOST_ROWS: Final = 500
KINDS: Final = {
    "gate": "gate",
    "hand": "by hand",
    "rollback": "rollback",
    "watch": "watch",
    "repair": "repair",
}
"""How a model came to serve."""
_OWN_TABLES: Final = ("add", "round")
"""Kinds of events that other tables show."""

Item = TypeVar("Item")


def round_blocks(report: ProjectReport) -> list[Block]:
    """Return each round's decision with its reason, and all comparisons, newest first."""
    unit = report.cost
    columns: dict[Column, Callable[[ReportedRound], str]] = {
        Column("round", is_number=True): lambda one: str(one.row.number),
        Column("ended", is_tight=True): lambda one: when(one.row.ended),
        Column("outcome", is_tight=True): lambda one: one.row.state,
        Column("why"): lambda one: " ".join(
            [
                *([late["text"]] if (late := one.row.plan.get("promoted")) else []),
                (one.row.reason or "not decided yet").removeprefix(f"{one.row.state}: "),
            ]
        ),
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
            _opponent(found.role, found.opponent, found.detail, found.look),
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
            f"Candidate minus opponent on held-out {count}, before later rounds on all that had arrived since, with "
            "the interval of the gate"
            f"{'' if counted is None or counted.higher_is_better else '; a positive difference is a larger error'}."
            f"{f' The newest {_MOST_ROWS} of {len(compared):,}.' if len(compared) > _MOST_ROWS else ''}"
        )
        table = Table([Column(one, is_number=one in numbers) for one in titles], compared[:_MOST_ROWS], caption)
        blocks.append(Group("fold", (table,), "All comparisons"))
    return blocks


def champion_blocks(report: ProjectReport) -> list[Block]:
    """Return who began to serve when and why, and how many predictions that changed, newest first."""

    def churn(one: ReportedPromotion, *, is_negative: bool) -> str:
        if one.churn is None or (is_negative and one.churn.negative_flips is None):
            return NOTHING
        value = one.churn.negative_flips if is_negative else one.churn.changed
        # The sign stays beside its number, however narrow the column is.
        return METRICS["churn"].text(value or 0.0).replace(" ", "\u00a0")

    columns: dict[Column, Callable[[ReportedPromotion], str]] = {
        Column("since", is_tight=True): lambda one: when(one.row.time),
        Column("model", is_tight=True): lambda one: one.row.model[:SHORT],
        Column("strategy"): lambda one: one.strategy or NOTHING,
        Column("how", is_tight=True): lambda one: KINDS[one.row.kind],
        Column("before it", is_tight=True): lambda one: (one.row.previous or NOTHING)[:SHORT],
    }
    reasons = {one.row.number: one.row.reason for one in report.rounds}
    is_known = any(one.churn is not None for one in report.promotions)
    if is_known:
        columns |= {
            Column("churn", is_number=True): lambda one: churn(one, is_negative=False),
            Column("negative flips", is_number=True): lambda one: churn(one, is_negative=True),
            Column("rows", is_number=True): lambda one: NOTHING if one.churn is None else f"{one.churn.rows:,}",
        }
    columns |= {
        Column("why"): lambda one: (
            f"round {one.row.round}"
            if one.row.kind == "gate" and one.row.round and one.row.reason == reasons.get(one.row.round)
            else one.row.reason or NOTHING
        ),
    }
    caption = (
        "Churn: share of the predictions on held-out rows that changed with the champion. Negative flips: share that "
        f"was right before and wrong afterwards. {NOTHING}: the first champion, no classes, or predictions that are "
        "not stored any more."
        if is_known
        else "Churn is not known: there was one champion, or no classes, or predictions are not stored any more."
    )
    blocks = list(
        _newest(
            "champion", columns, report.promotions[::-1], "No model has been promoted yet.", caption, "compact wordy"
        )
    )
    return [*blocks, *churn_blocks(report)]


def arrival_blocks(report: ProjectReport) -> list[Block]:
    metric = report.metric
    columns: dict[Column, Callable[[ReportedArrival], str]] = {
        Column("arrival", is_number=True): lambda one: str(one.row.number),
        Column("received", is_tight=True): lambda one: when(one.row.received),
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
    style = "compact"
    if any(one.row.note for one in report.arrivals):
        columns[Column("notes")] = lambda one: one.row.note or NOTHING
        style = "compact wordy"
    caption = (
        "Held out: rows that judge before they are trained on. Dropped: rows whose key a later row of the same arrival "
        "has. Replaced: rows of earlier arrivals of which it has a newer version."
    )
    return list(_newest("arrival", columns, report.arrivals[::-1], "Nothing has arrived yet.", caption, style))


def deletion_block(report: ProjectReport) -> Block:
    columns = (
        Column("requested", is_tight=True),
        Column("due", is_tight=True),
        Column("keys", is_number=True),
        Column("state"),
    )
    rows = [(when(one.requested), when(one.due), f"{one.keys:,}", one.state) for one in report.deletions[::-1]]
    caption = "Which keys were named is not stored."
    return Table(columns, rows, caption) if rows else absent("No deletion was requested.")


def event_blocks(report: ProjectReport) -> list[Block]:
    columns: dict[Column, Callable[[Any], str]] = {
        Column("time", is_tight=True): lambda one: when(one.time),
        Column("kind", is_tight=True): lambda one: one.kind,
        Column("what happened"): lambda one: one.text,
    }
    events = [one for one in report.events[::-1] if one.kind not in _OWN_TABLES]
    caption = "Rollbacks, pins, licences, exclusions and the like; arrivals and rounds have tables of their own."
    return list(_newest("event", columns, events, "Nothing beside arrivals and rounds has happened.", caption))


def _newest(
    what: str,
    columns: Mapping[Column, Callable[[Item], str]],
    items: Sequence[Item],
    nothing: str,
    caption: str = "",
    style: str = "compact",
) -> Iterator[Block]:
    """Yield a table of the newest items, which come first, and the older ones in a fold."""
    if not items:
        yield absent(nothing)
        return
    tables = [
        Table(tuple(columns), [tuple(read(one) for read in columns.values()) for one in part], text, style)
        for part, text in ((items[:_RECENT], caption), (items[_RECENT:], ""))
    ]
    yield tables[0]
    if tables[1].rows:
        yield Group("fold", (tables[1],), f"{counted(len(tables[1].rows), f'earlier {what}')}")


def _cost_text(unit: str, costs: Sequence[float | None]) -> str:
    known = [cost for cost in costs if cost is not None]
    return NOTHING if not known else cost_text(unit, Estimate(sum(known), None, None, 1))


def _opponent(role: str, opponent: str, detail: str, look: int) -> str:
    later = f", before round {look}" if look else ""
    if role == "class":
        return f"champion, class {detail} alone{later}"
    return f"{f'{detail} (learns nothing)' if role == 'baseline' else f'{role} {opponent[:SHORT]}'}{later}"
