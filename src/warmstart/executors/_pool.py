"""A pool of processes that is kept for one study after another."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from multiprocessing import resource_tracker
from typing import Any

from ._execution import Execution
from ._task import Task
from ._worker import HELD_BACK, Setting, begin_worker, perform_in_worker


class Pool:
    """Worker processes; they start with the first task.

    Args:
        execution: How many, and how they run.
    """

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        # Spawned, not forked: a fork of a process that has used threads or a GPU may hang.
        self._context = multiprocessing.get_context("spawn")
        self._know_script = False
        self._begin()

    def _begin(self) -> None:
        with _without_signals():  # the first semaphore starts a process, which cleans up after all others
            self.messages: Any = self._context.SimpleQueue()
        self._pool = ProcessPoolExecutor(
            self.execution.worker_count, self._context, initializer=begin_worker, initargs=(self.messages,)
        )

    def close(self, *, at_once: bool) -> None:
        """End the processes: at once, or when they have done what they are at."""
        if at_once:
            _kill(self._pool)
        self._pool.shutdown(cancel_futures=True)

    def submitting(self, setting: Setting, tasks: Sequence[Task]) -> Callable[[Task], Future[None]]:
        """Return what lets a worker perform a task of a study.

        Args:
            setting: What workers need to know of the study.
            tasks: Of the study; they tell whether workers need the user's script. Processes that began without it are
                replaced then, which takes seconds once.
        """
        if not self._know_script and _defined_in_script(tasks):
            self._know_script = True
            self._pool.shutdown()
            self._begin()

        def submit(task: Task) -> Future[None]:
            with nullcontext() if self._know_script else _hidden_script(), _without_signals():
                return self._pool.submit(perform_in_worker, setting, task)

        return submit

    def renew(self) -> None:
        """End the processes, whatever they are doing, and let new ones take their place when the next task comes.

        After a study that failed: what was under way would send its messages into the next study.
        """
        _kill(self._pool)
        self._pool.shutdown(cancel_futures=True)
        self._begin()


def _defined_in_script(tasks: Sequence[Task]) -> bool:
    return b"__main__" in pickle.dumps(tasks)


@contextmanager
def _hidden_script() -> Iterator[None]:
    """Start workers without running the user's script in each of them.

    A spawned process imports the main module, in case something was defined there. A script that calls this library
    without ``if __name__ == "__main__"`` would start itself again in every worker. Unless a task really needs what
    the script defines, the script is hidden while workers start.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


@contextmanager
def _without_signals() -> Iterator[None]:
    """Let no signal come while a process starts, nor to a worker before it has imported what it needs to act on it.

    Ctrl-C reaches every process of a terminal: one that is importing PyTorch would print where it was. And a worker
    that its parent had started, but not yet noted down, would outlive it. What comes in the meantime is delivered
    afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    try:
        resource_tracker.ensure_running()  # which unblocks some when it starts
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill(pool: ProcessPoolExecutor) -> None:
    # Finished rounds are stored; the round under way is repeated when the study goes on.
    for process in list((pool._processes or {}).values()):
        process.kill()
