"""One trial as a piece of work: what it needs, and what it reports while it is done."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from warmstart.basics import generator_for, short_name
from warmstart.models import build_checked
from warmstart.store import RoundRecord, load_round_state, save_round_state
from warmstart.training import EpochReport, Work, alone
from warmstart.trial import Arrays, EvaluationSettings, RoundResult, RoundState, Trial, TrialData, run_in_turns, split

_SECONDS_BETWEEN_REPORTS = 0.2


@dataclass(frozen=True)
class Task:
    """A trial to be finished, or gone on with.

    Args:
        arm: Label of its arm.
        trial: Its settings.
        evaluation: LayerEnd samples evaluate.
        folder: Where checkpoints go, relative to the directory.
        done: Rounds that are finished.
        checkpoint: File of what they carry on, relative to the directory.
    """

    arm: str
    trial: Trial
    evaluation: EvaluationSettings
    folder: str
    done: int = 0
    checkpoint: str | None = None


@dataclass(frozen=True)
class EpochMessage:
    """An epoch has ended; sent a few times a second at most."""

    arm: str
    seed: int
    round: int
    report: EpochReport


@dataclass(frozen=True)
class RoundMessage:
    """A round has ended.

    Args:
        record: Its results.
        history: Its epochs, what measurements read, and notes of training, as JSON.
        checkpoint: File of what it carries on, already written; None if there is no model to carry.
    """

    record: RoundRecord
    history: str
    checkpoint: str | None


Message = EpochMessage | RoundMessage | str  # a str: in words, what is under way
Emit = Callable[[Message], None]


def checkpoint_folder(arm: str, seed: int) -> str:
    """Return a folder name that is fit for every file system and different for every trial.

    Example:
        >>> checkpoint_folder("cold:scale=0.5", 3)
        'checkpoints/cold-scale-0.5-042bdb/seed-3'
    """
    digest = hashlib.sha256(arm.encode()).hexdigest()[:6]
    return f"checkpoints/{short_name(re.sub(r'[^a-z0-9.]+', '-', arm))}-{digest}/seed-{seed}"


def perform(task: Task, arrays: Arrays, *, directory: Path, device: str, emit: Emit, graphs: bool = False) -> None:
    """Play the rest of a trial, and report each round when its checkpoint is written.

    Args:
        task: The trial.
        arrays: The study's data.
        directory: The study's.
        device: Where to train.
        emit: Takes the messages.
        graphs: Whether steps are recorded.
    """
    work = performing(task, arrays, directory=directory, device=device, emit=emit, graphs=graphs)
    alone(work, torch.device(device))


def performing(
    task: Task, arrays: Arrays, *, directory: Path, device: str, emit: Emit, graphs: bool = False
) -> Work[None]:
    """Return the work of :func:`perform`, to be done in turns with others."""
    data = split(arrays, task.trial, task.evaluation, device=torch.device(device))
    round_state = round_state_of(task, data, directory)
    progress = _throttled(task, emit)
    build = functools.cache(partial(_fresh, task.trial, data))
    for item in run_in_turns(task.trial, data, round_state=round_state, on_epoch=progress, graphs=graphs):
        if isinstance(item, RoundResult):
            for note in item.fit.notes:
                emit(f"{task.arm}, seed {task.trial.seed}, round {item.number}: {note}")
            emit(_kept(task, item, directory, build))
        else:
            yield item


def _kept(task: Task, finished: RoundResult, directory: Path, build: Callable[[], nn.Module]) -> RoundMessage:
    """Write a round's checkpoint, and return what there is to report."""
    checkpoint = None
    if finished.round_state.model is not None:
        checkpoint = checkpoint_file(task.folder, finished.number)
        save_round_state(finished.round_state, directory / checkpoint, build=build)
    return RoundMessage(record_of(task, finished), _history(finished), checkpoint)


def checkpoint_file(folder: str, number: int) -> str:
    """Return the name of the file that holds what round ``number`` carries on."""
    return f"{folder}/round-{number:04d}.safetensors"


def is_checkpoint(file: str) -> bool:
    """Return whether a file, relative to a study's directory, has a name that :func:`checkpoint_file` returns.

    Example:
        >>> is_checkpoint(checkpoint_file(checkpoint_folder("cold", 3), 1)), is_checkpoint("../thesis.safetensors")
        (True, False)
    """
    return re.fullmatch(r"checkpoints/[a-z0-9.-]+/seed-\d+/round-\d+\.safetensors", file) is not None


def round_state_of(task: Task, data: TrialData, directory: Path) -> RoundState:
    if task.checkpoint is None:
        return RoundState(round=task.done)
    parts = [data] if data.source is None else [data, data.source]
    return load_round_state(directory / task.checkpoint, [_fresh(task.trial, part) for part in parts])


def _fresh(trial: Trial, data: TrialData) -> nn.Module:
    generator = generator_for(trial.seed, "fresh", 1)
    model = build_checked(trial.architecture, data.pool.sample_shape, data.classes, generator=generator)
    return model.to(data.pool.device)


def _throttled(task: Task, emit: Emit) -> Callable[[int, EpochReport], None]:
    last = time.monotonic()

    def on_epoch(number: int, report: EpochReport) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_REPORTS:
            last = time.monotonic()
            emit(EpochMessage(task.arm, task.trial.seed, number, report))

    return on_epoch


def record_of(task: Task, finished: RoundResult) -> RoundRecord:
    """Return a finished round's results as plain values."""
    cost, last = finished.fit.cost, finished.fit.history[-1]
    return RoundRecord(
        arm=task.arm,
        seed=task.trial.seed,
        round=finished.number,
        samples_seen=finished.samples_seen,
        samples_trained_on=finished.samples_trained_on,
        accuracy=finished.evaluation.accuracy if finished.evaluation else None,
        loss=finished.evaluation.loss if finished.evaluation else None,
        train_accuracy=last.train_accuracy,
        stop_reason=str(finished.stop_reason),
        epochs=len(finished.fit.history),
        steps=cost.steps,
        samples=cost.samples,
        flops=cost.flops,
        seconds=cost.seconds,
    )


def _history(finished: RoundResult) -> str:
    rows = [[report.steps, round(report.train_accuracy, 6), report.train_loss] for report in finished.fit.history]
    history: dict[str, Any] = {"columns": ["steps", "train_accuracy", "train_loss"], "epochs": rows}
    if finished.fit.notes:
        history["notes"] = list(finished.fit.notes)
    if finished.readings:
        history["readings"] = [dataclasses.asdict(reading) for reading in finished.readings]
    return json.dumps(history)
