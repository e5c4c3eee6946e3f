"""Arrivals: read whole or refused, stored as typed parquet, and read back as samples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from warmstart.basics import InputError, StorageError, require, shown
from warmstart.data import (
    RELATIVE,
    ArrayRows,
    ColumnKind,
    DataSource,
    Missing,
    TableEncoding,
    TableRows,
    Targets,
    copies_of,
    is_narrow,
    open_rows,
)

from ._objects import object_path, verify_object
from ._schema import GROUP, INPUT, KEY, LABEL, ORDER, Schema

if TYPE_CHECKING:
    from ._ledger import ArrivalRow

_PURPOSE = "Storing arrivals"
MOST_LISTED = 10
ROLES = (LABEL, KEY, GROUP, ORDER, INPUT)


@dataclass(frozen=True, eq=False)
class ArrivalDraft:
    """An arrival that was read and fits the schema.

    Args:
        table: Arrow table of its rows: features or inputs, and the columns of roles.
        schema: The schema that it has: that of the project, or a further version with new classes.
        source: Name of the file, without its folder.
        contents: Digest of each row's features, in hex.
        duplicates: Rows that were left out, since a later row has the same key.
        notes: Sentences on how it was read.
    """

    table: Any
    schema: Schema
    source: str
    contents: tuple[str, ...]
    duplicates: int = 0
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.table.num_rows

    @property
    def content(self) -> str:
        """Digest of all rows, in hex: equal for equal rows, whatever file and order of columns they are in."""
        return content_digest(self.table)

    @property
    def keys(self) -> list[str | None]:
        """The key of each row; None where it has none."""
        return self.table.column(KEY).to_pylist() if self.schema.key is not None else [None] * len(self)

    @property
    def units(self) -> list[str]:
        """What is held out together: the group of a row, else its key, else a digest of its features."""
        groups = self.table.column(GROUP).to_pylist() if self.schema.group is not None else [None] * len(self)
        found = zip(groups, self.keys, self.contents, strict=True)
        return [next(one for one in row if one is not None) for row in found]

    @property
    def labels(self) -> list[str | None]:
        """The label of each row as text; None where it waits for one."""
        labels = self.table.column(LABEL).to_pylist()
        if self.schema.targets is Targets.CLASSES:
            return labels
        return [None if one is None else repr(one) for one in labels]


@dataclass(frozen=True)
class AddResult:
    """What came of adding an arrival.

    Attributes:
        number: Its number, from 1; 0: nothing was stored, as the project knew all of it.
        id: SHA-256 of its file.
        state: Its state: ``accepted``, or of an arrival that was there already, what that is.
        is_new: Whether it was stored now; otherwise the same content had been added before.
        source: Name of the file, without its folder.
        rows: Number of its rows.
        labelled: Rows that have a label.
        held_out: Rows that judge before they are trained on.
        duplicates: Rows that were dropped, since a later one has the same key.
        superseded: Older rows of which it has a newer version.
        notes: What a reader should know, one sentence each.
    """

    number: int
    id: str
    state: str
    is_new: bool
    source: str
    rows: int
    labelled: int
    held_out: int = 0
    duplicates: int = 0
    superseded: int = 0
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, fit for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return it as lines for a terminal."""
        if not self.is_new:
            return list(self.notes)
        waiting = self.rows - self.labelled
        parts = [
            f"{self.rows:,} {'row' if self.rows == 1 else 'rows'} of {self.source}",
            *([f"{self.held_out:,} held out"] if self.labelled else []),
            *([f"{waiting:,} wait for their labels"] if waiting else []),
            *([f"{self.duplicates:,} duplicates dropped"] if self.duplicates else []),
            *([f"newer versions of {self.superseded:,} rows"] if self.superseded else []),
        ]
        return [f"Arrival {self.number}: {', '.join(parts)}.", *(f"  {one}" for one in self.notes)]


