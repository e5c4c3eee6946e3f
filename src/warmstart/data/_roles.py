"""From a table to labelled samples: which column is what, which rows count, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from warmstart.basics import InputError, require, unknown_name

from ._arrays import SampleOrder, Targets
from ._cells import LABEL_MARKS, Cells, column_values, decided, few_others
from ._columns import find_label, label_values
from ._encoding import ColumnEncoding, ColumnKind, TableEncoding
from ._features import Features, find_features, known_values
from ._labels import joined, missing_labels, text_labels, tidied
from ._layout import table_files
from ._raw import RawData, RawSplit, shown
from ._source import DataSource, Missing
from ._table import TEXT_ENDINGS, TEXT_OPTIONS, Table, open_table, table_ending

FILE_ORDER = "file"


def table_data(
    name: str,
    table: Table,
    source: DataSource,
    targets: Targets,
    *,
    open_test: Callable[[Sequence[str]], Table] | None = None,
    are_arrivals: bool = False,
    class_names: Callable[[str], tuple[str, ...] | None] = lambda _: None,
) -> RawData:
    """Return the samples in table files.

    Args:
        name: Of the data set.
        table: The training samples.
        source: Which column is what, and how to read the files.
        targets: Whether the labels are to be classes, so that each is kept exactly, or values.
        open_test: Maps the names of columns to the table of the official test samples, which has these, on request;
            None: there are none.
        are_arrivals: Whether each file is an arrival, in their order.
        class_names: Maps the label column to names that the source declares for its values.

    Raises:
        InputError: If a file cannot be read, or has no such columns.
    """
    file = table.file
    label = checked_label(table.names, source, file=file)
    notes = [f"{file} read with {'; '.join(table.notes)}."] if table.notes else []
    if table.marks.decimal == "," and source.decimal is None:
        notes.append(f"Numbers in {file} read with a decimal comma.")
    if source.missing is Missing.FILL:
        unknown = unlabelled_rows(table, label, source)
        if unknown.any() and not unknown.all():
            count, first = int(unknown.sum()), table.place(int(unknown.argmax()))
            notes.append(
                f"{count:,} of {len(table):,} rows of {file} have no label and are left out, the first of them {first}."
            )
            table = table.only(~unknown)
    order, rows = _ordered(table, source, are_arrivals, notes)
    candidates, said = feature_names(table, label, source)
    notes += said

    @cache
    def features() -> Features:
        return find_features(table, candidates, source, forced=source.features, rows=rows)

    def read(chosen: np.ndarray) -> np.ndarray:
        found, at = features(), rows[chosen]
        return found.inputs(found.values[at], None if found.integers is None else found.integers[at])

    labels, said = column_labels(table, label, source, targets)
    notes += said
    split = RawSplit(
        labels[rows],
        read,
        f"column '{shown(label, 60)}' of {file}",
        lambda row: table.place(int(rows[row])),
        class_names(label),
    )

    def read_test() -> RawSplit:
        assert open_test is not None, "the test set is read only where there is one"
        found, tested = features(), open_test((*features().names, label))
        if label not in tested.names:
            raise InputError(f"{tested.file} must have the label column '{shown(label, 60)}', as {file} has.")
        spellings = {str(one): str(one) for one in set(labels.tolist())} if source.tidy_labels else None
        own, _ = column_labels(tested, label, source, targets, spellings)
        values = known_values(tested, [one.name for one in found.columns] if found.encoding is None else found.encoding)
        integers = None
        if found.integers is not None:
            whole = {one: numbers for one in found.names if (numbers := tested.cells(one).integers) is not None}
            others = [shown(one, 60) for one in found.names if one not in whole]
            if others:
                raise InputError(
                    f"The columns of {tested.file} must be whole numbers, as those of the training samples are, but "
                    f"others are not: {', '.join(others)}."
                )
            integers = np.stack(list(whole.values()), axis=1)
        return RawSplit(
            own,
            lambda chosen: found.inputs(values[chosen], None if integers is None else integers[chosen]),
            f"column '{shown(label, 60)}' of {tested.file}",
            tested.place,
            class_names(label),
        )

    return RawData(
        name,
        split,
        None if open_test is None else read_test,
        features,
        order,
        tuple(notes),
        asks=not source.many_classes,
    )


def read_table(source: DataSource, columns: TableEncoding | Sequence[str], *, paths: Sequence[Path] = ()) -> np.ndarray:
    """Return the rows of a table as the encoding of another one has them, such as of new samples for a trained model.

    Args:
        source: The file, or a folder of them, and how to read it; roles of columns do not matter.
        columns: The encoding of the training samples; or the names of their columns, where all of these are numbers
            without gaps.
        paths: The files; empty: that of the source's name.

    Returns:
        float64 (n, columns): numbers, days, and indices of categories, ``len(values)`` for one that is new. NaN where
        a cell is missing, which only an encoding allows.

    Raises:
        InputError: If the file cannot be read, lacks columns, or holds something else in them.
    """
    names = [one.name for one in columns.columns] if isinstance(columns, TableEncoding) else columns
    path = Path(source.name).expanduser()
    files = paths or (table_files(path)[0].train if path.is_dir() else (path,))
    if not files:
        raise InputError(f"{shown(path)} must contain tables like the training samples, got none.")
    if table_ending(files[0]) not in TEXT_ENDINGS:
        # Said of the training samples, which were in a text file.
        source = replace(source, **dict.fromkeys(TEXT_OPTIONS))
    table = open_table(files, source, known=names)
    if not len(table):
        raise InputError(f"There must be samples to read, but {table.file} contains none.")
    return known_values(table, columns)


def checked_label(names: Sequence[str], source: DataSource, *, file: str) -> str:
    """Return the label column among the columns of a file.

    Raises:
        InputError: If there is none, or another role names a column that does not exist or is that of the labels.
    """
    label = find_label(names, source.label, file=file)
    for role in ("key", "group", "order"):
        column = getattr(source, role)
        if column is not None and column not in names and (role, column) != ("order", FILE_ORDER):
            raise unknown_name(f"{role} column", column, names, place=file)
        if column == label and column is not None:
            raise InputError(f"{role} (--{role}) must be another column than that of the labels, got '{label}'.")
    for role in ("drop", "features"):
        for column in getattr(source, role):
            if column not in names:
                raise unknown_name(f"column in {role} (--{role})", column, names, place=file)
            if column == label:
                raise InputError(f"{role} (--{role}) must not contain the column of the labels, got '{label}'.")
    return label


def feature_names(table: Table, label: str, source: DataSource) -> tuple[list[str], list[str]]:
    """Return the columns that may be features, and notes on those that are none by their names."""
    wanted = set(source.features or table.names) - {label, source.key, *source.drop}
    # pandas writes its index to csv as a first column without a name, to parquet as __index_level_0__.
    candidates = [one for one in table.names if one in wanted and one and not one.startswith("__index_level_")]
    index = f"The first column of {table.file}, which has no name, is taken for an index and left out."
    return candidates, [index] if "" in wanted else []


def column_labels(
    table: Table, label: str, source: DataSource, targets: Targets, spellings: dict[str, str] | None = None
) -> tuple[np.ndarray, list[str]]:
    """Return the labels of all rows and notes on them; ``spellings`` are those of training samples, to be kept."""
    origin = f"column '{shown(label, 60)}' of {table.file}"
    if table.has_types:
        found = joined([label_values(part[label]) for part in table.parts])
    else:
        found = text_labels(_label_cells(table, label, source), origin, table.place, targets=targets)
    if targets is Targets.VALUES or not all(isinstance(value, str) for value in found.tolist()):
        return found, []
    return tidied(found, origin, merge=source.tidy_labels, spellings=spellings)


def _label_cells(table: Table, label: str, source: DataSource) -> Cells:
    marks = LABEL_MARKS | {mark.strip().casefold() for mark in source.missing_marks}
    return table.cells(label, replace(table.marks, missing=marks))


def unlabelled_rows(table: Table, label: str, source: DataSource) -> np.ndarray:
    """Return which rows of training samples have no label, as those have that still wait for one."""
    if not table.has_types:
        return np.isnan(_label_cells(table, label, source).spread(lambda _: 0.0))
    return np.concatenate([missing_labels(label_values(part[label])) for part in table.parts])


def _ordered(
    table: Table, source: DataSource, are_arrivals: bool, notes: list[str]
) -> tuple[SampleOrder | None, np.ndarray]:
    """Return what is known of the samples' order, and the rows that are samples, in that order."""
    rows = np.arange(len(table))
    file = table.file
    if source.order is not None and source.order != FILE_ORDER:
        values, column, is_ambiguous = order_values(table, source.order)
        rows = np.argsort(values, kind="stable")
        form = f" read as {column.form}" if is_ambiguous else ""
        notes.append(f"Rows of {file} are in the order of '{shown(source.order, 60)}' ({column.kind}{form}).")
        are_arrivals = False
    if source.key is not None:
        codes = _codes(table.cells(source.key))
        # From the end, so that of equal keys the last is found first.
        backwards = rows[::-1]
        _, first = np.unique(codes[backwards], return_index=True)
        kept = np.zeros(len(rows), bool)
        kept[len(rows) - 1 - first] = True
        before, rows = len(rows), rows[kept]
        notes.append(
            f"Of rows with the same '{shown(source.key, 60)}' the last one counts: {before - len(rows):,} of "
            f"{before:,} rows dropped."
        )
    arrivals = groups = None
    if are_arrivals:
        of_rows = np.searchsorted(table.bounds, rows, side="right") - 1
        arrivals = np.unique(of_rows, return_inverse=True)[1].astype(np.int64)
        count = int(arrivals.max(initial=-1)) + 1
        notes.append(f"Each of {count:,} files is one arrival, from {table.paths[0].name} to {table.paths[-1].name}.")
    if source.group is not None:
        groups = np.unique(_codes(table.cells(source.group))[rows], return_inverse=True)[1].astype(np.int64)
        notes.append(
            f"Rows are held out by '{shown(source.group, 60)}', in {int(groups.max(initial=-1)) + 1:,} groups."
        )
    if source.order is None and arrivals is None and groups is None:
        return None, rows
    return SampleOrder(source.order is not None or arrivals is not None, arrivals, groups), rows


