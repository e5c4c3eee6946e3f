"""Labelled samples in memory, and the data set they form."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from warmstart.basics import InputError

from ._encoding import ColumnKind, TableEncoding
from ._raw import is_displayable, shown


class Targets(StrEnum):
    """What a learner predicts of a sample."""

    CLASSES = "classes"
    """One of several classes, for classification."""
    VALUES = "values"
    """Finite numbers, one or several, for regression."""


# Compared by identity (eq=False): == of arrays is an array, of which the generated __eq__ would take the truth value.
@dataclass(frozen=True, eq=False)
class SampleOrder:
    """Where training samples stand in time, and which of them belong together.

    Args:
        in_time: Whether the samples stand in the order in which they arrived.
        arrivals: int64 (n,), not descending: the arrival that each belongs to, from 0 without gaps, where the data say
            so themselves, as files of a folder do. None: they do not.
        groups: int64 (n,): samples of one group, as of a day or a customer, are held out together or not at all. None:
            each stands for itself.

    Raises:
        InputError: If arrivals or groups are of another type, or arrivals descend or have gaps.

    Example:
        >>> SampleOrder(in_time=True, arrivals=np.array([0, 0, 1])).arrivals.tolist()
        [0, 0, 1]
    """

    in_time: bool = False
    arrivals: np.ndarray | None = None
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check types and values."""
        for name, values in (("arrivals", self.arrivals), ("groups", self.groups)):
            if values is None:
                continue
            if not isinstance(values, np.ndarray) or values.dtype != np.int64 or values.ndim != 1:
                raise InputError(f"{name} must be int64 of shape (n,), got {_described(values)}.")
            if name == "arrivals" and (values[:1].any() or not np.isin(np.diff(values), (0, 1)).all()):
                raise InputError("arrivals must count from 0 without gaps and must not descend.")

    def take(self, rows: np.ndarray) -> SampleOrder:
        """Return the order of the samples at ``rows``, which ascend; arrivals of which none is left are closed up."""
        arrivals = None if self.arrivals is None else np.unique(self.arrivals[rows], return_inverse=True)[1]
        groups = None if self.groups is None else self.groups[rows]
        return SampleOrder(self.in_time, arrivals, groups)


