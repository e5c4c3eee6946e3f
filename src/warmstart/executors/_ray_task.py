"""What happens on a node of a Ray cluster: a trial is finished, and what it tells is sent as it comes."""

from __future__ import annotations

import platform
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import torch

from warmstart.basics import InputError, StorageError
from warmstart.models import UserModel
from warmstart.store import version
from warmstart.trial import Arrays

from ._ray_scratch import scratch_folder
from ._task import Message, RoundMessage, Task, perform

_SCRIPT = "__main__"


@dataclass(frozen=True)
class TaskPayload:
    """A task, with all that a node needs besides the arrays to go on with it.

    Args:
        task: The trial.
        checkpoint: Content of its checkpoint, where it has one.
        directory: The study's, for messages; nodes need not have it.
        device: Where to train.
        threads: PyTorch threads.
        versions: Of the packages that decide what is computed, where the study runs.
        function: What builds the models, where that is defined in the user's script, which nodes do not have.
        graphs: Whether steps are recorded.
    """

    task: Task
    checkpoint: bytes | None
    directory: str
    device: str
    threads: int
    versions: dict[str, str]
    function: Callable[..., Any] | None
    graphs: bool = False


@dataclass(frozen=True)
class Sent:
    """A message, with the content of the checkpoint that it names."""

    message: Message
    checkpoint: bytes | None = None


@dataclass(frozen=True)
class Failed:
    """A trial has raised; an exception of the user's may not survive the way back, its text does."""

    error: InputError | StorageError | RuntimeError


@dataclass(frozen=True)
class Ended:
    """A trial is over, and all that it had to tell has been sent before."""


Answer = Sent | Failed | Ended


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide what is computed, builds for one device or another aside."""
    return {"warmstart": version(), "torch": torch.__version__.partition("+")[0]}


def script_function(task: Task) -> Callable[..., Any] | None:
    """Return the function that builds a trial's models if the user's script defines it."""
    architecture = task.trial.architecture
    if isinstance(architecture, UserModel) and architecture.target.partition(":")[0] == _SCRIPT:
        return architecture.function()
    return None


def run_remotely(parcel: TaskPayload, arrays: Arrays) -> Iterator[Answer]:
    """Play the rest of a trial, and yield what it tells as it comes.

    The trial has a thread of its own, for it reports epochs from deep inside, where nothing can be yielded.
    """
    answers: SimpleQueue[Answer] = SimpleQueue()
    threading.Thread(target=_run_loop, args=(parcel, arrays, answers.put), daemon=True).start()
    answer: Answer = Sent("")
    while isinstance(answer, Sent):
        answer = answers.get()
        yield answer


def _run_loop(parcel: TaskPayload, arrays: Arrays, send: Callable[[Answer], None]) -> None:
    """Play the trial, and send its end whatever that is."""
    try:
        with scratch_folder() as folder:
            _play_in(folder, parcel, arrays, send)
    except InputError as error:
        send(Failed(error))
    except StorageError as error:
        send(Failed(StorageError(f"{error} This was on {platform.node()}, where the trial was finished.")))
    except Exception as error:
        send(Failed(RuntimeError(f"{type(error).__name__}: {error}")))
    else:
        send(Ended())


def _play_in(folder: Path, parcel: TaskPayload, arrays: Arrays, send: Callable[[Answer], None]) -> None:
    """Perform the task in a folder that lasts as long as the trial; checkpoints leave it with their messages."""
    _prepare(parcel, folder)
    task, device, graphs = parcel.task, parcel.device, parcel.graphs
    try:
        perform(
            task, arrays, directory=folder, device=device, graphs=graphs, emit=lambda told: send(_packed(told, folder))
        )
    except InputError as error:
        # Nobody knows the folder; what is said of a file in it is true of the file at home.
        raise InputError(str(error).replace(str(folder), parcel.directory)) from error


def _prepare(parcel: TaskPayload, folder: Path) -> None:
    _check_versions(parcel.versions)
    torch.set_num_threads(parcel.threads)
    _find_model(parcel)
    if parcel.checkpoint is not None:
        assert parcel.task.checkpoint is not None, "it names the content"
        path = folder / parcel.task.checkpoint
        path.parent.mkdir(parents=True)
        path.write_bytes(parcel.checkpoint)


def _check_versions(wanted: dict[str, str]) -> None:
    for package, found in versions().items():
        if found != wanted[package]:
            raise InputError(
                f"Every node of the Ray cluster must have {package} {wanted[package]}, which the machine has that runs "
                f"the study, but {platform.node()} has {found}."
            )


def _find_model(parcel: TaskPayload) -> None:
    """Raise unless a model of the user's own can be built here; what the user's script defined has travelled along."""
    architecture = parcel.task.trial.architecture
    if not isinstance(architecture, UserModel):
        return
    if parcel.function is not None:
        setattr(sys.modules[_SCRIPT], architecture.target.partition(":")[2], parcel.function)
    try:
        architecture.function()
    except InputError as error:
        raise InputError(
            f"{error} This was on {platform.node()}: on Ray, the module must be importable on every node."
        ) from error


def _packed(message: Message, folder: Path) -> Sent:
    """Return a message with the content of its checkpoint, which is needed no longer here."""
    if not isinstance(message, RoundMessage) or message.checkpoint is None:
        return Sent(message)
    path = folder / message.checkpoint
    content = path.read_bytes()
    path.unlink()
    return Sent(message, content)
