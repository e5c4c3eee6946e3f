"""Where trials run: in this process, or in worker processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for_any
from pathlib import Path
from typing import Any

import numpy as np
import torch

from warmstart.basics import InputError, StorageError, check_at_least
from warmstart.data import LabelledArrays

from ._provenance import available_cores
from ._storage import storage_errors
from ._task import Arrays, Emit, Message, Task, perform

_POLL_SECONDS = 0.05
_SHARED = ".arrays-"


@dataclass(frozen=True)
class Execution:
    """How a study runs; none of it changes what is computed, but for rounding on another device or thread count.

    Args:
        workers: Processes that play trials, at least 1; None: one for each core, on a GPU one in all.
        threads: PyTorch threads of each, at least 1. One is best for many small models: two threads that share small
            tensors on a busy machine mostly wait for each other.
        device: "cpu", "cuda", "cuda:1" ..., or "auto" for a GPU where there is one.
    """

    workers: int | None = None
    threads: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        """Check the options and settle what is automatic."""
        check_at_least("workers", self.workers, 1)
        check_at_least("threads", self.threads, 1)
        object.__setattr__(self, "device", _settled_device(self.device))
        if self.workers is None:
            object.__setattr__(self, "workers", available_cores() if self.device == "cpu" else 1)

    @property
    def worker_count(self) -> int:
        """The settled number of workers."""
        assert self.workers is not None, "settled at construction"
        return self.workers


def _settled_device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu" and not name.startswith("cuda"):
        raise InputError(f"device must be auto, cpu or cuda, got {name}.")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device must be cpu or auto where PyTorch finds no CUDA device, got {name}.")
    return name


def run_tasks(
    tasks: Sequence[Task], arrays: Arrays, *, directory: Path, execution: Execution, handle: Callable[[Message], None]
) -> None:
    """Perform all tasks; hand every message on in this process, which alone writes to the store.

    Raises:
        InputError, StorageError: What a trial raised; the others are stopped, with their finished rounds handed on.
    """
    for left_by_a_kill in directory.glob(f"{_SHARED}*"):
        shutil.rmtree(left_by_a_kill, ignore_errors=True)
    if execution.worker_count == 1 or len(tasks) == 1:
        with _threads(execution.threads):
            for task in tasks:
                perform(task, arrays, directory=directory, device=execution.device, emit=handle)
    elif tasks:
        _run_in_processes(tasks, arrays, directory, execution, handle)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _run_in_processes(
    tasks: Sequence[Task], arrays: Arrays, directory: Path, execution: Execution, handle: Callable[[Message], None]
) -> None:
    # Spawned, not forked: a fork of a process that has used threads or a GPU may hang.
    context = multiprocessing.get_context("spawn")
    messages: Any = context.SimpleQueue()
    with _stored(arrays, directory) as stored:
        setting = _Setting(stored, arrays.classes, directory, execution.device, execution.threads)
        pool = ProcessPoolExecutor(
            min(execution.worker_count, len(tasks)), context, initializer=_begin_worker, initargs=(setting, messages)
        )
        try:
            with _unguarded_scripts(tasks):
                futures = [pool.submit(_perform_in_worker, task) for task in tasks]
            _hand_on(futures, messages, handle)
        except BaseException:
            _kill(pool)
            raise
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _unguarded_scripts(tasks: Sequence[Task]) -> Iterator[None]:
    """Start workers without running the user's script in each of them.

    A spawned process imports the main module, in case something was defined there. A script that calls this library
    without ``if __name__ == "__main__"`` would start itself again in every worker. Unless a task really needs what
    the script defines, the script is hidden while workers start.
    """
    main = sys.modules["__main__"]
    if not _defined_in_main(tasks):
        sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _defined_in_main(tasks: Sequence[Task]) -> bool:
    return b"__main__" in pickle.dumps(tasks)


def _hand_on(futures: Sequence[Future[None]], messages: Any, handle: Callable[[Message], None]) -> None:
    """Handle messages until every task is done; a failed one ends the study."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=_POLL_SECONDS)
        while not messages.empty():
            handle(messages.get())
        for future in done:
            _result(future)


def _result(future: Future[None]) -> None:
    try:
        future.result()
    except BrokenProcessPool as error:
        raise RuntimeError(
            "A worker process was killed, which is what happens when memory runs out; "
            "start the same command again to go on, with fewer workers if need be."
        ) from error


def _kill(pool: ProcessPoolExecutor) -> None:
    # Finished rounds are stored; the round under way is repeated when the study goes on.
    for process in list((pool._processes or {}).values()):
        process.kill()


@dataclass(frozen=True)
class _Setting:
    """What a worker needs to know once."""

    stored: dict[str, str]
    classes: int
    directory: Path
    device: str
    threads: int


@contextmanager
def _stored(arrays: Arrays, directory: Path) -> Iterator[dict[str, str]]:
    """Lay the arrays down as files that all workers map: one copy in memory however many there are."""
    with storage_errors(directory):
        folder = tempfile.TemporaryDirectory(prefix=_SHARED, dir=directory)
    with folder as name:
        yield _store_arrays(arrays, Path(name))


def _store_arrays(arrays: Arrays, folder: Path) -> dict[str, str]:
    with storage_errors(folder):
        paths: dict[str, str] = {}
        for name, part in (("train", arrays.train), ("test", arrays.test)):
            if part is not None:
                for field in ("inputs", "labels"):
                    paths[f"{name}-{field}"] = str(folder / f"{name}-{field}.npy")
                    np.save(paths[f"{name}-{field}"], getattr(part, field))
        return paths


def _mapped(setting: _Setting) -> Arrays:
    def part(name: str) -> LabelledArrays | None:
        if f"{name}-inputs" not in setting.stored:
            return None
        inputs, labels = (np.load(setting.stored[f"{name}-{field}"], mmap_mode="r") for field in ("inputs", "labels"))
        return LabelledArrays(inputs, labels)

    train = part("train")
    assert train is not None, "there are always training data"
    return Arrays(train, part("test"), setting.classes)


_worker: tuple[_Setting, Arrays, Emit] | None = None


def _begin_worker(setting: _Setting, messages: Any) -> None:
    """Set a worker process up; runs once in each."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to act on
    threading.Thread(target=_die_with_parent, daemon=True).start()
    torch.set_num_threads(setting.threads)
    _worker = (setting, _mapped(setting), messages.put)


def _die_with_parent() -> None:
    """End the worker when its parent is gone, which a killed parent cannot see to itself."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "only workers run this"
    wait_for_any([parent.sentinel])
    os._exit(1)


def _perform_in_worker(task: Task) -> None:
    assert _worker is not None, "the initializer has run"
    setting, arrays, emit = _worker
    try:
        perform(task, arrays, directory=setting.directory, device=setting.device, emit=emit)
    except (InputError, StorageError):
        raise
    except Exception as error:
        # An exception of the user's may not survive the way to the parent; its text does.
        raise RuntimeError(f"{type(error).__name__}: {error}") from None
