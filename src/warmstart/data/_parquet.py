"""Images in parquet files, decoded row by row."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial, reduce
from itertools import repeat
from operator import getitem
from pathlib import Path
from typing import Any

import numpy as np

from warmstart.basics import InputError, require

from ._columns import find_image, find_label, label_values
from ._images import decode_images
from ._labels import joined
from ._layout import SplitFiles
from ._raw import RawData, RawSplit, check_memory, first_sentence, reading, shown
from ._source import ImageSize

_BATCH_ROWS = 1024
_BATCH_BYTES = 128 * 2**20


@dataclass(frozen=True)
class _Columns:
    label: str
    image: str
    class_names: tuple[str, ...] | None


@dataclass(frozen=True)
class _Files:
    """Files with rows numbered consecutively: file k contains rows ``bounds[k]`` to ``bounds[k + 1] - 1``."""

    paths: tuple[Path, ...]
    bounds: np.ndarray

    def place(self, row: int) -> str:
        file = int(np.searchsorted(self.bounds, row, side="right")) - 1
        return f"row {row - int(self.bounds[file]) + 1} of {self.paths[file].name}"

    def spans(self) -> Iterator[tuple[Path, int, int]]:
        """Yield each file with its first row and the row after its last."""
        return zip(self.paths, self.bounds[:-1].tolist(), self.bounds[1:].tolist(), strict=True)

    def cells(self, column: str, rows: np.ndarray) -> Iterator[tuple[Path, int, Any]]:
        """Yield file, row and value of the given rows, which ascend; row groups without any of them are not read."""
        arrow = require("pyarrow", extra="data", purpose="Reading images")
        for path, start, after in self.spans():
            with reading(path, "parquet"), _open(path) as file:
                _check_rows(path, file.metadata.num_rows, after - start)
                group_end = start
                for group in range(file.num_row_groups):
                    metadata = file.metadata.row_group(group)
                    first, group_end = group_end, group_end + metadata.num_rows
                    if np.diff(np.searchsorted(rows, (first, group_end))) == 0:
                        continue
                    # A value that the file stores once may belong to any number of rows, each of which gets a copy.
                    most = max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, metadata.total_byte_size)))
                    for batch in file.iter_batches(most, row_groups=[group], columns=[column]):
                        wanted = rows[slice(*np.searchsorted(rows, (first, first + batch.num_rows)))]
                        values = batch.column(column).take(arrow.array(wanted - first)).to_pylist()
                        yield from zip(repeat(path), wanted.tolist(), values)
                        first += batch.num_rows
                    _check_rows(path, first, group_end)


def image_data(
    name: str,
    files: SplitFiles,
    label: str | None,
    *,
    max_bytes: int,
    size: ImageSize | None = None,
    drop: Collection[str] = (),
) -> RawData | None:
    """Return parquet files with a column of images as data; None if they have no such column.

    Args:
        name: Name of the data set.
        files: Its files; those of the test set are opened only on request.
        label: The label column; None: detected by name.
        max_bytes: Memory that reading one set may take.
        size: Height and width to which images are brought; None: as they are.
        drop: Columns that are no images, whatever they hold.

    Raises:
        InputError: If a file cannot be read or has unsuitable columns.
    """
    types = require("pyarrow", extra="data", purpose="Reading parquet files").types
    path = files.train[0]
    with reading(path, "parquet"), _open(path) as file:
        schema = file.schema_arrow
        candidates = []
        for field in (one for one in schema if one.name not in drop):
            # On the hub, an image is a struct of its bytes and its path.
            parts = [part.name for part in field.type] if types.is_struct(field.type) else []
            if "bytes" in parts or types.is_binary(field.type) or types.is_large_binary(field.type):
                candidates.append(field.name)
        if not candidates:
            return None
        label = find_label(schema.names, label, file=path.name)
        image = find_image([one for one in candidates if one != label], file=path.name)
        if image is None:
            return None
    columns = _Columns(label, image, declared_classes(path, label))
    test = partial(_read_split, files.test, columns, max_bytes, size) if files.test else None
    return RawData(name, _read_split(files.train, columns, max_bytes, size), test)


def declared_classes(path: Path, label: str) -> tuple[str, ...] | None:
    """Return the names of classes that a parquet file declares for a column of labels."""
    class_names = None
    with reading(path, "parquet"), _open(path) as file:
        metadata = file.schema_arrow.metadata or {}
    # Metadata can be anything: no JSON, nested without end, or of another form at every step.
    for key, steps in ((b"class_names", ()), (b"huggingface", ("info", "features", label, "names"))):
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            names = reduce(getitem, steps, json.loads(metadata[key]))
            class_names = tuple(map(str, names)) if isinstance(names, list) else None
    return class_names


def _open(path: Path, **options: Any) -> Any:
    return require("pyarrow.parquet", extra="data", purpose="Reading parquet files").ParquetFile(path, **options)


def _read_split(paths: tuple[Path, ...], columns: _Columns, max_bytes: int, size: ImageSize | None) -> RawSplit:
    used = (columns.label, columns.image)
    labels: list[np.ndarray] = []
    needed = 0
    for path in paths:
        with reading(path, "parquet"), _open(path) as file:
            names = set(file.schema_arrow.names)
            missing = next((name for name in used if name not in names), None)
            if missing is not None:
                raise InputError(
                    f"Every parquet file must have the columns of the first, but {shown(path)} has no '{missing}'."
                )
            # Per row, 8 bytes for the label (a number or a reference) and 8 for its class.
            needed += 16 * file.metadata.num_rows
            labels.append(_read_labels(path, columns.label, file, needed, max_bytes))
    files = _Files(paths, np.cumsum([0, *(len(part) for part in labels)]))
    return RawSplit(
        labels=joined(labels),
        read=partial(_read_images, files, columns.image, max_bytes, size),
        origin=f"column '{shown(columns.label, 60)}' of {paths[0].name if len(paths) == 1 else shown(paths[0].parent)}",
        place=files.place,
        class_names=columns.class_names,
    )


def _read_labels(path: Path, label: str, file: Any, held: int, max_bytes: int) -> np.ndarray:
    """Return a column's labels; ``held`` bytes of the memory limit are already in use."""
    what = f"column '{shown(label, 60)}' of {path.name}"
    check_memory(held, max_bytes, what)
    types = require("pyarrow", extra="data", purpose="Reading parquet files").types
    kind = file.schema_arrow.field(label).type
    if types.is_dictionary(kind):
        kind = kind.value_type
    if not (types.is_string(kind) or types.is_large_string(kind)):
        return label_values(file.read(columns=[label]).column(label))
    parts = [np.empty(0, object)]
    # As a dictionary, so that a string that the file stores once for many rows is not expanded to one copy per row.
    with _open(path, metadata=file.metadata, read_dictionary=[label]) as encoded:
        for group in range(file.num_row_groups):
            # Of all columns: the metadata also have the size of each, but PyArrow ends the process when asked for a
            # damaged one.
            check_memory(held + file.metadata.row_group(group).total_byte_size, max_bytes, what)
            column = encoded.read_row_group(group, columns=[label]).column(label)
            # As read, and about twice that as Python strings.
            held += 3 * column.nbytes
            check_memory(held, max_bytes, what)
            parts.append(label_values(column))
    return np.concatenate(parts)


