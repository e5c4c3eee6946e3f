"""What a worker, a process or a task of Ray, sends back."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from typing import Any

from warmstart.basics import InputError, StorageError


@dataclass(frozen=True)
class Sent:
    """A message, with the content of the files that it names where the directory is not shared."""

    message: Any
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """The task is done, and all its messages have been sent."""


class WorkerError(Exception):
    """The traceback of an exception in another process, as text."""


@dataclass(frozen=True)
class Failure:
    """An exception that ended a task.

    Exceptions of users may neither be pickled nor exist in the parent process, so only their text travels.

    Args:
        kind: InputError and StorageError stay what they are; all others become a RuntimeError.
        text: Message of the exception, with the original type where it is lost.
        trace: Formatted traceback.
    """

    kind: type[Exception]
    text: str
    trace: str

    @staticmethod
    def of(error: BaseException) -> Failure:
        """Return what can be sent of an exception."""
        formatted = traceback.TracebackException.from_exception(error)  # survives a __str__ that raises
        trace = "".join(formatted.format())
        # Subclasses become these two: the class itself may be the user's, or take other arguments than a text.
        kind = next((kind for kind in (InputError, StorageError) if isinstance(error, kind)), None)
        if kind is not None:
            return Failure(kind, str(formatted), trace)
        return Failure(RuntimeError, f"{type(error).__name__}: {formatted}", trace)

    def error(self) -> Exception:
        """Return the exception to raise in the parent process, caused by the one in the worker."""
        error = self.kind(self.text)
        error.__cause__ = WorkerError(f"\n{self.trace}")
        return error


Answer = Sent | Ended | Failure
