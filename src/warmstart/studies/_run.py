"""Running a study, or going on with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, checked_path
from warmstart.data import Dataset, DataSource, known_datasets, load
from warmstart.executors import EpochMessage, Execution, Message, RoundMessage, Workers, is_checkpoint
from warmstart.models import UserModel
from warmstart.store import RoundRecord, Store, StudyRecords, only_writer, provenance, storage_errors
from warmstart.training import Precision
from warmstart.trial import Arrays, EvaluateOn, fitted

from ._directory import STUDY_FILE, check_directory, check_place, check_source
from ._dry_run import Size, dry_run, model_signature
from ._first_rounds import Work
from ._reading import read_study
from ._study import Study, study_identity
from ._study_file import write_study_file


@dataclass(frozen=True)
class StudyProgress:
    """What is known before a study trains anything.

    Args:
        total: Rounds of the whole study.
        done: Rounds that were finished before.
    """

    total: int
    done: int


Listener = Callable[[StudyProgress | EpochMessage | RoundRecord | str], None]


def run_study(
    study: Study,
    directory: str | Path,
    *,
    dataset: Dataset | None = None,
    source: Dataset | None = None,
    execution: Execution | None = None,
    workers: Workers | None = None,
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
        source: Likewise the data of ``study.source``.
        execution: Processes or Ray, threads, device.
        workers: Workers that are there already, in place of ``execution``; they are left running, or replaced after a
            study that failed.
        listener: Told about the plan, epochs and finished rounds as they come, and in words what is under way.

    Raises:
        InputError: If the directory holds something else or is in use, if study and data do not fit, or if the Ray
            cluster cannot be reached; nothing has been written then.
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
    directory, tell = checked_path("The results' directory", directory), listener or _silent
    store = Store(directory)
    execution = workers.execution if workers is not None else execution or Execution()
    study = _with_settled_precision(study, execution, store, tell)
    study = replace(study, data=_naming_its_data(study.data, dataset), source=_naming_its_source(study, source))
    check_directory(store, study)
    if dataset is None and is_complete(study, directory):
        tell(f"The study in {directory} is complete: nothing is trained")
        return read_study(directory)
    check_place(directory)
    for wanted, there in ((study.data, dataset), (study.source, source)):
        if wanted is not None and there is None:
            check_source(wanted)
    data = dataset if dataset is not None else _load(study.data, study, tell)
    if study.source is not None and source is None:
        source = _load(study.source, study, tell)
    for part in filter(None, (data, source)):
        _check_evaluation(study, part)
    rounds = _rehearsed(study, data, source)
    # Workers first: where a cluster cannot be reached, nothing has been written.
    with nullcontext(workers) if workers is not None else Workers(execution) as hands:
        with storage_errors(directory.parent):
            directory.mkdir(parents=True, exist_ok=True)
        with only_writer(directory):
            check_directory(store, study)  # again: another process may have been here since
            _open(store, study, data, source, rounds)
            with store.kept_open():
                _run(store, study, _arrays(data, source), hands, tell)
    return read_study(directory)


def _with_settled_precision(study: Study, execution: Execution, store: Store, tell: Listener) -> Study:
    """Return the study with what its precision is on the device that trains, where it says AUTO.

    What is stored then says so, and a machine on which AUTO is another precision cannot add to it.
    """
    if study.recipe.precision is not Precision.AUTO:
        return study
    if execution.on_ray:
        raise InputError("precision must be fp32, tf32 or bf16 on Ray, whose nodes may differ, got auto.")
    precision = Precision.AUTO.on(execution.device)
    begun = store.entry("study")["recipe"].get("precision", Precision.FP32) if store.exists() else precision
    if begun != precision:
        raise InputError(
            f"precision auto is {precision} on this device, but the study in {store.directory} began in {begun}; "
            f"ask for {begun} to continue it, or choose another directory."
        )
    tell(f"Precision auto is {precision} on this device")
    return replace(study, recipe=replace(study.recipe, precision=precision))


def _naming_its_data(described: DataSource, dataset: Dataset | None) -> DataSource:
    """Let a study of data in memory say so, where it would say the default."""
    if dataset is None or described != DataSource() or dataset.name == described.name:
        return described
    return DataSource(name=dataset.name)


def _naming_its_source(study: Study, source: Dataset | None) -> DataSource | None:
    if source is None:
        return study.source
    return _naming_its_data(study.source or DataSource(), source)


def _rehearsed(study: Study, data: Dataset, source: Dataset | None) -> int:
    samples = fitted(len(data.train), study.evaluation)
    size = None
    if source is not None:
        if source.input_shape != data.input_shape:
            raise InputError(
                f"source must have inputs of shape {data.input_shape}, as {data.name} has, got {source.input_shape}."
            )
        size = Size(fitted(len(source.train), study.evaluation), len(source.classes))
    return dry_run(study, data.input_shape, len(data.classes), samples=samples, source=size)


def _arrays(data: Dataset, source: Dataset | None) -> Arrays:
    inner = None if source is None else _arrays(source, None)
    return Arrays(data.train, data.test, len(data.classes), inner)


def _may_change(study: Study) -> bool:
    """Whether what the study reads is the user's own, and may be another today than it was yesterday."""
    known = {entry.name for entry in known_datasets()}
    names = {study.data.name} | ({study.source.name} if study.source is not None else set())
    return not names <= known or isinstance(study.architecture, UserModel)


