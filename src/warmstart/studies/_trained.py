"""The model that a trial ended with, ready to predict new samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from warmstart.basics import InputError, checked_path, derived_seed, shown, unknown_name
from warmstart.data import (
    Dataset,
    DataSource,
    FittedEncoding,
    image_files,
    is_frame,
    is_table,
    load,
    read_frame,
    read_images,
    read_table,
)
from warmstart.learners import TensorLearner
from warmstart.store import load_round_state
from warmstart.training import TensorData, predict

from ._reading import INDEX, read_index, store_of
from ._study import study_from_dict


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of a model for samples, in their order.

    Args:
        outputs: Probabilities of the classes, (n, classes); for regression the values (n,) or (n, targets), in the unit
            of the study's targets.
        classes: Names of the classes; empty for regression.
    """

    outputs: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.outputs)

    @property
    def labels(self) -> list[str]:
        """The name of the most probable class of each sample.

        Raises:
            InputError: If there are no classes.
        """
        if not self.classes:
            raise InputError("labels are of classes; a regression has outputs alone.")
        return [self.classes[index] for index in self.outputs.argmax(1)]


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """The model that a trial of a study ended with, and how samples become what it takes.

    Args:
        model: In evaluation mode on the CPU.
        strategy: Label of its strategy.
        seed: Of its trial.
        round: The round that it ended.
        classes: Names of the classes; empty for regression.
        input_shape: Shape of one sample as the model takes it.
        input_type: Type of the study's arrays: uint8 images, int64 whole numbers, or numbers.
        features: Names of the columns of a table as it was read; empty if they have none.
        encoding: How the columns of a table become numbers, as the trial's first arrival determined it; None: they are
            numbers.
        scaling: ``scale``, ``offset`` and ``limit`` of the inputs, ``target_scale`` and ``target_offset``, as of
            :class:`TensorData`; empty: the usual.
        source: How the study's data were read.
        outputs: Returns the model's outputs: logits (n, classes), or values; that of the built-in learners.
    """

    model: nn.Module
    strategy: str
    seed: int
    round: int
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    input_type: str
    features: tuple[str, ...]
    encoding: FittedEncoding | None
    scaling: Mapping[str, Any]
    source: DataSource
    outputs: Callable[[nn.Module, TensorData], torch.Tensor] = field(default=predict, repr=False)

    def files(self, path: str | Path) -> list[Path]:
        """Return the image files that :meth:`read` reads, in this order; empty where it reads no such files."""
        place = Path(path).expanduser()
        return image_files(place) if self.input_type == "uint8" and place.exists() else []

    def read(self, samples: Any) -> np.ndarray:
        """Return samples as :meth:`predict` takes them.

        Args:
            samples: A path, or a frame of pandas, polars or arrow. Of a table the study's columns are read, in the way
                in which the study read them; other columns, such as labels, do not matter. Of images, one file, or all
                files in a folder and its subfolders; or whatever else the study could read.

        Raises:
            InputError: If they cannot be read, or lack a column.
        """
        columns = self.encoding.encoding if self.encoding is not None else self.features
        if is_frame(samples):
            if not columns:
                raise InputError(
                    "samples must be a path or an array, as the study's data have no columns, got a frame."
                )
            return read_frame(samples, self.source, columns)
        path = checked_path("samples", samples).expanduser()
        source = replace(self.source, name=str(path), subset=None, test=None, order=None, options={})
        if columns:
            return read_table(source, columns)
        if files := self.files(path):
            images = read_images(files, max_bytes=source.max_bytes, size=source.image_shape)
            # Greyscale images among colored ones become RGB, as in training.
            return images.repeat(self.input_shape[0], axis=1) if images.shape[1] == 1 else images
        if self.input_type == "uint8" and is_table(source):
            raise InputError(f"samples must be images, as the study's data are, got the table {shown(path)}.")
        data = load(source, targets="classes" if self.classes else "values")
        assert isinstance(data, Dataset), "targets were given"
        return data.train.inputs

    def predict(self, inputs: Any) -> Predictions:
        """Predict samples.

        Args:
            inputs: Array or tensor (n, ...): images, numbers or whole numbers as in the study's data; of a table, its
                columns as :meth:`read` returns them, or a frame.

        Raises:
            InputError: If the samples do not have the shape of the study's.
        """
        if is_frame(inputs):
            inputs = self.read(inputs)
        rows = np.asarray(inputs)
        if rows.dtype.kind not in "buif":
            raise InputError(f"inputs must be numbers, as read() returns them of a table, got {rows.dtype}.")
        if self.encoding is not None:
            width = len(self.encoding.encoding.columns)
            if rows.shape[1:] != (width,):
                raise InputError(f"inputs must have the shape (n, {width}), as read() returns them, got {rows.shape}.")
            rows = self.encoding.encode(rows.astype(np.float64))
        if rows.shape[1:] != self.input_shape or not len(rows):
            raise InputError(
                f"inputs must have the shape (n, {', '.join(map(str, self.input_shape))}), got {rows.shape}."
            )
        # Plain numbers stay so: scaled by a tensor, whole numbers would no longer count as tokens.
        tensors = {name: torch.tensor(v) if isinstance(v, list) else v for name, v in self.scaling.items()}
        kind = self.input_type if self.input_type in ("uint8", "int64") else "float32"
        cast = np.ascontiguousarray(rows.astype(kind))
        if kind != "float32" and (cast != rows).any():
            raise InputError(f"inputs must be whole numbers of type {kind}, as the study's data are, got {rows.dtype}.")
        inputs = torch.from_numpy(cast)
        data = TensorData(inputs, torch.zeros(len(rows)))
        if "scale" in tensors:
            data = data.scaled(tensors["scale"], tensors["offset"], limit=self.scaling.get("limit"))
        outputs = self.outputs(self.model, data).double()
        if self.classes:
            return Predictions(outputs.softmax(1).numpy(), self.classes)
        values = outputs * tensors.get("target_scale", 1.0) + tensors.get("target_offset", 0.0)
        return Predictions(values.squeeze(1).numpy() if values.shape[1:] == (1,) else values.numpy(), ())


