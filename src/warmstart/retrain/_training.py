"""The training of one round of a project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from warmstart.basics import InputError, copy_model, shown
from warmstart.data import FittedEncoding
from warmstart.learners import OwnLearner, TensorLearner, TrialLearner
from warmstart.specs import STRATEGY, format_spec, shortest
from warmstart.training import Head, StopReason, set_memory_format_
from warmstart.trial import RoundPlan, RoundState, TrainOn, Trial, TrialData, preparation_of, run_round, taken

from ._arrivals import table_encoding
from ._model_file import LoadedModel, content_digest, manifest_of, save_model
from ._rows import TrainingRows, numbers_of, prepared_rows

_CHECKED = 1000  # rows on which it is seen whether a model's outputs are finite


@dataclass(frozen=True, eq=False)
class Candidate:
    """What a round trained.

    Args:
        loaded: The model, its manifest, and its optimizer's state where that is kept; None: training diverged.
        strategy: What it started by, as a spec.
        round: Its number.
        stop_reason: Why training stopped.
        samples: Rows that it was trained on.
        counts: Costs by name: ``steps``, ``samples``, ``tokens``, ``flops``; what was not counted is missing.
        seconds: Wall-clock seconds of training alone.
        history: What training reported, epoch by epoch.
        notes: What a reader should know, one sentence each.
    """

    loaded: LoadedModel | None
    strategy: str
    round: int
    stop_reason: StopReason
    samples: int
    counts: Mapping[str, float]
    seconds: float
    history: tuple[Mapping[str, float], ...]
    notes: tuple[str, ...]
    _learner: TrialLearner = field(repr=False)

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the model is, as plain values; empty where there is none."""
        return {} if self.loaded is None else self.loaded.manifest

    def save(self, path: Path) -> str:
        """Write the model, and return the SHA-256 of the file; see :func:`save_model`.

        Raises:
            InputError: If there is none, or it keeps state that no file can hold.
            StorageError: If the disk is full or the folder cannot be written.
        """
        if self.loaded is None:
            raise InputError(f"A candidate must have a model to be saved, but round {self.round} diverged.")
        return save_model(self.loaded, path, self._learner)


def obstacle(previous: LoadedModel, rows: TrainingRows) -> str | None:
    """Return why training on these rows cannot continue from a model, as a sentence; None: it can."""
    known, names = previous.manifest, tuple(previous.manifest["features"])
    if bool(previous.classes) != bool(rows.classes):
        return "The model predicts something else than the labels are."
    if previous.classes != rows.classes[: len(previous.classes)]:
        return "The classes of the model are not the first of those of the rows, in the same order."
    if names and rows.names and names != rows.names:
        gone, more = ([one for one in a if one not in b] for a, b in ((names, rows.names), (rows.names, names)))
        changes = [f"without {shown(', '.join(gone))}"] * bool(gone) + [f"with {shown(', '.join(more))}"] * bool(more)
        return f"The columns are others than the model was trained on: {', '.join(changes) or 'in another order'}."
    try:
        prepared_rows(replace(rows, inputs=rows.inputs[:1], labels=rows.labels[:1], new=None, validation=None), known,
                      torch.device("cpu"))  # fmt: skip
    except InputError as error:
        return str(error)
    return None


def train_candidate(
    trial: Trial,
    rows: TrainingRows,
    previous: LoadedModel | None = None,
    *,
    number: int,
    tables: Mapping[str, Any] | None = None,
    device: torch.device | None = None,
    on_report: Callable[[int, Mapping[str, float]], None] | None = None,
) -> Candidate:
    """Train one round: the same code as a round of a trial, on rows that the project has chosen.

    A start that continues takes over the previous model's preparation: its rows are encoded and scaled as those that
    the model knows. Any other start fits encoding and scaling to all its training rows, and gets the previous model
    only where that takes inputs of the same shape. Where the rows have more classes, the outputs of the old ones are
    kept and those of the new ones are fresh.

    Args:
        trial: Learner, strategy and seed; its stream is not read.
        rows: What is trained on.
        previous: The model that the lineage continues. None: there is none.
        number: Of the round, counted from 1; with the seed it decides all draws.
        tables: Of the project's settings, for the manifest.
        device: Where to train. None: the CPU.
        on_report: Called with the round's number and what training reports.

    Raises:
        InputError: If a start that continues does not fit the rows, see :func:`obstacle`; or learner, model and rows do
            not fit together.

    Example:
        >>> from warmstart.learners import Classifier
        >>> from warmstart.models import LogisticRegression
        >>> from warmstart.strategies import Warm
        >>> rows = TrainingRows(np.eye(2, dtype=np.float32).repeat(16, 0), np.arange(32) // 16, ("no", "yes"))
        >>> trial = Trial(Classifier(LogisticRegression()), strategy=Warm())
        >>> first = train_candidate(trial, rows, number=1)
        >>> second = train_candidate(trial, rows, first.loaded, number=2)
        >>> second.strategy, second.samples, second.manifest["round"]
        ('warm', 32, 2)
    """
    trial, plan, state = round_of(trial, rows, previous, number=number, device=device or torch.device("cpu"))
    result = run_round(trial, plan, state, number, on_report=on_report)
    learner, pool = trial.learner_of(number), plan.data.pool
    spec = format_spec(STRATEGY.name_of(trial.strategy), shortest(STRATEGY, trial.strategy))
    loaded = None
    if result.scores is not None and result.round_state.model is not None:
        metric = result.scores.metric
        manifest = manifest_of(
            learner,
            tables or {},
            strategy=spec,
            seed=trial.seed,
            round=number,
            classes=list(rows.classes),
            input_shape=list(pool.sample_shape),
            input_type=str(pool.inputs.dtype).removeprefix("torch."),
            target_shape=list(rows.labels.shape[1:]),
            features=list(rows.names),
            preparation=preparation_of(plan.data),
            content=content_digest(result.round_state.model, preparation_of(plan.data)),
            metric={"name": metric.name, "unit": metric.unit, "higher_is_better": metric.higher_is_better},
            is_root=result.scores.root,
        )
        loaded = LoadedModel(result.round_state.model.cpu(), manifest, result.round_state.optimizer)
    return Candidate(
        loaded,
        spec,
        number,
        result.stop_reason,
        result.samples_trained_on,
        result.counts,
        result.seconds,
        result.history,
        result.notes,
        learner,
    )


