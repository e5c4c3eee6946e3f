"""One lock per trial, held by the process whose study runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from warmstart.basics import StorageError

from ._storage import LOCKS, make_directory, storage_errors

_GUARD = "guard"


@contextmanager
def guarded(directory: Path) -> Iterator[None]:
    """Be the one process that changes which lock files a store has; others wait, for a few file operations.

    A lock file must not be deleted while somebody may be between opening and locking it: that process would then hold a
    lock on a file without a name, while the next one locks a new file. So both happen under this lock, whose own file
    stays.
    """
    make_directory(directory / LOCKS)
    with FileLock(directory / LOCKS / _GUARD, thread_local=False).acquire(poll_interval=0.005):
        yield


class TrialLock:
    """The lock of one trial; a context manager that releases it. The system frees that of a process that is killed."""

    def __init__(self, directory: Path, key: str, lock: FileLock) -> None:
        self.directory, self.key = directory, key
        self._path, self._lock = directory / LOCKS / key, lock
        # Remembered, for a file that is made under this name later has another inode while this one is open.
        self._identity = _identity(self._path)

    @classmethod
    def acquire(cls, directory: Path, key: str) -> Self | None:
        """Return the lock of a trial; None if it is held already, by this process or another.

        Raises:
            StorageError: If the directory cannot be written.
        """
        with storage_errors(directory), guarded(directory):
            # Not bound to a thread: the one that handles results may not be the one that started the study.
            lock = FileLock(directory / LOCKS / key, thread_local=False)
            try:
                lock.acquire(timeout=0)
            except Timeout:  # an OSError, but not one of the disk's
                return None
            return cls(directory, key, lock)

    @property
    def is_held(self) -> bool:
        """Whether it has not been released."""
        return self._lock.is_locked

    def check(self) -> None:
        """Raise a StorageError if the lock has been released, or its file is no longer in the store's directory."""
        if not self.is_held:
            raise StorageError(f"Results cannot be stored in {self.directory}: the lock of the trial was released.")
        if _identity(self._path) != self._identity:
            raise StorageError(
                f"Results cannot be stored in {self.directory}: it, or the lock of trial {self.key} in it, was deleted "
                "or replaced while the study was running; run the study again to resume from what is there."
            )

    def release(self) -> None:
        """Release the lock and delete its file; again: nothing happens."""
        if not self.is_held:
            return
        # Where the directory is gone or has become read-only, the file stays; it holds nobody up.
        with suppress(OSError):
            if _identity(self._path) == self._identity:
                with guarded(self.directory):
                    self._lock.release()  # first: some systems delete no open files
                    self._path.unlink(missing_ok=True)
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what distinguishes a file from another one of the same name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
