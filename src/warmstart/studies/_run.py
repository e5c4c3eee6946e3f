"""Running a study, or resuming it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, checked_path, shown
from warmstart.data import known_datasets
from warmstart.executors import Execution, Workers
from warmstart.learners import TensorLearner
from warmstart.models import UserModel
from warmstart.store import (
    RoundRecord,
    StudyRecords,
    TrialStore,
    provenance,
    storage_errors,
    write_study_index,
)
from warmstart.trial import Arrays

from ._array_files import sweep
from ._directory import STUDY_FILE, check_directory, check_place
from ._keys import trial_keys
from ._reading import read_index, records_of
from ._runner import EpochMessage, TrialRunner
from ._schedule import EnoughSeedsError, Schedule, StudyProgress
from ._study import Study, study_identity
from ._study_data import check_fit, describe_data, load_data, report_data, resolve_study
from ._study_file import study_text

_SECONDS_BETWEEN_LOOKS = 0.5
# Training seeds the process's global generators and sets its number of threads: two studies at once, in two threads of
# one process, would give each other other numbers.
_one_at_a_time = threading.RLock()


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
    study, given = resolve_study(study, execution, index, directory, (dataset, source), report)
    check_directory(directory, index, study)
    if given[0] is None and (records := _complete_records(study, directory, index)) is not None:
        report(f"The study in {directory} is complete: nothing is trained")
        return records
    check_place(directory)
    # Workers first: processes start while data are loaded, and where a cluster cannot be reached, nothing is written.
    with _one_at_a_time, nullcontext(workers) if workers is not None else Workers(execution) as running:
        data, other = load_data(study, given, report)
        samples, signature = check_fit(study, data, other)
        # After the check: what is wrong is one sentence, and nothing before it.
        report_data(study, data, other, report)
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
            "data": describe_data(study, data) | ({} if other is None else {"source": describe_data(study, other)}),
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
