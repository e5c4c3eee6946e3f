"""What executors need to know of the work that they perform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from warmstart.training import Work

Handle = Callable[[Any], Sequence[Any]]
"""Takes a message in the process that called ``perform``, and returns the tasks that become possible with it.

Executors add messages of their own, sentences (``str``) about what is under way.
"""


class Runner(Protocol):
    """Performs tasks; tasks and messages are plain picklable values of its own choosing.

    A task is described in messages by its ``str``, such as "warm, seed 3". It may name the files that it needs, and a
    message the files that it brings, in an attribute ``files: tuple[str, ...]`` of paths relative to the directory.
    Where the directory is not shared (Ray), they are sent along.
    """

    def steps(self, task: Any, directory: Path, device: str, emit: Callable[[Any], None]) -> Work[None]:
        """Return the work of one task: a generator that yields wherever other tasks may take their turn.

        Args:
            task: What to do.
            directory: Where files are read and written.
            device: Where to train.
            emit: Sends a message, whose files have been written before.
        """
        ...

    def remaining(self, task: Any, message: Any) -> Any:
        """Return the task that is left of ``task`` after a message; ``task`` itself if the message changes nothing.

        This is what is performed elsewhere if the machine that performed the task is lost.
        """
        ...

    def shared(self, directory: Path) -> AbstractContextManager[Runner]:
        """Return a context with an equal runner that is light to pickle: large arrays are in files that it maps.

        Entered where processes share the directory. Ray shares the runner itself, once per node.
        """
        ...
