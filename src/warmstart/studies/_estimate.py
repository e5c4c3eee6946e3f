"""What running a study would take, said beforehand from stored rounds or a few real steps."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from warmstart.analysis import FEWEST_SEEDS, AutoSeeds
from warmstart.basics import checked_path, torch_threads
from warmstart.data import Dataset, OwnDataset
from warmstart.executors import Execution
from warmstart.learners import TensorLearner
from warmstart.store import RoundRecord, TrialStore
from warmstart.streams import Growing
from warmstart.training import EarlyStopping, StoppingRule
from warmstart.trial import Arrays, Trial, arrival_sizes, run, split, taken

from ._directory import check_directory, check_place
from ._keys import trial_keys
from ._reading import read_index
from ._run import Listener
from ._study import Study
from ._study_data import check_fit, describe_data, load_data, resolve_study

_SECONDS_TO_TIME = 1.0
_WARM_UP_STEPS, _MOST_STEPS = 3, 100
_BATCHES, _EVALUATED = 4, 256
# A process that has imported what runs studies, and what a worker adds to it; measured, see docs/performance.md.
_WORKER_BYTES = 250 * 2**20


@dataclass(frozen=True)
class StudyEstimate:
    """What running a study would take, as far as it can be known before.

    Attributes:
        data: What was loaded, as a study's results describe it: ``name``, ``train_samples``, ``fit_samples`` and so on.
        notes: What the reader of the data noted about them, one sentence each.
        arrivals: Samples that arrive in each round of a trial, without a round on the source.
        seeds: Fewest and most seeds, which are equal unless results decide.
        strategies: Number of strategies.
        rounds: Rounds of a trial.
        stored_rounds: Rounds of the study that are stored already, up to the most seeds.
        epochs: Fewest and most epochs of a round by the stopping rules; None for a learner of one's own.
        seconds: Fewest and most seconds on the clock for what is not stored; None: unknown before a round has
            run.
        from_stored: Whether the time is judged by stored rounds, not by steps: both ends then differ by seeds alone.
        parameters: Parameters of a model.
        memory_bytes: What all processes would hold at their peak, on a GPU that of the processor; None: unknown.
        workers: Trials that run at the same time.
        device: Where they run.
    """

    data: Mapping[str, Any]
    notes: tuple[str, ...]
    arrivals: tuple[int, ...]
    seeds: tuple[int, int]
    strategies: int
    rounds: int
    stored_rounds: int
    epochs: tuple[int, int] | None
    seconds: tuple[float, float] | None
    from_stored: bool
    parameters: int
    memory_bytes: int | None
    workers: int
    device: str


@dataclass(frozen=True)
class Timing:
    """How long steps take: seconds per sample trained on and per sample evaluated, and bytes that training takes."""

    training: float
    evaluation: float
    parameters: int
    bytes: int


def estimate(
    study: Study,
    directory: str | Path | None = None,
    *,
    dataset: Any = None,
    source: Any = None,
    store: str | Path | None = None,
    execution: Execution | None = None,
    listener: Listener | None = None,
) -> StudyEstimate:
    """Return what running a study would take. It loads the data and trains a few steps; it writes nothing.

    Where rounds of the study are stored, rounds that are left are expected to take as many seconds per sample as these.
    Otherwise about a second of steps is timed for every way to train among the strategies, on the study's data, with as
    many threads as a worker would have; how many epochs a stopping rule asks for is unknown, so the time is a range. It
    says nothing of what several workers take from each other.

    Args:
        study: As of :func:`run_study`.
        directory: Where its results are or would be; None: as if nothing was stored.
        dataset: As of :func:`run_study`.
        source: Likewise.
        store: Likewise.
        execution: Likewise; on Ray nothing is timed, for this machine says nothing of its nodes.
        listener: Called with sentences about what is under way.

    Raises:
        InputError: As :func:`run_study`.

    Example:
        >>> from warmstart.models import LogisticRegression
        >>> found = estimate(Study(architecture=LogisticRegression(), seeds=2), execution=Execution(workers=1))
        >>> found.strategies * found.seeds[1] * found.rounds, found.arrivals, found.epochs
        (30, (240, 240, 240, 239, 239), (1, 500))
    """
    execution, report = execution or Execution(), listener or (lambda _: None)
    folder = None if directory is None else checked_path("The results' directory", directory)
    index = None if folder is None else read_index(folder)
    study, given = resolve_study(study, execution, index, folder or Path(), (dataset, source), report)
    if folder is not None:
        check_directory(folder, index, study)
        check_place(folder)
    data, other = load_data(study, given, report)
    samples, signature = check_fit(study, data, other)
    fingerprints = [part.fingerprint for part in (data, other) if part is not None]
    keys = dict(trial_keys(study, data=fingerprints, signature=signature).trials)
    stored: dict[str, list[list[RoundRecord]]] = {label: [] for label in keys}
    if folder is not None:
        trials = TrialStore(folder if store is None else checked_path("store", store))
        found = {label: [trials.read(key) for key in of_seeds] for label, of_seeds in keys.items()}
        stored = {
            label: [[] if trial is None else [one.record for one in trial.rounds] for trial in of_seeds]
            for label, of_seeds in found.items()
        }
    timings: dict[str, Timing] = {}
    if isinstance(study.learner, TensorLearner) and isinstance(data, Dataset) and not execution.on_ray:
        report("Timing a few steps")
        timings = _timings(study, data, execution)
    about = describe_data(study, data)
    workers = 1 if execution.on_ray else execution.worker_count
    is_table = isinstance(data, Dataset) and not data.is_image and data.train.inputs.dtype != np.int64
    work = _Work(study, samples, stored, timings, about["evaluation_samples"], workers, is_table)
    fewest, most = (FEWEST_SEEDS, study.seeds.max) if isinstance(study.seeds, AutoSeeds) else [study.max_seeds] * 2
    epochs = _epochs(study.stop, work.is_table) if isinstance(study.learner, TensorLearner) else None
    low, high = work.seconds(fewest, at_most=False), work.seconds(most, at_most=True)
    return StudyEstimate(
        data=about,
        notes=data.notes,
        arrivals=arrival_sizes(Arrays.of(data), study.trial(study.labels[0], 0), study.evaluation),
        seeds=(fewest, most),
        strategies=len(study.labels),
        rounds=len(samples[study.labels[0]]),
        stored_rounds=sum(len(rounds) for of_seeds in stored.values() for rounds in of_seeds),
        epochs=epochs,
        seconds=None if low is None or high is None else (low, high),
        from_stored=bool(work.rates),
        parameters=max((timing.parameters for timing in timings.values()), default=0),
        memory_bytes=_memory(timings, data, workers),
        workers=workers,
        device="ray" if execution.on_ray else execution.device,
    )


def _epochs(stop: StoppingRule, is_table: bool) -> tuple[int, int]:
    """Return how many epochs a round takes, at least and at most."""
    stop = stop.resolved(is_table=is_table)
    patience = stop.validation_patience if stop.stops_early else stop.patience
    is_fixed = stop.target is None and patience is None
    return stop.max_epochs if is_fixed else 1, stop.max_epochs


@dataclass(frozen=True)
class _Work:
    """What is left of a study, and what is known of how long it takes.

    Args:
        study: The study.
        samples: That each round of a trial trains on, by label.
        stored: Finished rounds by label and seed.
        timings: Of steps, by label; none where they were not timed.
        evaluated: Samples on which a round is evaluated.
        workers: Trials that run at the same time.
        is_table: Whether the data are a table, whose rounds stop early by default.
    """

    study: Study
    samples: Mapping[str, Sequence[int]]
    stored: Mapping[str, Sequence[Sequence[RoundRecord]]]
    timings: Mapping[str, Timing]
    evaluated: int
    workers: int
    is_table: bool

    @cached_property
    def rates(self) -> dict[str, float]:
        """Seconds that stored rounds took per sample that they train on, by label; empty where none is stored."""
        totals = {
            label: [
                sum(getattr(record, name) for rounds in of_seeds for record in rounds)
                for name in ("seconds", "samples_trained_on")
            ]
            for label, of_seeds in self.stored.items()
        }
        seconds, samples = (sum(total[place] for total in totals.values()) for place in (0, 1))
        if not samples or not seconds:
            return {}
        # Of a strategy that has no round yet nothing better is known than what the others took.
        return {label: total[0] / total[1] if total[1] else seconds / samples for label, total in totals.items()}

    def seconds(self, seeds: int, *, at_most: bool) -> float | None:
        """Return the seconds on the clock that what is left of so many seeds takes; None: unknown."""
        total, trials = 0.0, 0
        for label, sizes in self.samples.items():
            of_seeds, learner = self.stored[label], self.study.trial(label, 0).learner
            for seed in range(seeds):
                left = sizes[len(of_seeds[seed]) if seed < len(of_seeds) else 0 :]
                trials += bool(left)
                if self.rates:
                    total += self.rates[label] * sum(left)
                elif isinstance(learner, TensorLearner) and (timing := self.timings.get(label)):
                    epochs = _epochs(learner.stop, self.is_table)[at_most]
                    steps, batch = learner.stop.max_steps or sys.maxsize, learner.recipe.batch_size
                    total += timing.training * sum(min(size * epochs, steps * min(size, batch)) for size in left)
                    total += timing.evaluation * self.evaluated * len(left)
                elif left:
                    return None
        return total / min(self.workers, max(1, trials))


def _timings(study: Study, data: Dataset, execution: Execution) -> dict[str, Timing]:
    """Return how long steps of each strategy take; of strategies that train alike, those of the first."""
    known: dict[str, Timing] = {}
    found: dict[str, Timing] = {}
    with torch_threads(execution.threads):
        for label in study.labels:
            trial = study.trial(label, 0)
            if repr(trial.learner) not in known:
                known[repr(trial.learner)] = _timing(study, trial, data, execution)
            found[label] = known[repr(trial.learner)]
    return found


def _timing(study: Study, trial: Trial, data: Dataset, execution: Execution) -> Timing:
    """Train a few steps twice, first to warm up, on a few of the samples that a trial would train on."""
    learner = trial.learner
    assert isinstance(learner, TensorLearner), "others are not timed"
    resident, peak = _resident_bytes(), _peak_bytes()
    whole = split(Arrays.of(data), trial, study.evaluation, device=torch.device(execution.device))
    # Few, since what comes after the steps, such as recalibrated statistics, goes through all of them.
    pool = taken(whole.pool, torch.arange(min(len(whole.pool), _BATCHES * learner.recipe.batch_size)))
    few = taken(whole.evaluation, torch.arange(min(len(whole.evaluation), _EVALUATED)))
    part, steps, per_sample = replace(whole, pool=pool, evaluation=few, order=None), _WARM_UP_STEPS, 0.0
    parameters = 0
    for _ in range(2):
        stop = StoppingRule(None, None, 10**9, max_steps=steps, early_stopping=EarlyStopping.OFF)
        short = replace(trial, learner=replace(learner, stop=stop), first_learner=None, stream=Growing(rounds=1))
        result = next(run(short, part, graphs=execution.graphs))
        if result.round_state.model is not None:
            parameters = sum(value.numel() for value in result.round_state.model.parameters())
        per_sample = result.seconds / max(1, result.counts.get("samples", 0))
        per_step = max(result.seconds / max(1, result.counts.get("steps", 0)), 1e-9)
        if result.seconds > _SECONDS_TO_TIME:
            break  # of steps that take so long, what the first one takes besides hardly shows
        steps = max(_WARM_UP_STEPS, min(_MOST_STEPS, round(_SECONDS_TO_TIME / per_step)))
    # At least weights, gradients and two moments of each parameter in float32. What the process has grown by, to its
    # peak if that is new, holds batches and activations as well.
    grown = (_peak_bytes() if _peak_bytes() > peak else _resident_bytes()) - resident
    # Forward alone, where a step goes forward, and twice as far back.
    return Timing(per_sample, per_sample / 3, parameters, max(16 * parameters, grown))


def _memory(timings: Mapping[str, Timing], data: Dataset | OwnDataset, workers: int) -> int | None:
    """Return about what all processes hold at their peak; None where no steps were timed or the system says nothing."""
    resident = _resident_bytes()
    if not timings or not resident or not isinstance(data, Dataset):
        return None
    training = max(timing.bytes for timing in timings.values())
    parts = [part for part in (data.train, data.test) if part is not None]
    size = sum(array.nbytes for part in parts for array in (part.inputs, part.labels))
    if workers == 1:
        # Of the model that was timed some is still there: rather too much than too little.
        return resident + size // 2 + training
    return resident + workers * (_WORKER_BYTES + size // 2 + training)


def _resident_bytes() -> int:
    """Return how much memory this process holds; 0 where the system does not say."""
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return _peak_bytes()


def _peak_bytes() -> int:
    """Return the most memory that this process has held so far; 0 where the system does not say."""
    with suppress(ImportError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return 0
