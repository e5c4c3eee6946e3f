"""Tables in csv files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from warmstart.basics import InputError, require

from ._columns import feature_values, find_features, find_label, label_values
from ._raw import RawData, RawSplit, reading


def read_csv(path: Path, label: str | None) -> RawData:
    """Return a csv file with a header as data: numeric features, and a label of any kind.

    Args:
        path: The file.
        label: The label column, where its name is not a usual one.

    Raises:
        InputError: If the file cannot be parsed, has no label column, a label is missing, or a feature is not numeric.
    """
    csv = require("pyarrow.csv", extra="data", purpose="Reading csv files")
    with reading(path, "csv"):
        # By default a missing value is one in columns of numbers only, and "NA" among texts would become a class.
        table = csv.read_csv(path, convert_options=csv.ConvertOptions(strings_can_be_null=True))
        names = table.column_names
    label = find_label(names, label, file=path.name)
    features = find_features(names, label)
    origin = f"column '{label}' of {path.name}"
    _check_no_gap(table.column(label), origin)
    split = RawSplit(
        labels=label_values(table.column(label)),
        read=lambda rows: feature_values(table, features, file=path.name)[rows],
        origin=origin,
        place=lambda row: f"row {row + 1}",
    )
    return RawData(path.stem, split)


def _check_no_gap(column: Any, origin: str) -> None:
    if column.null_count:
        row = column.is_null().index(True).as_py() + 1
        raise InputError(
            f"Every sample must have a label, but {origin} has none at row {row}: "
            "cells that are empty or hold NA, N/A, NaN or null count as missing."
        )
