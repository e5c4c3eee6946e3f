"""Atomic files of a store, and what can go wrong with a disk, in one sentence."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from warmstart.basics import InputError, StorageError, printable

RESULTS, CHECKPOINT = "results.sqlite", ".safetensors"
TRIALS, CHECKPOINTS, LOCKS = "trials", "checkpoints", ".locks"
FILES_OF_STORE = (TRIALS, CHECKPOINTS, LOCKS, "study.json", "study.part")
"""All that a store may have in its directory."""
FORMAT = 2
"""Of the store; 1 was the SQLite file of version 0.1."""
_DEEPEST = 4  # folders of checkpoints below a study's directory, and itself


@contextmanager
def storage_errors(directory: Path) -> Iterator[None]:
    """Turn what a full disk or a directory without permission raises into a StorageError."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError, SafetensorError) as error:
        # A file that is no database, or a damaged one, is an error of another class than a full disk.
        is_damage = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        intact = "; what was stored before is intact" if not is_damage and _holds_results(directory) else ""
        raise StorageError(f"Results cannot be stored in {directory} ({error}){intact}.") from error


def _holds_results(directory: Path) -> bool:
    """Whether there are earlier results that an error has left alone: nothing is promised where there are none."""
    stores = (directory, *directory.parents[: _DEEPEST - 1])
    try:
        return any(directory.glob(f"*{CHECKPOINT}")) or any(
            (store / RESULTS).is_file() or any((store / TRIALS).glob("*.jsonl")) for store in stores
        )
    except OSError:
        return False


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield the path of a draft; after the block it has the name ``path`` and has reached the disk, or is gone.

    Folders are made. The draft's name is fixed, so that what a kill leaves is known by its name: two processes must not
    write the same file at the same time.

    Raises:
        StorageError: If the disk is full or the folder cannot be written; what was at ``path`` is still there.
    """
    draft = path.with_suffix(".part")
    with storage_errors(path.parent):
        make_directory(path.parent)
        # Through a link with the draft's name somebody else's file would be written.
        draft.unlink(missing_ok=True)
        try:
            yield draft
            # Before the rename: else a power failure may leave the new name with nothing in it.
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(path)
            sync_directory(path.parent)
        finally:
            # Also after success: a rename between two links of one file is a no-op that leaves both names.
            draft.unlink(missing_ok=True)


def make_directory(directory: Path) -> None:
    """Make a directory and those around it where they are missing; their names have reached the disk afterwards."""
    missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_directory(folder.parent)


def sync_directory(directory: Path) -> None:
    """Wait until the names in a directory have reached the disk.

    They are data of the directory: without this, a power failure may undo a file that a stored round refers to.
    """
    if os.name == "posix":  # elsewhere a directory cannot be opened
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_regular(path: Path) -> bytes | None:
    """Return the content of a file; None where there is none.

    Raises:
        InputError: If it cannot be read, or is something else: a FIFO would have no end.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise InputError(f"{printable(str(path))} must be a regular file; restore it from a copy, or delete it.")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{printable(str(path))} cannot be read ({error.strerror}).") from error


def check_no_old_store(directory: Path) -> None:
    """Raise an InputError if the directory holds results of version 0.1."""
    if (directory / RESULTS).exists():
        raise InputError(
            f"{printable(str(directory))} holds results of warmstart 0.1 ({RESULTS}), which this version does not "
            "read; choose another directory, or read them with warmstart 0.1."
        )
