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

from ._columns import check_features, feature_values, find_features, find_image, find_label, label_values
from ._images import decode_images
from ._labels import joined
from ._layout import SplitFiles
from ._raw import RawData, RawSplit, check_memory, reading, shown

_ROWS_AT_A_TIME = 1024
_BYTES_AT_A_TIME = 128 * 2**20


def read_parquet(name: str, files: SplitFiles, label: str | None, *, max_bytes: int) -> RawData:
    """Return parquet files as data: one column of images, or else all columns as numeric features.

    Args:
        name: What the data set is called.
        files: Its files; those of the test set are opened only when it is asked for.
        label: The label column, where its name is not a usual one.
        max_bytes: Memory that reading one set may take.

    Raises:
        InputError: If a file cannot be read or columns are not what they must be.
    """
    columns = _columns_of(files.train[0], label)
    test = partial(_split, files.test, columns, max_bytes) if files.test else None
    return RawData(name, _split(files.train, columns, max_bytes), test)


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
    """Files whose rows are numbered through: file k holds the rows from ``bounds[k]`` to before ``bounds[k + 1]``."""

    paths: tuple[Path, ...]
    bounds: np.ndarray

    def place(self, row: int) -> str:
        file = int(np.searchsorted(self.bounds, row, side="right")) - 1
        return f"row {row - int(self.bounds[file]) + 1} of {self.paths[file].name}"

    def spans(self) -> Iterator[tuple[Path, int, int]]:
        """Yield each file with its first row and that after its last."""
        return zip(self.paths, self.bounds[:-1].tolist(), self.bounds[1:].tolist(), strict=True)


def _open(path: Path, **options: Any) -> Any:
    return require("pyarrow.parquet", extra="data", purpose="Reading parquet files").ParquetFile(path, **options)


def _columns_of(path: Path, label: str | None) -> _Columns:
    with reading(path, "parquet"), _open(path) as file:
        schema = file.schema_arrow
        names = schema.names
        label = find_label(names, label, file=path.name)
        image = find_image([field.name for field in schema if _holds_bytes(field.type)], file=path.name)
        return _Columns(label, image, find_features(names, label), _class_names(schema.metadata or {}, label))


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
    except (ValueError, KeyError, TypeError, RecursionError):
        names = _json_or_none(metadata.get(b"class_names", b"null"))
    return tuple(map(str, names)) if isinstance(names, list) else None