def round_of(
    trial: Trial, rows: TrainingRows, previous: LoadedModel | None, *, number: int, device: torch.device
) -> tuple[Trial, RoundPlan, RoundState]:
    """Return what :func:`train_candidate` runs: the trial with the learner of this round, its data, and its state."""
    continues = previous is not None and trial.strategy.continues
    if previous is not None and (reason := obstacle(previous, rows)) is not None:
        if continues:
            raise InputError(f"{reason.removesuffix('.')}; start cold.")
        previous = None
    learner, classes = trial.learner_of(number), len(rows.classes)
    if previous is not None and continues:
        if len(previous.classes) < classes:
            learner = _growing(learner)
        encoding = (previous.manifest["preparation"] or {}).get("encoding")
        fitted = None if encoding is None else FittedEncoding.from_dict(encoding)
        pool = prepared_rows(rows, previous.manifest, device)
    else:
        fitted = None
        if rows.encoding is not None:
            # Which categories there are, and where there are gaps, only these rows say: not those that are held out.
            own = table_encoding(rows.inputs, rows.encoding, scale=rows.scale)
            fitted = own.fitted(own.recoded(rows.inputs, rows.encoding))
        bare = numbers_of(rows, fitted, device)
        (pool,) = learner.prepared([bare], bare, scale=rows.scale)
        known = None if previous is None else (previous.classes, tuple(previous.manifest["input_shape"]))
        if known != (rows.classes, pool.sample_shape):
            previous = None  # of another shape, it is nothing that a cold start could look at
    evenly = torch.linspace(0, len(pool) - 1, min(len(pool), _CHECKED)).long()
    state, new = RoundState(), np.arange(len(rows))
    if previous is not None:
        model = copy_model(previous.model).to(device)
        # As training left it: sums over weights in another layout in memory would round otherwise.
        if (last := learner.channels_last(model, pool)) is not None:
            set_memory_format_(model, channels_last=last)
        state = RoundState(previous.manifest["round"], model, previous.optimizer if continues else None)
        new = new if rows.new is None else rows.new
    is_new = torch.zeros(len(rows), dtype=torch.bool)
    is_new[torch.from_numpy(new)] = True
    seen, arrival = (~is_new).nonzero()[:, 0], is_new.nonzero()[:, 0]
    order = torch.cat([seen, arrival])
    plan = RoundPlan(
        TrialData(pool, pool.take(evenly), classes, fitted_encoding=fitted),
        arrival,
        seen,
        taken(pool, seen) if len(seen) else None,
        len(rows),
        # Counts of the first rows mean nothing in another order.
        earlier=rows.earlier if torch.equal(order, torch.arange(len(rows))) else (),
        validation=None
        if rows.validation is None
        else torch.from_numpy(rows.validation)[order if trial.train_on is TrainOn.SEEN else arrival],
    )
    return replace(trial, learner=learner, first_learner=None), plan, state


def _growing(learner: TrialLearner) -> TrialLearner:
    """Return the learner with a head that keeps the outputs of old classes where new ones are added."""
    carry_over = replace(learner.carry_over, head=Head.GROW)
    if isinstance(learner, TensorLearner):
        return replace(learner, carry_over=carry_over)
    if isinstance(learner, OwnLearner):
        return OwnLearner(learner.learner, carry_over=carry_over)
    return learner
