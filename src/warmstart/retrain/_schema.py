"""What every arrival of a project must hold, as the first one had it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from warmstart.data import ColumnEncoding, ColumnKind, FittedEncoding, Targets

LABEL, KEY, GROUP, ORDER, INPUT = "__label__", "__key__", "__group__", "__order__", "__input__"
"""Names of the columns that a stored arrival has besides its features: no column of a user's is called so."""

DROPPED = "dropped"
"""In a model's manifest: those of its columns that were dropped, also where others are called so since."""


@dataclass(frozen=True)
class Schema:
    """Columns or shape of a project's samples, their roles and classes.

    Args:
        kind: ``table`` for columns, ``array`` for images and other arrays.
        targets: Whether labels are classes or values.
        columns: The features of a table. Categories have no values here: each model knows those that it was trained on.
        left_out: Columns of the first arrival that are no features, such as constants and free text.
        shape: Of one sample that is an array.
        dtype: Of the inputs: float64 for tables, or int64 where whole numbers reach the model unchanged.
        classes: Their names; labels are indices into them. A schema of a later version may have more at the end.
        values_per_row: Number of values to predict, where it is more than one.
        label: The column of labels; None for arrays.
        key: The column that identifies a row; None: its content does.
        group: The column whose equal values are held out together.
        order: How the column was read by which rows are ordered; None: they stand in the order of the file.
        fills: Whether cells may be missing.
        version: Counted from 1; classes that are added and columns that are mapped make another one.

    Example:
        >>> schema = Schema("array", Targets.CLASSES, shape=(1, 8, 8), dtype="uint8", classes=("cat", "dog"))
        >>> Schema.from_dict(schema.to_dict()) == schema, schema.grown(["eel"]).classes
        (True, ('cat', 'dog', 'eel'))
    """

    kind: Literal["table", "array"]
    targets: Targets
    columns: tuple[ColumnEncoding, ...] = ()
    left_out: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    dtype: str = "float64"
    classes: tuple[str, ...] = ()
    values_per_row: int = 1
    label: str | None = None
    key: str | None = None
    group: str | None = None
    order: ColumnEncoding | None = None
    fills: bool = True
    version: int = 1

    @property
    def is_table(self) -> bool:
        """Whether samples are rows of a table."""
        return self.kind == "table"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of a table's features."""
        return tuple(column.name for column in self.columns)

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """Columns of a stored arrival that hold features."""
        return self.names if self.is_table else (INPUT,)

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that a table must have: features and roles, but for that of the labels."""
        roles = (self.key, self.group, None if self.order is None else self.order.name)
        return (*self.names, *(one for one in dict.fromkeys(roles) if one is not None and one not in self.names))

    def holds_columns_of(self, manifest: Mapping[str, Any]) -> bool:
        """Whether rows have all columns that a model takes, with what it was trained on in each.

        Args:
            manifest: Of the model. Of whole numbers alone, and of arrays, it has no kinds of columns.
        """
        if manifest.get(DROPPED) or not set(manifest["features"]) <= set(self.names):
            return False
        own = {one.name: one for one in self.columns}
        encoding = (manifest.get("preparation") or {}).get("encoding")
        known = [] if encoding is None else FittedEncoding.from_dict(encoding).encoding.columns
        return all(one.name in own and one.can_recode(own[one.name]) for one in known)

    def grown(self, classes: list[str]) -> Schema:
        """Return the next version, with further classes at the end."""
        return replace(self, classes=(*self.classes, *classes), version=self.version + 1)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, fit for JSON."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        described = {"columns": [_described(one) for one in self.columns], "targets": str(self.targets)}
        order = None if self.order is None else _described(self.order)
        lists = {name: list(value) for name, value in values.items() if isinstance(value, tuple)}
        return values | lists | described | {"order": order}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Schema:
        """Rebuild it from :meth:`to_dict`."""
        tuples = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        columns = tuple(_column(one) for one in values["columns"])
        order = None if values["order"] is None else _column(values["order"])
        typed = {"columns": columns, "order": order, "targets": Targets(values["targets"])}
        return cls(**{**values, **tuples, **typed})


def _described(column: ColumnEncoding) -> dict[str, Any]:
    return {"name": column.name, "kind": str(column.kind), "values": list(column.values), "form": column.form}


def _column(values: Mapping[str, Any]) -> ColumnEncoding:
    return ColumnEncoding(values["name"], ColumnKind(values["kind"]), tuple(values["values"]), form=values["form"])
