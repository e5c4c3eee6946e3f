"""From labels as found to classes 0..K-1, and back."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from warmstart.basics import InputError

from ._arrays import Targets
from ._cells import Cells, as_number
from ._raw import is_displayable, shown

# Python refuses to turn more than 4,300 digits into a number.
_WHOLE = re.compile(r"[+-]?\d{1,4000}")
# What surely fits into 64 bits.
_SHORT = re.compile(r"-?[0-9]{1,18}")
# As arrow reads them in text files.
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LENGTH = 60


@dataclass(frozen=True, eq=False)
class ClassMap:
    """The class of each label.

    Args:
        values: The labels as found; class k is the label at index k.
        names: Name of each class.
    """

    values: tuple[bool | int | str, ...]
    names: tuple[str, ...]

    def indices(self, labels: np.ndarray, origin: str) -> np.ndarray:
        """Return the class of each label, int64 (n,).

        Raises:
            InputError: If a label is unknown.

        Example:
            >>> ClassMap((3, 7), ("3", "7")).indices(np.array([7, 3, 3]), "column 'y'").tolist()
            [1, 0, 0]
        """
        position = {value: index for index, value in enumerate(self.values)}
        found, inverse = _distinct_labels(labels)
        unknown = [value for value in found if value not in position]
        if unknown:
            alike = {_folded(value) for value in self.values if isinstance(value, str)}
            is_alike = all(isinstance(value, str) and _folded(value) in alike for value in unknown)
            raise InputError(
                f"Labels must be among those of the training set, but {origin} also contains "
                f"{shown(repr(unknown[0]), _LENGTH)}"
                f"{': tidy_labels (--tidy-labels) takes those that are alike as one' if is_alike else ''}."
            )
        return np.array([position[value] for value in found], np.int64)[inverse]


def class_map(labels: np.ndarray, class_names: tuple[str, ...] | None, origin: str) -> ClassMap:
    """Return the classes of a training set.

    If the source declares names and the labels are indices into them, the classes are these, in their order. Otherwise
    they are the labels found, sorted: by value if all are integers, written as numbers or as text.

    Args:
        labels: As returned by :func:`cleaned`.
        class_names: Names declared by the source.
        origin: Where the labels were found, for messages.

    Raises:
        InputError: If there is only one class, a label that means "not labelled", or a name that is not UTF-8.

    Example:
        >>> class_map(np.array(["10", "9", "9"]), None, "column 'y'").names
        ('9', '10')
    """
    found = _distinct_labels(labels)[0]
    if len(found) < 2:
        raise InputError(
            f"Labels must have at least two classes, but {origin} contains only {shown(repr(found[0]), _LENGTH)}."
        )
    if class_names is not None and labels.dtype.kind in "iu":
        # The hub's convention for hidden labels, usually those of a test set.
        if found[0] == -1:
            raise InputError(f"Every sample must have a label, but {origin} contains -1, which means: not labelled.")
        if found[0] >= 0 and found[-1] < len(class_names):
            return ClassMap(tuple(range(len(class_names))), _checked_names(class_names, origin))
    ordered = sorted(found, key=int) if all(_WHOLE.fullmatch(str(value)) for value in found) else found
    return ClassMap(tuple(ordered), _checked_names(tuple(str(value) for value in ordered), origin))


def cleaned(labels: np.ndarray, origin: str, place: Callable[[int], str]) -> np.ndarray:
    """Return labels as bools, integers or text; text as Python objects.

    Args:
        labels: (n,) of any kind.
        origin: Where the labels were found, for messages.
        place: Maps a row to where it is, for messages.

    Raises:
        InputError: If there are no labels, one is missing, or they cannot be classes.

    Example:
        >>> cleaned(np.array([2.0, 5.0]), "column 'y'", str).tolist()
        [2, 5]
    """
    _check_not_empty(labels, origin)
    if labels.dtype.kind in "SU":
        labels = decoded_text(labels, origin, place)
    kind, missing = labels.dtype.kind, missing_labels(labels)
    if missing.any():
        raise InputError(f"Every sample must have a label, but {origin} has none at {place(int(missing.argmax()))}.")
    if kind == "f":
        odd = np.flatnonzero(~np.isfinite(labels) | (labels != np.round(labels)))
        if len(odd):
            where = f"{origin} contains {labels[odd[0]]} at {place(int(odd[0]))}"
            raise InputError(
                f"Labels must be classes, as this is classification, but {where}: --learner regressor predicts values."
            )
        # From here on neighbouring integers are the same float, so classes may already have been merged.
        digits = min(np.finfo(labels.dtype).nmant, 52) + 1
        odd = np.flatnonzero(np.abs(labels) >= 2.0**digits)
        if len(odd):
            where = f"{origin} contains {labels[odd[0]]} at {place(int(odd[0]))}"
            raise InputError(
                f"Labels that are floats must be below 2**{digits}, the limit to which {labels.dtype} is exact, but "
                f"{where}: store them as integers or text."
            )
        return labels.astype(np.int64)
    if kind in "biu":
        return labels
    if kind not in "OMm":
        raise InputError(f"Labels must be numbers or text, but {origin} contains {labels.dtype}.")
    # Python's datetime has no nanoseconds, so a list of NumPy's would be one of plain integers.
    values = (labels.astype(str) if kind == "M" else labels).tolist()
    odd = next((value for value in values if isinstance(value, bytes | list | dict | tuple | np.ndarray)), None)
    if odd is not None:
        raise InputError(f"Labels must be numbers or text, but {origin} contains {type(odd).__name__}.")
    return object_array([str(value) for value in values])


def missing_labels(labels: np.ndarray) -> np.ndarray:
    """Return where labels are missing, bool (n,).

    Example:
        >>> missing_labels(np.array(["a", "", None], object)).tolist(), missing_labels(np.array([1.0, np.nan])).tolist()
        ([False, True, True], [False, True])
    """
    kind = labels.dtype.kind
    if kind == "O":
        # Missing text is "" or, from pandas, NaN, which differs from itself. Others may be arrays: no == for them.
        values = labels.tolist()
        return np.array([v is None or (isinstance(v, str | float) and (v == "" or v != v)) for v in values], bool)
    return np.isnat(labels) if kind in "Mm" else np.isnan(labels) if kind == "f" else np.zeros(len(labels), bool)


def target_values(labels: np.ndarray, origin: str, place: Callable[[int], str]) -> np.ndarray:
    """Return labels as the values to predict, float32 (n,) or (n, k), rounded to 32 bits.

    Args:
        labels: (n,) or (n, k); numbers, or text that is a number throughout.
        origin: Where the labels were found, for messages.
        place: Maps a row to where it is, for messages.

    Raises:
        InputError: If there are no labels, or one is missing, no number, or not finite in 32 bits.

    Example:
        >>> target_values(np.array([2, 5]), "column 'y'", str)
        array([2., 5.], dtype=float32)
    """
    _check_not_empty(labels, origin)

    def refused(value: object, row: int) -> InputError:
        return InputError(
            f"Targets must be finite 32-bit numbers, but {origin} contains {shown(value, _LENGTH)} at {place(row)}."
        )

    numbers = labels
    if labels.dtype.kind in "OSU":
        numbers = np.empty(labels.shape)
        for index, value in enumerate(labels.ravel().tolist()):
            # Of text too: one odd cell makes a whole csv column text, and that cell is the one to report.
            if value is None or value == "":
                numbers.flat[index] = np.nan
                continue
            try:
                numbers.flat[index] = float(value if isinstance(value, (str, Real, Decimal)) else "")
            except (ValueError, OverflowError):
                raise refused(repr(value), index * len(labels) // labels.size) from None
    elif labels.dtype.kind not in "biuf":
        raise InputError(f"Targets must be numbers, but {origin} contains {labels.dtype}.")
    missing = np.isnan(numbers)
    if missing.any():
        row = int(np.argwhere(missing)[0][0])
        raise InputError(f"Every sample must have a target, but {origin} has none at {place(row)}.")
    # Finite in 64 bits does not mean finite in 32.
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32)
    if not np.isfinite(values).all():
        where = tuple(np.argwhere(~np.isfinite(values))[0].tolist())
        raise refused(numbers[where], where[0])
    return values


def text_labels(cells: Cells, origin: str, place: Callable[[int], str], *, targets: Targets) -> np.ndarray:
    """Return the labels in a text file's column: numbers where all are, else text as it stands; none is missing.

    Whole numbers are kept exactly, however long they are.

    Args:
        cells: The column, with marks of missing labels.
        origin: Where the labels were found, for messages.
        place: Maps a row to where it is, for messages.
        targets: Whether the labels are to be classes or values.

    Raises:
        InputError: If a label is missing, or no float represents it exactly though it is to be a class.
    """
    missing = cells.missing_row()
    if missing is not None:
        what = "target" if targets is Targets.VALUES else "label"
        raise InputError(
            f"Every sample must have a {what}, but {origin} has none at {place(missing)}: "
            "cells that are empty or contain ?, NA, N/A, NaN or null count as missing."
        )
    texts = list(cells.present)
    decimal, thousands = cells.marks.decimal, cells.marks.thousands
    if targets is Targets.VALUES:
        for mark in dict.fromkeys((decimal, ".")):
            numbers = {text: as_number(text, mark, thousands) for text in texts}
            if all(number is not None for number in numbers.values()):
                return cells.spread(lambda text, found=numbers: found[text] or 0.0)
        return cells.as_objects(str.strip)
    if all(_SHORT.fullmatch(text) for text in texts):
        return cells.as_array({text: int(text) for text in texts}, np.int64)
    if all(text.removeprefix("-").isdecimal() for text in texts):
        return cells.as_objects(str.strip)
    if all(text in _TRUTH for text in texts):
        return cells.as_array({text: _TRUTH[text] for text in texts}, np.bool_)
    numbers = {text: as_number(text, decimal, thousands) for text in texts}
    if all(number is not None and not text.endswith("%") for text, number in numbers.items()):
        for text, number in numbers.items():
            # Integers beyond 53 bits are several to one float, and only their digits differ.
            digits = text.replace(",", ".") if decimal == "," else text
            try:
                exact = not float(number or 0).is_integer() or Decimal(digits) == int(number or 0)
            except ArithmeticError:  # of too large an exponent, or with separators
                exact = any(mark in digits for mark in ",' ") and abs(number or 0) < 2**53
            if not exact:
                row = cells.first_row({text})
                raise InputError(
                    f"Labels must be classes, but {origin} contains {shown(text, 60)} at {place(row or 0)}, which a "
                    "64-bit float cannot represent exactly: write whole numbers without a decimal point, or text."
                )
        return cells.spread(lambda text: numbers[text] or 0.0)
    # Spaces around labels, as of a table whose separators have some, are kept only where they tell labels apart.
    found = cells.as_objects(str)
    return cells.as_objects(str.strip) if len(set(found.tolist())) == len(texts) else found


def tidied(
    labels: np.ndarray, origin: str, *, merge: bool, spellings: Mapping[str, str] | None = None
) -> tuple[np.ndarray, list[str]]:
    """Return labels of text, and notes on those that differ in case, spaces or a full stop alone; they may be made one.

    Args:
        labels: Texts.
        origin: Where they were found, for notes.
        merge: Whether they become the one that occurs most.
        spellings: Those of training samples, which take precedence.

    Example:
        >>> tidied(np.array(["yes", "Yes ", "no", "yes"], object), "column 'y'", merge=True)[0].tolist()
        ['yes', 'yes', 'no', 'yes']
    """
    counts = Counter(labels.tolist())
    alike: dict[str, list[str]] = {}
    for text, _ in counts.most_common():
        alike.setdefault(_folded(text), []).append(text)
    several = [texts for texts in alike.values() if len(texts) > 1]
    listed = "; ".join(
        " and ".join(f"'{shown(text, _LENGTH)}' ({counts[text]:,})" for text in texts) for texts in several[:_LENGTH]
    )
    if not merge:
        note = (
            f"Labels of {origin} differ in case, spaces or a full stop alone: {listed}; tidy_labels (--tidy-labels) "
            "makes them one."
        )
        return labels, [note] if several else []
    kept = {_folded(text): text for text in spellings or ()}
    names = {text: kept.get(folded, texts[0].strip()) for folded, texts in alike.items() for text in texts}
    notes = (
        [f"Labels of {origin} that differ in case, spaces or a full stop alone are one class: {listed}."]
        if several
        else []
    )
    return object_array([names[text] for text in labels.tolist()]), notes


def _folded(text: str) -> str:
    # A full stop at the end is what tells the test labels of the census data (adult) from the training labels.
    return " ".join(text.casefold().rstrip(". ").split())


def decoded_text(labels: np.ndarray, origin: str, place: Callable[[int], str]) -> np.ndarray:
    """Return strings, or bytes that are UTF-8, as Python strings.

    Raises:
        InputError: If bytes are not UTF-8, or a string has a character outside of Unicode.

    Example:
        >>> decoded_text(np.array([b"cat", b"dog"]), "column 'y'", str).tolist()
        ['cat', 'dog']
    """
    wrong = f"Labels must be numbers or UTF-8 text, but {origin} contains"
    if labels.dtype.kind == "U" and labels.dtype.itemsize:
        # NumPy stores 32 bits per character and checks none; beyond Unicode, even str() raises.
        points = np.ascontiguousarray(labels).view(np.dtype("u4").newbyteorder(labels.dtype.byteorder))
        odd = (points.reshape(len(labels), -1) > sys.maxunicode).any(axis=1)
        if odd.any():
            raise InputError(f"{wrong} a character that does not exist at {place(int(odd.argmax()))}.")
    strings = []
    for row, value in enumerate(labels):
        try:
            strings.append(value.decode() if isinstance(value, bytes) else str(value))
        except UnicodeDecodeError:
            raise InputError(f"{wrong} {shown(value, _LENGTH)} at {place(row)}.") from None
    return object_array(strings)


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the labels of several files as one array, none of them changed.

    Example:
        >>> joined([np.array([-1]), np.array([2**63], np.uint64)]).tolist()
        [-1, 9223372036854775808]
    """
    # NumPy joins signed and unsigned integers as floats, which makes different labels beyond 2**53 the same.
    kinds = {part.dtype.kind for part in parts}
    if kinds == {"i", "u"} and all(part.max(initial=0) < 2**63 for part in parts):
        return np.concatenate([part.astype(np.int64) for part in parts])
    if len(kinds) == 1 or (kinds <= set("biuf") and not kinds >= {"i", "u"}):
        return np.concatenate(parts)
    return object_array([value for part in parts for value in part.tolist()])


def object_array(values: Sequence[Any]) -> np.ndarray:
    """Return values as an array of Python objects, (n,)."""
    # np.array would make values that are sequences of equal length a matrix.
    return np.fromiter(values, object, len(values))


def _check_not_empty(labels: np.ndarray, origin: str) -> None:
    if len(labels) == 0:
        raise InputError(f"There must be samples to load, but {origin} contains none.")


def _distinct_labels(labels: np.ndarray) -> tuple[list[Any], np.ndarray]:
    """Return the distinct labels, sorted, and the index of each label among them."""
    if labels.dtype.kind in "biu":
        found, inverse = np.unique(labels, return_inverse=True)
        return found.tolist(), inverse
    values = labels.tolist()
    found = sorted(set(values))
    position = {value: index for index, value in enumerate(found)}
    return found, np.fromiter((position[value] for value in values), np.int64, len(values))


def _checked_names(names: tuple[str, ...], origin: str) -> tuple[str, ...]:
    odd = next((name for name in names if not is_displayable(name)), None)
    if odd is not None:
        raise InputError(f"Class names must be UTF-8 text, but {origin} contains '{shown(odd, _LENGTH)}'.")
    return names
