"""From labels as they are found to classes 0..K-1, and back."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from warmstart.basics import InputError

_WHOLE = re.compile(r"[+-]?\d+")


@dataclass(frozen=True, eq=False)
class ClassMap:
    """Which class each label stands for.

    Args:
        values: The labels as found; their positions are the classes.
        names: Name of each class.
    """

    values: tuple[bool | int | str, ...]
    names: tuple[str, ...]

    def indices(self, labels: np.ndarray, origin: str) -> np.ndarray:
        """Return the class of each label, int64 (n,).

        Raises:
            InputError: If a label is none of the known ones.

        Example:
            >>> ClassMap((3, 7), ("3", "7")).indices(np.array([7, 3, 3]), "column 'y'").tolist()
            [1, 0, 0]
        """
        position = {value: index for index, value in enumerate(self.values)}
        found, inverse = np.unique(labels, return_inverse=True)
        unknown = [value for value in found.tolist() if value not in position]
        if unknown:
            raise InputError(f"Labels must be among those of the training set, but {origin} also holds {unknown[0]!r}.")
        return np.array([position[value] for value in found.tolist()], np.int64)[inverse]


def class_map(labels: np.ndarray, class_names: tuple[str, ...] | None, origin: str) -> ClassMap:
    """Return the classes of a training set.

    If the source declares names and the labels are positions in them, the classes are these, in their order. Otherwise
    they are the labels found in sorted order: numbers, and texts that are all whole numbers, by value.

    Args:
        labels: As :func:`cleaned` returns them.
        class_names: Names that the source declares.
        origin: Where the labels were found, for messages.

    Raises:
        InputError: If there is one class only, or a label that stands for "not labelled".

    Example:
        >>> class_map(np.array(["10", "9", "9"]), None, "column 'y'").names
        ('9', '10')
    """
    found = np.unique(labels).tolist()
    if len(found) < 2:
        raise InputError(f"Labels must be of at least two classes, but {origin} holds only {found[0]!r}.")
    if class_names is not None and labels.dtype.kind in "iu":
        if found[0] == -1:
            raise InputError(f"Every sample must have a label, but {origin} holds -1, which means: not labelled.")
        if found[0] >= 0 and found[-1] < len(class_names):
            return ClassMap(tuple(range(len(class_names))), class_names)
    ordered = sorted(found, key=int) if all(_WHOLE.fullmatch(str(value)) for value in found) else found
    return ClassMap(tuple(ordered), tuple(str(value) for value in ordered))


def cleaned(labels: np.ndarray, origin: str, place: Callable[[int], str]) -> np.ndarray:
    """Return labels as bools, whole numbers or texts.

    Args:
        labels: (n,) of any kind.
        origin: Where the labels were found, for messages.
        place: Where a row is, for messages.

    Raises:
        InputError: If there are none, one is missing, or they are no classes.

    Example:
        >>> cleaned(np.array([2.0, 5.0]), "column 'y'", str).tolist()
        [2, 5]
    """
    if len(labels) == 0:
        raise InputError(f"There must be samples to load, but {origin} holds none.")
    missing = _missing(labels)
    if missing.any():
        raise InputError(f"Every sample must have a label, but {origin} has none at {place(int(missing.argmax()))}.")
    if labels.dtype.kind == "f":
        return _whole_numbers(labels, origin, place)
    return labels if labels.dtype.kind in "biuU" else _texts(labels, origin)


def _missing(labels: np.ndarray) -> np.ndarray:
    kind = labels.dtype.kind
    if kind == "f":
        return np.isnan(labels)
    if kind == "M":
        return np.isnat(labels)
    if kind in "OU":
        return np.array([_is_missing(value) for value in labels.tolist()], dtype=bool)
    return np.zeros(len(labels), dtype=bool)


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value) or (isinstance(value, float) and math.isnan(value))


def _whole_numbers(labels: np.ndarray, origin: str, place: Callable[[int], str]) -> np.ndarray:
    whole = np.isfinite(labels) & (labels == np.round(labels))
    if not whole.all():
        row = int(whole.argmin())
        raise InputError(
            f"Labels must be classes, as this is classification, but {origin} holds {labels[row]} at {place(row)}."
        )
    return labels.astype(np.int64)


def _texts(labels: np.ndarray, origin: str) -> np.ndarray:
    if labels.dtype.kind == "M":
        return labels.astype(str)
    values = (np.char.decode(labels, errors="replace") if labels.dtype.kind == "S" else labels).tolist()
    odd = next((value for value in values if isinstance(value, bytes | list | dict | tuple | np.ndarray)), None)
    if odd is not None:
        raise InputError(f"Labels must be numbers or texts, but {origin} holds {type(odd).__name__}.")
    return np.array([str(value) for value in values])
