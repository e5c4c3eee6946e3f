"""Trials in one directory: a file of finished rounds for each, and checkpoints."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, printable, shown

from ._locks import TrialLock, guarded
from ._storage import (
    CHECKPOINTS,
    LOCKS,
    TRIALS,
    atomic_file,
    check_no_old_store,
    read_regular,
    storage_errors,
    sync_directory,
)
from ._study_index import INDEX
from ._trial_log import StoredTrial, TrialLog, checkpoint_file, damage, parse_log
from ._writer import ONLY_THIS_FILE, TrialWriter

_KEY = re.compile(r"[0-9a-f]{32}")
_CHECKPOINT = re.compile(r"round-(\d{4,})\.safetensors")
# The second is what safetensors, from 0.8 on, writes beside a draft before it renames that.
_CHECKPOINT_DRAFT = re.compile(r"round-\d{4,}\.part|\.tmp[A-Za-z0-9]{6}")


class TrialStore:
    """The trials in one directory. Nothing is made before something is written, and reading never writes.

    Several processes can work on one store: each trial has a lock, and only who holds it may write. A trial is
    ``trials/<key>.jsonl`` with one line per finished round, and ``checkpoints/<key>/`` with what its last round carries
    on. A line is appended as a whole or not at all, so a trial can be read at any time, also after a kill.

    Args:
        directory: Of the store.

    Example:
        >>> import tempfile
        >>> from warmstart.store import RoundRecord
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     TrialStore(Path(folder)).read("0" * 32) is None
        True
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._locks: dict[str, TrialLock] = {}

    def stored_keys(self) -> list[str]:
        """Return the keys of all trials with a finished round, sorted.

        Raises:
            InputError: If the directory cannot be read or holds results of version 0.1.
        """
        check_no_old_store(self.directory)
        try:
            names = [path.stem for path in (self.directory / TRIALS).iterdir() if path.suffix == ".jsonl"]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"{printable(str(self.directory / TRIALS))} cannot be read ({error.strerror}).") from error
        return sorted(filter(_KEY.fullmatch, names))

    def read(self, key: str) -> StoredTrial | None:
        """Return what is stored of a trial; None where no round has finished.

        Works without a lock, on media that cannot be written, and while another process appends.

        Raises:
            InputError: If the file is damaged, cannot be read, or a later version has written it; if the directory
                holds results of version 0.1.
        """
        log = self._log(key)
        return None if log is None else log.trial

    def try_lock(self, key: str) -> TrialLock | None:
        """Return the lock of a trial, to be released; None if it is held already, by this process or another.

        Raises:
            InputError: If the directory holds results of version 0.1.
            StorageError: If the directory cannot be written.
        """
        _check_key(key)
        check_no_old_store(self.directory)
        lock = TrialLock.acquire(self.directory, key)
        if lock is not None:
            self._locks[key] = lock
        return lock

    def lock(self, key: str) -> TrialLock:
        """Return the lock of a trial, to be released.

        Raises:
            InputError: If it is held already, or the directory holds results of version 0.1.
            StorageError: If the directory cannot be written.
        """
        lock = self.try_lock(key)
        if lock is None:
            raise InputError(
                f"Trial {key} in {printable(str(self.directory))} is locked by a study that is running; wait for "
                "it, or choose another directory."
            )
        return lock

    def open(self, key: str, header: Mapping[str, Any], *, keep_first: bool = False) -> TrialWriter:
        """Return what appends rounds to a trial, whose lock this store holds; what a kill has left of it is removed.

        Args:
            key: Of the trial.
            header: What describes it, as plain values: its first line. Where there are rounds already it is not
                compared: the key stands for all that matters.
            keep_first: Whether the checkpoint of round 1 is kept for other trials, besides that of the last round.

        Raises:
            InputError: If the trial's file is damaged or a later version has written it.
            StorageError: If the directory cannot be written, or the lock is not held.
        """
        lock = self._held(key)
        log = self._log(key)
        path = self._path(key)
        with storage_errors(self.directory):
            if log is not None and path.stat().st_size > log.size:
                # The next line would continue the one that was cut off. Behind a link is somebody else's file.
                handle = os.open(path, os.O_WRONLY | ONLY_THIS_FILE)
                try:
                    os.ftruncate(handle, log.size)
                finally:
                    os.close(handle)
            self._remove_leftovers(key, log, keep_first=keep_first)
        return TrialWriter(lock, header, log, keep_first=keep_first)

    def copy_checkpoint(self, source: str, key: str, number: int) -> None:
        """Give a trial another one's checkpoint of the same round; where the file system can, without copying it.

        Args:
            source: Key of the trial that has it; it may be deleted there afterwards.
            key: Of the trial that takes it.
            number: Of the round.

        Raises:
            StorageError: If it is missing, or the directory cannot be written.
        """
        _check_key(source)
        _check_key(key)
        path = self.directory / checkpoint_file(source, number)
        with atomic_file(self.directory / checkpoint_file(key, number)) as draft:
            draft.unlink(missing_ok=True)
            try:
                os.link(path, draft)  # files of checkpoints are replaced, never changed
            except OSError:
                shutil.copyfile(path, draft)

    def forget(self, key: str) -> None:
        """Drop a trial, whose lock this store holds: its rounds, then its checkpoints; one that is not there as well.

        Raises:
            StorageError: If the directory cannot be written, or the lock is not held.
        """
        self._held(key)
        with storage_errors(self.directory):
            # The rounds first: a kill in between leaves checkpoints of no trial, which the next sweep removes. In the
            # other order it would leave a trial that cannot be resumed.
            if self._path(key).exists():
                self._path(key).unlink()
                sync_directory(self._path(key).parent)
            self._remove_leftovers(key, None, keep_first=False)

    def sweep(self) -> None:
        """Remove what kills have left: drafts, and checkpoints of no use, of trials that no process is running.

        Only files with names that a store gives are touched. The trials of a damaged file keep their checkpoints.

        Raises:
            InputError: If the directory holds results of version 0.1.
            StorageError: If the directory cannot be written.
        """
        check_no_old_store(self.directory)
        if not self.directory.is_dir():
            return
        with storage_errors(self.directory):
            folders = {name: self.directory / name for name in (TRIALS, CHECKPOINTS, LOCKS)}
            found = {name: list(folder.iterdir()) if folder.is_dir() else [] for name, folder in folders.items()}
            names = {path.name for path in found[LOCKS]}
            names |= {path.stem for path in found[TRIALS] if path.suffix == ".part"}
            # Nearly all trials have one checkpoint and nothing to be removed. Reading a thousand to learn that would
            # take seconds, at the beginning of every study.
            names |= {
                folder.name
                for folder in found[CHECKPOINTS]
                if not self._path(folder.name).exists()
                or [bool(_CHECKPOINT.fullmatch(path.name)) for path in folder.iterdir()] != [True]
            }
            for key in sorted(filter(_KEY.fullmatch, names)):
                lock = self.try_lock(key)
                if lock is None:
                    continue
                with lock, suppress(InputError):  # a damaged trial may be restored from a copy, and resumed then
                    self._remove_leftovers(key, self._log(key), keep_first=True)
            if (self.directory / INDEX).with_suffix(".part").exists():
                with guarded(self.directory):
                    (self.directory / INDEX).with_suffix(".part").unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.directory / TRIALS / f"{key}.jsonl"

    def _held(self, key: str) -> TrialLock:
        _check_key(key)
        lock = self._locks.get(key)
        assert lock is not None, "a trial must be locked to be written"
        lock.check()
        return lock

    def _log(self, key: str) -> TrialLog | None:
        """Read a trial's file, and compare it with the checkpoints: nothing else shows that last lines are missing."""
        _check_key(key)
        check_no_old_store(self.directory)
        path, before = self._path(key), None
        while True:
            # In one piece: what another process appends meanwhile is either missing or, cut off, left out.
            content = read_regular(path)
            if content is None:
                return None
            log = parse_log(content, path, key)
            last = log.trial.rounds[-1]
            later = {number for number in self._checkpoints(key) if number >= last.record.round}
            # A worker may be rounds ahead of the file, but then no checkpoint in between is missing: one is deleted
            # only after the line of the next round has reached the disk.
            if last.checkpoint is None or not later or len(later) == max(later) - last.record.round + 1:
                return log
            if before == log.size:
                raise damage(
                    path,
                    f"its last line is of round {last.record.round}, but there is a checkpoint of round {max(later)}",
                )
            # Another process may have appended, and deleted the checkpoint, after the file was read.
            before = log.size

    def _checkpoints(self, key: str) -> dict[int, Path]:
        """Return the checkpoints of a trial that exist, by round."""
        # Where the folder is missing or closed there are none: rounds can be read without them.
        try:
            paths = list((self.directory / CHECKPOINTS / key).iterdir())
        except OSError:
            return {}
        return {int(found[1]): path for path in paths if (found := _CHECKPOINT.fullmatch(path.name))}

    def _remove_leftovers(self, key: str, log: TrialLog | None, *, keep_first: bool) -> None:
        """Remove a trial's drafts, and all its checkpoints but the last round's and perhaps the first's."""
        self._path(key).with_suffix(".part").unlink(missing_ok=True)
        folder = self.directory / CHECKPOINTS / key
        # A link was not made by us: what it leads to may be somebody's only copy.
        if folder.is_symlink() or not folder.is_dir():
            return
        # Later ones than the last round's are of rounds that a worker finished, but that were never stored.
        rounds = () if log is None else (log.trial.rounds[-1], *log.trial.rounds[: int(keep_first)])
        kept = {self.directory / found.checkpoint for found in rounds if found.checkpoint is not None}
        drafts = [path for path in folder.iterdir() if _CHECKPOINT_DRAFT.fullmatch(path.name)]
        # The latest round first: another process that reads the trial meanwhile would take a gap between the last round
        # of the file and a later checkpoint for damage.
        for path in sorted({*drafts, *self._checkpoints(key).values()} - kept, reverse=True):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # it is not empty
            folder.rmdir()


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise InputError(f"key must be 32 hexadecimal digits, got {shown(key)}.")
