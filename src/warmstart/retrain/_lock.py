"""The lock of a project: one command at a time changes it; commands that read need none."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from warmstart.basics import StorageError, shown

from ._objects import project_errors

LOCK, OWNER = ".lock", ".lock.json"
OUTBOX_LOCK = ".outbox.lock"
"""Of those who send messages: an upload may take minutes, for which no round should have to wait."""
LOCKED = 75
"""Exit code of a command that finds the project locked: EX_TEMPFAIL, which schedulers take for "try again later"."""


@dataclass(frozen=True)
class Owner:
    """The process that holds a project's lock.

    Args:
        pid: Its process id.
        host: The machine's name.
        command: What it does.
        since: When it took the lock, UTC in ISO format.
    """

    pid: int
    host: str
    command: str
    since: str

    @property
    def age_seconds(self) -> float:
        """For how long the lock has been held, by this machine's clock."""
        started = datetime.datetime.fromisoformat(self.since)
        return max(0.0, (datetime.datetime.now(datetime.UTC) - started).total_seconds())


class LockedError(StorageError):
    """Another process changes the project; trying again later is safe.

    Args:
        directory: The project's folder.
        owner: Who holds the lock; None: it is not known.
    """

    exit_code = LOCKED

    def __init__(self, directory: Path, owner: Owner | None) -> None:
        self.directory, self.owner = directory, owner
        if owner is None:
            super().__init__(f"{shown(directory)} is being updated by another process; try again when it has ended.")
            return
        age = owner.age_seconds
        unit, seconds = next(part for part in (("h", 3600), ("min", 60), ("s", 1)) if age >= part[1] or part[1] == 1)
        super().__init__(
            f"{shown(directory)} is being updated by process {owner.pid} on {shown(owner.host)} "
            f"({shown(owner.command)}) since {owner.since} ({age / seconds:.0f} {unit}); try again when it has ended."
        )

    def __reduce__(self) -> tuple:
        """Exceptions are pickled by their message otherwise."""
        return LockedError, (self.directory, self.owner)


@contextmanager
def project_lock(directory: Path, command: str = "update", *, name: str = LOCK) -> Iterator[None]:
    """Be the only process that changes a project, within the block.

    The system frees the lock of a process that has died, so there are no stale locks: what a dead owner left in
    ``.lock.json`` is overwritten by the next one.

    Args:
        directory: The project's folder.
        command: What is done, for the message of those who find it locked.
        name: Of the file that is locked.

    Raises:
        LockedError: If it is locked, by this process or another one; it names the owner.
        StorageError: If the folder cannot be written.
    """
    owner = directory / f"{name}.json"
    # Not bound to a thread: the one that ends the work may not be the one that began it.
    lock = FileLock(directory / name, thread_local=False)
    with project_errors(directory, "The lock cannot be taken"):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise LockedError(directory, lock_owner(directory, owner.name)) from None
    try:
        mine = Owner(
            os.getpid(), platform.node(), command, datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        )
        # Nothing here is worth a refusal: without it, or with half of it, only the message of others is poorer. So a
        # full disk keeps nobody from `gc`, and there is no draft that a process killed here would leave behind.
        with suppress(OSError):
            owner.write_text(json.dumps(vars(mine)), encoding="utf-8")
        yield
    finally:
        # Before the lock is released: afterwards the file may be the next owner's.
        with suppress(OSError):
            owner.unlink(missing_ok=True)
        lock.release()


def lock_owner(directory: Path, name: str = OWNER) -> Owner | None:
    """Return who has last written down that it holds the lock, dead or alive; None where that is not known."""
    try:
        owner = Owner(**json.loads((directory / name).read_text(encoding="utf-8")))
        return owner if owner.age_seconds >= 0 else None
    except (OSError, ValueError, TypeError):
        return None


def running_owner(directory: Path) -> Owner | None:
    """Return who changes the project now, as far as can be seen without touching the lock.

    A probe of the lock itself would, for a moment, turn others away. On another machine the owner counts as alive.
    """
    owner = lock_owner(directory)
    if owner is None or owner.host != platform.node() or os.name != "posix":
        return owner
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return owner  # somebody else's process
    return owner
