"""Tables in csv files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np

from warmstart.basics import InputError, require

from ._arrays import Targets
from ._columns import feature_values, find_features, find_label, label_values
from ._labels import decoded_text, object_array
from ._raw import RawData, RawSplit, check_memory, reading, shown


def read_csv(path: Path, label: str | None, *, max_bytes: int, targets: Targets = Targets.CLASSES) -> RawData:
    """Return a csv file with a header as data: numeric features, and labels of any kind.

    Args:
        path: The file.
        label: The label column; None: detected by name.
        max_bytes: Largest size of the file.
        targets: Whether the labels are to be classes, so that each is kept exactly, or values.

    Raises:
        InputError: If the file cannot be parsed, has no label column, a label is missing, or a feature is not numeric.
    """
    arrow, csv = (require(module, extra="data", purpose="Reading csv files") for module in ("pyarrow", "pyarrow.csv"))
    with reading(path, "csv"):
        check_memory(path.stat().st_size, max_bytes, path.name)
        # By default only columns of numbers have missing values, and "NA" among strings would become a class.
        options = csv.ConvertOptions(strings_can_be_null=True)
        table = csv.read_csv(path, convert_options=options)
        names = table.column_names
    label = find_label(names, label, file=path.name)
    features = find_features(names, label)
    origin = f"column '{shown(label, 60)}' of {path.name}"

    def place(row: int) -> str:
        return f"row {row + 1}"

    column = table.column(label)
    if column.null_count:
        what, row = "target" if targets is Targets.VALUES else "label", column.is_null().index(True).as_py() + 1
        raise InputError(
            f"Every sample must have a {what}, but {origin} has none at row {row}: "
            "cells that are empty or contain NA, N/A, NaN or null count as missing."
        )
    if targets is Targets.CLASSES and arrow.types.is_binary(
        column.type
    ):  # what arrow makes of a column that is not UTF-8 throughout
        labels = decoded_text(object_array(column.to_pylist()), origin, place)
    else:
        labels = label_values(column)
    if targets is Targets.CLASSES and labels.dtype.kind == "f":
        # Integers beyond 64 bits are parsed as floats, several of them as the same one: only their digits differ.
        with reading(path, "csv"):
            options.include_columns, options.column_types = [label], {label: "string"}
            digits = label_values(csv.read_csv(path, convert_options=options).column(label))
        labels = _exact_labels(labels, [text.strip() for text in digits.tolist()], origin)
    split = RawSplit(
        labels=labels,
        read=lambda rows: feature_values(table, features, file=path.name)[rows],
        origin=origin,
        place=place,
    )
    return RawData(path.stem, split)


def _exact_labels(floats: np.ndarray, digits: list[str], origin: str) -> np.ndarray:
    """Return the digits if all labels are integers, otherwise the floats, of which none may be a rounded integer."""
    if all(text.removeprefix("-").isdecimal() for text in set(digits)):
        return np.fromiter(digits, object, len(digits))
    for row, (number, text) in enumerate(zip(floats.tolist(), digits, strict=True)):
        try:
            exact = not number.is_integer() or Decimal(text) == int(number)
        except ArithmeticError:
            exact = False
        if not exact:
            raise InputError(
                f"Labels must be classes, but {origin} contains {shown(text, 60)} at row {row + 1}, which a 64-bit "
                "float cannot represent exactly: write whole numbers without a decimal point, or text."
            )
    return floats
