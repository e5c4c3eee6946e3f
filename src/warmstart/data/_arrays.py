"""Labelled samples in memory, and the data set that they make up."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from warmstart.basics import InputError

from ._raw import is_displayable, shown


@dataclass(frozen=True, eq=False)
class LabelledArrays:
    """Samples and their labels, checked when they are put together.

    Args:
        inputs: Images as uint8 (n, channels, height, width), or a table as finite float32 (n, features).
        labels: int64 (n,), whole numbers from 0: the class of each sample.

    Raises:
        InputError: If a shape, type or length is another one, a label is negative or an input not finite.

    Example:
        >>> samples = LabelledArrays(np.zeros((3, 2), np.float32), np.array([0, 1, 1]))
        >>> len(samples), samples.take(np.array([0, 2])).labels.tolist()
        (3, [0, 1])
    """

    inputs: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        """Check shapes, types and values."""
        _check_inputs(self.inputs)
        _check_labels(self.labels, len(self.inputs))

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.labels)

    def take(self, indices: np.ndarray) -> LabelledArrays:
        """Return the samples at ``indices``, in their order, copied."""
        return LabelledArrays(self.inputs[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training samples, the official test samples if loaded, and what the classes are called.

    Args:
        name: What it is called in reports.
        train: The samples that models may see.
        test: The official test set; None where there is none or where it was not asked for.
        classes: Name of each class; the labels are positions in it.

    Raises:
        InputError: If there are fewer than two classes, a label has no class, a name is not a text that reports can
            show, or test samples are of another shape.

    Example:
        >>> samples = LabelledArrays(np.zeros((2, 1, 8, 8), np.uint8), np.array([0, 1]))
        >>> dataset = Dataset("squares", samples, None, ("dark", "bright"))
        >>> dataset.is_image, dataset.input_shape, dataset.fingerprint[:4]
        (True, (1, 8, 8), 'abf4')
    """

    name: str
    train: LabelledArrays
    test: LabelledArrays | None
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that the parts belong together."""
        for kind, name in (("name", self.name), *(("classes", name) for name in self.classes)):
            if not isinstance(name, str) or not is_displayable(name):
                raise InputError(f"{kind} must be text in UTF-8, got {shown(repr(name), 60)}.")
        if len(self.classes) < 2:
            raise InputError(f"classes must be at least two, got {list(self.classes)}.")
        _check_classes("train", self.train, len(self.classes))
        if self.test is not None:
            _check_classes("test", self.test, len(self.classes))
            _check_same_inputs(self.train.inputs, self.test.inputs)

    @property
    def is_image(self) -> bool:
        """Whether samples are images."""
        return self.train.inputs.ndim == 4

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample: (channels, height, width) or (features,)."""
        return self.train.inputs.shape[1:]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex over types, shapes and values of all arrays; the name does not count."""
        digest = hashlib.sha256()
        for part in (self.train, self.test):
            for array in (part.inputs, part.labels) if part is not None else ():
                digest.update(f"{array.dtype} {array.shape};".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def _check_inputs(inputs: np.ndarray) -> None:
    if not isinstance(inputs, np.ndarray) or (inputs.dtype, inputs.ndim) not in ((np.uint8, 4), (np.float32, 2)):
        raise InputError(
            "inputs must be uint8 of shape (n, channels, height, width) or float32 of shape (n, features), "
            f"got {_described(inputs)}."
        )
    if inputs.dtype == np.float32 and not np.isfinite(inputs).all():
        row, column = np.argwhere(~np.isfinite(inputs))[0]
        raise InputError(f"inputs must be finite numbers, got {inputs[row, column]} at [{row}, {column}].")


def _check_labels(labels: np.ndarray, count: int) -> None:
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64 or labels.shape != (count,):
        raise InputError(f"labels must be int64 of shape ({count},), one for each input, got {_described(labels)}.")
    if count and labels.min() < 0:
        raise InputError(f"labels must be at least 0, got {labels.min()}.")


def _check_classes(part: str, samples: LabelledArrays, classes: int) -> None:
    if len(samples) and samples.labels.max() >= classes:
        raise InputError(f"{part} labels must lie in [0, {classes - 1}], got {samples.labels.max()}.")


def _check_same_inputs(train: np.ndarray, test: np.ndarray) -> None:
    if (train.dtype, train.shape[1:]) != (test.dtype, test.shape[1:]):
        raise InputError(
            f"Test samples must be like training samples, {train.dtype} of shape {train.shape[1:]}, "
            f"got {test.dtype} of shape {test.shape[1:]}."
        )


def _described(value: object) -> str:
    return f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