@dataclass(frozen=True, eq=False)
class LabelledArrays:
    """Samples and their labels, checked on construction.

    Args:
        inputs: Images as uint8 (n, channels, height, width); or numbers as finite float32 (n, features), or
            (n, length, channels) and the like; or whole numbers that stand for something, such as tokens, as int64
            (n, ...), which reach a model as they are; or a table's columns that a :class:`TableEncoding` turns into
            numbers, as float64 (n, columns), NaN where a cell is missing.
        labels: int64 (n,), whole numbers from 0: the class of each sample. Or the values to predict: finite float32
            (n,), or (n, k) for k values per sample.

    Raises:
        InputError: If a shape, type or length is wrong, a class is negative, or an input or value is not finite.

    Example:
        >>> samples = LabelledArrays(np.zeros((3, 2), np.float32), np.array([0, 1, 1]))
        >>> len(samples), samples.take(np.array([0, 2])).labels.tolist()
        (3, [0, 1])
    """

    inputs: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        """Check shapes, types and values."""
        inputs, labels = self.inputs, self.labels
        is_array = isinstance(inputs, np.ndarray)
        if not is_array or not (
            (inputs.dtype == np.uint8 and inputs.ndim == 4)
            or (inputs.dtype in (np.float32, np.int64) and inputs.ndim >= 2)
            or (inputs.dtype == np.float64 and inputs.ndim == 2)
        ):
            raise InputError(
                "inputs must be uint8 of shape (n, channels, height, width), float32 or int64 of shape (n, features) "
                f"or more, or float64 of shape (n, columns) with an encoding, got {_described(inputs)}."
            )
        if inputs.dtype == np.float32 and not np.isfinite(inputs).all():
            place = np.argwhere(~np.isfinite(inputs))[0]
            raise InputError(f"inputs must be finite numbers, got {inputs[tuple(place)]} at {place.tolist()}.")
        count = len(inputs)
        if isinstance(labels, np.ndarray) and labels.dtype == np.float32:
            if labels.shape[:1] != (count,) or labels.ndim > 2 or 0 in labels.shape[1:]:
                raise InputError(
                    f"labels that are values must have the shape ({count},) or ({count}, k), one row per input, "
                    f"got {_described(labels)}."
                )
            if not np.isfinite(labels).all():
                place = np.argwhere(~np.isfinite(labels))[0]
                raise InputError(f"labels must be finite numbers, got {labels[tuple(place)]} at {place.tolist()}.")
            return
        if not isinstance(labels, np.ndarray) or labels.dtype != np.int64 or labels.shape != (count,):
            raise InputError(
                f"labels must be int64 of shape ({count},), one per input, or float32 if they are values, "
                f"got {_described(labels)}."
            )
        if count and labels.min() < 0:
            raise InputError(f"labels must be at least 0, got {labels.min()}.")

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.labels)

    def take(self, indices: np.ndarray) -> LabelledArrays:
        """Return the samples at ``indices``, in their order, copied."""
        return LabelledArrays(self.inputs[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training samples, the official test samples if loaded, and the names of the classes.

    Args:
        name: Its name in reports.
        train: The samples that models may be trained on.
        test: The official test set; None if there is none or it was not requested.
        classes: Name of each class; labels are indices into it. Empty if labels are values.
        order: Where the training samples stand in time, and which belong together; None: nothing is known of it.
        encoding: How columns of a table become numbers; None: inputs are what a model takes.
        scale: Whether numbers are brought to mean 0 and variance 1 over the first arrival; else they reach a model
            unchanged.
        notes: What a reader of results should know of how the data were read, one sentence each.
        features: Names of a table's columns in the inputs; empty where they have none.

    Raises:
        InputError: If there are fewer than two classes, a label has no class, values have classes, a name is not valid
            UTF-8 text, the test samples have a different type or shape, or order or encoding do not fit the samples.

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
    order: SampleOrder | None = None
    encoding: TableEncoding | None = None
    scale: bool = True
    notes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the parts belong together."""
        # Names end up in stored results and reports: a lone surrogate would fail there, long after loading.
        for kind, name in (("name", self.name), *(("classes", name) for name in self.classes)):
            if not isinstance(name, str) or not is_displayable(name):
                raise InputError(f"{kind} must be UTF-8 text, got {shown(repr(name), 60)}.")
        other = self.train if self.test is None else self.test
        # Inputs first: where they differ, the labels usually do so too, and inputs say more about what was mixed up.
        for what, train, test in (
            ("samples", self.train.inputs, other.inputs),
            ("labels", self.train.labels, other.labels),
        ):
            if (train.dtype, train.shape[1:]) != (test.dtype, test.shape[1:]):
                raise InputError(
                    f"Test {what} must be like training {what}, {train.dtype} of shape {train.shape[1:]}, "
                    f"got {test.dtype} of shape {test.shape[1:]}."
                )
        for name in ("arrivals", "groups"):
            values = getattr(self.order, name, None)
            if values is not None and len(values) != len(self.train):
                raise InputError(
                    f"{name} must be one for each of {len(self.train)} training samples, got {len(values)}."
                )
        columns = self.train.inputs.shape[1] if self.train.inputs.dtype == np.float64 else None
        if columns != (None if self.encoding is None else len(self.encoding.columns)):
            raise InputError("encoding must describe every column of float64 inputs, and be None for others.")
        if self.targets is Targets.VALUES:
            if self.classes:
                raise InputError(f"classes must be empty where labels are values, got {len(self.classes)}.")
            return
        if len(self.classes) < 2:
            raise InputError(f"classes must be at least two, got {list(self.classes)}.")
        for part, samples in (("train", self.train), ("test", self.test)):
            if samples is not None and len(samples) and samples.labels.max() >= len(self.classes):
                raise InputError(f"{part} labels must lie in [0, {len(self.classes) - 1}], got {samples.labels.max()}.")

    @property
    def targets(self) -> Targets:
        """Whether labels are classes or values."""
        return Targets.VALUES if self.train.labels.dtype == np.float32 else Targets.CLASSES

    @property
    def is_image(self) -> bool:
        """Whether samples are images."""
        return self.train.inputs.ndim == 4 and self.train.inputs.dtype == np.uint8

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample as a model takes it: (channels, height, width), (features,) or more."""
        return self.train.inputs.shape[1:] if self.encoding is None else (self.encoding.width,)

    @property
    def description(self) -> str:
        """Size, features and shares of the classes, or range of the values, in one line."""
        inputs, count = self.train.inputs, len(self.train)
        shape = "x".join(map(str, inputs.shape[1:]))
        if self.is_image:
            parts = [f"{count:,} images of {shape}"]
        elif inputs.ndim > 2:
            parts = [f"{count:,} samples of {shape}"]
        else:
            columns = () if self.encoding is None else self.encoding.columns
            encoded = sum(one.kind is not ColumnKind.NUMBER for one in columns)
            filled = sum(one.has_missing for one in columns)
            what = [f"{number:,} {name}" for number, name in ((encoded, "encoded"), (filled, "filled")) if number]
            width, among = inputs.shape[1], f" ({', '.join(what)})" if what else ""
            parts = [f"{count:,} rows", f"{width:,} feature{'s' * (width != 1)}{among}"]
        if self.test is not None:
            parts.append(f"{len(self.test):,} test samples")
        labels = self.train.labels
        if self.targets is Targets.VALUES:
            per_sample = f"{labels.shape[1]:,} values per sample" if labels.ndim == 2 else "values"
            spread = f" from {labels.min():.4g} to {labels.max():.4g}, mean {labels.mean(dtype=np.float64):.4g}"
            return ", ".join([*parts, per_sample + (spread if count else "")])
        shares = np.bincount(labels, minlength=len(self.classes)) / max(1, count)
        order = np.argsort(-shares, kind="stable").tolist()
        written = [f"{shown(self.classes[index], 30)} {_percent(float(shares[index]))}" for index in order]
        counted = f"{len(self.classes):,} classes"
        if len({_percent(float(share)) for share in shares}) == 1 and len(shares) > 2:
            return ", ".join([*parts, f"{counted}: {_percent(float(shares[0]))} each"])
        if len(shares) > _MOST_SHARES:
            return ", ".join([*parts, f"{counted}, largest: {written[0]}, smallest: {written[-1]}"])
        return ", ".join([*parts, f"{counted}: {', '.join(written)}"])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex over types, shapes and values of all arrays, and what is done with them; not over the name."""
        digest = hashlib.sha256()
        if self.encoding is not None or not self.scale:
            digest.update(f"{self.encoding!r} {self.scale};".encode())
        for name in ("in_time", "arrivals", "groups"):
            value = getattr(self.order, name, None)
            if isinstance(value, np.ndarray):
                digest.update(f"{name} {value.shape};".encode() + value.tobytes())
            elif value:
                digest.update(name.encode())
        for part in (self.train, self.test):
            for array in (part.inputs, part.labels) if part is not None else ():
                digest.update(f"{array.dtype} {array.shape};".encode())
                # Views of the same values must agree: readers transpose some images without copying them.
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


_MOST_SHARES = 5


def _percent(share: float) -> str:
    """Return a share in per cent, with a digit behind the point where it would be 0 or 100 and is not.

    Example:
        >>> _percent(0.27), _percent(0.0067), _percent(0.9933), _percent(1)
        ('27 %', '0.7 %', '99.3 %', '100 %')
    """
    return f"{100 * share:.1f} %" if 0 < share < 0.01 or 0.99 < share < 1 else f"{100 * share:.0f} %"


def _described(value: object) -> str:
    return f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
