"""What a project says of itself, and what can be done with it without training: nothing here imports PyTorch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmstart.basics import Metric, check_at_least, checked_path

from ._champion import PINNED, repair_if_free
from ._ledger import LEDGER, Ledger, ModelRow, RoundRow, WatchRow
from ._lock import Owner, running_owner
from ._results import Plain
from ._settings import RetrainSettings, read_project
from ._upkeep import visible_damage

# Of the events, what people did; what rounds did stands in the rounds.
_COMMANDS = {"rollback", "hand", "pin", "unpin", "exclude", "forget", "migrate"}


@dataclass(frozen=True)
class ModelSummary(Plain):
    """A model in a few words; ``since`` is when it began to serve, None where it never has."""

    id: str
    round: int
    strategy: str
    state: str
    since: str | None


@dataclass(frozen=True)
class Licence(Plain):
    """What the policy knows of a strategy: its status, and its difference to a cold start over ``audits`` audits."""

    strategy: str
    status: str
    mean: float | None
    low: float | None
    high: float | None
    audits: int
    reason: str


@dataclass(frozen=True)
class RoundSummary(Plain):
    """A round: what was trained, how it was judged against whom, and why it ended as it did.

    ``earlier`` says which candidate of an earlier round came to serve before it, and why; None: none did. ``commands``
    are those that came after it and before the next round, such as a rollback with its reason: time, kind and text.
    """

    number: int
    state: str
    verdict: str | None
    reason: str | None
    started: str
    ended: str | None
    arrivals: int
    models: tuple[ModelSummary, ...]
    judgements: tuple[Mapping[str, Any], ...]
    cost: Mapping[str, float]
    earlier: str | None = None
    commands: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class ArrivalSummary(Plain):
    """What has arrived at once; ``number`` is what `exclude` takes, ``state`` is accepted, rewritten or excluded.

    ``source`` is what was added, ``labelled`` counts rows that have a label, ``received`` is when it was added.
    """

    number: int
    id: str
    state: str
    source: str
    rows: int
    labelled: int
    received: str


@dataclass(frozen=True)
class Status(Plain):
    """How a project stands; see :func:`status`.

    Args:
        directory: The project's folder.
        policy: As its settings name it.
        champion: The model that serves; None before the first promotion.
        anchor: The gate's second opponent.
        pinned: Whether the champion is pinned: no round replaces it.
        rounds: Number of rounds that have ended.
        last_round: The last of them; None where there is none.
        open_round: Number of the round that is under way or was interrupted; None where there is none.
        running: Who changes the project now; None: nobody.
        arrivals: Number of arrivals that count.
        rows: Number of their rows.
        excluded_arrivals: Number of arrivals that do not count.
        waiting_arrivals: Arrivals that no round has taken in.
        waiting_rows: Rows of those.
        unlabelled_rows: Rows that wait for their labels.
        licences: What the policy ``auto`` knows of each strategy, the cheapest first; empty with a fixed policy.
        audit_account: Training cost that audits have left, in the unit of the costs; None with a fixed policy.
        pending_audits: Rounds whose audit waits for the next arrival.
        watch: The last comparison of the champion with its predecessor; None where there was none since its promotion.
        deletions_due: Requested deletions that are not done.
        unsent: Messages in the outbox.
        damage: What can be seen to be wrong without reading every file, in words; `verify` reads them.
    """

    directory: str
    policy: str
    champion: ModelSummary | None
    anchor: ModelSummary | None
    pinned: bool
    rounds: int
    last_round: RoundSummary | None
    open_round: int | None
    running: Owner | None
    arrivals: int
    rows: int
    excluded_arrivals: int
    waiting_arrivals: int
    waiting_rows: int
    unlabelled_rows: int
    licences: tuple[Licence, ...]
    audit_account: float | None
    pending_audits: tuple[int, ...]
    watch: Mapping[str, Any] | None
    deletions_due: tuple[Mapping[str, Any], ...]
    unsent: int
    damage: tuple[str, ...]


def status(directory: str | Path) -> Status:
    """Return how a project stands, at once: neither PyTorch is imported nor any large file read.

    Raises:
        InputError: If there is no project.
        StorageError: If the ledger is missing or damaged.
    """
    with _reading(directory) as (folder, settings, ledger):
        champion, anchor, serving = ledger.champion(), ledger.anchor(), ledger.serving()
        arrivals, waiting = ledger.accepted_arrivals(), ledger.pending_arrivals()
        ended = [row for row in ledger.rounds() if row.ended is not None]
        opened, licence = ledger.open_round(), ledger.licence()
        watched = ledger.first(WatchRow, "ORDER BY arrival DESC")
        if watched is not None and (serving is None or champion is None or watched.arrival <= serving.arrivals):
            watched = None  # it was about a champion before this one
        state = {} if licence is None else licence.state
        damage = list(visible_damage(folder, ledger))
        return Status(
            directory=str(folder),
            policy=settings.policy,
            champion=_summary(ledger, champion),
            anchor=_summary(ledger, anchor),
            pinned=ledger.config(PINNED) is not None,
            rounds=len(ended),
            last_round=_round_summary(ledger, ended[-1]) if ended else None,
            open_round=None if opened is None else opened.number,
            running=running_owner(folder),
            arrivals=len(arrivals),
            excluded_arrivals=len(ledger.arrivals()) - len(arrivals),
            rows=sum(row.rows for row in arrivals),
            waiting_arrivals=len(waiting),
            waiting_rows=sum(row.rows for row in waiting),
            unlabelled_rows=ledger.waiting_rows(),
            licences=tuple(map(licence_of, state.get("arms", ()))),
            audit_account=state.get("account"),
            pending_audits=tuple(audit.round for audit in ledger.pending_audits()),
            watch=None if watched is None or champion is None else _watch_of(watched, champion),
            deletions_due=tuple(map(dataclasses.asdict, ledger.deletions_due())),
            unsent=len(ledger.unsent()),
            damage=tuple(damage),
        )


@contextmanager
def _reading(directory: str | Path) -> Iterator[tuple[Path, RetrainSettings, Ledger]]:
    """Open a project to read it: its folder, its settings and its ledger; what a crash left is repaired afterwards.

    Raises:
        InputError: If there is no project.
        StorageError: If the ledger is missing or damaged.
    """
    folder = checked_path("directory", directory)
    project = read_project(folder)
    with Ledger.open(folder / LEDGER) as ledger, ledger.reading():
        yield folder, project.settings, ledger
    repair_if_free(folder)


def _watch_of(row: WatchRow, champion: ModelRow) -> dict[str, Any]:
    """Return the watch's last comparison, with its difference in words where the metric is known."""
    from ._gate import gap_text  # imports NumPy

    metric = champion.manifest.get("metric")

    return {**dataclasses.asdict(row), "text": None if metric is None else gap_text(Metric(**metric), row.mean)}


