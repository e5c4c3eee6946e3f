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
from warmstart.training import EpochReport, Work, alone
from warmstart.trial import Carried, Round, Trial, TrialData, playing

from ._checkpoint import load_carried, save_carried
from ._records import RoundRecord
from ._split import Arrays, split
from ._study import EvaluationSettings

_SECONDS_BETWEEN_REPORTS = 0.2


@dataclass(frozen=True)
class Task:
    """A trial to be played, or gone on with.

    Args:
        arm: Label of its arm.
        trial: Its settings.
        evaluation: Which samples evaluate.
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
        history: Its epochs, what probes read, and notes of training, as JSON.
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
    carried = _carried(task, data, directory)
    progress = _throttled(task, emit)
    build = functools.cache(partial(_fresh, task.trial, data))
    for item in playing(task.trial, data, carried=carried, on_epoch=progress, graphs=graphs):
        if isinstance(item, Round):
            for note in item.fit.notes:
                emit(f"{task.arm}, seed {task.trial.seed}, round {item.number}: {note}")
            emit(_kept(task, item, directory, build))
        else:
            yield item


def _kept(task: Task, played: Round, directory: Path, build: Callable[[], nn.Module]) -> RoundMessage:
    """Write a round's checkpoint, and return what there is to report."""
    checkpoint = None
    if played.carried.model is not None:
        checkpoint = checkpoint_file(task.folder, played.number)
        save_carried(played.carried, directory / checkpoint, build=build)
    return RoundMessage(record_of(task, played), _history(played), checkpoint)


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


def _carried(task: Task, data: TrialData, directory: Path) -> Carried:
    if task.checkpoint is None:
        return Carried(round=task.done)
    parts = [data] if data.source is None else [data, data.source]
    return load_carried(directory / task.checkpoint, [_fresh(task.trial, part) for part in parts])


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


def record_of(task: Task, played: Round) -> RoundRecord:
    """Return a finished round's results as plain values."""
    cost, last = played.fit.cost, played.fit.history[-1]
    return RoundRecord(
        arm=task.arm,
        seed=task.trial.seed,
        round=played.number,
        samples_seen=played.samples_seen,
        samples_trained_on=played.samples_trained_on,
        accuracy=played.evaluation.accuracy if played.evaluation else None,
        loss=played.evaluation.loss if played.evaluation else None,
        train_accuracy=last.train_accuracy,
        ending=str(played.ending),
        epochs=len(played.fit.history),
        steps=cost.steps,
        samples=cost.samples,
        flops=cost.flops,
        seconds=cost.seconds,
    )


def _history(played: Round) -> str:
    rows = [[report.steps, round(report.train_accuracy, 6), report.train_loss] for report in played.fit.history]
    history: dict[str, Any] = {"columns": ["steps", "train_accuracy", "train_loss"], "epochs": rows}
    if played.fit.notes:
        history["notes"] = list(played.fit.notes)
    if played.readings:
        history["readings"] = [dataclasses.asdict(reading) for reading in played.readings]
    return json.dumps(history)
