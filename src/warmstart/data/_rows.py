"""The rows of one arrival with their types, before anything is fitted to them: columns of a table, or arrays."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from warmstart.basics import InputError, require

from ._arrays import Targets
from ._assemble import ask_about
from ._cells import MISSING_MARKS, Marks, column_values
from ._encoding import ColumnEncoding, ColumnKind
from ._features import Features, find_features, overflows
from ._in_memory import Found, found_in, frame_columns, is_frame
from ._labels import class_map, cleaned, missing_labels, object_array, target_values
from ._layout import SplitFiles, table_files
from ._load import find_data, input_errors, own_value
from ._memory_table import found_table
from ._npz import npz_arrays
from ._numbers import Form, as_inputs, form_of
from ._own import split_parts
from ._parquet import image_data
from ._raw import shown
from ._roles import checked_label, column_labels, feature_names, order_values, unlabelled_rows
from ._source import DataSource
from ._table import TABLE_ENDINGS, TEXT_ENDINGS, TEXT_OPTIONS, Table, open_table, table_ending

MOST_LISTED = 10
"""Rows and columns that a message names one by one."""
_WHOLE = re.compile(r"\s*([+-]?(?:0|[1-9][0-9]*))\.0+\s*")
_MIDNIGHT = re.compile(r"[ T]00:00:00(\.0+)?$")
_FRACTION = re.compile(r"(:\d\d)(\.\d*?)0+$")


def whole_number_text(text: str) -> str:
    """Return a text, but 7 for 7.0, as whole numbers are written where a column had a gap; 007 and 7.10 stay.

    Example:
        >>> [whole_number_text(one) for one in ("7.0", "007", "7.10", "a.0")]
        ['7', '007', '7.10', 'a.0']
    """
    found = _WHOLE.fullmatch(text)
    return text if found is None else found[1]


@dataclass(frozen=True, eq=False)
class FoundLabels:
    """The labels of an arrival's rows.

    Args:
        values: Names of classes as Python objects, None where a label is missing; or float64 (n,) or (n, k), NaN.
        classes: Names of the classes in their order; empty for values.
        notes: Sentences on how they were read.
    """

    values: np.ndarray
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def are_missing(self) -> np.ndarray:
        """Which rows wait for their label, bool (n,)."""
        missing = missing_labels(self.values)
        return np.asarray(missing.reshape(len(missing), -1).any(axis=1))


@dataclass(frozen=True, eq=False)
class ArrayRows:
    """Samples that are arrays: images, windows, numbers without names.

    Args:
        inputs: As :class:`LabelledArrays` takes them.
        found: The labels as found; None: there are none.
        origin: Where labels were found, as a phrase for messages.
        place: Maps a row to where it is, as a phrase for messages.
        class_names: Names declared for labels that are indices.
        notes: Sentences on how it was read.
    """

    inputs: np.ndarray
    found: np.ndarray | None
    origin: str
    place: Callable[[int], str]
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.inputs)

    def labels(self, source: DataSource, targets: Targets, *, known: Sequence[str] = ()) -> FoundLabels:
        """Return the labels; see :meth:`TableRows.labels`."""
        if self.found is None:
            return FoundLabels(_none_found(len(self), targets), tuple(known))
        missing = missing_labels(self.found)
        return _named(self, self.found, missing, source, targets, known)


@dataclass(frozen=True, eq=False)
class TableRows:
    """Samples that are rows of a table.

    Args:
        table: The table.
        label: Its column of labels; None: it has none.
        found: Labels that were given beside the columns; None: those of the column.
        class_names: Names declared for labels that are indices.
        notes: Sentences on how it was read.
    """

    table: Table
    label: str | None
    found: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.table)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(one for one in self.table.names if self.found is None or one != self.label)

    @property
    def origin(self) -> str:
        """Where labels are, as a phrase for messages."""
        return f"column '{shown(self.label, 60)}' of {self.table.file}"

    def place(self, row: int) -> str:
        """Return where a row is, as a phrase for messages."""
        return self.table.place(row)

    def check_names(self, names: Sequence[str]) -> None:
        """Raise if columns are missing.

        Raises:
            InputError: Naming them.
        """
        absent = [shown(one, 60) for one in dict.fromkeys(names) if one not in self.names]
        if absent:
            raise InputError(
                f"{self.table.file} must have the columns of the first arrival, but lacks {_counted(absent, absent)}."
            )

    def features(self, source: DataSource, rows: np.ndarray) -> tuple[Features, tuple[str, ...]]:
        """Return the features of a first arrival, as a study would find them, and notes on its columns.

        Unlike in a study, what is constant so far is a feature: nobody knows what later arrivals hold.

        Args:
            source: Roles of columns.
            rows: The rows that have labels.

        Raises:
            InputError: If a role names no column, or no feature is left.
        """
        assert self.label is not None, "a first arrival has labels"
        candidates, notes = feature_names(self.table, self.label, source)
        features = source.features if self.found is None else tuple(candidates)
        found = find_features(self.table, candidates, source, forced=features, rows=rows, keeps_constants=True)
        return found, (*notes, *found.notes)

    def columns(self, columns: Sequence[ColumnEncoding], *, fills: bool = True, whole: bool = False) -> dict[str, Any]:
        """Return columns as arrow arrays of the types that the first arrival's have.

        Numbers and times (in days) are float64, truth values bool, categories text; missing cells are null.

        Args:
            columns: What each of them holds.
            fills: Whether cells may be missing.
            whole: Whether all are int64.

        Raises:
            InputError: If a column is missing or a cell is no such thing, in one sentence for all of them.
        """
        self.check_names([one.name for one in columns])
        arrow = require("pyarrow", extra="data", purpose="Storing tables")
        typed, problems = {}, []
        for column in columns:
            cells = self.table.cells(column.name)
            if not cells.is_usable:
                problems.append(f"{shown(column.name, 60)} ({column.kind}, not {str(cells.type)[:40]})")
                continue
            if whole:
                if cells.integers is None:
                    problems.append(f"{shown(column.name, 60)} (whole numbers in every row)")
                else:
                    typed[column.name] = arrow.array(cells.integers)
                continue
            if column.kind is ColumnKind.CATEGORY:
                texts = (cells if cells.is_text else cells.as_text()).texts
                typed[column.name], missing = arrow.array(texts.tolist(), arrow.string()), missing_labels(texts)
                odd, what = np.empty(0, np.int64), ""
            else:
                values, odd = column_values(cells, column)
                missing, what = np.isnan(values), f"{column.kind}, not"
                if column.kind is ColumnKind.NUMBER and not len(odd):
                    odd, what = np.flatnonzero(overflows(values)), "finite 32-bit number, not"
                is_boolean = column.kind is ColumnKind.BOOLEAN
                typed[column.name] = arrow.array(values == 1 if is_boolean else values, mask=missing)
            if not len(odd) and missing.any() and not fills:
                odd, what = np.flatnonzero(missing), "none may be missing, but is"
            if len(odd):
                sample = f"'{shown(cells.sample(int(odd[0])), 40)}'"
                rows = _counted(odd.tolist(), [self.place(row) for row in odd[:MOST_LISTED].tolist()], "rows")
                problems.append(f"{shown(column.name, 60)} ({what} {sample} in {rows})")
        if problems:
            raise InputError(
                f"The columns of {self.table.file} must hold what those of the first arrival do: "
                f"{_counted(problems, problems)}."
            )
        return typed

    def labels(self, source: DataSource, targets: Targets, *, known: Sequence[str] = ()) -> FoundLabels:
        """Return the labels of all rows.

        Args:
            source: How to read them.
            targets: Whether they are classes or values.
            known: The classes of the first arrival, whose spelling counts; empty: this is the first.

        Raises:
            InputError: If labels cannot be classes, or values.
        """
        if self.label is None:
            return FoundLabels(_none_found(len(self), targets), tuple(known))
        if self.found is not None:
            return _named(self, self.found, missing_labels(self.found), source, targets, known)
        missing = unlabelled_rows(self.table, self.label, source)
        if missing.all():
            return FoundLabels(_none_found(len(self), targets), tuple(known))
        column = replace(self.table, parts=tuple({self.label: part[self.label]} for part in self.table.parts))
        column = column.only(~missing) if missing.any() else column
        cells = column.cells(self.label)
        if known and cells.is_text and set(cells.texts.tolist()) <= set(known):
            # As they stand: '01' beside 'x' was a text of the first arrival, and must not be read as a number here.
            found, notes = cells.as_objects(str.strip), []
        else:
            spellings = {one: one for one in known} if known and source.tidy_labels else None
            found, notes = column_labels(column, self.label, source, targets, spellings)
        labels = _named(self, found, missing, source, targets, known)
        return replace(labels, notes=(*notes, *labels.notes))

    def texts(self, name: str) -> np.ndarray:
        """Return a column as text, Python objects, None where a cell is missing.

        The text of a number or a time does not depend on the kind of file: 7.0 is 7, and midnight is the date alone.

        Raises:
            InputError: If there is no such column.
        """
        self.check_names([name])
        cells = self.table.cells(name)
        if cells.is_text:
            return object_array([None if one is None else whole_number_text(one) for one in cells.texts.tolist()])
        kind = cells.kind
        found = cells.as_text().texts
        if kind is ColumnKind.NUMBER and cells.plain is not None and cells.integers is None:
            numbers = cells.plain
            is_whole = np.isfinite(numbers) & (numbers == np.floor(numbers)) & (np.abs(numbers) < 2**53)
            found = found.copy()
            found[is_whole] = [str(int(one)) for one in numbers[is_whole].tolist()]
            found[np.isnan(numbers)] = None
        elif kind is ColumnKind.TIME:
            short = {
                one: _FRACTION.sub(r"\1\2", _MIDNIGHT.sub("", one)).removesuffix(".") for one in set(found) - {None}
            }
            found = object_array([None if one is None else short[one] for one in found.tolist()])
        return found

    def order(self, name: str, column: ColumnEncoding | None = None) -> tuple[np.ndarray, ColumnEncoding]:
        """Return the column that orders rows, float64 (n,), and how it was read.

        Args:
            name: The column.
            column: How that of the first arrival was read; None: this is the first.

        Raises:
            InputError: If it holds neither numbers nor times, or a cell is missing.
        """
        if column is not None:
            [typed] = self.columns([column], fills=False).values()
            return typed.cast("float64").to_numpy(zero_copy_only=False), column
        values, column, _ = order_values(self.table, name)
        if column.kind is ColumnKind.CATEGORY:
            raise InputError(
                f"order (--order) must be a column of numbers or times, but '{shown(name, 60)}' of {self.table.file} "
                "contains text."
            )
        return values, column


def open_rows(
    given: Any, source: DataSource, *, targets: Targets = Targets.CLASSES, as_table: bool | None = None
) -> TableRows | ArrayRows:
    """Return what an arrival holds: a file, a folder, or anything in memory that :func:`as_dataset` takes.

    Args:
        given: Path or object. A folder of tables is one arrival.
        source: How to read it; its name does not matter.
        targets: Whether labels are classes or values.
        as_table: Whether the first arrival was a table, so that this one is read as such; None: this is the first.

    Raises:
        InputError: If it cannot be read or holds no rows.
    """
    source = replace(source, name=str(given)) if isinstance(given, (str, Path)) else source
    with input_errors(source):
        rows = _of_path(given, source, targets, as_table) if isinstance(given, (str, Path)) else None
        if rows is None:
            own = own_value(source) if isinstance(given, str) else None
            rows = _of_object(given if own is None else own, source, targets, as_table)
    if not len(rows):
        raise InputError(f"There must be rows to add, but {_name_of(given)} contains none.")
    return rows


def _name_of(given: Any) -> str:
    return Path(given).name if isinstance(given, (str, Path)) else "the data in memory"


def _of_path(given: str | Path, source: DataSource, targets: Targets, as_table: bool | None) -> Any:
    path = Path(given).expanduser()
    if isinstance(given, str) and own_value(source) is not None:
        return None
    if path.suffix.lower() == ".npz" and path.is_file():
        arrays = npz_arrays(path, source, targets=targets)
        return _of_object(arrays, replace(source, label=None), targets, as_table, name=path.name, rounds=True)
    files: tuple[Path, ...] = ()
    if path.is_dir():
        files = table_files(path)[0].train
    elif path.exists() and table_ending(path) in TABLE_ENDINGS:
        files = (path,)
    limits = {"max_bytes": source.max_bytes, "size": source.image_shape}
    is_parquet = bool(files) and table_ending(files[0]) == ".parquet" and not source.features
    if files and not (is_parquet and image_data("", SplitFiles(files), source.label, **limits, drop=source.drop)):
        if as_table is not None and table_ending(files[0]) not in TEXT_ENDINGS:
            # Said of the first arrival, which was a text file.
            source = replace(source, **dict.fromkeys(TEXT_OPTIONS))
        return _table_rows(open_table(files, source, known=(source.label,) if source.label else ()), source, as_table)
    raw, _, _ = find_data(source, False, lambda _: None, targets)
    split = raw.train
    inputs = split.read(np.arange(len(split.labels)))
    return ArrayRows(inputs, split.labels, split.origin, split.place, split.class_names, raw.notes)


def _of_object(
    given: Any,
    source: DataSource,
    targets: Targets,
    as_table: bool | None,
    *,
    name: str = "the data",
    rounds: bool = False,
) -> TableRows | ArrayRows:
    marks = Marks(MISSING_MARKS | {mark.strip().casefold() for mark in source.missing_marks})
    if is_frame(given) and as_table and source.label not in frame_columns(given, name).column_names:
        table = found_table(Found(frame_columns(given, name), None), "", name, marks)
        return _table_rows(table, source, as_table)
    train, _, notes = split_parts(given, name)
    found = found_in(train, name, source)
    if found is None:
        raise InputError(
            f"{name[:1].upper()}{name[1:]} must be a table or arrays of numbers, got items of other kinds."
        )
    if isinstance(found.inputs, np.ndarray):
        arrays = [(found.inputs, f"inputs of {name}")]
        form = form_of(arrays, source.scale, rounds=rounds)
        if not (form is Form.GAPS or (as_table and found.inputs.ndim <= 2)):
            inputs = as_inputs(found.inputs, Form.FLOATS if form is Form.GAPS else form, arrays[0][1])
            assert isinstance(found.labels, np.ndarray), "an array has no column of labels"
            return ArrayRows(
                inputs, found.labels, f"targets of {name}", lambda row: f"position {row}", found.class_names, notes
            )
    names = [str(one) for one in getattr(found.inputs, "column_names", ())]
    label = found.labels if isinstance(found.labels, str) else "label" if "label" not in names else "label_"
    table = found_table(found, label, name, marks)
    if isinstance(found.labels, np.ndarray):
        return TableRows(table, label, found.labels, found.class_names, notes)
    return replace(_table_rows(table, source, as_table), class_names=found.class_names, notes=notes)


def _table_rows(table: Table, source: DataSource, as_table: bool | None) -> TableRows:
    notes = [f"{table.file} read with {'; '.join(table.notes)}."] if table.notes else []
    if table.marks.decimal == "," and source.decimal is None:
        notes.append(f"Numbers in {table.file} read with a decimal comma.")
    # Of a later arrival the columns are checked all at once, by whoever knows those of the first.
    label = source.label if source.label in table.names else None
    if as_table is None:
        label = checked_label(table.names, source, file=table.file)
    return TableRows(table, label, notes=tuple(notes))


def _none_found(count: int, targets: Targets) -> np.ndarray:
    return np.full(count, np.nan) if targets is Targets.VALUES else np.full(count, None, object)


def _named(
    rows: TableRows | ArrayRows,
    found: np.ndarray,
    missing: np.ndarray,
    source: DataSource,
    targets: Targets,
    known: Sequence[str],
) -> FoundLabels:
    """Return labels as found, all or those that are not missing, as names of classes or as values."""
    present = np.flatnonzero(~(missing if missing.ndim == 1 else missing.any(axis=1)))
    found = found if len(found) == len(present) else found[present]

    def place(row: int) -> str:
        return rows.place(int(present[row]))

    if targets is Targets.VALUES:
        values = np.full((len(rows), *found.shape[1:]), np.nan)
        if len(found):
            values[present] = target_values(found, rows.origin, place)
        return FoundLabels(values)
    texts = np.full(len(rows), None, object)
    if not len(found):
        return FoundLabels(texts, tuple(known))
    labels = cleaned(found, rows.origin, place)
    names = rows.class_names
    has_names = names is not None and labels.dtype.kind in "iu" and labels.min() >= 0 and labels.max() < len(names)
    texts[present] = [names[one] if names is not None and has_names else str(one) for one in labels.tolist()]
    classes = tuple(known)
    if known:
        # A frame keeps the spaces around a label, a text file of the same rows does not.
        stripped = {one.strip(): one for one in known}
        if len(stripped) == len(known):
            texts[present] = [stripped.get(one.strip(), one) for one in texts[present].tolist()]
    else:
        found_map = class_map(labels, names, rows.origin)
        asks = not source.many_classes and names is None
        if asks and (isinstance(rows, TableRows) or rows.inputs.dtype != np.uint8):
            ask_about(found_map, len(labels), rows.origin)
        classes = found_map.names
    return FoundLabels(texts, classes)


def _counted(all_of: Sequence[Any], named: Sequence[str], unit: str = "") -> str:
    """Return the first few of several, and how many there are."""
    listed = ", ".join(named[:MOST_LISTED])
    more = len(all_of) - MOST_LISTED
    total = f", {len(all_of):,} {unit}" if unit and len(all_of) > 1 else ""
    return f"{listed} and {more:,} more{total}" if more > 0 else f"{listed}{total and f' ({len(all_of):,} {unit})'}"
