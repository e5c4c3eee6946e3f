"""A trial as a task: what it needs, what it reports, and the runner that performs it."""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from warmstart.basics import ACCURACY, InputError, derived_seed, recall_of
from warmstart.learners import Scores
from warmstart.models import UserModel
from warmstart.store import (
    RoundRecord,
    TrialStore,
    checkpoint_file,
    load_round_state,
    save_round_state,
)
from warmstart.training import Work
from warmstart.trial import (
    Arrays,
    EvaluationSettings,
    RoundResult,
    RoundState,
    Trial,
    TrialData,
    channels_last,
    encoded,
    first_start,
    run_in_turns,
    split,
)

from ._array_files import ArrayFiles, stored
from ._study import Study

_SECONDS_BETWEEN_REPORTS = 0.2
_SCRIPT = "__main__"


@dataclass(frozen=True)
class FirstRound:
    """The first round of another trial, to be taken over where it starts equal.

    Args:
        key: Of the trial that has run it.
        start: Digest of the model that it started from.
        record: Its results.
        history: Its epochs, measurements and notes.
        checkpoint_digest: Of its checkpoint; None: there was no model to pass on.
    """

    key: str
    start: str
    record: RoundRecord
    history: Mapping[str, Any]
    checkpoint_digest: str | None


@dataclass(frozen=True)
class Task:
    """A trial to be run, or resumed.

    Args:
        key: Of the trial.
        arm: Label of its arm.
        trial: Its settings.
        evaluation: Which samples evaluate.
        done: Rounds that are finished.
        checkpoint_digest: Of the checkpoint of the last one; None: there is none.
        first: What may be taken over as its first round.
    """

    key: str
    arm: str
    trial: Trial
    evaluation: EvaluationSettings
    done: int = 0
    checkpoint_digest: str | None = None
    first: FirstRound | None = None

    def __str__(self) -> str:
        """Name the trial in messages."""
        return f"{self.arm}, seed {self.trial.seed}"

    @property
    def files(self) -> tuple[str, ...]:
        """The checkpoints that it starts from, sent along where the directory is not shared."""
        own = [] if self.checkpoint_digest is None else [checkpoint_file(self.key, self.done)]
        offered = self.first is not None and self.first.checkpoint_digest is not None
        return (*own, *([checkpoint_file(self.first.key, 1)] if offered and self.first is not None else []))


@dataclass(frozen=True)
class EpochMessage:
    """Training has reported; sent a few times a second at most."""

    arm: str
    seed: int
    round: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class RoundMessage:
    """A round has ended.

    Args:
        key: Of its trial.
        record: Its results.
        history: Its epochs, measurements and notes, as plain values.
        start: Digest of the model that round 1 started from; empty for other rounds.
        checkpoint_digest: Of its checkpoint, which is written; None: there is no model to pass on.
    """

    key: str
    record: RoundRecord
    history: Mapping[str, Any]
    start: str
    checkpoint_digest: str | None

    @property
    def files(self) -> tuple[str, ...]:
        """The checkpoint, which is sent along where the directory is not shared."""
        return () if self.checkpoint_digest is None else (checkpoint_file(self.key, self.record.round),)


Message = EpochMessage | RoundMessage | str  # a str: in words, what is under way
Emit = Callable[[Message], None]


