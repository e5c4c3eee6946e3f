"""Columns in memory as labelled samples, read as those of a table's file are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from warmstart.basics import InputError, require

from ._arrays import Targets
from ._cells import MISSING_MARKS, Marks
from ._encoding import TableEncoding
from ._features import known_values
from ._in_memory import Found, frame_columns
from ._raw import RawData, RawSplit, shown
from ._roles import table_data
from ._source import DataSource
from ._table import TEXT_OPTIONS, Table


def columns_data(name: str, parts: Sequence[Found], source: DataSource, targets: Targets) -> RawData:
    """Return samples whose inputs are columns: of a frame, or of an array with text or gaps.

    Args:
        name: Of the data set.
        parts: The training samples, and the test samples where there are any.
        source: Which column is what, and how missing cells are treated.
        targets: Whether the labels are to be classes or values.

    Raises:
        InputError: If columns cannot be used, or an option of text files is given.
    """
    for option in (*TEXT_OPTIONS, "test"):
        value = getattr(source, option)
        if value is not None:
            raise InputError(
                f"{option} (--{option}) must be left out for {shown(name)}, which is in memory, got {value!r}."
            )
    given = [part.labels for part in parts if isinstance(part.labels, np.ndarray)]
    if given and source.label is not None:
        raise InputError(
            f"label (--label) must be left out for {shown(name)}, whose targets are given beside its inputs, got "
            f"{shown(source.label)!r}."
        )
    names = [str(column) for part in parts for column in input_names(part.inputs)]
    label = next(one for one in (f"label{'_' * number}" for number in count()) if one not in names)
    own = replace(source, label=label if given else parts[0].labels)
    if isinstance(parts[0].inputs, np.ndarray):
        # Of an array, every column is meant, whatever it holds.
        own = replace(own, features=tuple(input_names(parts[0].inputs)))
    marks = Marks(MISSING_MARKS | {mark.strip().casefold() for mark in source.missing_marks})
    tables = [
        found_table(part, label, f"{which}{name}", marks) for part, which in zip(parts, ("", "test "), strict=False)
    ]
    raw = table_data(
        name,
        tables[0],
        own,
        targets,
        open_test=(lambda _: tables[1]) if len(parts) > 1 else None,
        class_names=lambda _: parts[0].class_names,
    )
    if not given:
        return raw
    test = raw.test

    def labelled_test() -> RawSplit:
        assert test is not None, "the test set is opened only where there is one"
        return _labelled(test(), parts[1], f"test targets of {name}")

    train = _labelled(raw.train, parts[0], f"targets of {name}")
    return replace(raw, train=train, test=None if test is None else labelled_test)


def read_frame(frame: Any, source: DataSource, columns: TableEncoding | Sequence[str]) -> np.ndarray:
    """Return the rows of a frame as the encoding of other samples has them; see :func:`read_table`.

    Args:
        frame: Of pandas, polars or arrow, or a mapping of columns.
        source: Which marks stand for missing cells.
        columns: As of :func:`read_table`.

    Raises:
        InputError: If the frame lacks columns, or holds something else in them.
    """
    marks = Marks(MISSING_MARKS | {mark.strip().casefold() for mark in source.missing_marks})
    name = "the frame"
    return known_values(found_table(Found(frame_columns(frame, name), None), "", name, marks), columns)


def input_names(inputs: Any) -> list[str]:
    if isinstance(inputs, np.ndarray):
        return [str(index + 1) for index in range(inputs.shape[1] if inputs.ndim > 1 else 1)]
    return inputs.column_names


def found_table(part: Found, label: str, name: str, marks: Marks) -> Table:
    arrow = require("pyarrow", extra="data", purpose="Reading columns in memory")
    names = input_names(part.inputs)
    if isinstance(part.inputs, np.ndarray):
        values = part.inputs.reshape(len(part.inputs), -1)
        columns = [arrow.chunked_array([arrow.array(values[:, index])]) for index in range(values.shape[1])]
    else:
        columns = part.inputs.columns
    columns = dict(zip(names, columns, strict=True))
    rows = len(part.inputs)
    if isinstance(part.labels, np.ndarray):
        if len(part.labels) != rows:
            raise InputError(
                f"Inputs and targets must have the same length, but those of {name} have {rows} and {len(part.labels)}."
            )
        is_text = part.labels.ndim == 1 and part.labels.dtype.kind in "OU"
        texts = [None if one is None or one != one else str(one) for one in part.labels.tolist()] if is_text else None
        # Of text, whose spellings are looked at, the text itself; of all else the row, by which it is found again.
        own = arrow.array(np.arange(rows)) if texts is None else arrow.array(texts, arrow.string())
        columns[label] = arrow.chunked_array([own])
    return Table(tuple(columns), (columns,), (Path(name.replace("/", " ")),), (rows,), marks, (), True)


def _labelled(split: RawSplit, part: Found, origin: str) -> RawSplit:
    """Return a split with the given labels instead of their rows."""
    assert isinstance(part.labels, np.ndarray), "only given labels replace their rows"
    labels = split.labels if split.labels.dtype.kind == "O" else part.labels[split.labels]
    return replace(split, labels=labels, origin=origin)
