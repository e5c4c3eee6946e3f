"""Data sets of the user's own: whatever has a length and items, or arrays."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from warmstart.basics import InputError, choice

from ._arrays import Dataset, Targets
from ._assemble import assemble, subset_rows
from ._fingerprint import fingerprint_of
from ._npz import array_split
from ._raw import RawData, is_displayable, shown


@dataclass(frozen=True, eq=False)
class OwnDataset:
    """A data set of the user's own, for a learner of the user's own: nothing is known of its items.

    Args:
        name: Its name in reports.
        train: The samples that models may be trained on, with a length and items by index from 0.
        test: The official test samples likewise; None if there are none or they were not requested.
        fingerprint: Text that changes with the content; a trial is run again where it has changed.

    Raises:
        InputError: If the name is not valid UTF-8 text.
    """

    name: str
    train: Any
    test: Any | None
    fingerprint: str
    # What a study reads of a Dataset, and here means: not known.
    classes: tuple[str, ...] = field(default=(), init=False)
    input_shape: tuple[int, ...] = field(default=(), init=False)
    is_image: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Check the name, which ends up in results and reports."""
        if not isinstance(self.name, str) or not self.name or not is_displayable(self.name):
            raise InputError(f"name must be UTF-8 text, got {shown(repr(self.name), 60)}.")