def read_arrival(
    given: Any,
    source: DataSource,
    schema: Schema | None = None,
    *,
    targets: Targets = Targets.CLASSES,
    new_classes: str = "refuse",
) -> ArrivalDraft:
    """Read an arrival, or refuse it whole.

    Args:
        given: A path, or whatever :func:`warmstart.data.as_dataset` takes.
        source: How to read it: roles of columns, marks; its name does not matter.
        schema: That of the project; None: this is its first arrival, which determines it as a study would.
        targets: Whether labels are classes or values; of a first arrival only.
        new_classes: ``refuse`` labels that are none of the classes, or ``grow``.

    Raises:
        InputError: If it cannot be read, or does not fit: in one sentence that names columns and rows.
    """
    if schema is not None:
        targets, source = schema.targets, later_source(source, schema)
    rows = open_rows(given, source, targets=targets, as_table=None if schema is None else schema.is_table)
    if schema is not None and isinstance(rows, TableRows) is not schema.is_table:
        kinds = ("arrays", "a table")
        raise InputError(
            f"{_source_name(given)} must be {kinds[schema.is_table]}, as the first arrival is, got "
            f"{kinds[not schema.is_table]}."
        )
    if isinstance(rows, TableRows):
        draft = _read_table(rows, source, schema, targets, new_classes)
    else:
        draft = _read_array(rows, source, schema, targets, new_classes)
    return replace(draft, source=_source_name(given), notes=tuple(dict.fromkeys((*rows.notes, *draft.notes))))


def write_arrival(draft: ArrivalDraft, path: Path) -> None:
    """Write an arrival as parquet."""
    write_table(draft.table, path)


def write_table(table: Any, path: Path) -> None:
    """Write an arrow table as the parquet file of an arrival."""
    parquet = require("pyarrow.parquet", extra="data", purpose=_PURPOSE)
    parquet.write_table(table, path, compression="zstd")


def marked(table: Any, number: int) -> Any:
    """Return an arrival's arrow table with its number, so that its file differs from any other of the same rows."""
    return table.replace_schema_metadata({"arrival": str(number)})


def _source_name(given: Any) -> str:
    return shown(Path(given).name) if isinstance(given, (str, Path)) else "the data in memory"


def later_source(source: DataSource, schema: Schema) -> DataSource:
    # Roles are those of the first arrival, and what is no feature need not be there any more.
    order = None if schema.order is None else schema.order.name
    return replace(source, label=schema.label, key=schema.key, group=schema.group, order=order, drop=(), features=())


def _read_table(
    rows: TableRows, source: DataSource, schema: Schema | None, targets: Targets, new_classes: str
) -> ArrivalDraft:
    notes: list[str] = []
    if schema is None:
        schema, notes = _first_table_schema(rows, source, targets)
    else:
        rows.check_names(schema.required)
        known = {*schema.required, schema.label, *schema.left_out}
        unknown = [shown(one, limit=60) for one in rows.names if one not in known and one]
        if unknown:
            notes.append(f"Columns that the first arrival does not have are ignored: {listed(unknown)}.")
        if rows.label is None and rows.found is None:
            if schema.label is None:
                raise InputError(f"Labels must be given beside the inputs, as (X, y), but {rows.table.file} has none.")
            label = shown(schema.label, limit=60)
            if schema.key is None:
                raise InputError(
                    f"{rows.table.file} must have the label column '{label}': without key (--key) no later file could "
                    "say whose labels it brings."
                )
            notes.append(f"There is no column '{label}': all {len(rows):,} rows wait for their labels.")
    columns = rows.columns(schema.columns, fills=schema.fills, whole=schema.dtype == "int64")
    labels = rows.labels(source, targets, known=schema.classes)
    schema = with_classes(labels.values, labels.are_missing, schema, rows, new_classes)
    notes += labels.notes
    arrow = require("pyarrow", extra="data", purpose=_PURPOSE)
    columns[LABEL] = _label_column(labels.values, labels.are_missing)
    kept, keys = np.arange(len(rows)), None
    if schema.group is not None:
        columns[GROUP] = arrow.array(rows.texts(schema.group).tolist(), arrow.string())
    if schema.order is not None:
        values, _ = rows.order(schema.order.name, schema.order)
        columns[ORDER] = arrow.array(values)
        kept = np.argsort(values, kind="stable")
    if schema.key is not None:
        keys = rows.texts(schema.key).tolist()
        columns[KEY] = arrow.array(keys, arrow.string())
    table = arrow.table(columns)
    if keys is not None:
        kept, said = _last_of_keys(keys, kept, row_digests(table, table.column_names), rows, schema.key or "")
        notes += said
    table = table.take(arrow.array(kept))
    contents = tuple(row_digests(table, schema.names))
    return ArrivalDraft(table, schema, "", contents, len(rows) - len(kept), tuple(notes))