def load_trained(directory: str | Path, *, strategy: str | None = None, seed: int = 0) -> TrainedModel:
    """Return the model of a trial's last finished round.

    Args:
        directory: With the study's results.
        strategy: Label of the strategy, as tables show it. None: the first one.
        seed: Of the trial.

    Raises:
        InputError: If there is no such trial, it has no model yet, its checkpoint is gone or damaged, or the model was
            trained by a learner of the user's own, which alone knows how it predicts.

    Example:
        >>> import tempfile
        >>> from warmstart.studies import Study, run_study
        >>> from warmstart.training import StoppingRule
        >>> study = Study(["warm"], data="diabetes", learner="regressor", stop=StoppingRule(max_epochs=1), seeds=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     records = run_study(study, folder)
        ...     trained = load_trained(folder, strategy="warm")
        >>> trained.round, len(trained.predict(np.zeros((3, 10))))
        (5, 3)
    """
    folder = checked_path("directory", directory)
    index = read_index(folder)
    if index is None:
        raise InputError(f"{shown(folder)} must be a directory with a study's results, but there is no {INDEX} in it.")
    study, labels, data = study_from_dict(index["study"]), index["labels"], index["data"]
    label = labels[0] if strategy is None else strategy
    if label not in labels:
        raise unknown_name("strategy", label, labels)
    keys: Sequence[str] = index["keys"][label]
    if not 0 <= seed < len(keys):
        count = f"{len(keys)} seed{'s' if len(keys) > 1 else ''}"
        raise InputError(f"seed must lie in [0, {len(keys) - 1}], as the study has {count}, got {seed}.")
    if not isinstance(study.learner, TensorLearner):
        raise InputError(
            f"The study in {shown(folder)} has a learner of your own, which alone knows how its model predicts: read "
            "the checkpoint with warmstart.store.load_round_state."
        )
    store = store_of(folder, index)
    trial = store.read(keys[seed])
    last = None if trial is None else trial.rounds[-1]
    if trial is None or last is None or last.checkpoint is None:
        raise InputError(f"{label} with seed {seed} must have finished a round with a model in {shown(folder)}.")
    learner = study.trial(label, seed).learner_of(last.record.round)
    assert isinstance(learner, TensorLearner), "the study's own is one"
    outputs = len(data["classes"])
    labels_of_zeros = torch.zeros(2, dtype=torch.long) if outputs else torch.zeros(2, *data.get("target_shape", []))
    zeros = TensorData(torch.zeros(2, *data["input_shape"]), labels_of_zeros).of_classes(outputs)
    fresh = learner.build(zeros, derived_seed(seed, "fresh", 1))
    state = load_round_state(store.directory / last.checkpoint, [fresh], digest=last.checkpoint_digest)
    assert state.model is not None, "a checkpoint holds a model"
    preparation = dict(trial.rounds[0].history.get("preparation") or {})
    encoding = preparation.pop("encoding", None)
    return TrainedModel(
        model=state.model.eval(),
        strategy=label,
        seed=seed,
        round=last.record.round,
        classes=tuple(data["classes"]),
        input_shape=tuple(data["input_shape"]),
        input_type=data.get("input_type", ""),
        features=tuple(data.get("features", ())),
        encoding=None if encoding is None else FittedEncoding.from_dict(encoding),
        scaling=preparation,
        source=study.data,
    )
