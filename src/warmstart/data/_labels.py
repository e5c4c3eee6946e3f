"""From labels as they are found to classes 0..K-1, and back."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from warmstart.basics import InputError

from ._raw import is_displayable, shown

# Python refuses to turn more than 4,300 digits into a number.
_WHOLE = re.compile(r"[+-]?\d{1,4000}")
_SHOWN = 60


@dataclass(frozen=True, eq=False)
class ClassMap:
    """LayerEnd class each label stands for.

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
        found, inverse = _distinct(labels)
        unknown = [value for value in found if value not in position]
        if unknown:
            raise InputError(
                f"Labels must be among those of the training set, but {origin} also holds "
                f"{shown(repr(unknown[0]), _SHOWN)}."
            )
        return np.array([position[value] for value in found], np.int64)[inverse]


def class_map(labels: np.ndarray, class_names: tuple[str, ...] | None, origin: str) -> ClassMap:
    """Return the classes of a training set.

    If the source declares names and the labels are positions in them, the classes are these, in their order. Otherwise
    they are the labels found in sorted order: numbers, and texts that are all whole numbers, by value.

    Args:
        labels: As :func:`cleaned` returns them.
        class_names: Names that the source declares.
        origin: Where the labels were found, for messages.

    Raises:
        InputError: If there is one class only, a label that stands for "not labelled", or a name that is not UTF-8.

    Example:
        >>> class_map(np.array(["10", "9", "9"]), None, "column 'y'").names
        ('9', '10')
    """
    found = _distinct(labels)[0]
    if len(found) < 2:
        raise InputError(
            f"Labels must be of at least two classes, but {origin} holds only {shown(repr(found[0]), _SHOWN)}."
        )
    if class_names is not None and labels.dtype.kind in "iu":
        if found[0] == -1:
            raise InputError(f"Every sample must have a label, but {origin} holds -1, which means: not labelled.")
        if found[0] >= 0 and found[-1] < len(class_names):
            return ClassMap(tuple(range(len(class_names))), _displayable(class_names, origin))
    ordered = sorted(found, key=int) if all(_WHOLE.fullmatch(str(value)) for value in found) else found
    return ClassMap(tuple(ordered), _displayable(tuple(str(value) for value in ordered), origin))


def cleaned(labels: np.ndarray, origin: str, place: Callable[[int], str]) -> np.ndarray:
    """Return labels as bools, whole numbers or texts; texts as Python objects.

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
    if labels.dtype.kind in "SU":
        labels = _as_objects(labels, origin, place)
    missing = _missing(labels)
    if missing.any():
        raise InputError(f"Every sample must have a label, but {origin} has none at {place(int(missing.argmax()))}.")
    if labels.dtype.kind == "f":
        return _whole_numbers(labels, origin, place)
    return labels if labels.dtype.kind in "biu" else _texts(labels, origin)


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the labels of several files as one array, none of them changed.

    NumPy joins signed and unsigned whole numbers as floats, which makes one label of several beyond 2**53.

    Example:
        >>> joined([np.array([-1]), np.array([2**63], np.uint64)]).tolist()
        [-1, 9223372036854775808]
    """
    kinds = {part.dtype.kind for part in parts}
    if kinds == {"i", "u"} and all(part.max(initial=0) < 2**63 for part in parts):
        return np.concatenate([part.astype(np.int64) for part in parts])
    if len(kinds) == 1 or (kinds <= set("biuf") and not kinds >= {"i", "u"}):
        return np.concatenate(parts)
    return object_array([value for part in parts for value in part.tolist()])


def object_array(values: Sequence[Any]) -> np.ndarray:
    """Return values as an array of Python objects, (n,), also where each is a sequence."""
    return np.fromiter(values, object, len(values))


def _distinct(labels: np.ndarray) -> tuple[list[Any], np.ndarray]:
    """Return the distinct labels in sorted order, and the position of each label among them."""
    if labels.dtype.kind in "biu":
        found, inverse = np.unique(labels, return_inverse=True)
        return found.tolist(), inverse
    values = labels.tolist()
    found = sorted(set(values))
    position = {value: index for index, value in enumerate(found)}
    return found, np.fromiter((position[value] for value in values), np.int64, len(values))


def _displayable(names: tuple[str, ...], origin: str) -> tuple[str, ...]:
    odd = next((name for name in names if not is_displayable(name)), None)
    if odd is not None:
        raise InputError(f"Names of classes must be texts in UTF-8, but {origin} holds '{shown(odd, _SHOWN)}'.")
    return names


def _as_objects(labels: np.ndarray, origin: str, place: Callable[[int], str]) -> np.ndarray:
    """Return texts of fixed width, or bytes that are UTF-8, as Python texts."""
    wrong = f"Labels must be numbers or texts in UTF-8, but {origin} holds"
    if labels.dtype.kind == "U" and labels.dtype.itemsize:
        points = np.ascontiguousarray(labels).view(np.dtype("u4").newbyteorder(labels.dtype.byteorder))
        odd = (points.reshape(len(labels), -1) > sys.maxunicode).any(axis=1)
        if odd.any():  # Python cannot even make these a text
            raise InputError(f"{wrong} a character that does not exist at {place(int(odd.argmax()))}.")
    texts = []
    for row, value in enumerate(labels):
        try:
            texts.append(value.decode() if isinstance(value, bytes) else str(value))
        except UnicodeDecodeError:
            raise InputError(f"{wrong} {shown(value, _SHOWN)} at {place(row)}.") from None
    return object_array(texts)


def _missing(labels: np.ndarray) -> np.ndarray:
    kind = labels.dtype.kind
    if kind == "f":
        return np.isnan(labels)
    if kind in "Mm":
        return np.isnat(labels)
    if kind == "O":
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
    # From here on neighbouring whole numbers are one and the same float.
    digits = min(np.finfo(labels.dtype).nmant, 52) + 1
    exact = np.abs(labels) < 2.0**digits
    if not exact.all():
        row = int(exact.argmin())
        raise InputError(
            f"Labels that are floats must be below 2**{digits}, where {labels.dtype} tells whole numbers apart, but "
            f"{origin} holds {labels[row]} at {place(row)}: store them as whole numbers or texts."
        )
    return labels.astype(np.int64)


def _texts(labels: np.ndarray, origin: str) -> np.ndarray:
    if labels.dtype.kind not in "OMm":
        raise InputError(f"Labels must be numbers or texts, but {origin} holds {labels.dtype}.")
    values = (labels.astype(str) if labels.dtype.kind == "M" else labels).tolist()
    odd = next((value for value in values if isinstance(value, bytes | list | dict | tuple | np.ndarray)), None)
    if odd is not None:
        raise InputError(f"Labels must be numbers or texts, but {origin} holds {type(odd).__name__}.")
    return object_array([str(value) for value in values])