def _last_of_keys(
    keys: list[str | None], order: np.ndarray, digests: list[str], rows: TableRows, name: str
) -> tuple[np.ndarray, list[str]]:
    """Return rows in their order, of those with equal keys the last, and notes; a missing key is like no other."""
    last: dict[str, int] = {}
    kept, conflicts = np.ones(len(order), bool), set()
    for place, row in enumerate(order.tolist()):
        key = keys[row]
        if key is None:
            continue
        if key in last:
            kept[last[key]] = False
            if digests[row] != digests[int(order[last[key]])]:
                conflicts.add(key)
        last[key] = place
    notes, name = [], shown(name, limit=60)
    if not kept.all():
        of_conflicts = f", {len(conflicts):,} of them with different contents" if conflicts else ""
        notes.append(
            f"Of rows with the same '{name}' the last one counts: {int((~kept).sum()):,} of {len(order):,} rows "
            f"dropped{of_conflicts}."
        )
    missing = [row for row, key in enumerate(keys) if key is None]
    if missing:
        notes.append(
            f"{len(missing):,} {'row has' if len(missing) == 1 else 'rows have'} no '{name}', the first of them "
            f"{rows.place(missing[0])}: no later file can correct, label or delete what has no key."
        )
    return order[kept], notes


def _first_table_schema(rows: TableRows, source: DataSource, targets: Targets) -> tuple[Schema, list[str]]:
    labels = rows.labels(source, targets)
    labelled = np.flatnonzero(~labels.are_missing)
    if not len(labelled):
        raise InputError(f"The first arrival must have labels, but {rows.origin} has none.")
    found, notes = rows.features(source, labelled)
    # Of a number that 32 bits hold relative to the median alone, and of a gap, the training rows of each model decide.
    columns = tuple(
        replace(
            one,
            has_missing=False,
            values=() if one.kind is ColumnKind.CATEGORY else one.values,
            form="" if one.form == RELATIVE else one.form,
        )
        for one in found.columns
    )
    reserved = [one for one in rows.names if one in ROLES]
    if reserved:
        raise InputError(f"Columns must not be called {', '.join(ROLES)}, but {rows.table.file} has '{reserved[0]}'.")
    index = {name: place for place, name in enumerate(labels.classes)}
    of_labels = labels.values[labelled]
    if labels.classes:
        of_labels = np.array([index[one] for one in of_labels.tolist()])
    copies = [shown(one, limit=60) for one in copies_of(of_labels, found.values[labelled], found.names)]
    told = [
        f"Column '{name}' tells the label of every row: unless it is known before the label is, leave it out with drop "
        f"(--drop {name})."
        for name in copies[:MOST_LISTED]
    ]
    order = None if source.order in (None, "file") else rows.order(source.order)[1]
    roles = {rows.label, source.key, *found.names}
    schema = Schema(
        "table",
        targets,
        columns,
        left_out=tuple(one for one in rows.names if one not in roles and one),
        dtype="float64" if found.integers is None else "int64",
        classes=labels.classes,
        label=None if rows.found is not None else rows.label,
        key=source.key,
        group=source.group,
        order=order,
        fills=source.missing is Missing.FILL,
    )
    return schema, [*notes, *told]


def _read_array(
    rows: ArrayRows, source: DataSource, schema: Schema | None, targets: Targets, new_classes: str
) -> ArrivalDraft:
    arrow = require("pyarrow", extra="data", purpose=_PURPOSE)
    inputs = rows.inputs
    labels = rows.labels(source, targets, known=() if schema is None else schema.classes)
    missing = labels.are_missing
    if schema is None:
        if missing.all():
            raise InputError(f"The first arrival must have labels, but there are none in {rows.origin}.")
        width = labels.values.shape[1] if labels.values.ndim > 1 else 1
        schema = Schema(
            "array",
            targets,
            shape=inputs.shape[1:],
            dtype=str(inputs.dtype),
            classes=labels.classes,
            values_per_row=width,
        )
    if (inputs.shape[1:], str(inputs.dtype)) != (schema.shape, schema.dtype):
        size = "; image_size (--image-size) brings images to one size" if schema.dtype == "uint8" else ""
        raise InputError(
            f"Inputs must be {schema.dtype} of shape {schema.shape}, as those of the first arrival are, but "
            f"{len(rows):,} of them are {inputs.dtype} of shape {inputs.shape[1:]}{size}."
        )
    schema = with_classes(labels.values, missing, schema, rows, new_classes)
    width = inputs.dtype.itemsize * int(np.prod(inputs.shape[1:]))
    data = arrow.py_buffer(np.ascontiguousarray(inputs))
    column = arrow.FixedSizeBinaryArray.from_buffers(arrow.binary(width), len(inputs), [None, data])
    table = arrow.table({INPUT: column, LABEL: _label_column(labels.values, missing)})
    return ArrivalDraft(table, schema, "", tuple(row_digests(table, [INPUT])), notes=labels.notes)


