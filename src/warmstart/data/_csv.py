"""Tables in csv files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from warmstart.basics import InputError, require

from ._columns import feature_values, find_features, find_label, label_values
from ._raw import RawData, RawSplit, check_memory, reading, shown


def read_csv(path: Path, label: str | None, *, max_bytes: int) -> RawData:
    """Return a csv file with a header as data: numeric features, and a label of any kind.

    Args:
        path: The file.
        label: The label column, where its name is not a usual one.
        max_bytes: Largest size of the file.

    Raises:
        InputError: If the file cannot be parsed, has no label column, a label is missing, or a feature is not numeric.
    """
    csv = require("pyarrow.csv", extra="data", purpose="Reading csv files")
    with reading(path, "csv"):
        check_memory(path.stat().st_size, max_bytes, path.name)
        # By default a missing value is one in columns of numbers only, and "NA" among texts would become a class.
        options = csv.ConvertOptions(strings_can_be_null=True)
        table = csv.read_csv(path, convert_options=options)
        names = table.column_names
    label = find_label(names, label, file=path.name)
    features = find_features(names, label)
    origin = f"column '{shown(label, 60)}' of {path.name}"
    _check_labels(table.column(label), origin)
    labels = label_values(table.column(label))
    if labels.dtype.kind == "f":
        with reading(path, "csv"):
            options.include_columns, options.column_types = [label], {label: "string"}
            texts = label_values(csv.read_csv(path, convert_options=options).column(label))
        labels = _exact(labels, texts, origin)
    split = RawSplit(
        labels=labels,
        read=lambda rows: feature_values(table, features, file=path.name)[rows],
        origin=origin,
        place=lambda row: f"row {row + 1}",
    )
    return RawData(path.stem, split)


def _check_labels(column: Any, origin: str) -> None:
    if column.null_count:
        row = column.is_null().index(True).as_py() + 1
        raise InputError(
            f"Every sample must have a label, but {origin} has none at row {row}: "
            "cells that are empty or hold NA, N/A, NaN or null count as missing."
        )
    if require("pyarrow", extra="data", purpose="Reading csv files").types.is_binary(column.type):
        for row, value in enumerate(column.to_pylist()):
            try:
                value.decode()
            except UnicodeDecodeError:
                raise InputError(
                    f"Labels must be numbers or texts in UTF-8, but {origin} holds {shown(value, 60)} at row {row + 1}."
                ) from None


def _exact(numbers: np.ndarray, texts: np.ndarray, origin: str) -> np.ndarray:
    """Return labels that were read as floats as what the file says.

    Whole numbers of more than 64 bits become floats too, and several of them the same: they are kept as texts.

    Raises:
        InputError: If a number in the file is not the float that it became, as it is not whole, but nearly.
    """
    stripped = [text.strip() for text in texts.tolist()]
    if all(text.removeprefix("-").isdecimal() for text in set(stripped)):
        return np.fromiter(stripped, object, len(stripped))
    for row, (number, text) in enumerate(zip(numbers.tolist(), stripped, strict=True)):
        try:
            exact = not number.is_integer() or Decimal(text) == int(number)
        except ArithmeticError:
            exact = False
        if not exact:
            raise InputError(
                f"Labels must be classes, but {origin} holds {shown(text, 60)} at row {row + 1}, which a 64-bit float "
                "does not hold exactly: write whole numbers without a decimal point, or texts."
            )
    return numbers
