"""What can go wrong with a disk, in one sentence; and who may write to a directory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from safetensors import SafetensorError

from warmstart.basics import InputError, StorageError

LOCK = ".lock"
RESULTS, CHECKPOINT = "results.sqlite", ".safetensors"
_DEEPEST = 4  # folders of checkpoints below a study's directory, and itself


@contextmanager
def storage_errors(directory: Path) -> Iterator[None]:
    """Turn what a full disk or a directory without permission raises into a StorageError."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError, SafetensorError) as error:
        raise StorageError(
            f"Results cannot be stored in {directory} ({error}){_afterwards(error, directory)}."
        ) from error


def _afterwards(error: Exception, directory: Path) -> str:
    """Return what an error leaves of earlier results; nothing where there are none, or they are what is damaged."""
    is_damage = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
    return "; what was stored before is intact" if not is_damage and _holds_results(directory) else ""


def _holds_results(directory: Path) -> bool:
    """Whether a study's directory has results, or a folder in it checkpoints."""
    try:
        if any(path.suffix == CHECKPOINT for path in directory.iterdir()):
            return True
        return any((folder / RESULTS).is_file() for folder in (directory, *directory.parents[: _DEEPEST - 1]))
    except OSError:
        return False


@contextmanager
def only_writer(directory: Path) -> Iterator[None]:
    """Be the one process that writes to the directory; the lock ends with the process, however that ends.

    Raises:
        InputError: If another process is at it.
        StorageError: If the directory cannot be written.
    """
    lock = FileLock(directory / LOCK)
    with storage_errors(directory):
        try:
            lock.acquire(timeout=0)
        except Timeout:  # an OSError, but not one of the disk's
            sentence = f"Another process is at work in {directory}; wait for it, or choose another directory."
            raise InputError(sentence) from None
    try:
        yield
    finally:
        lock.release()
