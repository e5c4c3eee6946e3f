"""The ledger of a project: what has arrived, what was trained on it, what was decided and why, as one SQLite file.

It is the truth of a project. Everything else in the folder is an object that it names, or follows from it.
"""

from __future__ import annotations

import datetime
import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from warmstart.basics import StorageError, shown
from warmstart.store import make_directory, sync_directory

from ._ledger_rows import TABLES, columns_of, loaded, stored
from ._ledger_rows import ArrivalRow as ArrivalRow
from ._ledger_rows import AuditRow as AuditRow
from ._ledger_rows import DeletionRow as DeletionRow
from ._ledger_rows import EventRow as EventRow
from ._ledger_rows import JudgementRow as JudgementRow
from ._ledger_rows import LicenceRow as LicenceRow
from ._ledger_rows import ModelRow as ModelRow
from ._ledger_rows import OutboxRow as OutboxRow
from ._ledger_rows import PromotionRow as PromotionRow
from ._ledger_rows import RoundRow as RoundRow
from ._ledger_rows import Row as Row
from ._ledger_rows import SampleRow as SampleRow
from ._ledger_rows import SchemaRow as SchemaRow
from ._ledger_rows import WatchRow as WatchRow
from ._objects import crash_point, project_errors

LEDGER = "ledger.sqlite"
VERSION = 1
"""Of the tables; a ledger with a higher one was written by a newer warmstart."""
_APPLICATION = 0x77617274  # "wart", by which `file` and we tell it from any other database
_PATIENCE_SECONDS = 30.0  # until another command's transaction is over


_USABLE = "arrival IN (SELECT number FROM arrival WHERE state IN ('accepted', 'rewritten'))"
# Of rows as they stood at arrival ?1 (the latest); ?2 is the window.
_CURRENT = f"arrival <= ?1 AND (superseded_by IS NULL OR superseded_by > ?1) AND {_USABLE}"
_TRAINABLE = f"label IS NOT NULL AND (side = 'train' OR joined IS NOT NULL OR arrival <= ?1 - ?2) AND {_CURRENT}"
_JUDGING = f"label IS NOT NULL AND side = 'holdout' AND joined IS NULL AND arrival > ?1 - ?2 AND {_CURRENT}"