def _json_or_none(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _split(paths: tuple[Path, ...], columns: _Columns, max_bytes: int) -> RawSplit:
    labels = _labels_of(paths, columns, max_bytes)
    files = _Files(paths, np.cumsum([0, *(len(part) for part in labels)]))
    read = _read_features if columns.image is None else _read_images
    return RawSplit(
        labels=joined(labels),
        read=partial(read, files, columns, max_bytes),
        origin=f"column '{shown(columns.label, 60)}' of {paths[0].name if len(paths) == 1 else shown(paths[0].parent)}",
        place=files.place,
        class_names=columns.class_names,
    )


def _labels_of(paths: tuple[Path, ...], columns: _Columns, max_bytes: int) -> list[np.ndarray]:
    """Return the labels of each file."""
    labels = []
    needed = 0
    for path in paths:
        with reading(path, "parquet"), _open(path) as file:
            schema = file.schema_arrow
            names = set(schema.names)
            missing = next((name for name in columns.used if name not in names), None)
            if missing is not None:
                raise InputError(
                    f"Every parquet file must have the columns of the first, but {shown(path)} has no '{missing}'."
                )
            needed += 16 * file.metadata.num_rows  # a label is a number or a reference, and its class a number
            check_memory(needed, max_bytes, f"column '{shown(columns.label, 60)}' of {path.name}")
            values = _texts(path, columns.label, file, needed, max_bytes)
            if values is None:
                values = label_values(file.read(columns=[columns.label]).column(columns.label))
            labels.append(values)
    return labels


def _texts(path: Path, label: str, file: Any, held: int, max_bytes: int) -> np.ndarray | None:
    """Return a column of texts, each read once where the file holds it once for many rows; None if it holds others.

    Memory is limited as a whole, ``held`` bytes of it being in use. The file also holds the size of each column, but
    PyArrow ends the process when it is asked for one that is damaged.
    """
    arrow = require("pyarrow", extra="data", purpose="Reading parquet files")
    kind = file.schema_arrow.field(label).type
    if arrow.types.is_dictionary(kind):
        kind = kind.value_type
    if not (arrow.types.is_string(kind) or arrow.types.is_large_string(kind)):
        return None
    what = f"column '{shown(label, 60)}' of {path.name}"
    parts = [np.empty(0, object)]
    with _open(path, metadata=file.metadata, read_dictionary=[label]) as once:
        for group in range(file.num_row_groups):
            check_memory(held + file.metadata.row_group(group).total_byte_size, max_bytes, what)
            column = once.read_row_group(group, columns=[label]).column(label)
            held += 3 * column.nbytes  # as read, and as texts of Python
            check_memory(held, max_bytes, what)
            parts.append(label_values(column))
    return np.concatenate(parts)


def _read_features(files: _Files, columns: _Columns, max_bytes: int, rows: np.ndarray) -> np.ndarray:
    names = list(columns.features)
    values = np.empty((len(rows), len(names)), np.float32)
    needed = values.nbytes
    for path, start, after in files.spans():
        with reading(path, "parquet"), _open(path) as file:
            schema = file.schema_arrow
            types = [(name, schema.field(name).type) for name in names]
            check_features(types, file=path.name)
            # Before a file's rows are taken they are there as stored and as 32-bit floats.
            file_bytes = (after - start) * sum(kind.bit_width / 8 + 4 for _, kind in types)
            check_memory(needed + file_bytes, max_bytes, f"{len(names):,} columns of {path.name}")
            table = file.read(columns=names)
        _check_rows(path, table.num_rows, after - start)
        first, last = np.searchsorted(rows, (start, after))
        values[first:last] = feature_values(table, names, file=path.name)[rows[first:last] - start]
    return values


def _read_images(files: _Files, columns: _Columns, max_bytes: int, rows: np.ndarray) -> np.ndarray:
    assert columns.image is not None, "this reader was chosen because there are images"
    encoded = _encoded(files, columns.image, rows)
    return decode_images(encoded, len(rows), place=lambda index: files.place(int(rows[index])), max_bytes=max_bytes)


def _encoded(files: _Files, column: str, rows: np.ndarray) -> Iterator[bytes | Path]:
    arrow = require("pyarrow", extra="data", purpose="Reading images")
    for path, start, after in files.spans():
        with reading(path, "parquet"), _open(path) as file:
            _check_rows(path, file.metadata.num_rows, after - start)
            for first, batch in _batches(path, file, column, rows - start):
                wanted = rows[slice(*np.searchsorted(rows, (start + first, start + first + len(batch))))]
                cells = batch.take(arrow.array(wanted - start - first)).to_pylist()
                for row, cell in zip(wanted, cells, strict=True):
                    yield _bytes_or_path(cell, path, files, int(row))


def _batches(path: Path, file: Any, column: str, rows: np.ndarray) -> Iterator[tuple[int, Any]]:
    """Yield pieces of a column and the row at which each starts; row groups without wanted rows are not read."""
    first = 0
    for group in range(file.num_row_groups):
        metadata = file.metadata.row_group(group)
        after = first + metadata.num_rows
        at, end = np.searchsorted(rows, (first, after))
        if at < end:
            at = first
            # A value may stand in the file once and in any number of rows, each of which gets a copy of its own.
            most = max(1, min(_ROWS_AT_A_TIME, _BYTES_AT_A_TIME // max(1, metadata.total_byte_size)))
            for batch in file.iter_batches(most, row_groups=[group], columns=[column]):
                yield at, batch.column(column)
                at += batch.num_rows
            _check_rows(path, at, after)
        first = after


def _check_rows(path: Path, found: int, expected: int) -> None:
    if found != expected:
        raise InputError(f"{shown(path)} cannot be read as parquet: its columns are of different lengths.")


def _bytes_or_path(cell: Any, file: Path, files: _Files, row: int) -> bytes | Path:
    fields = cell if isinstance(cell, dict) else {"bytes": cell}
    if isinstance(fields["bytes"], bytes):
        return fields["bytes"]
    path, place = fields.get("path"), files.place(row)
    if fields["bytes"] is not None or not (path is None or isinstance(path, str)):
        raise InputError(f"Images must be bytes or the path of a file, but {place} holds something else.")
    if not path:
        raise InputError(f"Every sample must have an image, but there is none in {place}.")
    folder = file.parent.resolve()
    found = (folder / path).resolve()
    if not found.is_relative_to(folder):  # a file from elsewhere could name any file of this machine
        raise InputError(
            f"Images must lie in the folder of {file.name} or below, but {place} names {shown(path, 300)}."
        )
    return found
