"""Rows of a project as arrays, and as a model takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from warmstart.basics import InputError
from warmstart.data import FittedEncoding, TableEncoding
from warmstart.training import TensorData
from warmstart.trial import scaled_like


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled rows.

    Args:
        inputs: One row each, as the project's schema has them: images of bytes, whole numbers, or numbers; of a table
            float64 (n, columns) as ``encoding`` says.
        labels: Indices of ``classes``, (n,); or targets, floats (n,) or (n, targets).
        classes: Names of the classes; empty for targets.
        encoding: How the columns of a table become numbers; None: they are numbers.
        features: Names of the columns, where they have some.
        scale: Whether numbers are brought to the scale that a learner trains on.

    Raises:
        InputError: If labels are not one for each row, or not indices of the classes.

    Example:
        >>> len(Rows(np.zeros((3, 2), np.float32), np.array([0, 1, 1]), ("no", "yes")))
        3
    """

    inputs: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...] = ()
    encoding: TableEncoding | None = None
    features: tuple[str, ...] = ()
    scale: bool = True

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if len(self.inputs) != len(self.labels):
            raise InputError(f"labels must be one for each of {len(self.inputs)} rows, got {len(self.labels)}.")
        if self.classes and len(self.labels):
            least, most = self.labels.min(), self.labels.max()
            if self.labels.dtype.kind not in "iu" or least < 0 or most >= len(self.classes):
                raise InputError(
                    f"labels must be indices of the {len(self.classes)} classes, got {self.labels.dtype} from {least} "
                    f"to {most}."
                )

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.labels)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.features if self.encoding is None else tuple(column.name for column in self.encoding.columns)


@dataclass(frozen=True, eq=False)
class TrainingRows(Rows):
    """The rows that a round trains on, in training order: what became trainable first stands first.

    Args:
        new: Indices of the rows that the model of the lineage was not trained on. None: all.
        earlier: How many of the rows each earlier round trained on, ascending, where the rows begin with the same ones.
        validation: Mask over the rows of what early stopping holds apart. None: the learner draws it.
    """

    new: np.ndarray | None = None
    earlier: tuple[int, ...] = ()
    validation: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        super().__post_init__()
        if not len(self):
            raise InputError("There must be rows to train on, got none.")
        if self.new is not None and len(self.new) and not 0 <= self.new.min() <= self.new.max() < len(self):
            raise InputError(f"new must be indices of the {len(self)} rows, got {self.new.min()} to {self.new.max()}.")
        if self.validation is not None and (self.validation.dtype != bool or self.validation.shape != (len(self),)):
            raise InputError(f"validation must be a mask over the {len(self)} rows, got {self.validation.shape}.")


def numbers_of(rows: Rows, fitted: FittedEncoding | None, device: torch.device) -> TensorData:
    """Return rows as tensors, the columns of a table encoded, before any scaling.

    Raises:
        InputError: If the rows lack a column of the encoding, or have columns where there is none.
    """
    inputs = rows.inputs
    if fitted is not None:
        if rows.encoding is None:
            raise InputError("rows must be of a table with the columns that the model was trained on, got numbers.")
        inputs = fitted.encode(fitted.encoding.recoded(inputs, rows.encoding))
    elif rows.encoding is not None:
        raise InputError("rows must be numbers, as the model was trained on, got a table with columns to encode.")
    kind = inputs.dtype if inputs.dtype in (np.uint8, np.int64) else np.float32
    labels = rows.labels.astype(np.int64 if rows.classes else np.float32)
    # Copies: what training sees must not be the caller's memory, which may be read-only, or change.
    data = TensorData(torch.tensor(inputs.astype(kind)), torch.tensor(labels)).to(device)
    return data.of_classes(len(rows.classes))


def prepared_rows(rows: Rows, manifest: Mapping[str, Any], device: torch.device) -> TensorData:
    """Return rows as a stored model takes them, by the preparation of the rows that it was trained on.

    Raises:
        InputError: If the rows lack a column, or have another shape than the model takes.
    """
    preparation = dict(manifest["preparation"] or {})
    encoding = preparation.pop("encoding", None)
    data = numbers_of(rows, None if encoding is None else FittedEncoding.from_dict(encoding), device)
    if data.sample_shape != tuple(manifest["input_shape"]):
        raise InputError(
            f"rows must have the shape {tuple(manifest['input_shape'])}, as the model takes them, got "
            f"{data.sample_shape}."
        )
    return scaled_like(data, preparation)
