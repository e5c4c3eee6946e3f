"""Appending to a trial's file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, StorageError

from ._lines import seal
from ._locks import TrialLock
from ._records import RoundRecord
from ._storage import FORMAT, TRIALS, atomic_file, storage_errors
from ._trial_log import StoredRound, TrialLog, check_record, checkpoint_file

ONLY_THIS_FILE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class TrialWriter:
    """Appends finished rounds to one trial; made by :meth:`TrialStore.open`. Holds no open file between rounds.

    Args:
        lock: Of the trial; appending fails without it.
        header: The first line, where there is no file yet.
        log: The file as it is, without a torn line; None: there is none.
        keep_first: Whether the checkpoint of round 1 is kept.
    """

    def __init__(self, lock: TrialLock, header: Mapping[str, Any], log: TrialLog | None, *, keep_first: bool) -> None:
        self._lock, self._key, self._directory, self._header = lock, lock.key, lock.directory, dict(header)
        self._path = self._directory / TRIALS / f"{self._key}.jsonl"
        self._keep_first = keep_first
        self._rounds = 0 if log is None else len(log.trial.rounds)
        self._runs: list[Mapping[str, Any]] = [] if log is None else list(log.runs)
        self._digest = self._key if log is None else log.digest
        # What the file must be at the next round: device, inode and size.
        self._file = None if log is None else _identity(self._path)

    @property
    def rounds(self) -> int:
        """Number of finished rounds."""
        return self._rounds

    def append(
        self,
        record: RoundRecord,
        *,
        history: Mapping[str, Any],
        run: Mapping[str, Any],
        checkpoint_digest: str | None = None,
        content: str | None = None,
    ) -> StoredRound:
        """Store the next round; it has reached the disk afterwards. Then delete the checkpoint of the round before.

        Args:
            record: The round; its number is one more than that of the last.
            history: Its epochs, as plain values.
            run: Provenance of this process, stored once.
            checkpoint_digest: As :func:`save_round_state` returned it; the file is where :func:`checkpoint_file` says.
                None if there is no model to pass on.
            content: Digest of all that decides the round.

        Returns:
            The round as :meth:`TrialStore.read` gives it.

        Raises:
            InputError: If the values are not those of the next round.
            StorageError: If the disk is full, or the store or its file has been deleted or changed by others meanwhile;
                the file is then as it was.
        """
        number = self._rounds + 1
        # Not `asdict`, which copies deeply, and fails on mappings that cannot be copied.
        values = {field.name: _plain(getattr(record, field.name)) for field in dataclasses.fields(record)}
        try:
            check_record(values, number)
        except ValueError as error:
            raise InputError(f"Round {number} of trial {self._key} cannot be stored: {error}.") from error
        # Before anything is written: the first round of a trial would make a deleted directory anew.
        self._lock.check()
        if checkpoint_digest is not None and not (self._directory / checkpoint_file(self._key, number)).exists():
            raise StorageError(
                f"{self._directory / checkpoint_file(self._key, number)} was deleted while the study was running; run "
                "it again to resume."
            )
        # Nothing of the writer changes before the lines are on the disk: a failed round can be appended again.
        lines, digest = [], self._digest
        runs = self._runs if run in self._runs else [*self._runs, dict(run)]
        stored = {
            "round": values,
            "history": dict(history),
            "checkpoint": checkpoint_digest,
            "content": content,
            "run": runs.index(run),
        }
        new = [] if self._file is not None else [{"format": FORMAT, "header": self._header}]
        new += [{"run": each} for each in runs[len(self._runs) :]]
        for each in (*new, stored):
            line, digest = seal(each, digest)
            lines.append(line)
        self._write(b"".join(lines))
        self._rounds, self._runs, self._digest = number, runs, digest
        if number > 1 and not (self._keep_first and number == 2):
            with suppress(OSError):  # a leftover, which the next sweep removes
                (self._directory / checkpoint_file(self._key, number - 1)).unlink(missing_ok=True)
        checkpoint = None if checkpoint_digest is None else checkpoint_file(self._key, number)
        return StoredRound(record, dict(history), checkpoint, checkpoint_digest, content, run)

    def _write(self, content: bytes) -> None:
        if self._file is None:
            if self._path.exists():
                raise self._changed()
            # Made with its first round in it: a file that ends before that is damaged, not new.
            with atomic_file(self._path) as draft:
                draft.write_bytes(content)
            self._file = _identity(self._path)
            return
        # Opened for each round: a study of thousands of trials would use up the files that a process may have open.
        size = self._file[2]
        with storage_errors(self._directory):
            try:
                handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | ONLY_THIS_FILE)
            except FileNotFoundError:
                raise self._changed() from None
            try:
                # Of the open file, not the path: nobody can exchange it between the question and the write.
                found = os.fstat(handle)
                if (found.st_dev, found.st_ino, found.st_size) != self._file:
                    raise self._changed()
                try:
                    left = memoryview(content)
                    while left:  # a disk that gets full takes a part, and says why at the next call
                        left = left[os.write(handle, left) :]
                    os.fsync(handle)
                except BaseException:
                    with suppress(OSError):  # else the next writer drops the torn line
                        os.ftruncate(handle, size)
                    raise
            finally:
                os.close(handle)
        self._file = (*self._file[:2], size + len(content))

    def _changed(self) -> StorageError:
        return StorageError(
            f"{self._path} was deleted or changed while a study was writing to it; run the study again to resume from "
            "what is there."
        )


def _identity(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size


def _plain(value: Any) -> Any:
    """Return mappings, and those in them, as dictionaries."""
    return {name: _plain(held) for name, held in value.items()} if isinstance(value, Mapping) else value
