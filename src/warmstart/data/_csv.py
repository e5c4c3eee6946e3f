"""Tables in csv files."""

from __future__ import annotations

from pathlib import Path

from warmstart.basics import require

from ._columns import feature_values, find_features, find_label, label_values
from ._raw import RawData, RawSplit, reading


def read_csv(path: Path, label: str | None) -> RawData:
    """Return a csv file with a header as data: numeric features, and a label of any kind.

    Args:
        path: The file.
        label: The label column, where its name is not a usual one.

    Raises:
        InputError: If the file cannot be parsed, has no label column, or a feature is not numeric.
    """
    csv = require("pyarrow.csv", extra="data", purpose="Reading csv files")
    with reading(path, "csv"):
        table = csv.read_csv(path)
        names = table.column_names
    label = find_label(names, label, file=path.name)
    features = find_features(names, label)
    split = RawSplit(
        labels=label_values(table.column(label)),
        read=lambda rows: feature_values(table, features, file=path.name)[rows],
        origin=f"column '{label}' of {path.name}",
        place=lambda row: f"row {row + 1}",
    )
    return RawData(path.stem, split)
