"""Tables in memory, read from files of every usual format."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from warmstart.basics import InputError, require

from ._cells import MISSING_MARKS, Cells, Marks, decimal_of
from ._columns import check_different
from ._raw import check_memory, reading, shown
from ._source import DataSource
from ._text_table import has_header, header_of, lines_above, read_text_table

TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".data", ".dat", ".tab")
TABLE_ENDINGS = (*TEXT_ENDINGS, ".parquet", ".feather", ".arrow", ".xlsx")
_COMPRESSED = (".gz", ".zst", ".bz2")
TEXT_OPTIONS = ("separator", "decimal", "thousands", "header", "encoding", "comment")
_PURPOSE = "Reading tables"


@dataclass(frozen=True, eq=False)
class Table:
    """The columns of one file, or of several that have the same ones.

    Args:
        names: Of the columns, in order.
        parts: Each file's arrow columns, by name.
        paths: The files.
        counts: Their numbers of rows.
        marks: How numbers and missing cells are written.
        notes: What is unusual about how it was read, as phrases.
        has_types: Whether columns have types of their own, unlike those of text files.
        kept: int64, ascending: the rows of the files that are rows of this; None: all.
    """

    names: tuple[str, ...]
    parts: tuple[dict[str, Any], ...]
    paths: tuple[Path, ...]
    counts: tuple[int, ...]
    marks: Marks
    notes: tuple[str, ...]
    has_types: bool
    kept: np.ndarray | None = None

    @property
    def file(self) -> str:
        """What messages call it."""
        return self.paths[0].name if len(self.paths) == 1 else shown(self.paths[0].parent)

    @property
    def bounds(self) -> np.ndarray:
        """First row of each file, and the number of rows."""
        bounds = np.cumsum([0, *self.counts])
        return bounds if self.kept is None else np.searchsorted(self.kept, bounds)

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.bounds[-1])

    def place(self, row: int) -> str:
        """Return where a row is, as a phrase for messages."""
        row = row if self.kept is None else int(self.kept[row])
        if len(self.paths) == 1:
            return f"row {row + 1}"
        bounds = np.cumsum([0, *self.counts])
        file = int(np.searchsorted(bounds, row, side="right")) - 1
        return f"row {row - int(bounds[file]) + 1} of {self.paths[file].name}"

    def only(self, rows: np.ndarray) -> Table:
        """Return some of the rows, given as bools, which keep their numbers in messages."""
        arrow = require("pyarrow", extra="data", purpose=_PURPOSE)
        parts = [
            {name: column.filter(arrow.array(rows[start:after])) for name, column in part.items()}
            for part, start, after in zip(self.parts, self.bounds[:-1], self.bounds[1:], strict=True)
        ]
        kept = np.flatnonzero(rows) if self.kept is None else self.kept[rows]
        return replace(self, parts=tuple(parts), kept=kept)

    def cells(self, name: str, marks: Marks | None = None) -> Cells:
        """Return a column."""
        arrow, marks = require("pyarrow", extra="data", purpose=_PURPOSE), marks or self.marks
        parts = [part[name] for part in self.parts]
        if len({part.type for part in parts}) > 1:
            parts = [Cells(part, marks) for part in parts]
            # Numbers of several widths have one that holds all; of all other types text is what they share.
            if all(part.kind is not None and part.kind == parts[0].kind == "number" for part in parts):
                parts = [part.column.cast(arrow.float64(), safe=False) for part in parts]
            else:
                parts = [(part if part.is_text else part.as_text()).column.cast(arrow.string()) for part in parts]
        return Cells(arrow.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type), marks)


def table_ending(path: Path) -> str:
    """Return the ending that says what kind of file it is, without that of a compression, in small letters.

    Example:
        >>> table_ending(Path("a/Week.CSV.gz"))
        '.csv'
    """
    endings = ["", *(ending.lower() for ending in path.suffixes)]
    return endings[-2] if len(endings) > 2 and endings[-1] in _COMPRESSED else endings[-1]


def table_name(path: Path) -> str:
    """Return what a data set in a file is called: the file's name without endings."""
    name = path.name.removesuffix(path.suffix) if path.suffix.lower() in _COMPRESSED else path.name
    return Path(name).stem