def order_values(table: Table, name: str) -> tuple[np.ndarray, ColumnEncoding, bool]:
    """Return a column by which rows are ordered, float64 (n,), how it was read, and whether it could be read otherwise.

    Raises:
        InputError: If a cell is missing, or a few are none of what the others are.
    """
    cells, file = table.cells(name), table.file
    column, is_ambiguous = decided(name, cells)
    if column.kind is ColumnKind.CATEGORY and (few := few_others(cells, 0.5)) is not None:
        # In alphabetical order, 10/1/2024 would stand before 9/1/2024.
        raise InputError(
            f"order must be a column of {few[0]}s throughout, but '{shown(name, 60)}' of {file} contains "
            f"'{shown(few[1][0], 40)}' in {table.place(cells.first_row(few[1]) or 0)}: correct or delete it."
        )
    values, _ = column_values(cells, column)
    if np.isnan(values).any():
        row = int(np.isnan(values).argmax())
        raise InputError(
            f"order must be a column without missing cells, but '{shown(name, 60)}' of {file} has none at "
            f"{table.place(row)}."
        )
    return values, column, is_ambiguous


def _codes(cells: Cells) -> np.ndarray:
    """Return a number for each cell, the same for equal cells; a missing cell is like no other."""
    if cells.is_text:
        places = {text: float(index) for index, text in enumerate(cells.present)}
        codes = cells.spread(lambda text: places[text])
    else:
        arrow = require("pyarrow", extra="data", purpose="Reading tables")
        encoded = arrow.chunked_array([cells.column.combine_chunks()]).dictionary_encode().combine_chunks()
        codes = encoded.indices.cast(arrow.float64()).to_numpy(zero_copy_only=False).copy()
    missing = np.isnan(codes)
    codes[missing] = -1 - np.arange(int(missing.sum()))
    return codes
