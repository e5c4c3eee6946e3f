"""A folder on a node of a Ray cluster, for the files of a task that is performed there."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from warmstart.store import storage_errors

_PREFIX, _LOCK = "warmstart-ray-", ".lock"
_MADE_NAME = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")  # as tempfile makes it
_SECONDS_TO_LOCK = 60.0


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder for as long as it is needed; those of processes that were killed are deleted first.

    Raises:
        StorageError: If the disk for temporary files is full or cannot be written.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # of another user, or swept by another task just now
            if _MADE_NAME.fullmatch(left.name) and _is_nobodys(left):
                shutil.rmtree(left)
    # Never the study's directory: nodes need not have it, and may share a disk with the machine that does.
    with storage_errors(Path(tempfile.gettempdir())):
        folder = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
    with folder as name, FileLock(Path(name) / _LOCK):
        yield Path(name)


def _is_nobodys(folder: Path) -> bool:
    """Return whether a folder's process is gone, with which its lock ended; a folder just made may have none yet."""
    if folder.is_symlink() or time.time() - folder.stat().st_mtime < _SECONDS_TO_LOCK:
        return False
    if not (folder / _LOCK).exists() and any(folder.iterdir()):
        return False  # it was never ours
    with FileLock(folder / _LOCK, timeout=0):  # a Timeout, an OSError, where it is held
        return True
