"""What performs tasks, kept for one study after another."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch

from warmstart.basics import torch_threads
from warmstart.training import Work, interleave

from ._execution import Execution
from ._runner import Handle, Runner

if TYPE_CHECKING:
    from ._pool import Pool
    from ._ray import OnRay


class Workers:
    """What performs tasks, for one study after another: starting processes takes longer than a small study.

    With one worker this process performs the tasks itself. Use it as a context manager, which starts processes in the
    background and ends them.

    Args:
        execution: What the workers are, how many, and how they run.

    Raises:
        InputError: If they are to be on a Ray cluster that cannot be reached or has no place for them.

    Example:
        >>> with Workers(Execution(workers=1, device="cpu")) as workers:
        ...     workers.execution.worker_count
        1
    """

    def __init__(self, execution: Execution) -> None:
        self._others: Pool | OnRay | None = None
        if execution.on_ray:
            from ._ray import OnRay

            self._others = OnRay(execution)
        elif execution.worker_count > 1:
            from ._pool import Pool  # one worker needs nothing of what it imports

            self._others = Pool(execution)
        self.execution = execution if self._others is None else self._others.execution
        """How they run, with everything automatic resolved."""

    @property
    def described(self) -> dict[str, str | int]:
        """What the provenance of results should say of them, besides the execution."""
        return {} if self._others is None else self._others.described

    def __enter__(self) -> Self:
        """Start what takes long to start, and return at once."""
        if self._others is not None:
            self._others.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End what was started: after an error at once."""
        if self._others is not None:
            self._others.close(at_once=kind is not None)

    def perform(self, tasks: Sequence[Any], runner: Runner, *, directory: Path, handle: Handle) -> None:
        """Perform all tasks, and pass every message to ``handle`` in this process, which alone writes results.

        Args:
            tasks: What can be done at once.
            runner: Performs them.
            directory: Where they read and write files.
            handle: Takes every message, and returns the tasks that become possible with it.

        Raises:
            InputError, StorageError: What a task raised; other exceptions from another process become a RuntimeError.
                All tasks under way are stopped.
            RuntimeError: If a worker has died.
        """
        if not tasks:
            return
        if self._others is not None:
            self._others.perform(tasks, runner, directory=directory, handle=handle)
            return
        waiting, device = deque(tasks), self.execution.device

        def emit(message: Any) -> None:
            # Next, not last: seed after seed is completed, and what an interruption leaves is paired.
            waiting.extendleft(reversed(handle(message)))

        def draw() -> Work[None] | None:
            return runner.steps(waiting.popleft(), directory, device, emit) if waiting else None

        with torch_threads(self.execution.threads):
            if self.execution.lanes > 1:
                interleave(draw, lanes=self.execution.lanes, device=torch.device(device))
                return
            while (work := draw()) is not None:
                for pause in work:  # nobody else takes a turn
                    if pause is not None:
                        pause.synchronize()
