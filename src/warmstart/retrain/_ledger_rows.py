"""The tables of a project's ledger, with a class for the rows of each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

ARRIVAL_STATES = ("received", "accepted", "refused", "quarantined", "excluded", "rewritten")
ROUND_STATES = ("open", "trained", "judged", "promoted", "kept", "failed")
MODEL_STATES = (
    *("candidate", "champion", "former", "retired"),
    *("undecided", "worse", "diverged", "tainted", "damaged"),
)
PROMOTION_KINDS = ("gate", "hand", "rollback", "watch", "repair")


def _one_of(column: str, values: Sequence[str]) -> str:
    return f"CHECK ({column} IN ({', '.join(map(repr, values))}))"


TABLES = f"""
CREATE TABLE config (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE schema (version INTEGER PRIMARY KEY, description TEXT NOT NULL, created TEXT NOT NULL);
CREATE TABLE arrival (
    id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, state TEXT NOT NULL {_one_of("state", ARRIVAL_STATES)},
    content TEXT NOT NULL, source TEXT NOT NULL, rows INTEGER NOT NULL, labelled INTEGER NOT NULL,
    schema INTEGER NOT NULL, size INTEGER NOT NULL, received TEXT NOT NULL, note TEXT NOT NULL);
CREATE INDEX arrival_content ON arrival (content);
CREATE TABLE sample (
    arrival INTEGER NOT NULL REFERENCES arrival (number), row INTEGER NOT NULL, key TEXT NOT NULL, unit TEXT NOT NULL,
    side TEXT {_one_of("side", ("train", "holdout"))}, label TEXT, superseded_by INTEGER, joined INTEGER,
    PRIMARY KEY (arrival, row)) WITHOUT ROWID;
CREATE INDEX sample_key ON sample (key);
CREATE INDEX sample_superseded ON sample (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE TABLE round (
    number INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,
    state TEXT NOT NULL {_one_of("state", ROUND_STATES)}, plan TEXT NOT NULL, arrivals INTEGER NOT NULL,
    started TEXT NOT NULL, champion_before TEXT, champion_after TEXT, anchor_after TEXT, verdict TEXT, reason TEXT,
    ended TEXT);
CREATE UNIQUE INDEX round_open ON round ((ended IS NULL)) WHERE ended IS NULL;
CREATE TABLE model (
    id TEXT PRIMARY KEY, round INTEGER NOT NULL REFERENCES round (number), strategy TEXT NOT NULL,
    start_model TEXT REFERENCES model (id), seed INTEGER NOT NULL, arrivals INTEGER NOT NULL, manifest TEXT NOT NULL,
    cost TEXT NOT NULL, stop_reason TEXT NOT NULL, state TEXT NOT NULL {_one_of("state", MODEL_STATES)},
    size INTEGER NOT NULL, created TEXT NOT NULL);
CREATE INDEX model_round ON model (round);
CREATE INDEX model_start ON model (start_model);
-- Columns of the key come first: with a key at the end of a table WITHOUT ROWID, SQLite 3.40 reports damage.
CREATE TABLE judgement (
    round INTEGER NOT NULL REFERENCES round (number), model TEXT NOT NULL REFERENCES model (id), role TEXT NOT NULL,
    detail TEXT NOT NULL, look INTEGER NOT NULL, opponent TEXT NOT NULL, n INTEGER NOT NULL, mean REAL, low REAL,
    high REAL, tolerance REAL NOT NULL, PRIMARY KEY (round, model, role, detail, look)) WITHOUT ROWID;
CREATE TABLE audit (
    round INTEGER PRIMARY KEY REFERENCES round (number), arm TEXT NOT NULL,
    arm_model TEXT NOT NULL REFERENCES model (id), cold_model TEXT NOT NULL REFERENCES model (id),
    arrival INTEGER, difference REAL, n INTEGER NOT NULL);
CREATE TABLE licence (round INTEGER PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE watch (
    round INTEGER NOT NULL, arrival INTEGER PRIMARY KEY REFERENCES arrival (number), t INTEGER NOT NULL, mean REAL,
    upper REAL, tolerance REAL NOT NULL, alarm INTEGER NOT NULL);
CREATE TABLE promotion (
    id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL REFERENCES model (id),
    previous TEXT REFERENCES model (id), anchor TEXT REFERENCES model (id),
    kind TEXT NOT NULL {_one_of("kind", PROMOTION_KINDS)}, reason TEXT NOT NULL, round INTEGER, time TEXT NOT NULL,
    arrivals INTEGER NOT NULL);
CREATE TABLE deletion (
    id INTEGER PRIMARY KEY AUTOINCREMENT, requested TEXT NOT NULL, due TEXT NOT NULL, keys INTEGER NOT NULL,
    state TEXT NOT NULL);
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, kind TEXT NOT NULL, round INTEGER, text TEXT NOT NULL,
    data TEXT NOT NULL);
CREATE TRIGGER event_kept BEFORE UPDATE ON event BEGIN SELECT raise(ABORT, 'events are only ever added'); END;
CREATE TRIGGER event_stays BEFORE DELETE ON event BEGIN SELECT raise(ABORT, 'events are only ever added'); END;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, round INTEGER NOT NULL, kind TEXT NOT NULL, payload TEXT NOT NULL, sent TEXT,
    UNIQUE (round, kind));
"""


@dataclass(frozen=True)
class ArrivalRow:
    """An arrival; ``id`` is the SHA-256 of its file, ``content`` a digest of what it says, whatever the file format.

    ``number`` counts arrivals in the order in which they were added. ``source`` is the name of the file that was added,
    ``schema`` the version of the schema, ``size`` the bytes of the object. ``labelled`` counts rows with a label.
    """

    table: ClassVar[str] = "arrival"
    id: str
    number: int
    state: str
    content: str
    source: str
    rows: int
    labelled: int
    schema: int
    size: int
    received: str
    note: str = ""


class SampleRow(NamedTuple):
    """A row of an arrival. A named tuple, since there are many of them: 50,000 are stored in half a second.

    ``unit`` is what the side was drawn by: the group, or the key. ``side`` is ``train`` or ``holdout``, None without a
    label. ``superseded_by`` is the arrival that has a newer version of the key; ``joined`` the round in which the row
    was first trained on.
    """

    arrival: int
    row: int
    key: str
    unit: str
    side: str | None
    label: str | None
    superseded_by: int | None = None
    joined: int | None = None


@dataclass(frozen=True)
class SchemaRow:
    """A version of the schema that arrivals must have."""

    table: ClassVar[str] = "schema"
    version: int
    description: Mapping[str, Any]
    created: str


@dataclass(frozen=True)
class ModelRow:
    """A model; ``id`` is the SHA-256 of its file, ``arrivals`` the number of the last arrival it was trained on."""

    table: ClassVar[str] = "model"
    id: str
    round: int
    strategy: str
    start_model: str | None
    seed: int
    arrivals: int
    manifest: Mapping[str, Any]
    cost: Mapping[str, Any]
    stop_reason: str
    state: str
    size: int
    created: str


@dataclass(frozen=True)
class RoundRow:
    """A round; ``arrivals`` is the number of the last arrival that it takes in, ``ended`` None while it is open."""

    table: ClassVar[str] = "round"
    number: int
    token: str
    owner: Mapping[str, Any]
    state: str
    plan: Mapping[str, Any]
    arrivals: int
    started: str
    champion_before: str | None = None
    champion_after: str | None = None
    anchor_after: str | None = None
    verdict: str | None = None
    reason: str | None = None
    ended: str | None = None


@dataclass(frozen=True)
class JudgementRow:
    """A comparison of a model with an opponent; ``role`` is champion, anchor, class or baseline.

    ``look`` is the round before which a candidate of an earlier one was judged again; 0: on the night of its training.
    """

    table: ClassVar[str] = "judgement"
    round: int
    model: str
    opponent: str
    role: str
    detail: str
    n: int
    mean: float
    low: float
    high: float
    tolerance: float
    look: int = 0


@dataclass(frozen=True)
class AuditRow:
    """A cold start beside a cheaper one; ``difference`` is None until arrival ``arrival`` has been scored by both."""

    table: ClassVar[str] = "audit"
    round: int
    arm: str
    arm_model: str
    cold_model: str
    arrival: int | None = None
    difference: float | None = None
    n: int = 0


@dataclass(frozen=True)
class LicenceRow:
    """The policy's state after a round."""

    table: ClassVar[str] = "licence"
    round: int
    state: Mapping[str, Any]


@dataclass(frozen=True)
class WatchRow:
    """The watch over the champion after an arrival; ``t`` counts the rows since its promotion."""

    table: ClassVar[str] = "watch"
    round: int
    arrival: int
    t: int
    mean: float
    upper: float
    tolerance: float
    alarm: bool


@dataclass(frozen=True)
class PromotionRow:
    """A model that began to serve, what served before it, and the anchor since then.

    ``round`` is the one that trained it; None: by hand. ``arrivals`` is the latest arrival that it, what served before
    it or the decision has seen: the watch begins after it.
    """

    table: ClassVar[str] = "promotion"
    model: str
    previous: str | None
    anchor: str | None
    kind: str
    reason: str
    round: int | None
    time: str
    arrivals: int = 0
    id: int | None = None


@dataclass(frozen=True)
class DeletionRow:
    """A request to delete rows; ``keys`` is how many keys it named: which ones is not stored."""

    table: ClassVar[str] = "deletion"
    requested: str
    due: str
    keys: int
    state: str
    id: int | None = None


@dataclass(frozen=True)
class EventRow:
    """Something that happened; events are only ever added."""

    table: ClassVar[str] = "event"
    time: str
    kind: str
    round: int | None
    text: str
    data: Mapping[str, Any]
    id: int | None = None


@dataclass(frozen=True)
class OutboxRow:
    """A message to others about a round or a promotion, sent at least once; ``sent`` is None until it was."""

    table: ClassVar[str] = "outbox"
    round: int
    kind: str
    payload: Mapping[str, Any]
    sent: str | None = None
    id: int | None = None


class _Stored(Protocol):
    table: ClassVar[str]


Row = TypeVar("Row", bound=_Stored)


def columns_of(kind: type[Any]) -> dict[str, str]:
    """Return a dataclass's columns with their annotations."""
    return {field.name: str(field.type) for field in dataclasses.fields(kind)}


def stored(kind: str, value: Any) -> Any:
    """Return a value as SQLite holds it: what has parts as JSON."""
    return json.dumps(value, sort_keys=True) if kind.startswith("Mapping") else value


def loaded(kinds: Iterable[str], values: Iterable[Any]) -> Iterator[Any]:
    """Yield values that :func:`stored` gave, as they were."""
    for kind, value in zip(kinds, values, strict=True):
        if kind.startswith("Mapping"):
            yield json.loads(value)
        else:
            yield bool(value) if kind == "bool" else value
