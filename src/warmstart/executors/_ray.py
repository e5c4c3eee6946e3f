"""Performing a study's tasks on a Ray cluster, whose nodes may come and go."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from warmstart.store import save_content
from warmstart.trial import Arrays

from ._execution import Execution
from ._executor import Executor, Handle
from ._ray_cluster import (
    alive,
    connect,
    needs,
    places,
    ray_module,
    settled,
)
from ._ray_task import (
    Answer,
    Failed,
    Sent,
    TaskPayload,
    run_remotely,
    script_function,
    versions,
)
from ._task import RoundMessage, Task

_POLL_SECONDS = 0.5
_LOSSES = 5


class OnRay(Executor):
    """Performs each task as one of Ray's, and writes down here what comes back, round by round.

    Args:
        execution: LayerEnd cluster, and how trials run there.

    Raises:
        InputError: If Ray is not installed, or the cluster cannot be reached or has no place for a trial.
    """

    def __init__(self, execution: Execution) -> None:
        self._limit = execution.workers
        self._ours = connect(execution.ray_address)
        try:
            super().__init__(settled(execution))
        except BaseException:
            self.close(at_once=True)
            raise

    @property
    def described(self) -> dict[str, str | int]:
        """The nodes that are there at the beginning; what else provenance tells is of this machine."""
        return {"executor": "ray", "nodes": len(alive())}

    def perform(self, tasks: Sequence[Task], arrays: Arrays, *, directory: Path, handle: Handle) -> None:
        """See :meth:`Executor.perform`."""
        _Play(self.execution, self._limit, arrays, directory, handle).perform(tasks)

    def close(self, *, at_once: bool) -> None:
        """Leave the cluster, which ends it if it was started for this; not where others had connected before."""
        if self._ours:
            ray_module().shutdown()


@dataclass(eq=False)
class _Running:
    """A task under way.

    Args:
        stream: Of the references to what it sends.
        task: What would go on after the last round that has come, were it lost.
    """

    stream: Any
    task: Task


class _Play:
    """One study on the cluster.

    Args:
        execution: How trials run there, settled.
        limit: Trials side by side; None: as many as there are places.
        arrays: The study's data; they go to each node once.
        directory: The study's.
        handle: Takes every message, and returns the tasks that become possible with it.
    """

    def __init__(
        self, execution: Execution, limit: int | None, arrays: Arrays, directory: Path, handle: Handle
    ) -> None:
        self._ray = ray_module()
        self._execution, self._limit, self._directory, self._handle = execution, limit, directory, handle
        self._arrays = self._ray.put(arrays)
        self._versions = versions()
        amounts = needs(execution)
        # No retries of Ray's own: they would run finished rounds again, and know of no checkpoint.
        self._remote = self._ray.remote(
            num_cpus=amounts["CPU"],
            num_gpus=amounts.get("GPU", 0),
            num_returns="streaming",
            max_retries=0,
            scheduling_strategy="SPREAD",
        )(run_remotely)
        self._waiting: deque[Task] = deque()
        self._running: deque[_Running] = deque()
        self._losses: Counter[tuple[str, int]] = Counter()
        self._is_short = False  # of nodes, and has said so

    def perform(self, tasks: Sequence[Task]) -> None:
        """Keep the cluster busy and handle what comes until every task is done; a failed one ends the study.

        Tasks that a message makes possible come next, so that what an interruption leaves is paired.
        """
        self._waiting.extend(tasks)
        try:
            while self._waiting or self._running:
                while self._waiting and len(self._running) < self._allowed():
                    self._start(self._waiting.popleft())
                self._take_next()
        finally:
            for running in self._running:
                self._ray.cancel(running.stream, force=True)

    def _allowed(self) -> int:
        """Return how many trials may be under way now."""
        found = places(alive(), self._execution)
        if not found and not self._is_short:
            self._handle("No node of the Ray cluster is left that could take a trial: waiting for one")
        self._is_short = not found
        # At least one, though no node may be left: where the cluster grows on demand, a task that waits is the demand.
        return self._limit or max(1, found)

    def _start(self, task: Task) -> None:
        content = None if task.checkpoint is None else (self._directory / task.checkpoint).read_bytes()
        execution = self._execution
        parcel = TaskPayload(
            task=task,
            checkpoint=content,
            directory=str(self._directory),
            device=execution.device,
            threads=execution.threads,
            versions=self._versions,
            function=script_function(task),
            graphs=execution.graphs,
        )
        self._running.append(_Running(self._remote.remote(parcel, self._arrays), task))

    def _take_next(self) -> None:
        """Wait a moment for an answer, and act on it."""
        ready, _ = self._ray.wait([running.stream for running in self._running], timeout=_POLL_SECONDS)
        if not ready:
            return
        running = next(one for one in self._running if one.stream is ready[0])
        self._running.remove(running)
        try:
            answer = self._answer(running)
        except self._ray.exceptions.RayError as error:
            self._go_on_elsewhere(running, error)
            return
        if isinstance(answer, Failed):
            raise answer.error
        if isinstance(answer, Sent):  # else it has ended
            self._running.append(running)  # at the end: the others come before its next answer
            self._deliver(running, answer)

    def _answer(self, running: _Running) -> Answer:
        """Return the next answer of a trial; what Ray raises says that there will be none."""
        try:
            return self._ray.get(next(running.stream))
        except StopIteration:
            raise self._ray.exceptions.WorkerCrashedError from None  # it had not said that it was over
        except self._ray.exceptions.RayTaskError as error:
            raise RuntimeError(
                f"A node of the Ray cluster could not begin a trial ({_first_line(error.cause)}); warmstart must be "
                "installed on every node."
            ) from error

    def _deliver(self, running: _Running, sent: Sent) -> None:
        """Write a checkpoint, and then store the round that names it."""
        message = sent.message
        if isinstance(message, RoundMessage):
            if message.checkpoint is not None and sent.checkpoint is not None:
                save_content(sent.checkpoint, self._directory / message.checkpoint)
            running.task = replace(running.task, done=message.record.round, checkpoint=message.checkpoint)
            del self._losses[_trial(running.task)]
        self._waiting.extendleft(reversed(self._handle(message)))

    def _go_on_elsewhere(self, running: _Running, error: Exception) -> None:
        """Let a lost trial go on after its last finished round, unless it was lost too often without finishing one."""
        arm, seed = trial = _trial(running.task)
        self._losses[trial] += 1
        reason = type(error).__name__
        if self._losses[trial] == _LOSSES:
            raise RuntimeError(
                f"The trial of {arm} with seed {seed} was lost {_LOSSES} times in a row without finishing a round "
                f"(at last: {reason}), which is what happens when memory runs out; start the same command again to go "
                "on, with fewer workers if need be."
            ) from error
        self._handle(f"{arm}, seed {seed}: its node was lost ({reason}), it goes on after round {running.task.done}")
        self._waiting.appendleft(running.task)


def _trial(task: Task) -> tuple[str, int]:
    return task.arm, task.trial.seed


def _first_line(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
