"""Stored arrivals written anew: without rows that must be forgotten, or with columns as a later schema has them."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from warmstart.basics import InputError, require, shown, unknown_name
from warmstart.data import MISSING_MARKS, ColumnEncoding, ColumnKind

from ._arrivals import ROLES, content_digest, listed, marked, write_table
from ._ledger import Ledger
from ._objects import file_digest, store_object
from ._schema import KEY, Schema

_PURPOSE = "Storing arrivals"
_PARTS = ("rename", "drop", "fill")
_GREATEST = float(np.finfo(np.float32).max)  # models take numbers of 32 bits, so `add` takes no others either


@dataclass(frozen=True)
class ColumnMap:
    """How the columns of the arrivals so far become those of a new schema.

    Args:
        rename: New names by old ones; roles may be renamed too.
        drop: Features to leave out.
        fill: New features, each with the value of all rows so far: a number, a text or a boolean; None: missing.

    Example:
        >>> ColumnMap(rename={"size": "area"}).rename["size"]
        'area'
    """

    rename: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    fill: Mapping[str, float | str | bool | None] = field(default_factory=dict)


def read_column_map(path: str | Path) -> ColumnMap:
    """Read a map from a TOML file: tables ``rename`` (old = "new") and ``fill`` (column = value), list ``drop``.

    ``drop`` may be a table as well, whose names count. TOML has no null: ``fill`` of ``"?"`` is a missing number.

    Raises:
        InputError: If it cannot be read, or has anything else.
    """
    path = Path(path).expanduser()
    try:
        parts = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"map (--map) must be a TOML file, but {shown(path)} cannot be read: {error}.") from error
    return column_map(parts, place=shown(path))


def column_map(parts: Mapping[str, Any], *, place: str) -> ColumnMap:
    """Return the map that plain values describe, as a TOML file has them.

    Args:
        parts: Tables ``rename`` and ``fill``, and a list or table ``drop``.
        place: Where they stand, for messages.

    Raises:
        InputError: If there is anything else in them, or a name or value that no arrival could have.

    Example:
        >>> column_map({"drop": ["age"], "fill": {"tax": "?"}}, place="the map")
        ColumnMap(rename={}, drop=('age',), fill={'tax': None})
    """
    for name, value in parts.items():
        if name not in _PARTS:
            raise unknown_name("table", name, _PARTS, place=place)
        if not isinstance(value, Mapping) and not (name == "drop" and isinstance(value, (list, tuple))):
            raise InputError(f"{name} of {place} must be a table, got {shown(value)}.")
    rename, drop, fill = (parts.get(name, {}) for name in _PARTS)
    odd = [one for one in (*rename, *rename.values(), *drop, *fill) if not _is_text(one)]
    odd += [one for one in fill.values() if not (_is_text(one) or isinstance(one, (int, float, bool, type(None))))]
    if odd:
        raise InputError(f"{place} must hold names, and values to fill in, got {shown(odd[0])}.")
    for part, names in (("rename", rename.values()), ("fill", fill)):
        for name in names:
            if not name.strip() or name in ROLES:
                raise InputError(
                    f"{part} of {place} must give each column a name that is neither empty nor {', '.join(ROLES)}, got "
                    f"'{shown(name)}': choose another name."
                )
    # A number that is none is a missing one, as `add` reads it.
    values = {name: None if value == "?" or value != value else value for name, value in fill.items()}
    for name, value in values.items():
        column = shown(name, limit=60)
        if isinstance(value, str) and (value != value.strip() or value.casefold() in MISSING_MARKS):
            raise InputError(
                f"fill of {place} must hold texts without spaces around them that mark no missing cell, but '{column}' "
                f"is '{shown(value)}': a word such as unknown is a value like any other, and '?' is a missing number."
            )
        if isinstance(value, (int, float)) and abs(value) > _GREATEST:
            raise InputError(
                f"fill of {place} must hold finite 32-bit numbers, but '{column}' is {shown(value)}: choose one nearer "
                "to 0, or '?', which is a missing number."
            )
    return ColumnMap(dict(rename), tuple(drop), values)


def mapped_schema(schema: Schema, columns: ColumnMap) -> Schema:
    """Return the next version of a schema, with mapped columns.

    Raises:
        InputError: If the map names columns that the schema does not have, or has already.

    Example:
        >>> from warmstart.data import Targets
        >>> old = Schema("table", Targets.CLASSES, (ColumnEncoding("size"), ColumnEncoding("age")), key="id")
        >>> new = mapped_schema(old, ColumnMap({"size": "area", "id": "number"}, ("age",), {"color": "red"}))
        >>> new.names, new.key, new.version
        (('area', 'color'), 'number', 2)
    """
    if not schema.is_table:
        raise InputError("map (--map) can be applied to tables only, but the arrivals of this project are arrays.")
    roles = {one for one in (schema.label, schema.key, schema.group) if one is not None}
    ordered = set() if schema.order is None else {schema.order.name}
    known = [*schema.names, *sorted((roles | ordered) - set(schema.names))]
    for part, names in (("rename", columns.rename), ("drop", columns.drop)):
        for name in names:
            if name not in known:
                raise unknown_name(f"column in {part}", name, known)
    for name in columns.drop:
        if name in roles | ordered or name in columns.rename:
            raise InputError(f"drop must not contain '{shown(name)}', which has a role or is renamed.")

    def renamed(name: str) -> str:
        return columns.rename.get(name, name)

    kept = [replace(one, name=renamed(one.name)) for one in schema.columns if one.name not in columns.drop]
    filled = [_filled_column(name, value) for name, value in columns.fill.items()]
    names = [one.name for one in (*kept, *filled)]
    others = [renamed(one) for one in sorted((roles | ordered) - set(schema.names))]
    twice = sorted({one for one in (*names, *others) if (*names, *others).count(one) > 1})
    if twice:
        raise InputError(f"Columns must have different names, but the map makes several called {listed(twice)}.")
    if not names:
        raise InputError("drop must leave a feature, got all of them.")
    for name, value in columns.fill.items():
        is_whole = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        if schema.dtype == "int64" and not is_whole:
            raise InputError(
                f"fill must be whole numbers of 64 bits, as all features of this project are, but '{shown(name)}' is "
                f"{'missing' if value is None else shown(value)}."
            )
        if value is None and not schema.fills:
            raise InputError(
                f"fill must have values, as missing (--missing) of this project is refuse, but '{shown(name)}' is "
                "missing: choose a number."
            )
    return replace(
        schema,
        columns=(*kept, *filled),
        left_out=tuple(sorted({*schema.left_out, *columns.drop} - set(names))),
        label=None if schema.label is None else renamed(schema.label),
        key=None if schema.key is None else renamed(schema.key),
        group=None if schema.group is None else renamed(schema.group),
        order=None if schema.order is None else replace(schema.order, name=renamed(schema.order.name)),
        version=schema.version + 1,
    )


def map_columns(path: Path, columns: ColumnMap, schema: Schema, draft: Path) -> str:
    """Write a stored arrival with mapped columns; what sets its file apart from others of the same rows stays.

    Args:
        path: The arrival.
        columns: The map.
        schema: The one that the arrival has; see :func:`mapped_schema` for what comes of it.
        draft: Where the new file is written.

    Returns:
        The digest of its content: the arrival of the same rows in a file with the new columns is the same.
    """
    arrow, parquet = (require(one, extra="data", purpose=_PURPOSE) for one in ("pyarrow", "pyarrow.parquet"))
    stored = parquet.read_table(path, partitioning=None)
    found = {}
    for name in schema.names:
        if name not in columns.drop:
            found[columns.rename.get(name, name)] = stored.column(name)
    for name, value in columns.fill.items():
        kind = _filled_column(name, value).kind
        types = {
            ColumnKind.NUMBER: arrow.float64(),
            ColumnKind.BOOLEAN: arrow.bool_(),
            ColumnKind.CATEGORY: arrow.string(),
        }
        own = arrow.int64() if schema.dtype == "int64" else types[kind]
        if own == arrow.float64() and value is not None:
            value = float(value)  # arrow refuses whole numbers that 64 bits round
        found[name] = arrow.repeat(arrow.scalar(value, own), stored.num_rows)
    roles = {name: stored.column(name) for name in stored.column_names if name not in schema.names}
    mapped = arrow.table(found | roles).replace_schema_metadata(stored.schema.metadata)
    write_table(mapped, draft)
    return content_digest(mapped)


def _is_text(value: Any) -> bool:
    # Half of a pair of code units, as Python alone can hold it, fits no file.
    return isinstance(value, str) and not any("\ud800" <= one <= "\udfff" for one in value)


def _filled_column(name: str, value: Any) -> ColumnEncoding:
    if isinstance(value, bool):
        return ColumnEncoding(name, ColumnKind.BOOLEAN, ("false", "true"))
    return ColumnEncoding(name, ColumnKind.CATEGORY if isinstance(value, str) else ColumnKind.NUMBER)


def forget_rows(path: Path, keys: Collection[str], draft: Path) -> list[int]:
    """Write a stored arrival without the rows of some keys.

    Nothing of the rows is in the new file: not in its cells, nor in its dictionaries, statistics or metadata. Where no
    row is left, or none has such a key, nothing is written. What sets it apart from a file of the same rows stays.

    Args:
        path: The arrival, of a schema with a key.
        keys: The keys.
        draft: Where the new file is written.

    Returns:
        The rows of the old file that are in the new one, ascending; all of them: nothing was written.
    """
    arrow, parquet = (require(one, extra="data", purpose=_PURPOSE) for one in ("pyarrow", "pyarrow.parquet"))
    stored = parquet.read_table(path, partitioning=None)
    wanted = set(keys)
    kept = [row for row, key in enumerate(stored.column(KEY).to_pylist()) if key is None or key not in wanted]
    if kept and len(kept) < stored.num_rows:
        # Cells are copied: a table that only leaves rows out might still refer to buffers that hold them.
        copied = arrow.table(
            {
                name: arrow.array(
                    stored.column(name).take(arrow.array(kept)).to_pylist(), stored.schema.field(name).type
                )
                for name in stored.column_names
            }
        )
        write_table(copied.replace_schema_metadata(stored.schema.metadata), draft)
    return kept


def store_rewritten(
    directory: Path, ledger: Ledger, draft: Path, number: int, *, taken: Collection[str | None]
) -> tuple[str, int]:
    """Make the new file of an arrival an object of its own, also where another one has the same rows.

    The other one may be excluded, which keeps its file, or be about to get another one.

    Args:
        directory: The project's folder.
        ledger: That knows the arrivals.
        draft: The file.
        number: Of the arrival.
        taken: Ids of files that other arrivals are about to get.

    Returns:
        The arrival's new id, and the file's size in bytes.

    Raises:
        StorageError: If the disk is full or the folder cannot be written.
    """
    identity = file_digest(draft)
    same = ledger.arrival(identity)
    if identity in taken or (same is not None and same.number != number):
        parquet = require("pyarrow.parquet", extra="data", purpose=_PURPOSE)
        write_table(marked(parquet.read_table(draft, partitioning=None), number), draft)
        identity = file_digest(draft)
    size = draft.stat().st_size
    store_object(directory, "arrivals", draft, identity)
    return identity, size