def _label_column(values: np.ndarray, missing: np.ndarray) -> Any:
    arrow = require("pyarrow", extra="data", purpose=_PURPOSE)
    if values.dtype.kind == "O":
        return arrow.array(values.tolist(), arrow.string())
    if values.ndim == 1:
        return arrow.array(values, mask=missing)
    return arrow.array(
        [None if gap else row for gap, row in zip(missing, values.tolist(), strict=True)],
        arrow.list_(arrow.float64(), values.shape[1]),
    )


def with_classes(
    labels: np.ndarray, missing: np.ndarray, schema: Schema, rows: TableRows | ArrayRows, new_classes: str
) -> Schema:
    """Return the schema, with new classes if these are to be added.

    Raises:
        InputError: If labels are new and are not to be added, or have another number of values.
    """
    if schema.targets is Targets.VALUES:
        width = labels.shape[1] if labels.ndim > 1 else 1
        if width != schema.values_per_row and not missing.all():
            raise InputError(
                f"Targets must have {schema.values_per_row} values per row, as those of the first arrival have, but "
                f"those of {rows.origin} have {width}."
            )
        return schema
    known = set(schema.classes)
    new: dict[str, list[int]] = {}
    for row, label in enumerate(labels.tolist()):
        if label is not None and label not in known:
            new.setdefault(label, []).append(row)
    if not new:
        return schema
    if new_classes == "grow":
        return schema.grown(sorted(new))
    described = []
    for name, places in list(new.items())[:MOST_LISTED]:
        named = listed([rows.place(one) for one in places[:MOST_LISTED]], len(places))
        described.append(f"'{shown(name, limit=60)}' ({len(places):,} row{'s' * (len(places) > 1)}: {named})")
    folded = {one.casefold().strip(" .") for one in known}
    tidy = ", and tidy_labels (--tidy-labels) takes those that differ in case or spaces alone as one"
    is_alike = any(name.casefold().strip(" .") in folded for name in new)
    raise InputError(
        f"Labels must be among the {len(known):,} classes of the project, but {rows.origin} contains {len(new):,} new: "
        f"{listed(described, len(new))}; --new-classes grow adds them{tidy if is_alike else ''}."
    )


