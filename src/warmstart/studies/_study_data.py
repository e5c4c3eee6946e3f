"""The data of a study: found, described, and checked against what the study asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from warmstart.basics import InputError, shown
from warmstart.data import IN_MEMORY, Dataset, DataSource, OwnDataset, as_dataset, is_own, load
from warmstart.executors import Execution
from warmstart.learners import TensorLearner
from warmstart.models import MLP
from warmstart.specs import MODEL, to_spec
from warmstart.streams import TimeOrdered
from warmstart.training import Precision, TensorData
from warmstart.trial import Arrays, EvaluateOn, arrival_sizes, as_tensors, fitted, rows_of

from ._directory import check_source
from ._dry_run import Size, dry_run, model_signature
from ._study import Study

_Data = Dataset | OwnDataset


def _resolved(
    study: Study, execution: Execution, index: Mapping[str, Any] | None, directory: Path, report: Callable[[str], None]
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


def resolve_study(
    study: Study,
    execution: Execution,
    index: Mapping[str, Any] | None,
    directory: Path,
    in_memory: tuple[Any, Any],
    report: Callable[[str], None],
) -> tuple[Study, tuple[_Data | None, _Data | None]]:
    """Return a study with all that is automatic resolved, and its data and source as far as they have been loaded.

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
    if data is None and is_own(study.data.name) and isinstance(study.learner, TensorLearner):
        data = _load(study.data, study, report)
    # Of data at a path, the study has seen this; those in memory or of a module are known only now.
    if study.architecture is Study.architecture and _has_no_images(data, study):
        study = replace(study, architecture=MLP())
        report(f"The samples are no images: the model is mlp, not {to_spec(MODEL, Study.architecture)}")
    if study.stream is Study.stream and _is_in_time(data):
        study = replace(study, stream=TimeOrdered())
    for wanted, there in ((study.data, data), (study.source, source)):
        if wanted is not None and there is None:
            check_source(wanted)
    return study, (data, source)


def load_data(
    study: Study, given: tuple[_Data | None, _Data | None], report: Callable[[str], None]
) -> tuple[_Data, _Data | None]:
    """Return the data of a study and those of its source, loaded unless they are given."""
    data, source = (
        there if there is not None or wanted is None else _load(wanted, study, report)
        for wanted, there in zip((study.data, study.source), given, strict=True)
    )
    assert data is not None, "there are always data"
    return data, source


def report_data(study: Study, data: _Data, source: _Data | None, report: Callable[[str], None]) -> None:
    """Report what the data are, and what a reader of results should know of them."""
    of_source = () if source is None else (source.description, *source.notes)
    for sentence in (data.description, *_notes(study, data), *of_source):
        if sentence:
            report(sentence)


def _describing(described: DataSource, dataset: _Data | None) -> DataSource:
    """Let a study of data in memory say so, where it would say the default."""
    if dataset is None or described != DataSource() or dataset.name == described.name:
        return described
    return DataSource(name=dataset.name)


def _load(source: DataSource, study: Study, report: Callable[[str], None]) -> _Data:
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
    notes = list(data.notes)
    if isinstance(study.stream, TimeOrdered) and not _is_in_time(data):
        notes.append(f"Nothing says when the samples of {data.name} arrived: the order in which they stand is taken.")
    return notes


def describe_data(study: Study, data: _Data) -> dict[str, Any]:
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
        "features": list(data.features),
        "fingerprint": data.fingerprint,
        "description": data.description,
        "notes": _notes(study, data),
        "class_counts": _class_counts(data),
    }


def _class_counts(data: Dataset | OwnDataset) -> dict[str, int]:
    """Return how many training samples each class has; nothing where there are no classes."""
    if not isinstance(data, Dataset) or not data.classes:
        return {}
    counts = np.bincount(data.train.labels, minlength=len(data.classes)).tolist()
    return dict(zip(data.classes, counts, strict=True))
