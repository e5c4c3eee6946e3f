"""Which columns of a table are features, and what models get of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from warmstart.basics import InputError

from ._cells import Cells, column_values, decided, few_others, unusual_number
from ._encoding import MOST_ONE_HOT, RELATIVE, ColumnEncoding, ColumnKind, TableEncoding
from ._raw import shown
from ._source import DataSource, Missing, Scale
from ._table import Table

_ROW_NAMES = frozenset({"", "id", "index", "idx", "row", "row number", "rownumber", "no", "nr", "#", "unnamed: 0"})
_ID = re.compile(r"(?:.*[_\s-])?(?:id|ID|Id)|.*[a-z]I[dD]")
# Of fewer rows, numbers may rise by one without being those of the rows.
_LEAST_NUMBERED = 10
CONSTANT = "constant"
# A message about a thousand columns is still to be read.
_RELATIVE = "relative to their median, as 32 bits do not tell them apart"
_MOST_SHOWN, _MOST_NAMED = 100, 2_000


@dataclass(frozen=True, eq=False)
class Features:
    """The features of a table's training samples.

    Args:
        columns: One for each.
        values: float64 (rows of the table, columns), NaN where a cell is missing.
        integers: The same as int64, where all are whole numbers that are to stay as they are.
        notes: Sentences on which columns were changed or left out.
    """

    columns: tuple[ColumnEncoding, ...]
    values: np.ndarray
    integers: np.ndarray | None
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def encoding(self) -> TableEncoding | None:
        """How the columns become numbers; None where all are numbers without gaps."""
        # Truth values are numbers too: 0 and 1.
        is_plain = all(
            not one.has_missing
            and ((one.kind is ColumnKind.NUMBER and one.form != RELATIVE) or one.values == ("false", "true"))
            for one in self.columns
        )
        return None if is_plain else TableEncoding(self.columns)

    def inputs(self, values: np.ndarray, integers: np.ndarray | None) -> np.ndarray:
        """Return rows of values as :class:`LabelledArrays` takes them."""
        if integers is not None:
            return integers
        return values if self.encoding is not None else values.astype(np.float32)


@dataclass
class _ColumnReport:
    """Columns to be named in a message, each with a sample cell and its row, by what happened to them."""

    table: Table
    groups: dict[str, list[str]] = field(default_factory=dict)

    def add(self, group: str, name: str, what: str, cells: Cells, row: int | None) -> None:
        sample = "" if row is None else f"'{shown(cells.sample(row), 40)}' in {self.table.place(row)}"
        link = " " if what.endswith((" as", " not")) else ", "
        text = f"{shown(name, 60)} ({link.join(part for part in (what, sample) if part)})"
        self.groups.setdefault(group, []).append(text)

    def listed(self, group: str) -> str:
        named = self.groups.get(group, [])
        shortened = (text.split(" (")[0] for text in named[_MOST_SHOWN:_MOST_NAMED])
        more = f" and {len(named) - _MOST_NAMED:,} more" if len(named) > _MOST_NAMED else ""
        return ", ".join([*named[:_MOST_SHOWN], *shortened]) + more


def find_features(
    table: Table,
    names: Sequence[str],
    source: DataSource,
    *,
    forced: Collection[str],
    rows: np.ndarray,
    keeps_constants: bool = False,
) -> Features:
    """Return the features among the columns of a table.

    Constant columns, columns without values, row numbers and text that is nearly always different are left out.

    Args:
        table: The table.
        names: Candidates.
        source: What the user says of missing cells and scale.
        forced: Names of columns that are features whatever they hold.
        rows: The rows that are samples.
        keeps_constants: Whether columns that are constant in these rows are features, since later rows may vary.

    Raises:
        InputError: If no feature is left, or columns cannot be used: in one sentence for all of them.
    """
    report, problems = _ColumnReport(table), _ColumnReport(table)
    kept: dict[str, tuple[ColumnEncoding, np.ndarray, Cells]] = {}
    spare: dict[str, tuple[ColumnEncoding, np.ndarray, Cells]] = {}
    for name in names:
        cells = table.cells(name)
        if not cells.is_usable:
            problems.add("unusable", name, str(cells.type)[:40], cells, None)
            continue
        column, is_ambiguous = decided(name, cells)
        values, _ = column_values(cells, column)
        own = values[rows]
        missing = np.isnan(own)
        column = replace(column, has_missing=bool(missing.any()))
        first = None if missing.all() else int(rows[missing.argmin()])
        reason = None if name in forced else _reason_to_leave_out(table, column, cells, values, own, missing)
        if reason == CONSTANT and keeps_constants:
            reason = None
        if column.kind is ColumnKind.CATEGORY and (few := few_others(cells)) is not None:
            what = f"{few[0]} but for {len(few[1]):,} value{'s' * (len(few[1]) > 1)}, such as"
            report.add("text by few cells", name, what, cells, cells.first_row(few[1][:1]))
        if reason is not None:
            report.add("left out", name, reason, cells, first)
            if column.kind is not ColumnKind.CATEGORY and first is not None:
                spare[name] = (column, values, cells)
            continue
        if column.kind is ColumnKind.NUMBER and source.scale is not Scale.NONE and is_narrow(own[~missing]):
            column = replace(column, form=RELATIVE)
            report.add(_RELATIVE, name, "", cells, first)
        kept[name] = (column, values, cells)
        if column.kind is ColumnKind.NUMBER:
            infinite = overflows(own)
            if infinite.any():
                row = int(infinite.argmax())
                problems.add("infinite", name, f"{own[row]} in {table.place(int(rows[row]))}", cells, None)
        if missing.any():
            row = int(rows[missing.argmax()])
            problems.add("missing", name, "", cells, row)
            report.add("filled", name, f"{int(missing.sum()):,} missing", cells, row)
        if column.kind is ColumnKind.CATEGORY:
            report.add("encoded", name, f"category of {len(column.values):,}, such as", cells, first)
        elif column.kind is ColumnKind.TIME:
            report.add("encoded", name, f"time read as {column.form}" if is_ambiguous else "time", cells, first)
        elif column.kind is ColumnKind.BOOLEAN and cells.is_text:
            report.add("encoded", name, "boolean", cells, first)
        elif cells.is_text and (unusual := unusual_number(cells, column)) is not None:
            report.add("read as numbers", name, unusual[1], cells, cells.first_row({unusual[0]}))
    _check_columns(table, problems, source)
    if not kept and spare:
        # A model needs something to learn from, and what can only be a row number may be a measurement.
        kept = spare
        listed = [f"{shown(name, 60)} (" for name in spare]
        left_out = [text for text in report.groups.pop("left out") if not text.startswith(tuple(listed))]
        if left_out:
            report.groups["left out"] = left_out
    if not kept:
        left = f": {report.listed('left out')}" if "left out" in report.groups else ""
        raise InputError(
            f"{table.file} must have feature columns beside the label column, got none{left}"
            f"{', which features (--features) would force in' if left else ''}."
        )
    columns = tuple(column for column, _, _ in kept.values())
    integers = None
    if source.scale is Scale.NONE:
        whole = [
            cells.integers if column.kind is ColumnKind.NUMBER and not column.has_missing else None
            for column, _, cells in kept.values()
        ]
        found = [one for one in whole if one is not None]
        integers = np.stack(found, axis=1) if len(found) == len(whole) else None
    values = np.stack([values for _, values, _ in kept.values()], axis=1)
    return Features(columns, values, integers, _notes(report))


def _check_columns(table: Table, problems: _ColumnReport, source: DataSource) -> None:
    """Raise if columns cannot be used, naming all of them."""
    if "unusable" in problems.groups:
        dropped = ",".join(text.split(" (")[0] for text in problems.groups["unusable"][:_MOST_NAMED])
        raise InputError(
            f"Features must be numbers, times or text, but {table.file} has columns of other types: "
            f"{problems.listed('unusable')}: leave them out with drop (--drop {dropped})."
        )
    if "infinite" in problems.groups:
        raise InputError(
            f"Features must be finite 32-bit numbers, but {table.file} has columns that contain others: "
            f"{problems.listed('infinite')}."
        )
    if source.missing is Missing.REFUSE and "missing" in problems.groups:
        raise InputError(
            f"missing (--missing) must be fill for {table.file}, or every cell be there, but cells are missing in: "
            f"{problems.listed('missing')}."
        )


def _notes(report: _ColumnReport) -> tuple[str, ...]:
    """Return the one note on all columns that were changed or left out; nothing where there are none."""
    order = ("encoded", "read as numbers", _RELATIVE, "filled", "text by few cells", "left out")
    groups = [f"{group}: {report.listed(group)}" for group in order if group in report.groups]
    if "text by few cells" in report.groups:
        place = 1 + max(index for index, text in enumerate(groups) if text.startswith("text by few cells"))
        groups.insert(place, "missing_marks (--missing-marks) names what stands for a missing cell")
    groups += ["features (--features) forces a column in"] if "left out" in report.groups else []
    return (f"Columns {'; '.join(groups)}.",) if groups else ()


def known_values(table: Table, columns: TableEncoding | Sequence[str]) -> np.ndarray:
    """Return columns of another table, float64 (n, columns), as their encodings have them.

    Args:
        table: The table; further columns of it do not matter.
        columns: The encoding of the training samples; or the names of their columns, where all of these are numbers
            without gaps.

    Raises:
        InputError: If a column is missing, or a cell is not what the encoding says; in one sentence for all of them.
    """
    fills = isinstance(columns, TableEncoding)
    known = columns.columns if fills else tuple(ColumnEncoding(name) for name in columns)
    absent = [column.name for column in known if column.name not in table.names]
    if absent:
        raise InputError(
            f"{table.file} must have the columns of the training samples, but lacks: "
            f"{', '.join(shown(name, 60) for name in absent[:_MOST_NAMED])}."
        )
    problems = _ColumnReport(table)
    found = []
    for column in known:
        cells = table.cells(column.name)
        if not cells.is_usable:
            problems.add("odd", column.name, f"{column.kind}, not {str(cells.type)[:40]}", cells, None)
            continue
        values, odd = column_values(cells, column)
        missing = np.isnan(values)
        if len(odd):
            problems.add("odd", column.name, f"{column.kind}, not", cells, int(odd[0]))
        elif column.kind is ColumnKind.NUMBER and (infinite := overflows(values)).any():
            problems.add("odd", column.name, "finite 32-bit number, not", cells, int(infinite.argmax()))
        elif missing.any() and not fills:
            problems.add("odd", column.name, "none missing in training samples, not", cells, int(missing.argmax()))
        found.append(values)
    if problems.groups:
        raise InputError(
            f"The columns of {table.file} must hold what those of the training samples do: {problems.listed('odd')}."
        )
    return np.stack(found, axis=1) if found else np.empty((len(table), 0))


def is_narrow(values: np.ndarray) -> bool:
    """Return whether 32 bits hold numbers in less than 1,000 steps from least to greatest: they lie far from zero."""
    # 1,024 steps are below what any column near zero has; seconds since 1970 fall below it within two days.
    least, greatest = (float(value) for value in (values.min(initial=np.inf), values.max(initial=-np.inf)))
    step = max(abs(least), abs(greatest)) * float(np.finfo(np.float32).eps)
    if not 0 < greatest - least < 1024 * step < np.inf:
        return False
    # Integers and the like that are exact in 32 bits lose nothing.
    return bool((values.astype(np.float32) != values).any())


def overflows(values: np.ndarray) -> np.ndarray:
    """Return which numbers are not finite in 32 bits, in which models take them; missing ones are."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.isinf(values.astype(np.float32))


def _reason_to_leave_out(
    table: Table, column: ColumnEncoding, cells: Cells, values: np.ndarray, own: np.ndarray, missing: np.ndarray
) -> str | None:
    if missing.all():
        return "no values"
    if not missing.any() and (own == own[0]).all() and len(own) > 1:
        return CONSTANT
    present = len(own) - int(missing.sum())
    if column.kind is ColumnKind.CATEGORY:
        distinct = len(column.values)
        is_free = distinct > MOST_ONE_HOT and distinct > present / 2
        return f"text of {distinct:,} different values in {present:,} rows, such as" if is_free else None
    if column.kind is not ColumnKind.NUMBER or missing.any() or (own != np.floor(own)).any():
        return None
    # Of several files, each may number its own rows.
    steps, bounds = np.diff(values), table.bounds[1:-1]
    steps[bounds[(bounds > 0) & (bounds < len(values))] - 1] = 1
    if len(values) >= _LEAST_NUMBERED and (steps == 1).all():
        return "row number"
    name = column.name.strip()
    is_id = name.lower() in _ROW_NAMES or _ID.fullmatch(name) is not None
    is_distinct = is_id and len(values) > 2 and len(np.unique(own)) == len(own)
    return "row number" if is_distinct else None