def open_table(paths: Sequence[Path], source: DataSource, *, known: Collection[str] = ()) -> Table:
    """Return the table in one or several files.

    Args:
        paths: The files; later ones are read as the first.
        source: How to read them, as far as the user says so.
        known: Names of columns that must be there.

    Raises:
        InputError: If a file cannot be read, its columns have no names of their own, or files have different columns.
    """
    is_text = table_ending(paths[0]) not in _READERS
    given = [option for option in TEXT_OPTIONS if getattr(source, option) is not None and option != "header"]
    if given and not is_text:
        raise InputError(
            f"{given[0]} (--{given[0]}) must be left out for {paths[0].name}, which is no text file, got "
            f"{getattr(source, given[0])!r}."
        )
    names: list[str] = []
    parts: list[dict[str, Any]] = []
    notes: dict[str, None] = {}
    used, separator, needed = source, ",", 0
    for path in paths:
        ending = table_ending(path)
        with reading(path, ending[1:]):
            read = _READERS.get(ending, _read_text)
            found, columns, said, separator = read(path, used, known or names)
        # Blank names are numbered, but for the first: it is that of an index, as pandas writes it.
        found = [name or (str(index + 1) if index else "") for index, name in enumerate(found)]
        check_different(found, file=path.name)
        if names and set(found) != set(names):
            missing, more = ([n for n in one if n not in other] for one, other in ((names, found), (found, names)))
            said = [f"no '{shown(missing[0], 60)}'"] if missing else []
            said += [f"'{shown(more[0], 60)}' besides"] if more else []
            raise InputError(
                f"Every file must have the columns of the first, {paths[0].name}, but {shown(path)} has "
                f"{' and '.join(said)}."
            )
        names = names or found
        parts.append(dict(zip(found, columns, strict=True)))
        needed += sum(column.nbytes for column in columns)
        check_memory(needed, source.max_bytes, shown(path.name))
        notes |= dict.fromkeys(said)
        if len(paths) > 1 and is_text and path == paths[0]:
            used = replace(source, header=not any(note.startswith("no header") for note in said))
    marks = Marks(
        MISSING_MARKS | {mark.strip().casefold() for mark in source.missing_marks}, thousands=source.thousands or ""
    )
    counts = tuple(len(next(iter(part.values()))) if part else 0 for part in parts)
    table = Table(tuple(names), tuple(parts), tuple(paths), counts, marks, tuple(notes), not is_text)
    return replace(
        table,
        marks=replace(
            marks, decimal=source.decimal or ("," if source.thousands == "." else _decimal(table, separator))
        ),
    )


def _decimal(table: Table, separator: str) -> str:
    if table.has_types:
        return "."
    return decimal_of((table.cells(name) for name in table.names), separator)


Read = tuple[list[str], list[Any], list[str], str]


def _read_text(path: Path, source: DataSource, known: Collection[str]) -> Read:
    return read_text_table(path, source, known=known)


def _read_parquet(path: Path, source: DataSource, known: Collection[str]) -> Read:
    arrow, parquet = (require(one, extra="data", purpose=_PURPOSE) for one in ("pyarrow", "pyarrow.parquet"))
    with parquet.ParquetFile(path) as file:
        schema, metadata = file.schema_arrow, file.metadata
    names = schema.names
    # As read, and as 64-bit floats. Of text, nothing but the size of all columns of a group is safe to ask for: PyArrow
    # ends the process at the metadata of a damaged column.
    needed, texts = 16 * metadata.num_rows, []
    for name in names:
        kind = schema.field(name).type if schema.names.count(name) == 1 else arrow.null()
        try:
            needed += metadata.num_rows * (kind.bit_width / 8 + 8)
        except ValueError:  # of no fixed width
            needed += 8 * metadata.num_rows
            if arrow.types.is_string(kind) or arrow.types.is_large_string(kind):
                texts.append(name)
    check_memory(needed, source.max_bytes, f"{len(names):,} columns of {path.name}")
    # As a dictionary, so that a text that the file stores once for many rows is not expanded to one copy per row.
    with parquet.ParquetFile(path, metadata=metadata, read_dictionary=texts) as file:
        if texts:
            sizes = [metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)]
            check_memory(needed + sum(sizes), source.max_bytes, f"{len(names):,} columns of {path.name}")
        table = file.read()
        if table.num_rows != metadata.num_rows:
            raise InputError(f"{shown(path)} cannot be read as parquet: its columns differ in length.")
    # As read, and about twice that as Python's texts.
    check_memory(needed + 3 * sum(table.column(name).nbytes for name in texts), source.max_bytes, path.name)
    return names, table.columns, [], ","