@dataclass(frozen=True, eq=False)
class ArrayPairs:
    """Two arrays of equal length as items (input, target)."""

    inputs: Any
    targets: Any

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return one input with its target."""
        return self.inputs[index], self.targets[index]


def as_dataset(
    value: Any,
    *,
    name: str = "own data",
    targets: Targets | str | None = None,
    subset: int | None = None,
    with_test: bool = True,
    arrays: bool = True,
) -> Dataset | OwnDataset:
    """Return anything that can be a data set as one.

    That is a :class:`Dataset`; a map-style data set, which has ``__len__`` and ``__getitem__`` by index, such as a
    list, a ``torch.utils.data.Dataset`` or a Hugging Face ``Dataset``; arrays or tensors (inputs, targets), also as a
    ``TensorDataset``; or two of these, (train, test), also as a mapping with these names.

    Arrays become a :class:`Dataset` if they can without a change of meaning: inputs that are uint8 images
    (n, channels, height, width) or (n, height, width), or a table (n, features) of floats; and targets that are one
    class per sample, or one or several values. All else becomes an :class:`OwnDataset`, for a learner of your own; so
    do tables of integers, which may be tokens.

    The fingerprint of an :class:`OwnDataset` is made of the data sets' own (``_fingerprint`` of Hugging Face, or an
    attribute ``fingerprint``), otherwise of all items, each read once and not kept: arrays and tensors by type, shape
    and bytes, numbers, text and containers by content, others by pickle. That may take 5 minutes at most.

    Args:
        value: The data.
        name: Its name in reports, and in messages.
        targets: What the targets of arrays are. None: values if they are floats, otherwise classes.
        subset: Number of training samples, drawn as for a :class:`DataSource`; None: all.
        with_test: Whether to keep the test samples, if there are any.
        arrays: Whether arrays become a :class:`Dataset`; else they stay the items that they are.

    Raises:
        InputError: If the value is none of these, an item cannot be read or has no fingerprint, or ``subset`` is larger
            than the number of samples.

    Example:
        >>> as_dataset(["one text", "another"], name="texts").fingerprint[:8]
        '4f1b0578'
        >>> as_dataset((np.zeros((3, 2)), np.array([0, 1, 1]))).classes
        ('0', '1')
    """
    targets = None if targets is None else choice(Targets, targets, name="targets")
    train, test = split_parts(value, name)
    test = test if with_test else None
    if isinstance(value, Dataset):
        if targets is not None and value.targets is not targets:
            raise InputError(f"targets must be {value.targets} for {name}, which has no others, got {targets}.")
        if subset is None and test is value.test:
            return value
        return replace(value, train=value.train.take(subset_rows(len(train), subset)), test=test)
    plain = _plain_arrays(train, targets) if arrays else None
    if plain is not None:
        inputs, labels, targets = plain
        split = array_split(inputs, labels, origin=f"inputs of {name}", label_origin=f"targets of {name}")
        test_split = None
        if test is not None:
            plain = _plain_arrays(test, targets)
            if plain is None:
                raise InputError(f"The test samples of {name} must be arrays like the training samples, got others.")
            origins = {"origin": f"test inputs of {name}", "label_origin": f"test targets of {name}"}
            test_split = array_split(*plain[:2], **origins)
        raw = RawData(name, split, None if test_split is None else lambda: test_split)
        return assemble(raw, subset=subset, with_test=test is not None, targets=targets)
    if isinstance(value, OwnDataset) and subset is None and test is value.test:
        return value
    rows = None if subset is None else subset_rows(len(train), subset)
    parts = [(train, rows)] + ([] if test is None else [(test, None)])
    given = value.fingerprint if isinstance(value, OwnDataset) else None
    fingerprint = fingerprint_of(parts, name=name, given=given)
    if rows is not None and callable(getattr(train, "select", None)):
        train = train.select(rows.tolist())  # of Hugging Face, whose columns a Subset would hide
    elif rows is not None:
        from torch.utils.data import Subset

        train = Subset(train, rows.tolist())
    return OwnDataset(name, train, test, fingerprint)


def split_parts(value: Any, name: str) -> tuple[Any, Any]:
    """Return the training and the test samples that a value contains, each with a length; no test samples: None.

    Raises:
        InputError: If the value is none of what :func:`as_dataset` takes.
    """
    if isinstance(value, (Dataset, OwnDataset)):
        return value.train, value.test
    if isinstance(value, Mapping) and "train" in value:
        value = (value["train"], value.get("test"))
    elif not isinstance(value, tuple) or len(value) != 2 or _is_pair(value):
        value = (value, None)
    elif _is_array(value[0]) != _is_array(value[1]):
        raise _unusable(name, value)  # a list of inputs with an array of targets must not become train and test
    parts: list[Any] = []
    for which, part in zip(("train", "test"), value, strict=True):
        if _is_pair(part):
            if len(part[0]) != len(part[1]):
                raise InputError(
                    f"Inputs and targets must have the same length, but those of {name} have {len(part[0])} and "
                    f"{len(part[1])}."
                )
            part = ArrayPairs(*part)
        if part is not None or which == "train":
            if (
                not hasattr(part, "__len__")
                or not hasattr(part, "__getitem__")
                or isinstance(part, (str, bytes, Mapping, type(None)))
            ):
                raise _unusable(name, part)
            if len(part) == 0:
                raise InputError(f"There must be samples to load, but {name} contains none.")
        parts.append(part)
    return parts[0], parts[1]


def _unusable(name: str, value: Any) -> InputError:
    kind = f"({', '.join(type(part).__name__ for part in value)})" if isinstance(value, tuple) else type(value).__name__
    return InputError(
        f"The data '{name}' must be a Dataset, a data set with __len__ and __getitem__, two arrays (inputs, targets), "
        f"or two of these (train, test), got {shown(kind, 100)}."
    )


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(_is_array(part) and part.ndim for part in value)


def _is_array(value: Any) -> bool:
    torch = sys.modules.get("torch")  # where it has not been imported, nothing is a tensor
    return isinstance(value, np.ndarray) or (torch is not None and isinstance(value, torch.Tensor))


def _plain_arrays(part: Any, targets: Targets | None) -> tuple[np.ndarray, np.ndarray, Targets] | None:
    """Return inputs, labels and what these are; None unless a :class:`Dataset` can hold them with the same meaning."""
    # Of a subclass, __getitem__ may do anything to the tensors.
    if f"{type(part).__module__}.{type(part).__name__}" == "torch.utils.data.dataset.TensorDataset":
        part = ArrayPairs(*part.tensors) if len(part.tensors) == 2 else part
    if not isinstance(part, ArrayPairs):
        return None
    try:
        arrays = (part.inputs, part.targets)
        inputs, labels = (one if isinstance(one, np.ndarray) else one.detach().cpu().numpy() for one in arrays)
    except (TypeError, RuntimeError):  # tensors that are sparse, or of a type that NumPy lacks
        return None
    labels = labels.reshape(-1) if labels.size == len(labels) else labels
    if targets is None:
        targets = Targets.VALUES if labels.dtype.kind == "f" else Targets.CLASSES
    is_table = inputs.ndim == 2 and inputs.dtype.kind == "f"
    is_images = inputs.ndim in (3, 4) and inputs.dtype == np.uint8
    fits = labels.ndim == 1 or (labels.ndim == 2 and targets is Targets.VALUES)
    return (inputs, labels, targets) if (is_table or is_images) and fits else None
