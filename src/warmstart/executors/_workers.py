"""What plays trials, kept for one study after another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from warmstart.trial import Arrays

from ._array_files import sweep
from ._execution import Execution
from ._executor import Executor, Handle, InProcess, Processes
from ._task import Task


class Workers:
    """What plays trials for one study after another: starting processes takes seconds, which small studies do not.

    Args:
        execution: What they are, how many, and how they run.

    Raises:
        InputError: If they are to be on a Ray cluster that cannot be reached or has no place for them.

    Example:
        >>> with Workers(Execution(workers=1, device="cpu")) as workers:
        ...     workers.execution.worker_count
        1
    """

    def __init__(self, execution: Execution) -> None:
        self._executor = _executor(execution)

    @property
    def execution(self) -> Execution:
        """How they run, with everything automatic settled."""
        return self._executor.execution

    @property
    def described(self) -> dict[str, str | int]:
        """What the provenance of results should say of them, besides the execution."""
        return self._executor.described

    def __enter__(self) -> Self:
        """Return the workers; their processes start with the first task."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End what was started for them: after an error at once."""
        self._executor.close(at_once=kind is not None)

    def perform(self, tasks: Sequence[Task], arrays: Arrays, *, directory: Path, handle: Handle) -> None:
        """Perform all tasks of a study; see :meth:`Executor.perform`."""
        sweep(directory)
        if tasks:
            self._executor.perform(tasks, arrays, directory=directory, handle=handle)


def _executor(execution: Execution) -> Executor:
    if execution.on_ray:
        from ._ray import OnRay

        return OnRay(execution)
    return InProcess(execution) if execution.worker_count == 1 else Processes(execution)
