"""Running a study, or resuming it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from warmstart.basics import InputError, checked_path, shown
from warmstart.data import IN_MEMORY, Dataset, DataSource, OwnDataset, as_dataset, known_datasets, load
from warmstart.executors import Execution, Workers
from warmstart.learners import TensorLearner
from warmstart.models import MLP, UserModel
from warmstart.specs import MODEL, to_spec
from warmstart.store import (
    RoundRecord,
    StudyRecords,
    TrialStore,
    provenance,
    storage_errors,
    write_study_index,
)
from warmstart.streams import TimeOrdered
from warmstart.training import Precision, TensorData
from warmstart.trial import Arrays, EvaluateOn, arrival_sizes, as_tensors, fitted, rows_of

from ._array_files import sweep
from ._directory import STUDY_FILE, check_directory, check_place, check_source
from ._dry_run import Size, dry_run, model_signature
from ._keys import trial_keys
from ._reading import read_index, records_of
from ._runner import EpochMessage, TrialRunner
from ._schedule import EnoughSeedsError, Schedule, StudyProgress
from ._study import Study, study_identity
from ._study_file import study_text

_SECONDS_BETWEEN_LOOKS = 0.5
# Training seeds the process's global generators and sets its number of threads: two studies at once, in two threads of
# one process, would give each other other numbers.
_one_at_a_time = threading.RLock()


_Data = Dataset | OwnDataset
Listener = Callable[[StudyProgress | EpochMessage | RoundRecord | str], None]


def run_study(
    study: Study,
    directory: str | Path,
    *,
    dataset: Any = None,
    source: Any = None,
    store: str | Path | None = None,
    execution: Execution | None = None,
    workers: Workers | None = None,
    listener: Listener | None = None,
) -> StudyRecords:
    """Run a study, or what is missing of it, and return all its results.

    Every finished round is stored at once. It is safe to interrupt: the same call resumes after the last finished
    round, and on the CPU the results are bit for bit those of an uninterrupted run. What is stored are trials, so that
    a study grows: with more seeds or further strategies only the new trials are run. Several processes that run studies
    in one directory share the work.

    Args:
        study: What to compare.
        directory: Where results are stored; made if need be. If it contains a study, that may differ in its strategies
            and seeds only.
        dataset: The data, if they are in memory already: anything that :func:`as_dataset` takes. ``study.data`` then
            describes them and says how to read them, such as by its ``label`` or ``scale``; a :class:`Dataset` is taken
            as it is. None: those of the study, or what ``study.data`` leads to.
        source: Likewise the data of ``study.source``.
        store: Where the trials are stored, the directory itself or one around it; studies in one store share equal
            trials. None: the directory itself.
        execution: Processes or Ray, threads, device.
        workers: Workers that are there already, in place of ``execution``; they are left running, or replaced after a
            study that failed.
        listener: Called with the progress, epochs and finished rounds as they come, and with sentences about what is
            under way.

    Raises:
        InputError: If the directory contains something else, if study and data do not fit, or if the Ray cluster
            cannot be reached; nothing has been written then.
        StorageError: If the disk is full or the directory cannot be written; what was stored is intact.

    Example:
        >>> import tempfile
        >>> from warmstart.models import LogisticRegression
        >>> from warmstart.strategies import Cold
        >>> from warmstart.streams import TwoPhase
        >>> from warmstart.training import StoppingRule
        >>> small = Study(
        ...     [Cold()], architecture=LogisticRegression(), stream=TwoPhase(), stop=StoppingRule(max_epochs=1), seeds=1
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     records = run_study(small, folder)
        >>> [record.samples_seen for record in records.rounds]
        [599, 1198]
    """
    directory, report = checked_path("The results' directory", directory), listener or (lambda _: None)
    trials = TrialStore(directory if store is None else checked_path("store", store))
    # Links resolved: what stands in the index is followed from the directory itself.
    place = Path(os.path.relpath(trials.directory.resolve(), directory.resolve()))
    if set(place.parts) - {".."}:
        raise InputError(
            f"store must be the results' directory or one around it, got {shown(trials.directory)} for results in "
            f"{shown(directory)}."
        )
    execution = workers.execution if workers is not None else execution or Execution()
    if directory.exists() and not directory.is_dir():
        check_place(directory)  # says what it is instead
    index = read_index(directory)
    study, given = resolved_study(study, execution, index, directory, (dataset, source), report)
    check_directory(directory, index, study)
    if given[0] is None and (records := _complete_records(study, directory, index)) is not None:
        report(f"The study in {directory} is complete: nothing is trained")
        return records
    check_place(directory)
    # Workers first: processes start while data are loaded, and where a cluster cannot be reached, nothing is written.
    with _one_at_a_time, nullcontext(workers) if workers is not None else Workers(execution) as running:
        data, other = loaded(study, given, report)
        samples, signature = check_fit(study, data, other)
        # After the check: what is wrong is one sentence, and nothing before it.
        for sentence in (_description(data), *_notes(study, data), _description(other), *getattr(other, "notes", ())):
            if sentence:
                report(sentence)
        fingerprints = [part.fingerprint for part in (data, other) if part is not None]
        keys = trial_keys(study, data=fingerprints, signature=signature)
        if index is not None and index["data"]["fingerprint"] != data.fingerprint:
            report(f"The data are not those of the results in {directory}: all trials are run on the new ones")
        with storage_errors(directory.parent):
            directory.mkdir(parents=True, exist_ok=True)
        index = {
            "study": study_identity(study),
            "labels": list(study.labels),
            "rounds_expected": len(samples[study.labels[0]]),
            "data": described(study, data) | ({} if other is None else {"source": described(study, other)}),
            "store": place.as_posix(),
            "model_signature": signature,
            "keys": {label: list(of_seeds) for label, of_seeds in keys.trials.items()},
        }
        write_study_index(directory, index, beside={STUDY_FILE: study_text(study)})
        trials.sweep()
        sweep(trials.directory)
        execution = running.execution  # on Ray, what the cluster has resolved
        made = provenance(
            device=execution.device,
            workers=execution.worker_count,
            threads=execution.threads,
            lanes=execution.lanes,
        )
        how = {"precision": str(study.recipe.precision), "graphs": execution.graphs} | running.described
        schedule = Schedule(trials, study, keys, samples, made | how, execution.worker_count * execution.lanes, report)
        arrays, names = Arrays.of(data, other), [part.classes for part in (other, data) if part is not None]
        runner = TrialRunner.of(study, arrays, device=execution.device, graphs=execution.graphs, class_names=names)
        try:
            while True:
                with suppress(EnoughSeedsError):
                    running.perform(schedule.draw(), runner, directory=trials.directory, handle=schedule.handle)
                if schedule.is_complete:
                    break
                report("Waiting for trials that another process is running")
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                schedule.refresh()
        finally:
            schedule.close()
    # Not what the file says now: another process may have let the study grow meanwhile.
    return records_of(directory, index)


def is_complete(study: Study, directory: str | Path) -> bool:
    """Return whether a directory holds all results of this study, on data and a model that cannot have changed since.

    Data at a path, and models and learners of the user's own, may be others today: of those nothing is said without
    looking. Other objects of the user's own are compared by their source.
    """
    directory = Path(directory)
    return _complete_records(study, directory, read_index(directory)) is not None


def _complete_records(study: Study, directory: Path, index: Mapping[str, Any] | None) -> StudyRecords | None:
    """Return the results of a study where :func:`is_complete` holds; else None."""
    known = {entry.name for entry in known_datasets() if not entry.offered_by}
    names = {source.name for source in (study.data, study.source) if source is not None}
    is_own = not isinstance(study.learner, TensorLearner) or isinstance(study.architecture, UserModel)
    if index is None or is_own or not names <= known or index["study"] != study_identity(study):
        return None
    data = [part["fingerprint"] for part in (index["data"], index["data"].get("source")) if part is not None]
    keys = trial_keys(study, data=data, signature=index.get("model_signature", ""))
    if index["keys"] != {label: list(of_seeds) for label, of_seeds in keys.trials.items()}:
        return None
    records = records_of(directory, index)
    return (
        records if len(records.rounds) >= len(study.labels) * records.seeds_expected * records.rounds_expected else None
    )


def _resolved(
    study: Study, execution: Execution, index: Mapping[str, Any] | None, directory: Path, report: Listener
) -> Study:
    """Return the study with what its precision is on the device that trains, where it says AUTO.

    What is stored then says so, and a machine on which AUTO is another precision cannot add to it.
    """
    if study.recipe.precision is not Precision.AUTO:
        return study
    if execution.on_ray:
        raise InputError("precision must be fp32, tf32 or bf16 on Ray, whose nodes may differ, got auto.")
    precision = Precision.AUTO.on(execution.device)
    begun = precision if index is None else index["study"].get("recipe", {}).get("precision", Precision.FP32)
    if begun != precision:
        raise InputError(
            f"precision auto is {precision} on this device, but the study in {shown(directory)} began in {begun}; "
            f"ask for {begun} to continue it, or choose another directory."
        )
    report(f"Precision auto is {precision} on this device")
    return replace(study, recipe=replace(study.recipe, precision=precision))


def resolved_study(
    study: Study,
    execution: Execution,
    index: Mapping[str, Any] | None,
    directory: Path,
    in_memory: tuple[Any, Any],
    report: Listener,
) -> tuple[Study, tuple[_Data | None, _Data | None]]:
    """Return a study with all that is automatic resolved, and its data and source as far as they are in memory.

    Raises:
        InputError: If data in memory are no data, or those at a path cannot have it.
    """
    study = _resolved(study, execution, index, directory, report)
    values = (study.dataset.value if in_memory[0] is None and study.dataset is not None else in_memory[0], in_memory[1])
    data, source = (
        None if value is None else _as_dataset(value, study, wanted or DataSource())
        for value, wanted in zip(values, (study.data, study.source), strict=True)
    )
    study = replace(
        study,
        data=_describing(study.data, data),
        source=_describing(study.source or DataSource(), source) if source is not None else study.source,
        dataset=None,
    )
    # Of data at a path, the study has seen this; those in memory are known only now.
    if study.architecture is Study.architecture and _has_no_images(data, study):
        study = replace(study, architecture=MLP())
        report(f"The samples are no images: the model is mlp, not {to_spec(MODEL, Study.architecture)}")
    if study.stream is Study.stream and _is_in_time(data):
        study = replace(study, stream=TimeOrdered())
    for wanted, there in ((study.data, data), (study.source, source)):
        if wanted is not None and there is None:
            check_source(wanted)
    return study, (data, source)


def loaded(study: Study, given: tuple[_Data | None, _Data | None], report: Listener) -> tuple[_Data, _Data | None]:
    """Return the data of a study and those of its source, loaded unless they are given."""
    data, source = (
        there if there is not None or wanted is None else _load(wanted, study, report)
        for wanted, there in zip((study.data, study.source), given, strict=True)
    )
    assert data is not None, "there are always data"
    return data, source


def _describing(described: DataSource, dataset: _Data | None) -> DataSource:
    """Let a study of data in memory say so, where it would say the default."""
    if dataset is None or described != DataSource() or dataset.name == described.name:
        return described
    return DataSource(name=dataset.name)


def _load(source: DataSource, study: Study, report: Listener) -> _Data:
    report(f"Loading {source.name}")
    with_test = study.evaluation.evaluate is EvaluateOn.TEST
    is_built_in = isinstance(study.learner, TensorLearner)
    return load(source, with_test=with_test, progress=report, targets=study.targets, arrays=is_built_in)


def _as_dataset(value: Any, study: Study, described: DataSource) -> _Data:
    """Return data from memory as the learner takes them: a learner of the user's own gets them as they are."""
    if isinstance(value, (Dataset, OwnDataset)):
        return value
    # The name of another data set would be no name of theirs.
    source = replace(described, name=IN_MEMORY) if described.name == DataSource().name else described
    is_built_in = isinstance(study.learner, TensorLearner)
    return as_dataset(value, source=source, targets=study.targets if is_built_in else None, arrays=is_built_in)


def _check_evaluation(study: Study, data: _Data) -> None:
    """Raise unless the learner can read the data, with samples to fit to and samples to evaluate on."""
    if isinstance(study.learner, TensorLearner):
        name = type(study.learner).__name__
        if not isinstance(data, Dataset):
            raise InputError(f"The data '{data.name}' must be arrays for {name}: give them as inputs and targets.")
        if data.targets is not study.targets:
            raise InputError(
                f"The data '{data.name}' must have {study.targets} as targets for {name}, got {data.targets}."
            )
    if study.evaluation.evaluate is EvaluateOn.TEST:
        if data.test is None:
            raise InputError(f"The data '{data.name}' must have a test set to evaluate on, got none; use the holdout.")
    elif (
        not 0 < fitted(len(data.train), study.evaluation) < len(data.train)
        or len(data.train) * study.evaluation.holdout < 0.5  # so little that rounding alone would make it a sample
    ):
        raise InputError(
            f"holdout must leave samples on both sides of the split of {len(data.train)}, "
            f"got {study.evaluation.holdout}."
        )
    groups = None if not isinstance(data, Dataset) or data.order is None else data.order.groups
    if study.evaluation.evaluate is EvaluateOn.HOLDOUT and groups is not None and (groups == groups[0]).all():
        raise InputError(f"group must have at least 2 values in {data.name}, of which some are held out, got 1.")


def check_fit(study: Study, data: _Data, source: _Data | None) -> tuple[dict[str, list[int]], str]:
    """Return the samples that rounds train on, by label, and the model's signature; raise unless all fits together."""
    for part in filter(None, (data, source)):
        _check_evaluation(study, part)
    if source is not None and source.input_shape != data.input_shape:
        raise InputError(
            f"source must have inputs of shape {data.input_shape}, as {data.name} has, got {source.input_shape}."
        )
    if isinstance(source, Dataset) and isinstance(data, Dataset):
        if data.encoding != source.encoding or data.train.inputs.dtype != source.train.inputs.dtype:
            raise InputError(
                f"source must have the columns of {data.name}, of the same kinds and with the same categories, to be "
                f"encoded alike, but {source.name} differs."
            )
        if data.scale != source.scale:
            raise InputError(f"scale must be the same for {data.name} and its source {source.name}, got two.")
    of_data, of_source = _size(study, data), None if source is None else _size(study, source)
    arrays, arrivals = Arrays.of(data), None
    if study.stream.keeps_order or (arrays.order is not None and arrays.order.groups is not None):
        differs = study.evaluation.evaluate is EvaluateOn.HOLDOUT
        trials = (study.trial(study.labels[0], seed) for seed in range(study.max_seeds if differs else 1))
        arrivals = {arrival_sizes(arrays, trial, study.evaluation) for trial in trials}
    return dry_run(study, of_data, arrivals=arrivals, source=of_source), model_signature(study, of_data.zeros)


def _size(study: Study, data: _Data) -> Size:
    """Return how much is fitted to, and what stands for the data in a dry run: two samples of zeros, all alike."""
    count = fitted(len(data.train), study.evaluation)
    if not isinstance(data, Dataset):
        return Size(count, data.train)
    classes, arrays = len(data.classes), data.train
    if not isinstance(study.learner, TensorLearner):
        # Of what a table is encoded to, only the number of columns is known before a trial begins.
        zeros = torch.zeros(1, *data.input_shape).expand(len(arrays), *data.input_shape)
        known = as_tensors(arrays, classes) if data.encoding is None else TensorData(zeros, arrays.labels)
        return Size(count, known.of_classes(classes))
    labels = torch.from_numpy(arrays.labels[:1]).expand(2, *arrays.labels.shape[1:]) * 0
    dtype = torch.int64 if arrays.inputs.dtype == np.int64 else torch.float32
    return Size(count, TensorData(torch.zeros(2, *data.input_shape, dtype=dtype), labels).of_classes(classes))


def _has_no_images(data: Dataset | OwnDataset | None, study: Study) -> bool:
    """Return whether data in memory are a table, windows or the like, for a built-in learner."""
    if not isinstance(data, Dataset) or not isinstance(study.learner, TensorLearner):
        return False
    return not data.is_image and len(data.input_shape) != 3


def _is_in_time(data: Dataset | OwnDataset | None) -> bool:
    """Return whether the samples of data are known to stand in the order in which they arrived."""
    return isinstance(data, Dataset) and data.order is not None and data.order.in_time


def _notes(study: Study, data: Dataset | OwnDataset) -> list[str]:
    """Return what a reader of results should know of the data, and of what the study takes them for."""
    notes: list[str] = list(getattr(data, "notes", ()))
    if isinstance(study.stream, TimeOrdered) and not _is_in_time(data):
        notes.append(f"Nothing says when the samples of {data.name} arrived: the order in which they stand is taken.")
    return notes


def _description(data: Dataset | OwnDataset | None) -> str:
    """Return what data say of themselves in one line; empty where they say nothing."""
    return getattr(data, "description", "")


def described(study: Study, data: _Data) -> dict[str, Any]:
    """Return what a study's index says of its data."""
    # Where groups are held out whole, as many as for the first seed; for others, there may be some more or fewer.
    count = len(rows_of(Arrays.of(data), study.trial(study.labels[0], 0), study.evaluation)[0])
    tested = len(data.test) if data.test is not None else 0
    on_test = study.evaluation.evaluate is EvaluateOn.TEST
    return {
        "name": data.name,
        "train_samples": len(data.train),
        "fit_samples": count,
        "evaluation_samples": tested if on_test else len(data.train) - count,
        "evaluate": str(study.evaluation.evaluate),
        "classes": list(data.classes),
        "input_shape": list(data.input_shape),
        "input_type": str(data.train.inputs.dtype) if isinstance(data, Dataset) else "",
        "target_shape": list(data.train.labels.shape[1:]) if isinstance(data, Dataset) else [],
        "features": list(getattr(data, "features", ())),
        "fingerprint": data.fingerprint,
        "description": _description(data),
        "notes": _notes(study, data),
        "class_counts": _class_counts(data),
    }


def _class_counts(data: Dataset | OwnDataset) -> dict[str, int]:
    """Return how many training samples each class has; nothing where there are no classes."""
    if not isinstance(data, Dataset) or not data.classes:
        return {}
    counts = np.bincount(data.train.labels, minlength=len(data.classes)).tolist()
    return dict(zip(data.classes, counts, strict=True))
