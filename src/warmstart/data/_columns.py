"""Which column is what, and what columns become."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from warmstart.basics import InputError, require, unknown_name

LABEL_NAMES = ("label", "labels", "fine_label", "target", "class", "y")
IMAGE_NAMES = ("image", "img")
_MOST_SHOWN = 20


def find_label(names: Sequence[str], label: str | None, *, file: str) -> str:
    """Return the name of the label column: ``label``, or else the usual name that comes first in LABEL_NAMES.

    Args:
        names: The columns there are.
        label: The one that the user names.
        file: For messages.

    Raises:
        InputError: If there is no such column, or two columns are called the same.

    Example:
        >>> find_label(["a", "Target"], None, file="t.csv")
        'Target'
        >>> find_label(["a", "b"], None, file="t.csv")
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: The column with the labels of t.csv must be named with --label, ...
    """
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"Columns must have different names, but {file} has several called '{twice}'.")
    if label is not None and label not in names:
        raise unknown_name(f"label column of {file}", label, names)
    found = label or _usual(names, LABEL_NAMES)
    if found is None:
        shown = ", ".join(names[:_MOST_SHOWN]) + (", ..." if len(names) > _MOST_SHOWN else "")
        raise InputError(
            f"The column with the labels of {file} must be named with --label, as none is called "
            f"{', '.join(LABEL_NAMES)}; its columns are: {shown}."
        )
    return found


def find_image(candidates: Sequence[str], *, file: str) -> str | None:
    """Return the image column among columns of bytes: one called image or img, or the only one; None if there is none.

    Raises:
        InputError: If there are several and none is called image or img.

    Example:
        >>> find_image(["thumbnail", "img"], file="a.parquet")
        'img'
    """
    found = _usual(candidates, IMAGE_NAMES)
    if found is None and len(candidates) > 1:
        raise InputError(f"The column with the images of {file} must be called image, got {', '.join(candidates)}.")
    return found or next(iter(candidates), None)


def find_features(names: Iterable[str], label: str) -> tuple[str, ...]:
    """Return all columns but the labels' and an index that pandas wrote, which numbers rows and describes nothing.

    Example:
        >>> find_features(["", "a", "b", "y"], "y")
        ('a', 'b')
    """
    return tuple(
        name
        for number, name in enumerate(names)
        if name != label and not name.startswith("__index_level_") and (name or number)
    )


def label_values(column: Any) -> np.ndarray:
    """Return an arrow column's values as found, (n,); what is missing is None, NaN or NaT."""
    pyarrow = require("pyarrow", extra="data", purpose="Reading tables")
    if pyarrow.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.to_numpy()


def feature_values(table: Any, names: Sequence[str], *, file: str) -> np.ndarray:
    """Return an arrow table's columns as float32 (n, features).

    Raises:
        InputError: If there is no column, or one is not numeric, has gaps or is not finite.
    """
    if not names:
        raise InputError(f"{file} must have columns beside that with the labels, got none.")
    values = np.empty((table.num_rows, len(names)), np.float32)
    for index, name in enumerate(names):
        values[:, index] = _finite(_floats(table.column(name), name, file), f"column '{name}' of {file}")
    return values


def finite_table(values: np.ndarray, origin: str) -> np.ndarray:
    """Return numbers (n, features) as float32.

    Raises:
        InputError: Naming the first column, and in it the first row, whose value is not finite.
    """
    finite = np.empty(values.shape, np.float32)
    for index in range(values.shape[1]):
        finite[:, index] = _finite(values[:, index], f"column {index + 1} of {origin}")
    return finite


def _usual(names: Iterable[str], usual: Sequence[str]) -> str | None:
    by_lower: dict[str, str] = {}
    for name in names:
        by_lower.setdefault(name.lower(), name)
    return next((by_lower[name] for name in usual if name in by_lower), None)


def _floats(column: Any, name: str, file: str) -> np.ndarray:
    pyarrow = require("pyarrow", extra="data", purpose="Reading tables")
    types, kind = pyarrow.types, column.type
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)):
        raise InputError(
            f"Features must be numbers, but column '{name}' of {file} holds {kind}: "
            "encode it as numbers, or leave it out."
        )
    return column.cast(pyarrow.float64(), safe=False).to_numpy()


def _finite(values: np.ndarray, origin: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        small = values.astype(np.float32)
    finite = np.isfinite(small)
    if not finite.all():
        row = int(finite.argmin())
        raise InputError(f"Features must be finite 32-bit numbers, but {origin} holds {values[row]} in row {row + 1}.")
    return small