def _read_images(files: _Files, column: str, max_bytes: int, size: ImageSize | None, rows: np.ndarray) -> np.ndarray:
    def encoded() -> Iterator[bytes | Path]:
        for path, row, cell in files.cells(column, rows):
            fields = cell if isinstance(cell, dict) else {"bytes": cell}
            if isinstance(fields["bytes"], bytes):
                yield fields["bytes"]
                continue
            name, place = fields.get("path"), files.place(row)
            if fields["bytes"] is not None or not (name is None or isinstance(name, str)):
                raise InputError(f"Images must be bytes or the path of a file, but {place} contains something else.")
            if not name:
                raise InputError(f"Every sample must have an image, but there is none in {place}.")
            try:
                folder = path.parent.resolve()
                image = (folder / name).resolve()
            except (OSError, RuntimeError, ValueError) as error:  # a name too long, a loop of links, a null byte
                raise InputError(f"The image at {place} cannot be read: {first_sentence(error)}.") from error
            # A file from elsewhere could name any file of this machine, by an absolute path, "..", or a link.
            if not image.is_relative_to(folder):
                raise InputError(
                    f"Images must be in the folder of {path.name} or below, but {place} names {shown(name, 300)}."
                )
            yield image

    return decode_images(
        encoded(), len(rows), place=lambda index: files.place(int(rows[index])), max_bytes=max_bytes, size=size
    )


def _check_rows(path: Path, found: int, expected: int) -> None:
    if found != expected:
        raise InputError(f"{shown(path)} cannot be read as parquet: its columns differ in length.")