def _read_arrow(path: Path, source: DataSource, known: Collection[str]) -> Read:
    arrow, ipc = (require(one, extra="data", purpose=_PURPOSE) for one in ("pyarrow", "pyarrow.ipc"))
    check_memory(path.stat().st_size, source.max_bytes, path.name)
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"FEA1"):  # the first version of feather
        table = require("pyarrow.feather", extra="data", purpose=_PURPOSE).read_table(path)
    else:
        opened = ipc.open_file if start == b"ARROW1" else ipc.open_stream
        with arrow.OSFile(str(path)) as file, opened(file) as reader:
            batches, size = [], 0
            count = reader.num_record_batches if start == b"ARROW1" else None
            for batch in (reader.get_batch(index) for index in range(count)) if count is not None else reader:
                size += batch.nbytes
                check_memory(size, source.max_bytes, path.name)
                batches.append(batch)
            table = arrow.Table.from_batches(batches, reader.schema)
    table.validate(full=True)  # what a damaged file holds would end the process later
    return table.column_names, table.columns, [], ","


def _read_excel(path: Path, source: DataSource, known: Collection[str]) -> Read:
    arrow = require("pyarrow", extra="data", purpose=_PURPOSE)
    openpyxl = require("openpyxl", extra="excel", purpose="Reading Excel files")
    with ZipFile(path) as archive:
        check_memory(sum(info.file_size for info in archive.infolist()), source.max_bytes, path.name)
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        sheet = book.worksheets[0]
        rows = [row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row)]
    finally:
        book.close()
    notes = (
        [f"sheet '{shown(sheet.title, 60)}', the first of {len(book.worksheets)}"] if len(book.worksheets) > 1 else []
    )
    width = max((index + 1 for row in rows for index, cell in enumerate(row) if cell is not None), default=0)
    if not width:
        raise InputError(f"{shown(path)} cannot be read as xlsx: its first sheet is empty.")
    rows = [(*row, *[None] * (width - len(row)))[:width] for row in rows]
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows[:200]]
    above = 0 if known and set(known) <= set(texts[0]) else lines_above(texts)
    if above:
        title = next(cell for cell in texts[0] if cell)
        notes.append(f"{above} row{'s' * (above > 1)} above the table left out ('{shown(title, 40)}')")
        rows, texts = rows[above:], texts[above:]
    is_named = has_header(texts) if source.header is None else source.header
    names, skipped = [str(index + 1) for index in range(width)], 0
    if is_named:
        names, skipped, said = header_of(texts, known or ([source.label] if source.label else []))
        notes += said
    else:
        notes.append(f"no header, columns named 1 to {width}")
    columns = [arrow.chunked_array([_excel_column(arrow, cells)]) for cells in zip(*rows[skipped:], strict=True)]
    columns = columns or [arrow.chunked_array([], arrow.string())] * width
    return names, columns, notes, ","


def _excel_column(arrow: Any, cells: Sequence[Any]) -> Any:
    """Return the cells of a sheet's column with the type that all have, else as text."""
    present = [cell for cell in cells if cell is not None]
    if present and all(isinstance(cell, (date, datetime)) for cell in present):
        # In Excel a date is a time at midnight, and the other way round.
        cells = [
            cell if cell is None or isinstance(cell, datetime) else datetime(*cell.timetuple()[:3]) for cell in cells
        ]
        return arrow.array(cells, arrow.timestamp("us"))
    for kinds, kind in (
        ((bool,), arrow.bool_()),
        ((int,), arrow.int64()),
        ((int, float, Decimal), arrow.float64()),
        ((time,), arrow.time64("us")),
    ):
        fits = all(isinstance(cell, kinds) and (kinds == (bool,) or not isinstance(cell, bool)) for cell in present)
        if present and fits:
            try:
                return arrow.array(
                    [float(cell) if kind == "double" and cell is not None else cell for cell in cells], kind
                )
            except (OverflowError, arrow.ArrowInvalid):
                continue
    return arrow.array([None if cell is None else str(cell) for cell in cells], arrow.string())


_READERS = {
    ".parquet": _read_parquet,
    ".feather": _read_arrow,
    ".arrow": _read_arrow,
    ".xlsx": _read_excel,
}
