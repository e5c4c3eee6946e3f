"""A process that has imported PyTorch once, and from which workers are forked in milliseconds.

The parent cannot fork workers itself: a fork of a process that has used threads or a GPU may hang. The server uses
neither. It is started as early as possible, and imports while the parent does something else.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import spawn
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.reduction import recv_handle, send_handle
from typing import Any

import numpy as np
from numpy.random.mtrand import get_bit_generator

from ._signals import SIGNALS, signals_blocked

# Only the standard library is imported before the parent has sent its path, on which warmstart is found.
_COMMAND = """
import sys
from multiprocessing.connection import Connection
parent = Connection(int(sys.argv[1]))
sys.path[:], modules = parent.recv()
from warmstart.executors._fork_server import serve
serve(parent, modules)
"""
_STARTED, _FAILED, _KILLED, _ENDED = "started", "failed", "killed", "ended"
_SECONDS_TO_END = 10.0
_PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>


class ForkServer:
    """The parent's side of the server.

    Every request is answered; in between, the server reports each worker that has ended, with its exit code.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Any = None
        self._has_answered = False
        self._exit_codes: dict[int, int] = {}
        # Forks of the parent inherit this object, and their exit must not end the server.
        self._owner = os.getpid()

    def open(self) -> None:
        """Start the server, unless it runs; it imports in the background."""
        if self._process is not None and self._process.poll() is None:
            return
        self._connection, theirs = Pipe()
        # Up to its own "-c": the interpreter with its options, such as -W error, which hold for workers as well.
        command = [*spawn.get_command_line()[:-3], "-c", _COMMAND, str(theirs.fileno())]
        # Without the parent's standard input, for that may be the script itself.
        with signals_blocked(), theirs:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
            self._has_answered = False
        # Ours only: a user's own module may start threads or use the GPU when it is imported.
        modules = [name for name in sys.modules if name.startswith("warmstart.")]
        self._connection.send((sys.path, modules))

    def start(self) -> tuple[int, Connection]:
        """Return the process id of a new worker and the parent's end of a pipe to it.

        Raises:
            RuntimeError: If PyTorch cannot be imported there, or the server was killed.
        """
        self.open()
        assert self._process is not None, "it has just been opened"
        ours, theirs = Pipe()
        with theirs:
            try:
                self._connection.send(True)
                send_handle(self._connection, theirs.fileno(), self._process.pid)
                kind, value = self._answer()
            except BaseException as error:
                code = self._process.poll()
                self.close()  # interrupted halfway, the conversation cannot be resumed
                if isinstance(error, (EOFError, OSError)):
                    raise RuntimeError(f"The process that starts workers died (exit code {code}).") from error
                raise
        if kind == _FAILED:
            raise RuntimeError(f"Workers cannot be started ({value}).")
        return value, ours

    def exit_code(self, pid: int) -> int | None:
        """Return the exit code of a worker whose pipe has ended, negative for a signal; None if it is unknown."""
        # The server may have been killed as well, and its workers with it.
        with suppress(EOFError, OSError):
            # A process that has closed its pipe, but is still there, is not waited for.
            while pid not in self._exit_codes and self._connection.poll(_SECONDS_TO_END):
                self._exit_codes.update([self._connection.recv()[1]])
        return self._exit_codes.pop(pid, None)

    def kill(self) -> None:
        """Kill all workers, and wait until they are gone; the server stays."""
        if self._process is None:
            return
        try:
            self._connection.send(None)
            self._answer()
            self._exit_codes.clear()  # nobody asks for them any more, and process ids come again
        except BaseException as error:
            self.close()
            if not isinstance(error, Exception):
                raise

    def close(self) -> None:
        """End the server and all workers."""
        process, self._process = self._process, None
        if process is None:
            return
        self._connection.close()  # at the end of the pipe the server kills its workers
        if os.getpid() != self._owner:
            return  # a fork of the process that started it
        if not self._has_answered:
            process.kill()  # it has no workers yet, and would notice only after its imports
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _answer(self) -> tuple[str, Any]:
        """Return the answer to a request; exit codes that come before it are kept."""
        while (answer := self._connection.recv())[0] == _ENDED:
            self._exit_codes.update([answer[1]])
        self._has_answered = True
        return answer


def serve(parent: Connection, modules: Sequence[str]) -> None:
    """Fork workers for the parent until it is gone; runs in the server, and in each worker until that has ended.

    Args:
        parent: Pipe to the parent. A request is None (kill all workers) or True, after which comes the file descriptor
            of a new worker's pipe.
        modules: Imported before anything is forked, for all workers, where that is possible.
    """
    inherited = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # the parent has blocked them
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # without a handler nothing is written to the wake-up pipe
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    problem, server, workers, descriptor = "", os.getpid(), set[int](), -1
    try:
        importlib.import_module("warmstart.executors._worker")
    except BaseException as error:
        problem = f"{type(error).__name__}: {error}"
    for module in () if problem else modules:
        # Only to save time: a worker that needs what cannot be imported will say so itself.
        with suppress(Exception):
            importlib.import_module(module)
    gc.collect()
    gc.freeze()  # else the collector would write to every page that workers share with the server, and copy it
    with suppress(EOFError, OSError):  # the parent is gone
        while os.getpid() == server:
            ready = wait([parent, woken])
            if woken in ready:
                os.read(woken, 1024)
                for pid in list(workers):
                    ended, status = os.waitpid(pid, os.WNOHANG)
                    if ended:
                        workers.remove(pid)
                        parent.send((_ENDED, (pid, os.waitstatus_to_exitcode(status))))
            if parent not in ready:
                continue
            if parent.recv() is None:
                _kill(workers)
                parent.send((_KILLED, None))
                continue
            descriptor = recv_handle(parent)
            with warnings.catch_warnings():
                # BLAS has threads as soon as it is imported, and makes itself safe to fork.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = 0 if problem else os.fork()
            if os.getpid() == server:
                os.close(descriptor)
                workers.update([pid] if pid else [])
                parent.send((_STARTED, pid) if pid else (_FAILED, problem))
    if os.getpid() == server:
        _kill(workers)
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # should the server itself be killed
    if os.getppid() != server:
        os._exit(1)  # it was killed just before
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in SIGNALS - {signal.SIGINT}:  # an interrupt is the parent's to act on
        signal.signal(number, inherited[number])
    parent.close()
    for end in (woken, wake):
        os.close(end)
    os.set_inheritable(descriptor, False)
    # Forks would share the state of NumPy's global generator; Python reseeds its own.
    get_bit_generator().state = np.random.MT19937().state
    from ._worker import work

    work(Connection(descriptor))


def _kill(workers: set[int]) -> None:
    """Kill workers and reap them, so that nothing of theirs is left when the parent continues."""
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    for pid in workers:
        os.waitpid(pid, 0)
    workers.clear()