def listed(named: Sequence[str], count: int | None = None) -> str:
    """Return the first few of several texts, and how many more there are."""
    more = (len(named) if count is None else count) - MOST_LISTED
    return ", ".join(named[:MOST_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def content_digest(table: Any) -> str:
    """Return a digest of all rows of an arrival's arrow table, in hex; the order of columns does not matter."""
    return hashlib.sha256("\n".join(row_digests(table, table.column_names)).encode()).hexdigest()


def row_digests(table: Any, names: Sequence[str]) -> list[str]:
    """Return a digest of each row's cells in some columns, in hex; their order does not matter."""
    arrow = require("pyarrow", extra="data", purpose=_PURPOSE)
    names = sorted(names)
    start = hashlib.sha256("\x1f".join(f"{len(one)}:{one}" for one in names).encode("utf-8", "surrogatepass"))
    parts: list[np.ndarray] = []
    for name in names:
        column = table.column(name).combine_chunks()
        if arrow.types.is_fixed_size_binary(column.type):
            width = column.type.byte_width
            data = np.frombuffer(column.buffers()[1], np.uint8)[column.offset * width :][: len(column) * width]
            parts.append(data.reshape(len(column), width))
            continue
        if arrow.types.is_floating(column.type):
            numbers = column.to_numpy(zero_copy_only=False).astype(np.float64) + 0.0  # so that -0.0 is 0.0
            numbers[np.isnan(numbers)] = np.nan
            parts.append(numbers.view(np.uint8).reshape(len(column), 8))
            continue
        # Each distinct cell is hashed once; of a missing one the digest is all zeros.
        encoded = column.cast(arrow.string()) if not arrow.types.is_fixed_size_list(column.type) else None
        texts = arrow.array([repr(one) for one in column.to_pylist()]) if encoded is None else encoded
        coded = texts.dictionary_encode()
        found = [hashlib.sha256(one.encode()).digest()[:16] for one in coded.dictionary.to_pylist()]
        cells = np.frombuffer(b"".join([*found, bytes(16)]), np.uint8).reshape(-1, 16)
        parts.append(cells[coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)])
    joined = np.ascontiguousarray(np.concatenate(parts, axis=1)) if parts else np.empty((table.num_rows, 0), np.uint8)
    digests = []
    for row in joined:
        digest = start.copy()
        digest.update(row.data)
        digests.append(digest.hexdigest()[:32])
    return digests


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows of stored arrivals, as a model's preparation takes them.

    Args:
        inputs: Of a table float64 (n, columns), as ``encoding`` says; of arrays as they are.
        labels: int64 (n,), -1 where a row waits for its label; or float32 (n,) or (n, k), NaN where it waits.
        keys: Python texts (n,), None where a row has none.
        groups: Python texts (n,), None where a row has none.
        order: float64 (n,), NaN where rows have none.
        arrivals: int64 (n,): the index of the file that each row is in.
        rows: int64 (n,): its place in that file.
        encoding: What the columns of a table hold: all categories of these rows; None for arrays and whole numbers.
    """

    inputs: np.ndarray
    labels: np.ndarray
    keys: np.ndarray
    groups: np.ndarray
    order: np.ndarray
    arrivals: np.ndarray
    rows: np.ndarray
    encoding: TableEncoding | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.inputs)

    @property
    def are_labelled(self) -> np.ndarray:
        """Which rows have labels, bool (n,)."""
        if self.labels.dtype.kind == "i":
            return self.labels >= 0
        return ~np.asarray(np.isnan(self.labels).reshape(len(self), -1).any(axis=1))

    def take(self, rows: np.ndarray) -> Samples:
        """Return some of the rows, by index or as bools, under the same encoding."""
        fields = {name: getattr(self, name)[rows] for name in self.__dataclass_fields__ if name != "encoding"}
        return replace(self, **fields)

    def fitted(self, *, scale: bool = True) -> Samples:
        """Return the rows under the encoding that they themselves determine, as a cold start takes them."""
        if self.encoding is None:
            return self
        return self.under(table_encoding(self.inputs, self.encoding, scale=scale))

    def under(self, encoding: TableEncoding | None) -> Samples:
        """Return the rows under an encoding that a model already has; categories that it does not know are new to it.

        Raises:
            InputError: If it has other columns.
        """
        if (self.encoding is None) is not (encoding is None):
            raise InputError("encoding must be given for tables, and for nothing else.")
        if self.encoding is None or encoding is None:
            return self
        return replace(self, inputs=encoding.recoded(self.inputs, self.encoding), encoding=encoding)


def table_encoding(inputs: np.ndarray, encoding: TableEncoding, *, scale: bool = True) -> TableEncoding:
    """Return the encoding that some rows determine: their categories, and which columns have gaps.

    Args:
        inputs: float64 (n, columns), rows that a model is trained on from a cold start.
        encoding: How they are encoded.
        scale: Whether numbers are scaled: then those that 32 bits do not tell apart are relative to their median.
    """
    columns = []
    for column, values in zip(encoding.columns, inputs.T, strict=True):
        missing = np.isnan(values)
        column = replace(column, has_missing=bool(missing.any()), form="" if column.form == RELATIVE else column.form)
        if column.kind is ColumnKind.CATEGORY:
            used = np.unique(values[~missing]).astype(np.int64).tolist()
            column = replace(column, values=tuple(column.values[one] for one in used if one < len(column.values)))
        elif column.kind is ColumnKind.NUMBER and scale and is_narrow(values[~missing]):
            column = replace(column, form=RELATIVE)
        columns.append(column)
    return TableEncoding(tuple(columns))


def check_arrivals(directory: Path, arrivals: Iterable[ArrivalRow]) -> None:
    """Read the files of arrivals and compare them with their digests: one changed bit may be another valid row.

    Args:
        directory: The project's folder.
        arrivals: As the ledger has them.

    Raises:
        StorageError: If one is missing or damaged: in one sentence that names the arrival and the way out.
    """
    for one in arrivals:
        problem = verify_object(directory, "arrivals", one.id, size=one.size)
        if problem is not None:
            path = shown(object_path(directory, "arrivals", one.id), limit=300)
            raise StorageError(
                f"Arrival {one.number} ({shown(one.source)}) is {problem}: restore {path} from a backup, or leave the "
                f"arrival out with `warmstart retrain exclude {shown(directory)} {one.number}`."
            )


def read_rows(
    paths: Sequence[Path],
    schema: Schema,
    *,
    rows: Sequence[np.ndarray] | None = None,
    encoding: TableEncoding | None = None,
) -> Samples:
    """Read rows of stored arrivals.

    Args:
        paths: The files, in the order of the arrivals.
        schema: The newest one of the project.
        rows: For each file the rows wanted, ascending; None: all.
        encoding: That of a model, under which they are read; None: one of their own, with all categories in them.

    Raises:
        InputError: If ``encoding`` is one of other columns.
    """
    arrow, parquet = (require(one, extra="data", purpose=_PURPOSE) for one in ("pyarrow", "pyarrow.parquet"))
    tables = []
    for index, path in enumerate(paths):
        table = parquet.read_table(path, partitioning=None)
        wanted = np.arange(table.num_rows) if rows is None else np.asarray(rows[index], np.int64)
        table = table if rows is None else table.take(arrow.array(wanted))
        tables.append((index, wanted, table))
    counts = [len(wanted) for _, wanted, _ in tables]
    found = {
        "keys": _texts([table for _, _, table in tables], KEY),
        "groups": _texts([table for _, _, table in tables], GROUP),
        "order": np.concatenate([_numbers(table, ORDER) for _, _, table in tables] or [np.empty(0)]),
        "arrivals": np.repeat(np.arange(len(counts)), counts),
        "rows": np.concatenate([wanted for _, wanted, _ in tables] or [np.empty(0, np.int64)]),
        "labels": np.concatenate([_labels(table, schema) for _, _, table in tables] or [np.empty(0, np.int64)]),
    }
    if not schema.is_table:
        parts = [_array(table.column(INPUT), schema) for _, _, table in tables]
        return Samples(np.concatenate(parts or [np.empty((0, *schema.shape), schema.dtype)]), **found)
    columns, values = [], []
    for column in schema.columns:
        if column.kind is ColumnKind.CATEGORY:
            own = _texts([table for _, _, table in tables], column.name)
            names = sorted({one for one in own.tolist() if one is not None})
            place = {one: float(index) for index, one in enumerate(names)}
            values.append(np.array([np.nan if one is None else place[one] for one in own.tolist()], np.float64))
            column = replace(column, values=tuple(names))
        else:
            kind = np.int64 if schema.dtype == "int64" else np.float64
            values.append(np.concatenate([_numbers(t, column.name, kind) for _, _, t in tables] or [np.empty(0, kind)]))
        columns.append(column)
    inputs = np.stack(values, axis=1)
    if schema.dtype == "int64":
        return Samples(inputs, **found)
    columns = [
        replace(one, has_missing=bool(np.isnan(values).any())) for one, values in zip(columns, inputs.T, strict=True)
    ]
    samples = Samples(inputs, **found, encoding=TableEncoding(tuple(columns)))
    return samples if encoding is None else samples.under(encoding)


def _numbers(table: Any, name: str, kind: Any = np.float64) -> np.ndarray:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    column = table.column(name)
    if str(column.type) == "bool":
        column = column.cast("int8")
    return column.to_numpy().astype(kind, copy=False)


def _texts(tables: Sequence[Any], name: str) -> np.ndarray:
    parts = [
        table.column(name).to_pylist() if name in table.column_names else [None] * table.num_rows for table in tables
    ]
    values = [one for part in parts for one in part]
    return np.fromiter(values, object, len(values))


def _labels(table: Any, schema: Schema) -> np.ndarray:
    column = table.column(LABEL)
    if schema.targets is Targets.CLASSES:
        place = {name: index for index, name in enumerate(schema.classes)} | {None: -1}
        return np.array([place[one] for one in column.to_pylist()], np.int64)
    if schema.values_per_row == 1:
        return column.to_numpy().astype(np.float32)
    gap = [np.nan] * schema.values_per_row
    return np.array([gap if one is None else one for one in column.to_pylist()], np.float32)


def _array(column: Any, schema: Schema) -> np.ndarray:
    cells = column.combine_chunks()
    width = cells.type.byte_width
    data = np.frombuffer(cells.buffers()[1], np.uint8)[cells.offset * width :][: len(cells) * width]
    return data.view(schema.dtype).reshape(len(cells), *schema.shape)
