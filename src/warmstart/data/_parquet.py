"""Images and tables in parquet files, read column by column and decoded row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from warmstart.basics import InputError, require

from ._columns import feature_values, find_features, find_image, find_label, label_values
from ._images import decode_images
from ._layout import SplitFiles
from ._raw import RawData, RawSplit, reading

_ROWS_AT_A_TIME = 1024


def read_parquet(name: str, files: SplitFiles, label: str | None) -> RawData:
    """Return parquet files as data: one column of images, or else all columns as numeric features.

    Args:
        name: What the data set is called.
        files: Its files; those of the test set are opened only when it is asked for.
        label: The label column, where its name is not a usual one.

    Raises:
        InputError: If a file cannot be read or columns are not what they must be.
    """
    columns = _columns_of(files.train[0], label)
    test = partial(_split, files.test, columns) if files.test else None
    return RawData(name, _split(files.train, columns), test)


@dataclass(frozen=True)
class _Columns:
    label: str
    image: str | None
    features: tuple[str, ...]
    class_names: tuple[str, ...] | None

    @property
    def used(self) -> tuple[str, ...]:
        return (self.label, self.image) if self.image is not None else (self.label, *self.features)


@dataclass(frozen=True)
class _Files:
    """Files whose rows are numbered through: file k starts at row ``starts[k]``."""

    paths: tuple[Path, ...]
    starts: np.ndarray

    def place(self, row: int) -> str:
        file = int(np.searchsorted(self.starts, row, side="right")) - 1
        return f"row {row - int(self.starts[file]) + 1} of {self.paths[file].name}"


def _open(path: Path) -> Any:
    return require("pyarrow.parquet", extra="data", purpose="Reading parquet files").ParquetFile(path)


def _columns_of(path: Path, label: str | None) -> _Columns:
    with reading(path, "parquet"), _open(path) as file:
        schema = file.schema_arrow
    label = find_label(schema.names, label, file=path.name)
    image = find_image([field.name for field in schema if _holds_bytes(field.type)], file=path.name)
    return _Columns(label, image, find_features(schema.names, label), _class_names(schema.metadata or {}, label))


def _holds_bytes(kind: Any) -> bool:
    types = require("pyarrow", extra="data", purpose="Reading parquet files").types
    if types.is_struct(kind):
        return "bytes" in [kind.field(index).name for index in range(kind.num_fields)]
    return types.is_binary(kind) or types.is_large_binary(kind)


def _class_names(metadata: dict[bytes, bytes], label: str) -> tuple[str, ...] | None:
    """Return the class names that the schema declares, in the hub's way or as a list called ``class_names``."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        names = features[label]["names"]
    except (ValueError, KeyError, TypeError):
        names = _json_or_none(metadata.get(b"class_names", b"null"))
    return tuple(map(str, names)) if isinstance(names, list) else None


def _json_or_none(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _split(paths: tuple[Path, ...], columns: _Columns) -> RawSplit:
    labels = [_labels_of(path, columns) for path in paths]
    files = _Files(paths, np.cumsum([0, *(len(part) for part in labels[:-1])]))
    read = partial(_read_features if columns.image is None else _read_images, files, columns)
    return RawSplit(
        labels=np.concatenate(labels),
        read=read,
        origin=f"column '{columns.label}' of {paths[0].name if len(paths) == 1 else paths[0].parent}",
        place=files.place,
        class_names=columns.class_names,
    )


def _labels_of(path: Path, columns: _Columns) -> np.ndarray:
    with reading(path, "parquet"), _open(path) as file:
        missing = [name for name in columns.used if name not in file.schema_arrow.names]
        if missing:
            raise InputError(
                f"Every parquet file must have the columns of the first, but {path} has no '{missing[0]}'."
            )
        return label_values(file.read(columns=[columns.label]).column(columns.label))


def _read_features(files: _Files, columns: _Columns, rows: np.ndarray) -> np.ndarray:
    parts = []
    for path in files.paths:
        with reading(path, "parquet"), _open(path) as file:
            table = file.read(columns=list(columns.features))
        parts.append(feature_values(table, columns.features, file=path.name))
    return np.concatenate(parts)[rows]


def _read_images(files: _Files, columns: _Columns, rows: np.ndarray) -> np.ndarray:
    assert columns.image is not None, "this reader was chosen because there are images"
    encoded = _encoded(files, columns.image, rows)
    return decode_images(encoded, len(rows), place=lambda index: files.place(int(rows[index])))


def _encoded(files: _Files, column: str, rows: np.ndarray) -> Iterator[bytes | Path]:
    for path, start in zip(files.paths, files.starts, strict=True):
        with reading(path, "parquet"), _open(path) as file:
            for first, batch in _batches(file, column, rows - start):
                wanted = rows[(rows >= start + first) & (rows < start + first + len(batch))]
                cells = batch.take(
                    require("pyarrow", extra="data", purpose="Reading images").array(wanted - start - first)
                )
                for row, cell in zip(wanted, cells.to_pylist(), strict=True):
                    yield _bytes_or_path(cell, path, files.place(int(row)))


def _batches(file: Any, column: str, rows: np.ndarray) -> Iterator[tuple[int, Any]]:
    """Yield pieces of a column and the row at which each starts; row groups without wanted rows are not read."""
    first = 0
    for group in range(file.num_row_groups):
        after = first + file.metadata.row_group(group).num_rows
        if ((rows >= first) & (rows < after)).any():
            at = first
            for batch in file.iter_batches(_ROWS_AT_A_TIME, row_groups=[group], columns=[column]):
                yield at, batch.column(column)
                at += batch.num_rows
        first = after


def _bytes_or_path(cell: Any, file: Path, place: str) -> bytes | Path:
    fields = cell if isinstance(cell, dict) else {"bytes": cell}
    if fields["bytes"] is not None:
        return fields["bytes"]
    if not fields.get("path"):
        raise InputError(f"Every sample must have an image, but there is none in {place}.")
    return file.parent / fields["path"]
