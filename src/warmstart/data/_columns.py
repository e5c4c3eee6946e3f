"""Columns by name, and the arrays that columns of labels become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from warmstart.basics import InputError, require, unknown_name

from ._labels import object_array
from ._raw import shown

LABEL_NAMES = ("label", "labels", "fine_label", "target", "class", "y")
IMAGE_NAMES = ("image", "img")
_MOST_LISTED = 20
_NAME_LENGTH = 60


def find_label(names: Sequence[str], label: str | None, *, file: str) -> str:
    """Return the name of the label column: ``label`` if given, otherwise the first of LABEL_NAMES that exists.

    Raises:
        InputError: If there is no such column, or two columns have the same name.

    Example:
        >>> find_label(["a", "Target"], None, file="t.csv")
        'Target'
        >>> find_label(["a", "b"], None, file="t.csv")
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: The label column of t.csv must be named with --label, ...
    """
    # Selecting by such a name is an error in arrow, whose message names neither the file nor the way out.
    check_different(names, file=file)
    if label is not None and label not in names:
        raise unknown_name("label column", label, names, place=file)
    found = label or _first_usual(names, LABEL_NAMES)
    if found is None:
        # The last one is the label more often than any other.
        last = [*names[: _MOST_LISTED - 1], names[-1]] if len(names) > _MOST_LISTED else names
        listed = _listed(last, len(last))
        if len(names) > _MOST_LISTED:
            listed.insert(-1, "...")
        listed = ", ".join(listed)
        raise InputError(
            f"The label column of {file} must be named with --label, since no column is called "
            f"{', '.join(LABEL_NAMES)}; its columns are: {listed}."
        )
    return found


def check_different(names: Iterable[str], *, file: str) -> None:
    """Raise if two columns have the same name.

    Raises:
        InputError: Naming it.
    """
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise InputError(
            f"Columns must have different names, but {file} has several called '{shown(twice, _NAME_LENGTH)}': "
            "rename all but one."
        )


def find_image(candidates: Sequence[str], *, file: str) -> str | None:
    """Return the image column among columns of bytes: one called image or img, or the only one; None if there is none.

    Raises:
        InputError: If there are several and none is called image or img.

    Example:
        >>> find_image(["thumbnail", "img"], file="a.parquet")
        'img'
    """
    found = _first_usual(candidates, IMAGE_NAMES)
    if found is None and len(candidates) > 1:
        listed = ", ".join(_listed(candidates[:_MOST_LISTED], len(candidates)))
        raise InputError(f"The image column of {file} must be called image, got {listed}.")
    return found or next(iter(candidates), None)


def label_values(column: Any) -> np.ndarray:
    """Return an arrow column's values as found, (n,); missing ones are None, NaN or NaT.

    Text becomes Python objects, one per distinct string, however many rows contain it.
    """
    types = require("pyarrow", extra="data", purpose="Reading tables").types
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if types.is_string_view(kind):
        arrow = require("pyarrow", extra="data", purpose="Reading tables")
        column = column.cast(arrow.large_string())
    elif not (types.is_string(kind) or types.is_large_string(kind)):
        column = column.cast(kind) if types.is_dictionary(column.type) else column
        # Decimals are numbers: as text, each value would be a class.
        return column.cast("float64").to_numpy() if types.is_decimal(kind) else column.to_numpy()
    encoded = column if types.is_dictionary(column.type) else column.dictionary_encode()
    parts = [np.empty(0, object)]
    for chunk in encoded.chunks:
        # Null gets the index -1, so the None at the end.
        values = object_array([*chunk.dictionary.to_pylist(), None])
        parts.append(values[chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)])
    return np.concatenate(parts)


def finite_table(values: np.ndarray, origin: str) -> np.ndarray:
    """Return numbers (n, features) as float32.

    Raises:
        InputError: Naming the first column, and in it the first row, whose value is not finite.
    """
    table = np.empty(values.shape, np.float32)
    for index in range(values.shape[1]):
        table[:, index] = _finite_floats(values[:, index], f"{index + 1} of {origin}")
    return table


def _listed(names: Sequence[str], count: int) -> list[str]:
    return [shown(name, _NAME_LENGTH) for name in names] + (["..."] if count > len(names) else [])


def _first_usual(names: Iterable[str], usual: Sequence[str]) -> str | None:
    by_lower: dict[str, str] = {}
    for name in names:
        by_lower.setdefault(name.lower(), name)
    return next((by_lower[name] for name in usual if name in by_lower), None)


def _finite_floats(values: np.ndarray, column: str) -> np.ndarray:
    # Finite in 64 bits does not mean finite in 32: 1e300 overflows, and only the result of the cast shows it.
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32)
    finite = np.isfinite(floats)
    if not finite.all():
        row = int(finite.argmin())
        raise InputError(
            f"Features must be finite 32-bit numbers, but column {column} contains {values[row]} in row {row + 1}."
        )
    return floats
