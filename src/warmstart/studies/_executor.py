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
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import wait as wait_for_any
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import torch

from warmstart.basics import InputError, StorageError, check_at_least
from warmstart.data import LabelledArrays

from ._provenance import available_cores
from ._storage import storage_errors
from ._task import Arrays, Emit, Message, Task, perform

_POLL_SECONDS = 0.05
_SHARED = ".arrays-"
_TARGET, _SOURCE = "target", "source"


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


Handle = Callable[[Message], Sequence[Task]]


class Workers:
    """Worker processes for one study after another: starting them takes seconds, which small studies do not.

    Args:
        execution: How many, and how they run.

    Example:
        >>> with Workers(Execution(workers=1, device="cpu")) as workers:
        ...     workers.execution.worker_count
        1
    """

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        # Spawned, not forked: a fork of a process that has used threads or a GPU may hang.
        context = multiprocessing.get_context("spawn")
        self.messages: Any = context.SimpleQueue()
        self.pool = ProcessPoolExecutor(
            execution.worker_count, context, initializer=_begin_worker, initargs=(self.messages,)
        )

    def __enter__(self) -> Self:
        """Return the workers; their processes start with the first task."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the processes: after an error at once."""
        if kind is not None:
            _kill(self.pool)
        self.pool.shutdown(cancel_futures=True)


def run_tasks(tasks: Sequence[Task], arrays: Arrays, *, directory: Path, workers: Workers, handle: Handle) -> None:
    """Perform all tasks; hand every message on in this process, which alone writes to the store.

    Args:
        tasks: What can be done at once.
        arrays: The study's data.
        directory: The study's.
        workers: What performs them; with a single one, this process does.
        handle: Takes every message, and returns the tasks that become possible with it.

    Raises:
        InputError, StorageError: What a trial raised; the others are stopped, with their finished rounds handed on.
    """
    for left_by_a_kill in directory.glob(f"{_SHARED}*"):
        shutil.rmtree(left_by_a_kill, ignore_errors=True)
    if workers.execution.worker_count == 1:
        with _threads(workers.execution.threads):
            _run_here(tasks, arrays, directory, workers.execution, handle)
    elif tasks:
        _run_in_processes(tasks, arrays, directory, workers, handle)


def _run_here(tasks: Sequence[Task], arrays: Arrays, directory: Path, execution: Execution, handle: Handle) -> None:
    waiting = deque(tasks)

    def emit(message: Message) -> None:
        waiting.extendleft(reversed(handle(message)))

    while waiting:
        perform(waiting.popleft(), arrays, directory=directory, device=execution.device, emit=emit)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _run_in_processes(tasks: Sequence[Task], arrays: Arrays, directory: Path, workers: Workers, handle: Handle) -> None:
    execution = workers.execution
    with _stored(arrays, directory) as stored:
        classes = {_TARGET: arrays.classes} | ({} if arrays.source is None else {_SOURCE: arrays.source.classes})
        setting = _Setting(stored, classes, directory, execution.device, execution.threads)
        _hand_on(partial(_submit, workers.pool, setting), tasks, workers, handle)


def _submit(pool: ProcessPoolExecutor, setting: _Setting, task: Task) -> Future[None]:
    with _unguarded_scripts([task]):
        return pool.submit(_perform_in_worker, setting, task)


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


def _hand_on(submit: Callable[[Task], Future[None]], tasks: Sequence[Task], workers: Workers, handle: Handle) -> None:
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


def _kill(pool: ProcessPoolExecutor) -> None:
    # Finished rounds are stored; the round under way is repeated when the study goes on.
    for process in list((pool._processes or {}).values()):
        process.kill()


@dataclass(frozen=True)
class _Setting:
    """What a worker needs to know of a study."""

    stored: dict[str, str]
    classes: dict[str, int]
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
        for owner, held in ((_TARGET, arrays), (_SOURCE, arrays.source)):
            for name in ("train", "test"):
                part = None if held is None else getattr(held, name)
                for field in () if part is None else ("inputs", "labels"):
                    key = f"{owner}-{name}-{field}"
                    paths[key] = str(folder / f"{key}.npy")
                    np.save(paths[key], getattr(part, field))
        return paths


def _mapped(setting: _Setting) -> Arrays:
    source = _mapped_arrays(setting, _SOURCE) if _SOURCE in setting.classes else None
    return replace(_mapped_arrays(setting, _TARGET), source=source)


def _mapped_arrays(setting: _Setting, owner: str) -> Arrays:
    def part(name: str) -> LabelledArrays | None:
        paths = [setting.stored.get(f"{owner}-{name}-{field}") for field in ("inputs", "labels")]
        return None if None in paths else LabelledArrays(*(np.load(path, mmap_mode="r") for path in paths if path))

    train = part("train")
    assert train is not None, "there are always training data"
    return Arrays(train, part("test"), setting.classes[owner])


_emit: Emit | None = None
_known: tuple[_Setting, Arrays] | None = None


def _begin_worker(messages: Any) -> None:
    """Set a worker process up; runs once in each."""
    global _emit
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to act on
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _emit = messages.put


def _arrays_of(setting: _Setting) -> Arrays:
    """Return a study's arrays, mapped when its first task comes."""
    global _known
    if _known is None or _known[0] != setting:
        torch.set_num_threads(setting.threads)
        _known = (setting, _mapped(setting))
    return _known[1]


def _die_with_parent() -> None:
    """End the worker when its parent is gone, which a killed parent cannot see to itself."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "only workers run this"
    wait_for_any([parent.sentinel])
    os._exit(1)


def _perform_in_worker(setting: _Setting, task: Task) -> None:
    assert _emit is not None, "the initializer has run"
    try:
        perform(task, _arrays_of(setting), directory=setting.directory, device=setting.device, emit=_emit)
    except (InputError, StorageError):
        raise
    except Exception as error:
        # An exception of the user's may not survive the way to the parent; its text does.
        raise RuntimeError(f"{type(error).__name__}: {error}") from None
