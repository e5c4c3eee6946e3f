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


@contextmanager
def storage_errors(directory: Path) -> Iterator[None]:
    """Turn what a full disk or a directory without permission raises into a StorageError."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError, SafetensorError) as error:
        raise StorageError(
            f"Results cannot be stored in {directory} ({error}); what was stored before is intact."
        ) from error


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
