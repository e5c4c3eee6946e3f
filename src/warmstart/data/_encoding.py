"""How a table's columns become numbers: fitted on the first arrival alone, then the same for whatever follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from warmstart.basics import InputError, resolve_choices, shown

RELATIVE = "relative"
"""Form of numbers that 32 bits tell apart only relative to the median of the first arrival, as of times in seconds."""
MOST_ONE_HOT = 20
"""Distinct values up to which a category is one-hot: more columns than that would outweigh the others."""


class ColumnKind(StrEnum):
    """What a column holds: a ``NUMBER``; a ``TIME`` in days; a ``BOOLEAN``, 0 or 1; or a ``CATEGORY``."""

    NUMBER = "number"
    TIME = "time"
    BOOLEAN = "boolean"
    CATEGORY = "category"


@dataclass(frozen=True)
class ColumnEncoding:
    """One column.

    Args:
        name: Its name in the table.
        kind: What it holds. In the arrays a category is the index of its value, or ``len(values)`` for one that is not
            among them; all else is a number; NaN is a missing cell.
        values: The distinct values of a category in the training samples, sorted; of a boolean the texts that are 0
            and 1.
        has_missing: Whether training samples lack it anywhere: then an indicator column tells where.
        form: How the file writes it: decimal mark of a number, where that is not a point, or order of a date's parts;
            or :data:`RELATIVE`.

    Example:
        >>> ColumnEncoding("color", ColumnKind.CATEGORY, ("blue", "red")).features
        ('color=blue', 'color=red', 'color is new')
    """

    name: str
    kind: ColumnKind = ColumnKind.NUMBER
    values: tuple[str, ...] = ()
    has_missing: bool = False
    form: str = ""

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)

    @property
    def is_one_hot(self) -> bool:
        """Whether each value of a category has a column; else its rank among the values is one number."""
        return self.kind is ColumnKind.CATEGORY and len(self.values) <= MOST_ONE_HOT

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns that a model takes."""
        names = tuple(f"{self.name}={value}" for value in self.values) if self.is_one_hot else (self.name,)
        new = (f"{self.name} is new",) if self.kind is ColumnKind.CATEGORY else ()
        return (*names, *new, *((f"{self.name} is missing",) if self.has_missing else ()))

    def can_recode(self, other: ColumnEncoding) -> bool:
        """Whether another column's values can stand for this one's: both are of one kind, or both are texts.

        Example:
            >>> ColumnEncoding("a", "category").can_recode(ColumnEncoding("a", "boolean"))
            True
        """
        texts = (ColumnKind.CATEGORY, ColumnKind.BOOLEAN)
        return other.kind is self.kind or (other.kind in texts and self.kind in texts)


