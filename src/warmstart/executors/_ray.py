"""Performing tasks on a Ray cluster, whose nodes may come and go."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmstart.basics import write_atomically
from warmstart.store import storage_errors

from ._answers import Answer, Failure, Sent
from ._execution import Execution
from ._ray_cluster import alive, connect, needs, places, ray_module, resolved
from ._ray_task import TaskPayload, run_remotely
from ._runner import Handle, Runner

_POLL_SECONDS = 0.5
_SECONDS_TO_END = 2.0
_LOSSES = 5


@dataclass(eq=False)
class _Attempt:
    """A task, waiting or under way.

    Args:
        task: What would be performed elsewhere after the last message that has come, were it lost.
        losses: How often it was lost since it last made progress.
        stream: Of the references to its answers, once it has been started.
    """

    task: Any
    losses: int = 0
    stream: Any = None


class OnRay:
    """Performs each task as one of Ray's, and writes here the files that come back.

    Args:
        execution: Which cluster, and how tasks are performed there.

    Raises:
        InputError: If Ray is not installed, or the cluster cannot be reached or has no place for a task.
    """

    def __init__(self, execution: Execution) -> None:
        self._limit = execution.workers
        self._is_ours = connect(execution.ray_address)
        try:
            self.execution = resolved(execution)
        except BaseException:
            self.close(at_once=True)
            raise

    @property
    def described(self) -> dict[str, str | int]:
        """The nodes that are there at the beginning; all else in the provenance is of this machine."""
        return {"executor": "ray", "nodes": len(alive())}

    def open(self) -> None:
        """Nothing is started ahead."""

    def close(self, *, at_once: bool) -> None:
        """Leave the cluster, which ends it if it was started here; not where others had connected before."""
        if self._is_ours:
            ray_module().shutdown()

    def perform(self, tasks: Sequence[Any], runner: Runner, *, directory: Path, handle: Handle) -> None:
        """See :meth:`Workers.perform`.

        A lost task is performed elsewhere, from its last message on, unless it is lost again and again.
        """
        ray, execution = ray_module(), self.execution
        # No retries of Ray's own: they would repeat finished rounds, and know of no checkpoint.
        remote = ray.remote(
            num_cpus=needs(execution)["CPU"],
            num_gpus=needs(execution).get("GPU", 0),
            num_returns="streaming",
            max_retries=0,
            scheduling_strategy="SPREAD",
        )(run_remotely)
        there = ray.put(runner)  # to each node once
        waiting, under_way = deque(_Attempt(task) for task in tasks), deque[_Attempt]()
        has_places = True
        try:
            while waiting or under_way:
                found = places(alive(), execution)
                if not found and has_places:
                    handle("No node of the Ray cluster is left that could take a trial: waiting for one")
                has_places = bool(found)
                # At least one, though no node may be left: where the cluster grows on demand, a task that waits is the
                # demand.
                while waiting and len(under_way) < (self._limit or max(1, found)):
                    attempt = waiting.popleft()
                    files = {name: (directory / name).read_bytes() for name in getattr(attempt.task, "files", ())}
                    attempt.stream = remote.remote(
                        TaskPayload(attempt.task, files, str(directory), execution.device, execution.threads), there
                    )
                    under_way.append(attempt)
                # Not for ever: nodes may come, and with them places.
                ready, _ = ray.wait([attempt.stream for attempt in under_way], timeout=_POLL_SECONDS)
                if not ready:
                    continue
                attempt = next(one for one in under_way if one.stream is ready[0])
                under_way.remove(attempt)
                try:
                    answer = _answer(ray, attempt)
                except ray.exceptions.RayError as error:
                    attempt.losses += 1
                    if attempt.losses == _LOSSES:  # another attempt is likely to end alike
                        raise RuntimeError(
                            f"{attempt.task} was lost {_LOSSES} times in a row without progress (at last: "
                            f"{type(error).__name__}). What is stored is safe: run the same command again to resume; "
                            "if memory ran out, use fewer workers."
                        ) from error
                    handle(f"{attempt.task}: its node was lost ({type(error).__name__}), it is resumed on another")
                    waiting.appendleft(attempt)
                    continue
                if isinstance(answer, Failure):
                    raise answer.error()
                if isinstance(answer, Sent):
                    under_way.append(attempt)  # at the end: the others come before its next answer
                    _save_files(answer, directory)
                    left = runner.remaining(attempt.task, answer.message)
                    if left is not attempt.task:
                        attempt.task, attempt.losses = left, 0
                    waiting.extendleft(_Attempt(task) for task in reversed(handle(answer.message)))
        finally:
            for attempt in under_way:
                ray.cancel(attempt.stream, force=True)  # a thread that computes would not see a request to end
            for attempt in under_way:
                _read_to_end(ray, attempt)


def _answer(ray: Any, attempt: _Attempt) -> Answer:
    """Return the next answer of a task; a ``RayError`` says that there will be none."""
    try:
        answer = ray.get(next(attempt.stream))
    except StopIteration:
        raise ray.exceptions.WorkerCrashedError from None  # it had not said that it was over
    except ray.exceptions.RayTaskError as error:
        reason = f"{type(error.cause).__name__}: {error.cause}".splitlines()[0]
        raise RuntimeError(
            f"A node of the Ray cluster could not begin a trial ({reason}); warmstart must be installed on every node."
        ) from error
    if not isinstance(answer, Sent):
        _read_to_end(ray, attempt)
    return answer


def _read_to_end(ray: Any, attempt: _Attempt) -> None:
    """Read what is left of a stream whose task is over, or ends at once.

    A task that is about to return when its cluster ends is lost to Ray, which prints every loss that nobody has read.
    """
    with suppress(ray.exceptions.RayError):
        while ray.wait([attempt.stream], timeout=_SECONDS_TO_END)[0]:
            if (reference := next(attempt.stream, None)) is None:
                return
            ray.get(reference)


def _save_files(sent: Sent, directory: Path) -> None:
    """Write files before the message that names them is handled."""
    for name, content in sent.files.items():
        path = directory / name
        with storage_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