def now() -> str:
    """Return the time as the ledger stores it: UTC, in ISO format, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


class Ledger:
    """An open ledger; made by :meth:`create` or :meth:`open`, a context manager that closes it.

    Every change needs a :meth:`transaction`, which is durable when its block has ended. Methods that read see a
    consistent state within :meth:`reading` or a transaction.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / LEDGER
        >>> with Ledger.create(path) as ledger, ledger.transaction():
        ...     ledger.add_event("init", "The project was made.")
        >>> with Ledger.open(path) as ledger:
        ...     [event.text for event in ledger.events()]
        ['The project was made.']
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path, self._connection = path, connection

    @classmethod
    def create(cls, path: Path, *, salt: str | None = None) -> Self:
        """Make a ledger with no arrivals; it has all tables or, after a crash, is not there.

        Args:
            path: Of the file.
            salt: Decides with a row which side it falls on; None: drawn.

        Raises:
            StorageError: If there is one already, the disk is full or the folder cannot be written.
        """
        if path.exists():
            raise StorageError(f"{shown(path)} exists already; a project is made once.")
        draft = path.with_suffix(".part")
        with project_errors(path.parent, "The ledger cannot be made"):
            make_directory(path.parent)
            for left in (draft, draft.with_name(f"{draft.name}-journal")):
                left.unlink(missing_ok=True)
            with cls(draft, sqlite3.connect(draft, isolation_level=None)) as ledger, ledger._errors():
                ledger._connection.executescript(
                    f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {VERSION}; "
                    f"PRAGMA synchronous = EXTRA; BEGIN; {TABLES} COMMIT;"
                )
                ledger.set_config("salt", secrets.token_hex(16) if salt is None else salt)
                ledger.set_config("created", now())
            crash_point("ledger half made")
            draft.replace(path)
            sync_directory(path.parent)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a ledger; what a crash has left half-written is undone.

        Raises:
            StorageError: If there is none, it is damaged, cannot be read, or was written by a newer warmstart.
        """
        if not path.is_file():
            raise StorageError(
                f"{shown(path)} is missing; restore it from a backup, or make a new project with "
                "`warmstart retrain init`."
            )
        ledger = cls(path, sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE_SECONDS))
        connection = ledger._connection
        connection.isolation_level = None  # transactions are begun by `transaction` alone
        try:
            with ledger._errors():
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                application = connection.execute("PRAGMA application_id").fetchone()[0]
                connection.executescript(
                    "PRAGMA synchronous = EXTRA; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; "
                    "PRAGMA temp_store = MEMORY;"
                )
            if application != _APPLICATION:
                raise StorageError(f"{shown(path)} is no ledger of a retraining project; restore it from a backup.")
            if version > VERSION:
                raise StorageError(
                    f"{shown(path)} was written by a newer warmstart (its version is {version}, this one reads up to "
                    f"{VERSION}); update warmstart."
                )
        except BaseException:
            connection.close()
            raise
        return ledger

    def close(self) -> None:
        """Close the file; again: nothing happens."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # a mistake of ours, not of the disk's
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorname", "")
            if code.startswith("SQLITE_ERROR"):
                raise
            if code.startswith("SQLITE_BUSY"):
                reason = "another process has held it for too long; try again"
            elif code.startswith("SQLITE_FULL"):
                reason = "the disk is full; free some space, or see `warmstart retrain gc --dry-run`"
            else:
                reason = str(error)
            raise StorageError(
                f"The ledger {shown(self.path)} cannot be used: {reason}; what was stored before is intact."
            ) from error
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"The ledger {shown(self.path)} is damaged ({error}); restore it from a backup."
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes of the block, durable when it has ended, or, where it raises, none of them.

        Raises:
            StorageError: If the disk is full or the file cannot be written.
        """
        with self._begun("BEGIN IMMEDIATE"):
            yield
            crash_point("transaction open")
        crash_point("transaction committed")

    def clear_journal(self) -> None:
        """Let SQLite remove a journal without content, which a process leaves that is killed as it begins to write.

        SQLite ignores it until the next time that something is written: here the number that is there already.
        """
        if self.path.with_name(f"{self.path.name}-journal").exists():
            with self.transaction():
                version = self.execute("PRAGMA user_version").fetchone()[0]
                self.execute(f"PRAGMA user_version = {version}")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What the block reads is one state of the ledger, whatever other processes write meanwhile."""
        with self._begun("BEGIN"):
            yield

    @contextmanager
    def _begun(self, begin: str) -> Iterator[None]:
        with self._errors():
            self._connection.execute(begin)
        try:
            yield
            with self._errors():
                self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # SQLite itself has ended it after some errors
                self._connection.execute("ROLLBACK")
            raise

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Run one statement; for what the methods below do not offer."""
        with self._errors():
            return self._connection.execute(sql, values)

    def check(self) -> str | None:
        """Return what SQLite finds wrong with the whole file, None for nothing; reads all of it."""
        try:
            found = self.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except StorageError as error:
            return str(error)
        return None if found == "ok" else shown(found)

    # Rows in general.

    def insert(self, *rows: Any, replace: bool = False) -> None:
        """Add rows.

        Args:
            rows: Dataclasses of this module.
            replace: Whether an earlier row with the same primary key is replaced.
        """
        for row in rows:
            columns = columns_of(type(row))
            sql = f"INSERT {'OR REPLACE ' if replace else ''}INTO {row.table} ({', '.join(columns)}) "
            sql += f"VALUES ({', '.join('?' * len(columns))})"
            self.execute(sql, *(stored(kind, getattr(row, name)) for name, kind in columns.items()))

    def change(self, kind: type[Any], key: Any, **columns: Any) -> None:
        """Change columns of one row.

        Args:
            kind: Its dataclass.
            key: Its ``id``, or, where its class has none, the value of the first field.
            columns: New values by name.

        Raises:
            KeyError: If there is no such row.
        """
        kinds = columns_of(kind)
        first = "id" if "id" in kinds else next(iter(kinds))
        sql = f"UPDATE {kind.table} SET {', '.join(f'{name} = ?' for name in columns)} WHERE {first} = ?"
        values = [stored(kinds[name], value) for name, value in columns.items()]
        if self.execute(sql, *values, key).rowcount != 1:
            raise KeyError(f"{kind.table} {key}")

    def select(self, kind: type[Row], rest: str = "", *values: Any) -> list[Row]:
        """Return rows of a dataclass of this module, selected by what follows ``FROM table`` in SQL."""
        columns = columns_of(kind)
        found = self.execute(f"SELECT {', '.join(columns)} FROM {kind.table} {rest}", *values)
        return [kind(**dict(zip(columns, loaded(columns.values(), each), strict=True))) for each in found]

    def first(self, kind: type[Row], rest: str = "", *values: Any) -> Row | None:
        """Return the first of the rows that :meth:`select` would return; None where there is none."""
        return next(iter(self.select(kind, f"{rest} LIMIT 1", *values)), None)

    def config(self, name: str) -> str | None:
        """Return a value of the project's own; None where there is none."""
        found = self.execute("SELECT value FROM config WHERE name = ?", name).fetchone()
        return None if found is None else found[0]

    def set_config(self, name: str, value: str | None) -> None:
        """Set a value of the project's own; None deletes it."""
        if value is None:
            self.execute("DELETE FROM config WHERE name = ?", name)
        else:
            self.execute("INSERT OR REPLACE INTO config VALUES (?, ?)", name, value)

    @property
    def salt(self) -> str:
        """What makes the sides of this project's rows others than those of any other project."""
        return self.config("salt") or ""

    # Arrivals and their rows.

    def next_arrival_number(self) -> int:
        """Return the number of the next arrival."""
        return self.execute("SELECT coalesce(max(number), 0) + 1 FROM arrival").fetchone()[0]

    def arrival(self, number_or_id: int | str) -> ArrivalRow | None:
        """Return an arrival by its number or its id; None where there is none."""
        column = "number" if isinstance(number_or_id, int) else "id"
        return self.first(ArrivalRow, f"WHERE {column} = ?", number_or_id)

    def arrival_with_content(self, content: str) -> ArrivalRow | None:
        """Return the arrival that says the same, whatever its state; None where there is none."""
        return self.first(ArrivalRow, "WHERE content = ? ORDER BY number", content)

    def arrivals(self, last: int | None = None) -> list[ArrivalRow]:
        """Return the arrivals, or the last ones, oldest first, whatever their state."""
        return self.select(ArrivalRow, "ORDER BY number DESC LIMIT ?", -1 if last is None else last)[::-1]

    def accepted_arrivals(self) -> list[ArrivalRow]:
        """Return the arrivals that count, oldest first: accepted ones, also those rewritten by a deletion."""
        return self.select(ArrivalRow, "WHERE state IN ('accepted', 'rewritten') ORDER BY number")

    def pending_arrivals(self) -> list[ArrivalRow]:
        """Return the accepted arrivals that no finished round has taken in, oldest first."""
        return self.select(
            ArrivalRow,
            "WHERE state IN ('accepted', 'rewritten') AND number > (SELECT coalesce(max(arrivals), 0) FROM round "
            "WHERE state IN ('promoted', 'kept')) ORDER BY number",
        )

    def latest_arrival(self) -> int:
        """Return the number of the latest accepted arrival; 0 where there is none."""
        latest = "SELECT coalesce(max(number), 0) FROM arrival WHERE state IN ('accepted', 'rewritten')"
        return self.execute(latest).fetchone()[0]

    def add_samples(self, samples: Iterable[SampleRow]) -> None:
        """Add the rows of an arrival, which must have been inserted."""
        with self._errors():
            self._connection.executemany("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?)", samples)

    def schema(self) -> SchemaRow | None:
        """Return the newest version of the schema; None before the first arrival."""
        return self.first(SchemaRow, "ORDER BY version DESC")

    def samples(self, arrival: int) -> list[SampleRow]:
        """Return the rows of an arrival, in order."""
        return self._samples("WHERE arrival = ? ORDER BY row", arrival)

    def labelled_samples(self, arrivals: Iterable[int]) -> list[SampleRow]:
        """Return the newest versions of the rows of some arrivals that have labels, arrival by arrival."""
        found = (one for arrival in arrivals for one in self.samples(arrival))
        return [one for one in found if one.label is not None and one.superseded_by is None]

    def versions(self, keys: Iterable[str]) -> list[SampleRow]:
        """Return all rows with one of these keys, superseded ones too, by arrival and row."""
        with self._wanted(keys):
            return self._samples("WHERE key IN (SELECT key FROM wanted) ORDER BY arrival, row")

    def supersede(self, arrival: int) -> int:
        """Mark older rows whose key an arrival has as superseded by it, and return how many there were."""
        return self.execute(
            "UPDATE sample SET superseded_by = ?1 WHERE superseded_by IS NULL AND arrival < ?1 AND key IN "
            "(SELECT key FROM sample WHERE arrival = ?1)",
            arrival,
        ).rowcount

    def superseding(self, arrival: int) -> dict[int, int]:
        """Return the arrivals that have newer versions of an arrival's rows, each with the number of these rows."""
        sql = (
            "SELECT superseded_by, count(*) FROM sample WHERE arrival = ? AND superseded_by IS NOT NULL "
            "GROUP BY superseded_by ORDER BY superseded_by"
        )
        return dict(self.execute(sql, arrival).fetchall())

    def training_rows(self, latest: int, window: int) -> list[SampleRow]:
        """Return the rows to train on when ``latest`` is the latest arrival.

        By the round that first trained on them, new ones last, then by arrival and row: a continued model sees what
        is new at the end.
        """
        order = "ORDER BY joined IS NULL, joined, arrival, row"
        return self._samples(f"WHERE {_TRAINABLE} {order}", latest, window)

    def judging_rows(self, latest: int, window: int) -> list[SampleRow]:
        """Return the held-out rows of the last ``window`` arrivals that no model was trained on, by arrival and row."""
        return self._samples(f"WHERE {_JUDGING} ORDER BY arrival, row", latest, window)

    def unseen_rows(self, models: Sequence[ModelRow], latest: int, window: int) -> list[SampleRow]:
        """Return rows with labels that none of these models and no older one has seen, by arrival and row.

        Those that were held out of their rounds and of all later ones, and everything that has arrived since, also
        where it was trained on later. Of that, only what is new: where rows of the same group, with the same key or,
        without either, with the same features were trained on, a model knows them.
        """
        known, since = max(one.round for one in models), max(one.arrivals for one in models)
        return self._samples(
            f"WHERE label IS NOT NULL AND {_CURRENT} AND (joined IS NULL OR joined > ?3) AND (arrival > ?4 OR (side = "
            "'holdout' AND joined IS NULL AND arrival > ?4 - ?2)) AND key NOT IN (SELECT key FROM sample WHERE joined "
            "<= ?3) AND unit NOT IN (SELECT unit FROM sample WHERE joined <= ?3) ORDER BY arrival, row",
            *(latest, window, known, since),
        )

    def unknown_rows(self, round_number: int, latest: int) -> list[SampleRow]:
        """Return the rows with labels, of arrivals up to one, that the models of a round do not know.

        By arrival and row; superseded ones too, and those that were trained on later: whatever can have judged them.
        """
        return self._samples(
            f"WHERE label IS NOT NULL AND arrival <= ?2 AND {_USABLE} AND (joined IS NULL OR joined > ?1) "
            "ORDER BY arrival, row",
            *(round_number, latest),
        )

    def first_joined(self, round_number: int, *, grouped: bool) -> dict[str, int]:
        """Return in which round what came again was first trained on, by its key or, without groups, by its unit.

        Of what has rows that the models of a round do not know.
        """
        name = "key" if grouped else "unit"
        found = self.execute(
            f"SELECT {name}, min(joined) FROM sample WHERE joined IS NOT NULL AND {name} IN (SELECT {name} FROM sample "
            f"WHERE joined IS NULL OR joined > ?) GROUP BY {name}",
            round_number,
        )
        return dict(found.fetchall())

    def join(self, round_number: int, latest: int, window: int) -> int:
        """Note the round for the :meth:`training_rows` that no round before has trained on; return how many."""
        sql = f"UPDATE sample SET joined = ?3 WHERE joined IS NULL AND {_TRAINABLE}"
        count = self.execute(sql, latest, window, round_number).rowcount
        # A newer version that arrived meanwhile, with another group, must not judge what has seen the older one.
        self.execute(
            "UPDATE sample SET side = 'train' WHERE side = 'holdout' AND joined IS NULL AND arrival > ?2 AND key IN "
            "(SELECT key FROM sample WHERE joined = ?1)",
            *(round_number, latest),
        )
        return count

    def waiting_rows(self) -> int:
        """Return how many rows wait for their labels."""
        sql = f"SELECT count(*) FROM sample WHERE label IS NULL AND superseded_by IS NULL AND {_USABLE}"
        return self.execute(sql).fetchone()[0]

    def exclude(self, arrival: int) -> tuple[str, ...]:
        """Let an arrival count neither for training nor for judging, and taint the models that were trained on it.

        Rows that it superseded count again, unless a later arrival has a newer version of their key.

        Returns:
            The ids of the models that are tainted by it.
        """
        number = arrival
        first = self.execute("SELECT min(joined) FROM sample WHERE arrival = ?", number).fetchone()[0]
        self.execute("UPDATE arrival SET state = 'excluded' WHERE number = ?", number)
        self.execute(
            "UPDATE sample SET superseded_by = (SELECT min(newer.arrival) FROM sample AS newer WHERE newer.key = "
            "sample.key AND newer.arrival > sample.arrival AND newer.arrival IN (SELECT number FROM arrival WHERE "
            "state IN ('accepted', 'rewritten'))) WHERE superseded_by = ?",
            number,
        )
        return () if first is None else self.taint(first)

    def taint(self, since_round: int) -> tuple[str, ...]:
        """Mark the models of a round and all later ones as tainted, and return their ids.

        Every round trains on all rows that count, so each model since the round in which a row joined has seen it. One
        whose file is damaged must not come back clean once the file is restored.
        """
        rest = "WHERE round >= ? AND state NOT IN ('tainted', 'retired')"
        found = tuple(model.id for model in self.select(ModelRow, rest, since_round))
        self.execute(f"UPDATE model SET state = 'tainted' {rest}", since_round)
        return found

    def _samples(self, rest: str, *values: Any) -> list[SampleRow]:
        found = self.execute(f"SELECT {', '.join(SampleRow._fields)} FROM sample {rest}", *values)
        with self._errors():
            return list(map(SampleRow._make, found))

    @contextmanager
    def _wanted(self, keys: Iterable[str]) -> Iterator[None]:
        """Make a temporary table of keys: a list of them in a statement would have a limit."""
        self.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (key TEXT PRIMARY KEY) WITHOUT ROWID")
        self.execute("DELETE FROM wanted")
        with self._errors():
            self._connection.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", ((key,) for key in keys))
        yield

    # Rounds and models.

    def open_round(self) -> RoundRow | None:
        """Return the round that is under way, or that a crash has left so; None where there is none."""
        return self.first(RoundRow, "WHERE ended IS NULL")

    def rounds(self, last: int | None = None) -> list[RoundRow]:
        """Return the rounds, or the last ones, oldest first."""
        return self.select(RoundRow, "ORDER BY number DESC LIMIT ?", -1 if last is None else last)[::-1]

    def next_round_number(self) -> int:
        """Return the number of the next round."""
        return self.execute("SELECT coalesce(max(number), 0) + 1 FROM round").fetchone()[0]

    def model(self, model_id: str | None) -> ModelRow | None:
        """Return a model by its id; None where there is none."""
        return None if model_id is None else self.first(ModelRow, "WHERE id = ?", model_id)

    def models(self, *states: str) -> list[ModelRow]:
        """Return the models, or those in some states, oldest first."""
        where = f"WHERE state IN ({', '.join('?' * len(states))}) " if states else ""
        return self.select(ModelRow, f"{where}ORDER BY round, rowid", *states)

    def models_of(self, round_number: int) -> list[ModelRow]:
        """Return the models that a round has trained, in that order."""
        return self.select(ModelRow, "WHERE round = ? ORDER BY rowid", round_number)

    def promotions(self, model: str | None = None) -> list[PromotionRow]:
        """Return who began to serve when, oldest first; of one model where it is given."""
        where, values = ("", ()) if model is None else ("WHERE model = ? ", (model,))
        return self.select(PromotionRow, f"{where}ORDER BY id", *values)

    def serving(self) -> PromotionRow | None:
        """Return the last promotion: what serves, since when and why; None before the first one."""
        return self.first(PromotionRow, "ORDER BY id DESC")

    def champion(self) -> ModelRow | None:
        """Return the model that serves, whatever its state: a tainted one serves until a clean one has passed."""
        serving = self.serving()
        return None if serving is None else self.model(serving.model)

    def anchor(self) -> ModelRow | None:
        """Return the second opponent of the gate; None before the first promotion."""
        serving = self.serving()
        return None if serving is None else self.model(serving.anchor)

    def predecessor(self) -> ModelRow | None:
        """Return what the watch compares the champion with: what served before it; None after a rollback."""
        serving = self.serving()
        return self.model(serving.previous) if serving and serving.kind in ("gate", "hand") else None

    def former_champions(self) -> list[ModelRow]:
        """Return the models that a rollback can go to, nearest first: each is what served before the one above it.

        After a rollback from C to B, which had replaced A, that is A, not C.
        """
        before = {row.model: row.previous for row in self.promotions() if row.kind in ("gate", "hand")}
        serving, found, seen = self.serving(), [], set()
        current = None if serving is None else before.get(serving.model)
        while current is not None and current not in seen:
            seen.add(current)
            model = self.model(current)
            if model is not None and model.state not in ("tainted", "damaged", "retired"):
                found.append(model)
            current = before.get(current)
        return found

    def promote(
        self,
        model: str,
        *,
        kind: str,
        reason: str,
        round_number: int | None,
        as_anchor: bool,
        arrivals: int | None = None,
    ) -> None:
        """Let a model serve from now on; the pointer must be written afterwards.

        Args:
            model: Its id.
            kind: ``gate``, ``hand``, ``rollback``, ``watch`` or ``repair``.
            reason: Why, in one sentence.
            round_number: The round that decided it; None: by hand.
            as_anchor: Whether it becomes the anchor. Otherwise the anchor stays what it was, or, where a rollback
                leaves the anchor behind, becomes what it was when the model was promoted.
            arrivals: The latest arrival that has decided it; None: that of the last round, which is the latest that any
                model has seen.
        """
        serving = self.serving()
        anchor = model if as_anchor or serving is None else serving.anchor
        if kind in ("rollback", "watch", "repair") and serving is not None and not as_anchor:
            left = self.model(anchor)
            earlier = self.promotions(model)
            if left is None or left.id == serving.model or left.state in ("tainted", "damaged", "retired"):
                anchor = earlier[-1].anchor if earlier else model
        previous = None if serving is None else serving.model
        if kind in ("rollback", "watch"):
            # What was promoted after the model, and what continues that, must not be continued any more.
            self.execute(
                "WITH RECURSIVE bad (id) AS (SELECT model FROM promotion WHERE model <> ?1 AND id > (SELECT "
                "coalesce(max(id), 0) FROM promotion WHERE model = ?1 AND kind IN ('gate', 'hand')) UNION "
                "SELECT model.id FROM model JOIN bad ON model.start_model = bad.id WHERE model.id <> ?1) "
                "UPDATE model SET state = 'worse' WHERE id IN (SELECT id FROM bad) AND state IN "
                "('champion', 'former', 'undecided', 'candidate')",
                model,
            )
        seen = max(arrivals or 0, self.execute("SELECT coalesce(max(arrivals), 0) FROM round").fetchone()[0])
        self.insert(PromotionRow(model, previous, anchor, kind, reason, round_number, now(), seen))
        self.execute("UPDATE model SET state = 'former' WHERE state = 'champion' AND id <> ?", model)
        # What is tainted or damaged stays so, also while it serves.
        self.execute("UPDATE model SET state = 'champion' WHERE id = ? AND state NOT IN ('tainted', 'damaged')", model)

    def lineage(self) -> ModelRow | None:
        """Return the model that the next start continues: the last that is neither worse, diverged nor tainted.

        Of a round with two models the promoted one, otherwise the one that is not the cold start of an audit.
        """
        return self.first(
            ModelRow,
            "WHERE state IN ('champion', 'former', 'undecided') ORDER BY round DESC, state = 'undecided', "
            "id IN (SELECT cold_model FROM audit)",
        )

    # What else update, status and history ask for.

    def licence(self) -> LicenceRow | None:
        """Return the policy's last state; None before the first round."""
        return self.first(LicenceRow, "ORDER BY round DESC")

    def pending_audits(self) -> list[AuditRow]:
        """Return the audits whose difference is not known yet, oldest first."""
        return self.select(AuditRow, "WHERE difference IS NULL ORDER BY round")

    def end_audit(self, round_number: int) -> None:
        """Forget the audit of a round, whose difference will never be known."""
        self.execute(f"DELETE FROM {AuditRow.table} WHERE round = ?", round_number)

    def judgements(self, round_number: int) -> list[JudgementRow]:
        """Return the comparisons of a round."""
        return self.select(JudgementRow, "WHERE round = ? ORDER BY model, role, detail", round_number)

    def deletions_due(self) -> list[DeletionRow]:
        """Return the requested deletions that are not done, the most urgent first."""
        return self.select(DeletionRow, "WHERE state <> 'done' ORDER BY due, id")

    def is_deletion_due(self, time: str | None = None) -> bool:
        """Return whether the time for a deletion is over, at ``time`` or now."""
        return any(row.due <= (time or now()) for row in self.deletions_due())

    def add_event(self, kind: str, text: str, *, round_number: int | None = None, **data: Any) -> None:
        """Add an event; ``data`` must be what JSON can hold."""
        self.insert(EventRow(now(), kind, round_number, text, data))

    def events(self, last: int | None = None) -> list[EventRow]:
        """Return the events, or the last ones, oldest first."""
        return self.select(EventRow, "ORDER BY id DESC LIMIT ?", -1 if last is None else last)[::-1]

    def post(self, round_number: int, kind: str, payload: Mapping[str, Any]) -> None:
        """Put a message into the outbox; a second one of the same kind and round is ignored."""
        sql = "INSERT OR IGNORE INTO outbox (round, kind, payload) VALUES (?, ?, ?)"
        self.execute(sql, round_number, kind, json.dumps(payload))

    def unsent(self) -> list[OutboxRow]:
        """Return the messages that have not been sent, oldest first."""
        return self.select(OutboxRow, "WHERE sent IS NULL ORDER BY id")
