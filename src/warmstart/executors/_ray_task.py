"""What happens on a node of a Ray cluster: a task is performed, and its messages are sent as they come."""

from __future__ import annotations

import importlib.metadata
import platform
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import torch

from warmstart.basics import InputError, StorageError
from warmstart.training import run_alone

from ._answers import Answer, Ended, Failure, Sent
from ._ray_scratch import scratch_folder
from ._runner import Runner


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that decide what is computed, builds for one device or another aside."""
    return {"warmstart": importlib.metadata.version("warmstart"), "torch": torch.__version__.partition("+")[0]}


@dataclass(frozen=True)
class TaskPayload:
    """A task, with all that a node needs besides the runner to perform it.

    Args:
        task: What to do.
        files: Content of the files that the task names, by path relative to the directory.
        directory: Of the study, for messages; nodes need not have it.
        device: Where to train.
        threads: PyTorch threads.
        versions: Of the packages that decide what is computed, where the study runs.
    """

    task: Any
    files: dict[str, bytes]
    directory: str
    device: str
    threads: int
    versions: dict[str, str] = field(default_factory=package_versions)


def run_remotely(payload: TaskPayload, runner: Runner) -> Iterator[Answer]:
    """Perform a task, and yield what it sends as it comes.

    The task has a thread of its own, for messages come from deep inside, where nothing can be yielded.
    """
    answers: SimpleQueue[Answer] = SimpleQueue()
    # A daemon: a cancelled task must not keep its process alive.
    threading.Thread(target=_perform, args=(payload, runner, answers), daemon=True).start()
    while isinstance(answer := answers.get(), Sent):
        yield answer
    yield answer


def _perform(payload: TaskPayload, runner: Runner, answers: SimpleQueue[Answer]) -> None:
    """Perform the task in a folder that lasts as long as it; files leave it with their messages."""
    node, folder = platform.node(), Path()

    def emit(message: Any) -> None:
        paths = {name: folder / name for name in getattr(message, "files", ())}
        answers.put(Sent(message, {name: path.read_bytes() for name, path in paths.items()}))
        for path in paths.values():
            path.unlink()  # a trial's rounds would fill the disk of a node that is not the user's

    try:
        for package, found in package_versions().items():
            if found != (wanted := payload.versions[package]):
                raise InputError(
                    f"Every node of the Ray cluster must have {package} {wanted}, as the machine that runs the study, "
                    f"but {node} has {found}."
                )
        with scratch_folder() as folder:
            torch.set_num_threads(payload.threads)
            for name, content in payload.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            run_alone(runner.steps(payload.task, folder, payload.device, emit), torch.device(payload.device))
    except BaseException as error:
        failure = Failure.of(error)
        # Nobody knows the folder; what is said of a file in it is true of the file at home.
        text = failure.text if folder == Path() else failure.text.replace(str(folder), payload.directory)
        if isinstance(error, StorageError):
            text = f"{text} This was on {node}, where the task was performed."
        elif isinstance(error, InputError) and isinstance(error.__cause__, ImportError):
            text = f"{text} This was on {node}: on Ray, the module must be importable on every node."
        answers.put(replace(failure, text=text))
    else:
        answers.put(Ended())
