"""Running a study, or going on with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from warmstart.basics import InputError
from warmstart.data import Dataset, DataSource, known_datasets, load
from warmstart.models import UserModel

from ._directory import STUDY_FILE, check_directory, read_study
from ._executor import Execution, run_tasks
from ._provenance import provenance
from ._records import RoundRecord, StudyRecords
from ._rehearsal import model_signature, rehearse
from ._storage import only_writer, storage_errors
from ._store import Store
from ._study import EvaluateOn, Study, study_from_dict, study_identity
from ._study_file import write_study_file
from ._task import Arrays, EpochMessage, Message, RoundMessage, Task, checkpoint_folder, fitted


@dataclass(frozen=True)
class Plan:
    """What is known before a study trains anything.

    Args:
        total: Rounds of the whole study.
        done: Rounds that were finished before.
    """

    total: int
    done: int


Listener = Callable[[Plan | EpochMessage | RoundRecord | str], None]


def run_study(
    study: Study,
    directory: str | Path,
    *,
    dataset: Dataset | None = None,
    execution: Execution | None = None,
    listener: Listener | None = None,
) -> StudyRecords:
    """Run a study, or what is left of it, and return all its results.

    Every finished round is stored at once. After an interruption the same call goes on after the last finished round;
    on the CPU the results are bit for bit those of an uninterrupted run. Where all is done, nothing is loaded or
    trained.

    Args:
        study: What to compare.
        directory: Where results are stored; made if need be. If it holds anything, that must be this very study.
        dataset: The data, if they are in memory already; ``study.data`` then only describes them.
        execution: Processes, threads, device.
        listener: Told about the plan, epochs and finished rounds as they come, and in words what is under way.

    Raises:
        InputError: If the directory holds something else or is in use, or if study and data do not fit; nothing has
            been written then.
        StorageError: If the disk is full or the directory cannot be written; what was stored is intact.

    Example:
        >>> import tempfile
        >>> from warmstart.models import LogisticRegression
        >>> from warmstart.strategies import Cold
        >>> from warmstart.streams import TwoPhase
        >>> from warmstart.training import StopRule
        >>> small = Study(
        ...     [Cold()], architecture=LogisticRegression(), stream=TwoPhase(), stop=StopRule(max_epochs=1), seeds=1
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     records = run_study(small, folder)
        >>> [record.samples_seen for record in records.rounds]
        [599, 1198]
    """
    directory, tell = Path(directory), listener or _silent
    store = Store(directory)
    study = _naming_its_data(study, dataset)
    check_directory(store, study)
    if _is_complete(store) and dataset is None and not _may_change(study):
        tell(f"The study in {directory} is complete: nothing is trained")
        return read_study(directory)
    execution = execution or Execution()
    data = dataset or _load(study, tell)
    _check_evaluation(study, data)
    rounds = rehearse(study, data.input_shape, len(data.classes), samples=fitted(len(data.train), study.evaluation))
    with storage_errors(directory.parent):
        directory.mkdir(parents=True, exist_ok=True)
    with only_writer(directory):
        check_directory(store, study)  # again: another process may have been here since
        _open(store, study, data, rounds)
        _run(store, study, data, execution, tell)
    return read_study(directory)


def _naming_its_data(study: Study, dataset: Dataset | None) -> Study:
    """Let a study of data in memory say so, where it would say the default."""
    if dataset is None or study.data != DataSource() or dataset.name == study.data.name:
        return study
    return replace(study, data=DataSource(name=dataset.name))


def _may_change(study: Study) -> bool:
    """Whether what the study reads is the user's own, and may be another today than it was yesterday."""
    known = {entry.name for entry in known_datasets()}
    return study.data.name not in known or isinstance(study.architecture, UserModel)


def _silent(_: Plan | EpochMessage | RoundRecord | str) -> None:
    pass


def _load(study: Study, tell: Listener) -> Dataset:
    tell(f"Loading {study.data.name}")
    return load(study.data, with_test=study.evaluation.evaluate is EvaluateOn.TEST, progress=tell)


def _is_complete(store: Store) -> bool:
    if not store.exists():
        return False
    study = study_from_dict(store.entry("study"))
    return len(store.rounds()) == len(study.labels) * study.seeds * store.entry("rounds_expected")


def _check_evaluation(study: Study, data: Dataset) -> None:
    """Raise unless there are samples to fit to and samples to evaluate on."""
    if study.evaluation.evaluate is EvaluateOn.TEST:
        if data.test is None:
            raise InputError(f"The data '{data.name}' must have a test set to evaluate on, got none; use the holdout.")
    elif not 0 < fitted(len(data.train), study.evaluation) < len(data.train):
        raise InputError(
            f"holdout must leave samples on both sides of the split of {len(data.train)}, "
            f"got {study.evaluation.holdout}."
        )


def _open(store: Store, study: Study, data: Dataset, rounds: int) -> None:
    """Make the store, or raise unless the one there was made with these data and this model."""
    signature = model_signature(study.architecture, data.input_shape, len(data.classes))
    if not store.exists():
        write_study_file(study, store.directory / STUDY_FILE)
        described = {"rounds_expected": rounds, "data": _describe(study, data), "model_signature": signature}
        store.create({"study": study_identity(study), **described})
    elif store.entry("data")["fingerprint"] != data.fingerprint:
        raise InputError(
            f"The data of '{study.data.name}' are not those that the study in {store.directory} began with; "
            "choose another directory for a study of the new ones."
        )
    elif store.entry("model_signature") != signature:
        raise InputError(
            f"The model is not the one that the study in {store.directory} began with; "
            "choose another directory for a study of the new one."
        )


def _describe(study: Study, data: Dataset) -> dict[str, Any]:
    count = fitted(len(data.train), study.evaluation)
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
        "fingerprint": data.fingerprint,
    }


def _run(store: Store, study: Study, data: Dataset, execution: Execution, tell: Listener) -> None:
    rounds = store.entry("rounds_expected")
    tasks = [
        task for seed in range(study.seeds) for label in study.labels if (task := _task(store, study, label, seed))
    ]
    total = len(study.labels) * study.seeds * rounds
    tell(Plan(total=total, done=len(store.rounds())))
    made = provenance(device=execution.device, workers=execution.worker_count, threads=execution.threads)
    handle = partial(_handle, store, store.begin_run(made), tell)
    arrays = Arrays(data.train, data.test, len(data.classes))
    run_tasks(tasks, arrays, directory=store.directory, execution=execution, handle=handle)


def _task(store: Store, study: Study, label: str, seed: int) -> Task:
    done, checkpoint = store.last_round(label, seed)
    if checkpoint is not None and not (store.directory / checkpoint).exists():
        done, checkpoint = 0, None  # what it would go on from is lost, and played again
    folder = checkpoint_folder(label, seed)
    return Task(label, study.trial(label, seed), study.evaluation, folder, done, checkpoint)


def _handle(store: Store, run: int, tell: Listener, message: Message) -> None:
    """Store a finished round; then, and only then, drop the checkpoint that it replaces."""
    if isinstance(message, RoundMessage):
        record = message.record
        _, replaced = store.last_round(record.arm, record.seed)
        store.add(record, run=run, history=message.history, checkpoint=message.checkpoint)
        if replaced and replaced != message.checkpoint:
            (store.directory / replaced).unlink(missing_ok=True)
        tell(record)
    else:
        tell(message)
