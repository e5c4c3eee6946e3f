"""The results of a study, in one SQLite file."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmstart.basics import InputError

from ._records import RoundRecord
from ._storage import RESULTS as RESULTS
from ._storage import storage_errors

RESULTS_DRAFT = "results.part"
DRAFTS = tuple(RESULTS_DRAFT + stop_reason for stop_reason in ("", "-journal", "-shm", "-wal"))
"""All files that a store may have before it is complete; those beside the first are SQLite's."""
_FORMAT = 1
_COLUMNS = tuple(field.name for field in dataclasses.fields(RoundRecord))
_SCHEMA = f"""
CREATE TABLE study (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE run (id INTEGER PRIMARY KEY, provenance TEXT NOT NULL);
CREATE TABLE round (
    {", ".join(_COLUMNS)},
    run INTEGER NOT NULL REFERENCES run (id),
    history TEXT NOT NULL,
    checkpoint TEXT,
    PRIMARY KEY (arm, seed, round)
);
PRAGMA user_version = {_FORMAT};
"""


@dataclass(frozen=True)
class FinishedRound:
    """All that is stored of a round: its record, its history as JSON, the file of what it carries on."""

    record: RoundRecord
    history: str
    checkpoint: str | None


class Store:
    """Finished rounds of one study; every round is there whole or not at all.

    Args:
        directory: Where the file lies, or will.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / RESULTS
        self._kept: sqlite3.Connection | None = None

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Answer everything over one connection for a while, which spares each question the opening of the file.

        For the thread that asks for it. Other processes read and add as ever; what is added lies in the journal beside
        the file until the end, or until the journal is long.
        """
        if self._kept is not None:
            yield
            return
        with storage_errors(self.directory):
            self._kept = self._opened()
        try:
            yield
        finally:
            kept, self._kept = self._kept, None
            kept.close()

    def exists(self) -> bool:
        """Whether there is a store."""
        return self.path.exists()

    def create(self, entries: Mapping[str, Any]) -> None:
        """Make the store, with what describes the study.

        Args:
            entries: Plain values by key, kept as JSON.
        """
        draft = self.directory / RESULTS_DRAFT
        with storage_errors(self.directory):
            for left_by_a_kill in DRAFTS:
                (self.directory / left_by_a_kill).unlink(missing_ok=True)
        with storage_errors(self.directory), closing(sqlite3.connect(draft)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
            rows = [(key, json.dumps(value)) for key, value in entries.items()]
            with connection:
                connection.executemany("INSERT INTO study VALUES (?, ?)", rows)
        # A store under its final name is complete: a kill before this line leaves only a draft.
        draft.replace(self.path)

    def entry(self, key: str) -> Any:
        """Return what describes the study under ``key``; None where nothing does."""
        with self._connected() as connection:
            row = connection.execute("SELECT value FROM study WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def begin_run(self, provenance: Mapping[str, Any]) -> int:
        """Note that a process begins to add rounds; return the number they are noted under."""
        with self._connected() as connection, connection:
            done = connection.execute("INSERT INTO run (provenance) VALUES (?)", (json.dumps(provenance),))
        assert done.lastrowid is not None
        return done.lastrowid

    def runs(self) -> list[dict[str, Any]]:
        """Return the provenance of every process that added rounds, in order."""
        query = "SELECT provenance FROM run WHERE id IN (SELECT run FROM round) ORDER BY id"
        with self._connected() as connection:
            return [json.loads(row[0]) for row in connection.execute(query)]

    def add(self, record: RoundRecord, *, run: int, history: str, checkpoint: str | None) -> None:
        """Add a finished round in one transaction.

        Args:
            record: The round.
            run: As :meth:`begin_run` returned it.
            history: Its epochs, as JSON.
            checkpoint: File of what it carries on, relative to the directory.
        """
        values = [*dataclasses.astuple(record), run, history, checkpoint]
        marks = ", ".join("?" * len(values))
        with self._connected() as connection, connection:
            connection.execute(f"INSERT OR REPLACE INTO round VALUES ({marks})", values)

    def forget(self, arm: str, seed: int) -> None:
        """Drop all rounds of a trial."""
        with self._connected() as connection, connection:
            connection.execute("DELETE FROM round WHERE arm = ? AND seed = ?", (arm, seed))

    def count(self) -> int:
        """Return how many rounds have finished."""
        with self._connected() as connection:
            (count,) = connection.execute("SELECT COUNT(*) FROM round").fetchone()
        return count

    def rounds(self) -> list[RoundRecord]:
        """Return all finished rounds, ordered by seed, arm and round."""
        query = f"SELECT {', '.join(_COLUMNS)} FROM round ORDER BY seed, arm, round"
        with self._connected() as connection:
            return [RoundRecord(*row) for row in connection.execute(query)]

    def finished(self, arm: str, seed: int, number: int) -> FinishedRound | None:
        """Return one finished round with all that is stored of it; None where it is not there."""
        query = f"SELECT {', '.join(_COLUMNS)}, history, checkpoint FROM round WHERE arm = ? AND seed = ? AND round = ?"
        with self._connected() as connection:
            row = connection.execute(query, (arm, seed, number)).fetchone()
        return None if row is None else FinishedRound(RoundRecord(*row[:-2]), row[-2], row[-1])

    def histories(self) -> dict[tuple[str, int, int], dict[str, Any]]:
        """Return what is known of every finished round's epochs, by arm, seed and round.

        Each has ``columns`` and ``epochs``, ``readings`` where there were measurements, and ``notes`` where training
        left any.
        """
        query = "SELECT arm, seed, round, history FROM round ORDER BY seed, arm, round"
        with self._connected() as connection:
            return {(arm, seed, number): json.loads(text) for arm, seed, number, text in connection.execute(query)}

    def last_round(self, arm: str, seed: int) -> tuple[int, str | None]:
        """Return a trial's last finished round (0 where there is none), and the file of what it carries on."""
        query = "SELECT round, checkpoint FROM round WHERE arm = ? AND seed = ? ORDER BY round DESC LIMIT 1"
        with self._connected() as connection:
            return connection.execute(query, (arm, seed)).fetchone() or (0, None)

    def last_rounds(self) -> dict[tuple[str, int], tuple[int, str | None]]:
        """Return, for every trial that has any, what :meth:`last_round` does, by arm and seed."""
        # Numbers come from the key's index alone. Checkpoints stand behind the histories: read for one round a trial.
        query = """
            SELECT arm, seed, round, checkpoint FROM round
            JOIN (SELECT arm, seed, MAX(round) AS round FROM round GROUP BY arm, seed) USING (arm, seed, round)
        """
        with self._connected() as connection:
            return {(arm, seed): (number, file) for arm, seed, number, file in connection.execute(query)}

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with storage_errors(self.directory), nullcontext(self._kept) if self._kept else closing(self._opened()) as used:
            yield used

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=60)
        try:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found != _FORMAT:
                raise InputError(f"{self.path} must be a store of format {_FORMAT}, got format {found}.")
            # FULL: a finished round survives a power failure, not only the end of the process.
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection
