"""Workers where the system cannot fork, or not safely: each imports everything itself, which takes seconds."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import threading
import types
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.process import BaseProcess

from ._signals import SIGNALS, signals_blocked

_SECONDS_TO_END = 10.0


class Spawner:
    """Starts each worker as a new interpreter; has the methods of :class:`ForkServer`."""

    def __init__(self) -> None:
        self._processes: dict[int, BaseProcess] = {}

    def open(self) -> None:
        """Nothing can be started ahead."""

    def start(self) -> tuple[int, Connection]:
        """Return the process id of a new worker and the parent's end of a pipe to it."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = Pipe()
        script = sys.modules["__main__"]
        with signals_blocked(), theirs:
            if os.name == "posix":
                from multiprocessing import resource_tracker

                resource_tracker.ensure_running()  # which unblocks some signals when it starts
                signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            # A spawned process runs the script of its parent. One without ``if __name__ == "__main__"`` would start
            # itself again in every worker, so there is none for that moment.
            sys.modules["__main__"] = types.ModuleType("__main__")
            try:
                process = context.Process(target=_begin, args=(theirs,))
                process.start()
            finally:
                sys.modules["__main__"] = script
            assert process.pid is not None, "it has started"
            if not self._processes:
                # At the interpreter's end, before multiprocessing waits for processes that wait for tasks.
                atexit.register(self.close)
            self._processes[process.pid] = process
        return process.pid, ours

    def exit_code(self, pid: int) -> int | None:
        """Return the exit code of a worker whose pipe has ended, negative for a signal; None if it is unknown."""
        self._processes[pid].join(_SECONDS_TO_END)
        return self._processes.pop(pid).exitcode

    def kill(self) -> None:
        """Kill all workers, and wait until they are gone."""
        processes, self._processes = list(self._processes.values()), {}
        for process in processes:
            process.kill()
        for process in processes:
            process.join()

    def close(self) -> None:
        """Kill all workers."""
        atexit.unregister(self.close)
        self.kill()


def _begin(connection: Connection) -> None:
    """Become a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to act on
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    from ._worker import work

    parent = multiprocessing.parent_process()
    assert parent is not None, "only workers run this"

    def die_with_parent() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=die_with_parent, daemon=True).start()
    work(connection)