@dataclass(frozen=True)
class TableEncoding:
    """How the columns of a table become numbers.

    What columns there are is known from all training samples, so that every trial has a model of the same shape; what
    is filled in, and which values of a category count as known, is fitted on the first arrival by :meth:`fitted`.

    Args:
        columns: In the order of the arrays.

    Example:
        >>> size, color = ColumnEncoding("size", has_missing=True), ColumnEncoding("color", "category", ("blue", "red"))
        >>> encoding = TableEncoding((size, color))
        >>> first = np.array([[1.0, 0], [3.0, 0], [np.nan, 0]])
        >>> encoding.features
        ('size', 'size is missing', 'color=blue', 'color=red', 'color is new')
        >>> encoding.fitted(first).encode(np.array([[np.nan, 0], [5.0, 1], [5.0, 2]])).tolist()
        [[2.0, 1.0, 1.0, 0.0, 0.0], [5.0, 0.0, 0.0, 0.0, 1.0], [5.0, 0.0, 0.0, 0.0, 1.0]]
    """

    columns: tuple[ColumnEncoding, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns that a model takes, in order."""
        return tuple(name for column in self.columns for name in column.features)

    @property
    def width(self) -> int:
        """Number of columns that a model takes."""
        return len(self.features)

    def fitted(self, rows: np.ndarray) -> FittedEncoding:
        """Return the encoding as the rows of the first arrival determine it.

        Args:
            rows: float64 (n, columns), see :class:`ColumnEncoding`; at least one.

        Raises:
            InputError: If the number of columns differs.
        """
        self._check(rows)
        fills, known = [], []
        for column, values in zip(self.columns, rows.T, strict=True):
            found = values[~np.isnan(values)]
            is_category = column.kind is ColumnKind.CATEGORY
            fills.append(0.0 if is_category or not len(found) else float(np.median(found)))
            indices = np.unique(found).astype(int).tolist() if is_category else []
            known.append(tuple(index for index in indices if index < len(column.values)))
        return FittedEncoding(self, tuple(fills), tuple(known))

    def recoded(self, rows: np.ndarray, given: TableEncoding) -> np.ndarray:
        """Return rows in which another encoding's values stand as they stand here.

        Columns are matched by name, categories and booleans by their text; columns that are not here are left out.

        Args:
            rows: float64 (n, columns of ``given``).
            given: How the rows are encoded.

        Raises:
            InputError: If the rows lack a column, or one holds something of another kind.

        Example:
            >>> old = TableEncoding((ColumnEncoding("color", "category", ("blue", "red")),))
            >>> new = TableEncoding((ColumnEncoding("color", "category", ("blue", "green", "red")),))
            >>> old.recoded(np.array([[0.0], [1.0], [2.0], [np.nan]]), new).tolist()
            [[0.0], [2.0], [1.0], [nan]]
        """
        given._check(rows)
        if given == self:
            return rows
        places = {column.name: place for place, column in enumerate(given.columns)}
        recoded = np.empty((len(rows), len(self.columns)))
        texts = (ColumnKind.CATEGORY, ColumnKind.BOOLEAN)
        for column, own in zip(self.columns, recoded.T, strict=True):
            if column.name not in places:
                raise InputError(f"rows must have the column '{shown(column.name)}', which the model was trained on.")
            other = given.columns[places[column.name]]
            if not column.can_recode(other):
                raise InputError(
                    f"The column '{shown(column.name)}' must hold a {column.kind}, as the model was trained on, got a "
                    f"{other.kind}."
                )
            values = rows[:, places[column.name]]
            if other.values == column.values or other.kind not in texts:
                own[:] = values
                continue
            # Past the last is what is new: a category of its own, while a boolean has no place for it.
            new = float(len(column.values)) if column.kind is ColumnKind.CATEGORY else np.nan
            index = {text: float(place) for place, text in enumerate(column.values)}
            codes = np.array([*(index.get(text, new) for text in other.values), new])
            is_missing = np.isnan(values)
            own[:] = np.where(is_missing, np.nan, codes[np.where(is_missing, 0, values).astype(int)])
        return recoded

    def _check(self, rows: np.ndarray) -> None:
        if rows.ndim != 2 or rows.shape[1] != len(self.columns):
            raise InputError(f"rows must have {len(self.columns)} columns, got the shape {rows.shape}.")


@dataclass(frozen=True)
class FittedEncoding:
    """An encoding with what the first arrival determined.

    Args:
        encoding: The columns.
        fills: For each column, what stands for a missing number: the median of the first arrival.
        known: For each category, the indices of the values that the first arrival holds; all others are new.
    """

    encoding: TableEncoding
    fills: tuple[float, ...]
    known: tuple[tuple[int, ...], ...]

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Return the columns that a model takes, float32 (n, width).

        A time is relative to the median of the first arrival, since 32-bit floats tell days since 1970 apart to some
        minutes only; so are numbers whose form says so. A missing category is 0 in all its columns but the indicator;
        where training samples lack no cell, and there is no indicator, it counts as new.

        Args:
            rows: float64 (n, columns).

        Raises:
            InputError: If the number of columns differs.
        """
        self.encoding._check(rows)
        encoded = np.zeros((len(rows), self.encoding.width), np.float32)
        place = 0
        for column, fill, known, values in zip(self.encoding.columns, self.fills, self.known, rows.T, strict=True):
            missing, width = np.isnan(values), len(column.features)
            own = encoded[:, place : place + width]
            place += width
            if column.has_missing:
                own[:, -1] = missing
            if column.kind is not ColumnKind.CATEGORY:
                is_relative = column.kind is ColumnKind.TIME or column.form == RELATIVE
                own[:, 0] = np.where(missing, fill, values) - (fill if is_relative else 0)
                continue
            # The rank among known values: those of later arrivals must not shift it.
            ranks = np.full(len(column.values) + 1, -1)
            ranks[list(known)] = np.arange(len(known))
            indices = np.where(missing, len(column.values), values).astype(int)
            is_new = (ranks[indices] < 0) & ~(missing & column.has_missing)
            is_known = ranks[indices] >= 0
            if column.is_one_hot:
                own[np.flatnonzero(is_known), indices[is_known]] = 1
                own[is_new, len(column.values)] = 1
            else:
                own[is_known, 0] = ranks[indices[is_known]]
                own[is_new, 1] = 1
        return encoded

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, fit for JSON."""
        columns = [
            {
                "name": one.name,
                "kind": str(one.kind),
                "values": list(one.values),
                "has_missing": one.has_missing,
                "form": one.form,
            }
            for one in self.encoding.columns
        ]
        return {"columns": columns, "fills": list(self.fills), "known": [list(one) for one in self.known]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FittedEncoding:
        """Rebuild it from :meth:`to_dict`."""
        columns = tuple(
            ColumnEncoding(one["name"], ColumnKind(one["kind"]), tuple(one["values"]), one["has_missing"], one["form"])
            for one in values["columns"]
        )
        return cls(TableEncoding(columns), tuple(values["fills"]), tuple(tuple(one) for one in values["known"]))