@dataclass(frozen=True)
class TrialRunner:
    """Performs the tasks of a study; see :class:`warmstart.executors.Runner`.

    Args:
        arrays: The study's data, or the files that they are in.
        example: One of the study's trials, whose model decides how images are laid out in those files.
        device: Where trials run.
        graphs: Whether steps are recorded.
        script: What models name that the user's script or notebook defines, which no other process runs.
        class_names: Of the source where there is one, and of the data.
    """

    arrays: Arrays | ArrayFiles
    example: Trial
    device: str
    graphs: bool = False
    script: Mapping[str, Any] = field(default_factory=dict)
    class_names: tuple[Sequence[str], ...] = ((),)

    @staticmethod
    def of(
        study: Study, arrays: Arrays, *, device: str, graphs: bool, class_names: Sequence[Sequence[str]] = ((),)
    ) -> TrialRunner:
        """Return the runner of a study."""
        script: dict[str, Any] = {}
        if isinstance(model := study.architecture, UserModel) and model.target.startswith(f"{_SCRIPT}:"):
            script[model.target.partition(":")[2]] = model.function()
        return TrialRunner(arrays, study.trial(study.labels[0], 0), device, graphs, script, tuple(class_names))

    def steps(self, task: Task, directory: Path, device: str, emit: Emit) -> Work[None]:
        """Return the work of the rest of a trial; each round is reported when its checkpoint is written."""
        vars(sys.modules[_SCRIPT]).update(self.script)
        trial, last_report = task.trial, time.monotonic()
        there = torch.device(device)
        data = encoded(trial, split(self._arrays, trial, task.evaluation, device=there), device=there)
        parts = [data] if data.source is None else [data, data.source]

        def built(part: TrialData) -> nn.Module:
            return trial.learner_of(1).build(part.pool, derived_seed(trial.seed, "fresh", 1))

        def resumed(key: str, number: int, digest: str | None) -> RoundState:
            if digest is None:
                return RoundState(round=number)
            return load_round_state(
                directory / checkpoint_file(key, number), [built(part) for part in parts], digest=digest
            )

        def on_report(number: int, values: Mapping[str, float]) -> None:
            nonlocal last_report
            if time.monotonic() - last_report >= _SECONDS_BETWEEN_REPORTS:
                last_report = time.monotonic()
                emit(EpochMessage(task.arm, trial.seed, number, values))

        first, state = task.first, None
        if first is not None and task.done == 0 and first_start(trial, data) == first.start:
            try:
                # Read before it is copied: damage must not become this trial's own, which could not be resumed then.
                state = resumed(first.key, 1, first.checkpoint_digest)
            except InputError as error:
                emit(f"{task}: round 1 is trained, though {first.record.arm} has an equal one: {error}")
        if first is not None and state is not None:
            if first.checkpoint_digest is not None:
                TrialStore(directory).copy_checkpoint(first.key, task.key, 1)
            record = replace(first.record, arm=task.arm)
            emit(RoundMessage(task.key, record, first.history, first.start, first.checkpoint_digest))
        if state is None:
            state = resumed(task.key, task.done, task.checkpoint_digest)
        build = functools.cache(lambda: built(data))
        for item in run_in_turns(trial, data, round_state=state, on_report=on_report, graphs=self.graphs):
            if not isinstance(item, RoundResult):
                yield item
                continue
            for note in item.notes:
                emit(f"{task}, round {item.number}: {note}")
            digest = None
            if item.round_state.model is not None:
                path = directory / checkpoint_file(task.key, item.number)
                # A model that is rebuilt after every round has no state besides what is stored.
                known = None if trial.learner_of(item.number).rebuilds else build
                digest = save_round_state(item.round_state, path, build=known)
            names = self.class_names[0 if item.number <= data.rounds_before_stream else -1]
            emit(RoundMessage(task.key, record_of(task, item, names), history_of(item), item.start, digest))

    def remaining(self, task: Task, message: Message) -> Task:
        """Return what is left of a trial after one of its messages."""
        if isinstance(message, RoundMessage):
            return replace(task, done=message.record.round, checkpoint_digest=message.checkpoint_digest)
        return task

    @contextmanager
    def shared(self, directory: Path) -> Iterator[TrialRunner]:
        """Write the arrays to files in the directory, which workers map; data of the user's own are sent to each."""
        assert isinstance(self.arrays, Arrays), "only the parent process shares them"
        last = channels_last(self.arrays, self.example, torch.device(self.device))
        with stored(self.arrays, directory, channels_last=last) as files:
            yield replace(self, arrays=files)

    @functools.cached_property
    def _arrays(self) -> Arrays:
        return self.arrays.mapped() if isinstance(self.arrays, ArrayFiles) else self.arrays


def record_of(task: Task, result: RoundResult, class_names: Sequence[str] = ()) -> RoundRecord:
    """Return a finished round's results as plain values.

    Args:
        task: The trial.
        result: The round.
        class_names: Of the evaluation data; a class without a name is called by its index.
    """
    counts, scores, next_scores = result.counts, result.scores, result.next_scores

    def metrics_of(found: Scores) -> dict[str, float]:
        names = {index: class_names[index] if index < len(class_names) else str(index) for index in found.recalls}
        return {**found.metrics, **{recall_of(names[index])[0]: recall for index, recall in found.recalls.items()}}

    def finite(values: Mapping[str, float]) -> dict[str, float]:
        # Such as the log loss of class shares where a class is new.
        return {name: value for name, value in values.items() if math.isfinite(value)}

    return RoundRecord(
        arm=task.arm,
        seed=task.trial.seed,
        round=result.number,
        samples_seen=result.samples_seen,
        samples_trained_on=result.samples_trained_on,
        score=None if scores is None else scores.score,
        metrics={} if scores is None else metrics_of(scores),
        train_score=result.train_score,
        stop_reason=str(result.stop_reason),
        epochs=len(result.history),
        steps=None if "steps" not in counts else int(counts["steps"]),
        samples=None if "samples" not in counts else int(counts["samples"]),
        tokens=None if "tokens" not in counts else int(counts["tokens"]),
        flops=counts.get("flops"),
        seconds=result.seconds,
        churn=result.churn,
        negative_flips=result.negative_flips,
        next_score=None if next_scores is None or not math.isfinite(next_scores.score) else next_scores.score,
        baselines={
            name: finite({found.metric.name: found.score, **metrics_of(found)})
            for name, found in result.baselines.items()
        },
        next_baselines=finite({name: found.score for name, found in result.next_baselines.items()}),
    )


def history_of(result: RoundResult) -> dict[str, Any]:
    """Return what was reported epoch by epoch, as columns and rows, with measurements and notes."""
    columns = list(dict.fromkeys(name for row in result.history for name in row if name != "epoch"))
    rows = [[row.get(name) for name in columns] for row in result.history]
    history: dict[str, Any] = {"columns": columns, "epochs": rows}
    if result.scores is not None and result.scores.metric != ACCURACY:
        history["metric"] = dataclasses.asdict(result.scores.metric)
    if result.notes:
        history["notes"] = list(result.notes)
    if result.preparation is not None:
        history["preparation"] = dict(result.preparation)
    if result.readings:
        history["readings"] = [dataclasses.asdict(reading) for reading in result.readings]
    return history
