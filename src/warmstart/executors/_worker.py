"""What happens inside a worker process."""

from __future__ import annotations

import os
import pickle
import sys
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cloudpickle
import torch

from warmstart.basics import InputError
from warmstart.training import run_alone

from ._answers import Answer, Ended, Failure, Sent


@dataclass(frozen=True)
class Setting:
    """What a worker needs to know besides its tasks.

    Args:
        runner: The pickled runner.
        directory: Where it reads and writes files.
        device: Where to train.
        threads: PyTorch threads.
        path: ``sys.path`` of the parent process: what can be imported there can be imported in a worker.
        folder: Current folder of the parent process.
        arguments: ``sys.argv`` of the parent process, which modules of the user may read.
    """

    runner: bytes
    directory: Path
    device: str
    threads: int
    path: list[str]
    folder: Path
    arguments: list[str]


def work(connection: Connection) -> None:
    """Perform one task after the other, until the parent process sends None.

    Each request is a pair: the setting, None if it is still the same, and the pickled task.
    """
    if hasattr(os, "register_at_fork"):
        # A process that a user's code forks, such as a data loader's, would keep the pipe open after this one's death.
        os.register_at_fork(after_in_child=connection.close)

    def send(answer: Answer) -> None:
        content = cloudpickle.dumps(answer)
        try:
            connection.send_bytes(content)
        except OSError:
            os._exit(1)  # nobody is left to report to

    def emit(message: Any) -> None:
        send(Sent(message))

    # Unpickled once for many tasks: what it maps from files or moves to the GPU stays there.
    runner: Any = None
    device, directory = "cpu", Path()
    while True:
        try:
            request = connection.recv()
        except (EOFError, OSError):
            os._exit(1)  # the parent is gone; a traceback would only disturb what it printed last
        if request is None:
            return
        setting, content = request
        try:
            if setting is not None:
                device, directory = setting.device, setting.directory
                torch.set_num_threads(setting.threads)  # a fork has as many as there are cores
                sys.path[:], sys.argv[:] = setting.path, setting.arguments
                with suppress(OSError):  # deleted since
                    os.chdir(setting.folder)
                runner = _loaded(setting.runner)
            run_alone(runner.steps(_loaded(content), directory, device, emit), torch.device(device))
        except BaseException as error:  # of the user's code, which may also try to end the process
            send(Failure.of(error))
        else:
            send(Ended())


def _loaded(content: bytes) -> Any:
    try:
        return pickle.loads(content)
    except Exception as error:
        raise InputError(
            f"workers must be 1 for what another process cannot import ({type(error).__name__}: {error})."
        ) from error
