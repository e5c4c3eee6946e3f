"""Performing tasks in processes that stand side by side."""

from __future__ import annotations

import pickle
import signal
import sys
import time
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import cloudpickle

from warmstart.basics import InputError, shown

from ._answers import Answer, Failure, Sent
from ._execution import Execution
from ._runner import Handle, Runner
from ._spawner import Spawner
from ._worker import Setting

# Elsewhere a fork is not there (Windows), or not safe with the system's own libraries (macOS).
CAN_FORK = sys.platform == "linux"
# A signal to a whole group reaches its processes within milliseconds of each other, in any order.
_SECONDS_FOR_OWN_SIGNAL = 0.5


@dataclass(eq=False)
class _Worker:
    """A worker process, with the setting that it knows and what it is doing."""

    pid: int
    # A pipe of its own. Only the worker has the other end, so its death ends the pipe, whatever the worker was doing.
    # In a queue that all share, the parent would wait forever for the rest of a message of a killed worker.
    connection: Connection
    setting: Setting | None = None
    task: Any = None


class Pool:
    """Worker processes, kept for one ``perform`` after another.

    Args:
        execution: How many, and how they run.
    """

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.described: dict[str, str | int] = {}
        self._idle: list[_Worker] = []
        if CAN_FORK:
            from ._fork_server import ForkServer

            self._starter = ForkServer()
        else:
            self._starter = Spawner()
        weakref.finalize(self, self._starter.close)

    def open(self) -> None:
        """Start what takes long to start, in the background."""
        self._starter.open()

    def close(self, *, at_once: bool) -> None:
        """End the processes: at once, or so that what users registered with ``atexit`` is run in them."""
        # Asked first and awaited then: they end side by side.
        for worker in () if at_once else self._idle:
            with suppress(OSError):  # it has died in the meantime
                worker.connection.send(None)
        for worker in () if at_once else self._idle:
            self._starter.exit_code(worker.pid)
        self._idle.clear()
        self._starter.close()

    def perform(self, tasks: Sequence[Any], runner: Runner, *, directory: Path, handle: Handle) -> None:
        """See :meth:`Workers.perform`.

        Tasks that a message makes possible come next: seed after seed is completed, and what an interruption leaves is
        paired.
        """
        waiting, busy = deque(tasks), dict[Connection, _Worker]()
        killed_before = memory_kills()
        # Idle workers never send anything: what can be read is the end of one that was killed.
        self._idle = [worker for worker in self._idle if not worker.connection.poll()]
        with runner.shared(directory) as shared:
            execution = self.execution
            setting = Setting(
                self._pickled(shared),
                directory,
                execution.device,
                execution.threads,
                path=list(sys.path),
                folder=Path.cwd(),
                arguments=list(sys.argv),
            )
            try:
                while waiting or busy:
                    while waiting and len(busy) < execution.worker_count:
                        worker = self._idle.pop() if self._idle else _Worker(*self._starter.start())
                        worker.task = waiting.popleft()
                        content = self._pickled(worker.task)
                        busy[worker.connection] = worker
                        try:
                            # An idle worker does nothing but read: even what the pipe cannot hold blocks neither.
                            worker.connection.send((None if worker.setting is setting else setting, content))
                        except OSError:
                            raise self._death(worker, killed_before) from None
                        worker.setting = setting
                    # One answer each: a worker with many messages does not keep the others waiting.
                    ready = wait(list(busy))
                    for worker in [worker for connection, worker in busy.items() if connection in ready]:
                        try:
                            received = worker.connection.recv_bytes()
                        except (EOFError, OSError):
                            raise self._death(worker, killed_before) from None
                        answer: Answer = pickle.loads(received)
                        if isinstance(answer, Failure):
                            raise answer.error()
                        if isinstance(answer, Sent):
                            waiting.extendleft(reversed(handle(answer.message)))
                        else:
                            self._idle.append(busy.pop(worker.connection))
            except BaseException:
                # What is under way would send its messages into the next study; new workers start in no time.
                self._idle.clear()
                self._starter.kill()
                raise

    def _pickled(self, value: Any) -> bytes:
        """Return anything pickled, what the script or notebook of the user defines by its content."""
        try:
            return cloudpickle.dumps(value)
        except Exception as error:
            raise InputError(
                f"workers must be 1 for what cannot be sent to another process, got {self.execution.workers} "
                f"({type(error).__name__}: {shown(error)})."
            ) from error

    def _death(self, worker: _Worker, killed_before: int) -> RuntimeError:
        """Return an error that says how a worker has died, and no more than is known."""
        code = self._starter.exit_code(worker.pid)
        if code is None:
            how = "the connection to it was lost"
        elif code < 0:
            how = f"killed by signal {signal.Signals(-code).name}"
        else:
            how = f"exited with code {code}"
        if how.endswith(("SIGTERM", "SIGHUP")):
            # Sent to all processes of a terminal or a job, as a rule: the parent's own, which says more, comes now.
            time.sleep(_SECONDS_FOR_OWN_SIGNAL)
        memory = ""
        if memory_kills() > killed_before:
            memory = ", probably out of memory: use fewer workers"
        elif how.endswith("SIGKILL"):
            memory = "; if memory ran out, use fewer workers"
        return RuntimeError(
            f"A worker died: {how} while running {shown(worker.task)}{memory}. What is stored is safe: run the same "
            "command again to resume."
        )


def memory_kills() -> int:
    """Return how many processes the system has killed because memory ran out: of this cgroup, else of this machine."""
    # Version 2 of control groups; kills because the whole machine ran out of memory are counted there as well.
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        group = next(line.removeprefix("0::/") for line in lines if line.startswith("0::"))
        counters = Path("/sys/fs/cgroup", group, "memory.events").read_text()
    except (OSError, StopIteration):
        # Others may raise the machine's counter at the same moment: "probably" is all that can be said.
        try:
            counters = Path("/proc/vmstat").read_text()
        except OSError:
            return 0
    return next((int(line.split()[1]) for line in counters.splitlines() if line.startswith("oom_kill ")), 0)