def history(directory: str | Path, *, last: int | None = None) -> tuple[RoundSummary, ...]:
    """Return the rounds of a project with their models and comparisons, oldest first.

    Args:
        directory: The project's folder.
        last: How many rounds, at least 1; None: all.

    Raises:
        InputError: If there is no project, or ``last`` is out of range.
        StorageError: If the ledger is missing or damaged.
    """
    check_at_least("last", last, 1)
    with _reading(directory) as (_, _, ledger):
        after: dict[int | None, list[dict[str, str]]] = {}
        number: int | None = None
        for event in ledger.events():
            if event.kind == "round":
                number = event.round
            elif event.kind in _COMMANDS:
                after.setdefault(number, []).append({"time": event.time, "kind": event.kind, "text": event.text})
        return tuple(
            dataclasses.replace(_round_summary(ledger, row), commands=tuple(after.get(row.number, ())))
            for row in ledger.rounds(last)
        )


def arrivals(directory: str | Path, *, last: int | None = None) -> tuple[ArrivalSummary, ...]:
    """Return what has arrived, oldest first, excluded arrivals too.

    Args:
        directory: The project's folder.
        last: How many arrivals, at least 1; None: all.

    Raises:
        InputError: If there is no project, or ``last`` is out of range.
        StorageError: If the ledger is missing or damaged.
    """
    check_at_least("last", last, 1)
    with _reading(directory) as (_, _, ledger):
        rows = ledger.arrivals(last)
    return tuple(
        ArrivalSummary(row.number, row.id, row.state, row.source, row.rows, row.labelled, row.received) for row in rows
    )


def _summary(ledger: Ledger, model: ModelRow | None) -> ModelSummary | None:
    if model is None:
        return None
    served = ledger.promotions(model.id)
    return ModelSummary(model.id, model.round, model.strategy, model.state, served[-1].time if served else None)


def _round_summary(ledger: Ledger, row: RoundRow) -> RoundSummary:
    models = ledger.models_of(row.number)
    cost: dict[str, float] = {}
    for model in models:
        for name, value in model.cost.items():
            if isinstance(value, int | float):
                cost[name] = cost.get(name, 0) + value
    return RoundSummary(
        number=row.number,
        state=row.state,
        verdict=row.verdict,
        reason=row.reason,
        started=row.started,
        ended=row.ended,
        arrivals=row.arrivals,
        models=tuple(found for model in models if (found := _summary(ledger, model)) is not None),
        judgements=tuple(map(dataclasses.asdict, ledger.judgements(row.number))),
        cost=cost,
        earlier=(row.plan.get("promoted") or {}).get("text"),
    )


def licence_of(arm: Mapping[str, Any]) -> Licence:
    """Return what the policy's state says of a strategy; read as plain values, since its code is not needed here."""
    mean, low, high = arm.get("interval") or (None, None, None)
    audits = len(arm.get("differences", ()))
    return Licence(arm.get("spec", ""), arm.get("status", ""), mean, low, high, audits, arm.get("reason", ""))
