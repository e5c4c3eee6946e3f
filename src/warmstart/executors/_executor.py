"""Performing a study's tasks, in this process or in a pool of them, and handing on what they tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from warmstart.training import Work, take_turns
from warmstart.trial import Arrays, channels_last

from ._array_files import stored
from ._execution import Execution
from ._pool import Pool
from ._task import Message, Task, performing
from ._worker import Setting

_POLL_SECONDS = 0.05

Handle = Callable[[Message], Sequence[Task]]


class Executor(ABC):
    """A way of performing tasks, for one study after another.

    Args:
        execution: How it performs them, with everything automatic settled.
    """

    def __init__(self, execution: Execution) -> None:
        self.execution = execution

    @property
    def described(self) -> dict[str, str | int]:
        """What the provenance of results should say of it, besides the execution."""
        return {}

    @abstractmethod
    def perform(self, tasks: Sequence[Task], arrays: Arrays, *, directory: Path, handle: Handle) -> None:
        """Perform all tasks; hand every message on in this process, which alone writes to the store.

        Args:
            tasks: What can be done at once.
            arrays: The study's data.
            directory: The study's.
            handle: Takes every message, and returns the tasks that become possible with it.

        Raises:
            InputError, StorageError: What a trial raised; the others are stopped, with their finished rounds handed on.
        """

    @abstractmethod
    def close(self, *, at_once: bool) -> None:
        """End what was started for it: at once, or when it has done what it is at."""


class InProcess(Executor):
    """Performs tasks in this process, one after the other."""

    def perform(self, tasks: Sequence[Task], arrays: Arrays, *, directory: Path, handle: Handle) -> None:
        """See :meth:`Executor.perform`."""
        with _threads(self.execution.threads):
            _run_here(tasks, arrays, directory, self.execution, handle)

    def close(self, *, at_once: bool) -> None:
        """Nothing was started."""


class Processes(Executor):
    """Performs tasks in processes that stand side by side."""

    def __init__(self, execution: Execution) -> None:
        super().__init__(execution)
        self._pool = Pool(execution)

    def perform(self, tasks: Sequence[Task], arrays: Arrays, *, directory: Path, handle: Handle) -> None:
        """See :meth:`Executor.perform`."""
        _run_in_processes(tasks, arrays, directory, self._pool, handle)

    def close(self, *, at_once: bool) -> None:
        """End the processes."""
        self._pool.close(at_once=at_once)


def _run_here(tasks: Sequence[Task], arrays: Arrays, directory: Path, execution: Execution, handle: Handle) -> None:
    waiting = deque(tasks)

    def emit(message: Message) -> None:
        waiting.extendleft(reversed(handle(message)))

    def draw() -> Work[None] | None:
        if not waiting:
            return None
        return performing(
            waiting.popleft(),
            arrays,
            directory=directory,
            device=execution.device,
            graphs=execution.graphs,
            emit=emit,
        )

    take_turns(draw, lanes=execution.lanes, device=torch.device(execution.device))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _run_in_processes(tasks: Sequence[Task], arrays: Arrays, directory: Path, workers: Pool, handle: Handle) -> None:
    execution = workers.execution
    last = channels_last(arrays, tasks[0].trial, torch.device(execution.device))
    with stored(arrays, directory, channels_last=last) as files:
        setting = Setting(files, directory, execution.device, execution.threads, execution.graphs)
        try:
            _hand_on(workers.submitting(setting, tasks), tasks, workers, handle)
        except BaseException:
            workers.renew()
            raise


def _hand_on(submit: Callable[[Task], Future[None]], tasks: Sequence[Task], workers: Pool, handle: Handle) -> None:
    """Keep every worker busy and handle messages until every task is done; a failed one ends the study.

    Tasks that a message makes possible come next, so that seed after seed is completed and what an interruption leaves
    is paired.
    """
    waiting, pending = deque(tasks), set[Future[None]]()
    while waiting or pending:
        while waiting and len(pending) < workers.execution.worker_count:
            task = waiting.popleft()
            pending.add(_translated(partial(submit, task)))
        done, pending = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
        while not workers.messages.empty():
            waiting.extendleft(reversed(handle(workers.messages.get())))
        for future in done:
            _translated(future.result)


Value = TypeVar("Value")


def _translated(call: Callable[[], Value]) -> Value:
    """Call, and say what it means when a worker is gone."""
    try:
        return call()
    except BrokenProcessPool as error:
        raise RuntimeError(
            "A worker process was killed, which is what happens when memory runs out; "
            "start the same command again to go on, with fewer workers if need be."
        ) from error