def _silent(_: StudyProgress | EpochMessage | RoundRecord | str) -> None:
    pass


def _load(source: DataSource, study: Study, tell: Listener) -> Dataset:
    tell(f"Loading {source.name}")
    return load(source, with_test=study.evaluation.evaluate is EvaluateOn.TEST, progress=tell)


def is_complete(study: Study, directory: str | Path) -> bool:
    """Return whether a directory holds all results of this study, on data and a model that cannot have changed since.

    Data at a path, and models of the user's own, may be others today: of those nothing is said without looking.
    """
    store = Store(Path(directory))
    if not store.exists() or _may_change(study) or store.entry("study") != study_identity(study):
        return False
    return store.count() == len(study.labels) * study.seeds * store.entry("rounds_expected")


def _check_evaluation(study: Study, data: Dataset) -> None:
    """Raise unless there are samples to fit to and samples to evaluate on."""
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


def _open(store: Store, study: Study, data: Dataset, source: Dataset | None, rounds: int) -> None:
    """Make the store, or raise unless the one there was made with these data and this model."""
    signature = model_signature(study.architecture, data.input_shape, len(data.classes))
    if not store.exists():
        write_study_file(study, store.directory / STUDY_FILE)
        told = _describe(study, data) | ({} if source is None else {"source": _describe(study, source)})
        described = {"rounds_expected": rounds, "data": told, "model_signature": signature}
        store.create({"study": study_identity(study), "labels": study.labels, **described})
    elif _fingerprints(store.entry("data")) != [part.fingerprint for part in (data, source) if part is not None]:
        raise InputError(
            f"The data of '{study.data.name}' are not those that the study in {store.directory} began with; "
            "choose another directory for a study of the new ones."
        )
    elif store.entry("model_signature") != signature:
        raise InputError(
            f"The model is not the one that the study in {store.directory} began with; "
            "choose another directory for a study of the new one."
        )


def _fingerprints(described: dict[str, Any]) -> list[str]:
    source = described.get("source")
    return [described["fingerprint"], *([source["fingerprint"]] if source else [])]


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


def _run(store: Store, study: Study, arrays: Arrays, workers: Workers, tell: Listener) -> None:
    execution = workers.execution
    rounds = store.entry("rounds_expected")
    total = len(study.labels) * study.seeds * rounds
    made = provenance(
        device=execution.device,
        workers=execution.worker_count,
        threads=execution.threads,
        lanes=execution.lanes,
    )
    how = {"precision": str(study.recipe.precision), "graphs": execution.graphs}
    run = store.begin_run(made | how | workers.described)
    work = Work(store, study, rounds, partial(_handle, store, run, tell))
    work.forget_lost()
    # Before the beginning, which may take rounds over and tell of them: they count as new ones.
    tell(StudyProgress(total=total, done=store.count()))
    workers.perform(work.beginning(), arrays, directory=store.directory, handle=work.handle)


def _handle(store: Store, run: int, tell: Listener, message: Message) -> None:
    """Store a finished round; then, and only then, drop the checkpoint that it replaces."""
    if isinstance(message, RoundMessage):
        record = message.record
        _, replaced = store.last_round(record.arm, record.seed)
        store.add(record, run=run, history=message.history, checkpoint=message.checkpoint)
        # A store that came from elsewhere could name any file.
        if replaced and replaced != message.checkpoint and is_checkpoint(replaced):
            (store.directory / replaced).unlink(missing_ok=True)
        tell(record)
    else:
        tell(message)
