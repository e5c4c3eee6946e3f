"""What happens inside a worker process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for_any
from pathlib import Path
from typing import Any

import torch

from warmstart.basics import InputError, StorageError
from warmstart.trial import Arrays

from ._array_files import ArrayFiles
from ._task import Emit, Task, perform


@dataclass(frozen=True)
class Setting:
    """What a worker needs to know of a study.

    Args:
        files: Where its arrays lie.
        directory: The study's.
        device: Where to train.
        threads: PyTorch threads.
        graphs: Whether steps are recorded.
    """

    files: ArrayFiles
    directory: Path
    device: str
    threads: int
    graphs: bool


HELD_BACK = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}
"""Signals that a worker does not get before it has begun."""

_emit: Emit | None = None
_known: tuple[Setting, Arrays] | None = None


def begin_worker(messages: Any) -> None:
    """Set a worker process up; runs once in each."""
    global _emit
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to act on
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _emit = messages.put


def _die_with_parent() -> None:
    """End the worker when its parent is gone, which a killed parent cannot see to itself."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "only workers run this"
    wait_for_any([parent.sentinel])
    os._exit(1)


def perform_in_worker(setting: Setting, task: Task) -> None:
    """Perform a task of a study, and send its messages to the parent."""
    assert _emit is not None, "the initializer has run"
    try:
        perform(
            task,
            _arrays_of(setting),
            directory=setting.directory,
            device=setting.device,
            graphs=setting.graphs,
            emit=_emit,
        )
    except (InputError, StorageError):
        raise
    except Exception as error:
        # An exception of the user's may not survive the way to the parent; its text does.
        raise RuntimeError(f"{type(error).__name__}: {error}") from None


def _arrays_of(setting: Setting) -> Arrays:
    """Return a study's arrays, mapped when its first task comes."""
    global _known
    if _known is None or _known[0] != setting:
        torch.set_num_threads(setting.threads)
        _known = (setting, setting.files.mapped())
    return _known[1]
