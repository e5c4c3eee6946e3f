"""Tables in text files: what separates their cells, whether they have a header, how they are encoded."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, require

from ._cells import GAPS_AMONG_NUMBERS, MISSING_MARKS, as_number, time_form
from ._raw import check_memory, shown
from ._source import DataSource

SEPARATORS = ("\t", ";", "|", ",")
"""From the one that is rarest within cells: a decimal comma may separate as regularly as a semicolon does."""
_SPELLED = {"\t": "a tab", " ": "spaces", ";": "';'", "|": "'|'", ",": "','"}
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_CHUNK = 2**24
_SAMPLE_BYTES, _SAMPLE_ROWS = 2**18, 200


def read_text_table(
    path: Path, source: DataSource, *, known: Collection[str] = ()
) -> tuple[list[str], list[Any], list[str], str]:
    """Return a text file's names of columns, columns of text, notes on how it was read, and separator.

    Args:
        path: The file; it may be compressed by gzip, bzip2 or zstd.
        source: How to read it, as far as the user says so.
        known: Names that the columns must have, by which a header is recognized.

    Raises:
        InputError: If it cannot be parsed, or its rows differ in length.
    """
    arrow, reader = (require(one, extra="data", purpose="Reading tables") for one in ("pyarrow", "pyarrow.csv"))
    notes: list[str] = []
    content = _content(path, source.max_bytes)
    content = _as_utf8(content, source, path, notes)
    if content.startswith(b"PK\x03\x04"):
        raise InputError(f"{shown(path)} cannot be read as csv: it is a zip archive; unpack it.")
    if b"\0" in content:
        raise InputError(f"{shown(path)} cannot be read as csv: it contains null bytes, which no text does.")
    if b"\n" not in content:
        content = content.replace(b"\r", b"\n")
    declared = re.match(rb"sep=(.)\r?\n", content)  # as Excel writes it
    if declared:
        content = content[declared.end() :]
    separator = {"\\t": "\t", "tab": "\t", "space": " "}.get(source.separator or "", source.separator)
    separator = separator or (declared[1].decode(errors="replace") if declared else None)
    separator, comment, rows = _sniffed(_sample(content), separator, source.comment)
    if comment:
        content, count = re.subn(rb"(?m)^[ \t]*" + re.escape(comment.encode()) + rb".*(?:\r?\n|\r|\Z)", b"", content)
        if count:
            notes.append(f"{count} line{'s' * (count > 1)} that begin{'s' * (count == 1)} with '{comment}' left out")
    if not rows or not content.strip():
        raise InputError(f"{shown(path)} cannot be read as csv: empty csv file.")
    if separator == " ":
        content = re.sub(rb"(?m)^ +| +(?=\r?$)", b"", re.sub(rb"[ \t]+", b" ", content))
    content = _without_blank_end(content, separator)
    if not known or not set(known) <= set(_stripped(rows[0])):
        above = lines_above(rows)
        if above:
            content = _without_lines(content, separator, above)
            notes.append(f"{_lines(above)} above the table left out ('{shown(' '.join(rows[0]).strip(), 40)}')")
            rows = rows[above:]
    if len(rows) > 2 and all(len(row) == len(rows[0]) + 1 for row in rows[1:]) and not any(map(_is_number, rows[0])):
        # As R writes row names, whose column has no name; or with a separator at the end of all rows but the first.
        if all(not row[-1].strip() for row in rows[1:]):
            line, mark, others = content.partition(b"\n")
            content, rows = line.rstrip(b"\r") + separator.encode() + mark + others, [[*rows[0], ""], *rows[1:]]
        else:
            content, rows = separator.encode() + content, [["", *rows[0]], *rows[1:]]
    if separator != ("\t" if ".tsv" in path.name.lower() else ","):
        notes.append(f"separator {_SPELLED.get(separator, repr(separator))}")
    is_named = source.header
    if is_named is None:
        # Names that are positions may be cells as well.
        is_there = not all(name.isdecimal() for name in known) and set(known) <= set(_stripped(rows[0]))
        is_named = is_there or has_header(rows)
    names, skipped = [str(number + 1) for number in range(len(rows[0]))], 0
    if is_named:
        names, skipped, said = header_of(rows, known or ([source.label] if source.label else []))
        notes += said
    else:
        notes.append(f"no header, columns named 1 to {len(names)}")
    table = _parsed(arrow, reader, path, content, separator, len(names), skipped)
    columns = [column.slice(skipped) for column in table.columns]
    return names, columns, notes, separator


def lines_above(rows: Sequence[Sequence[str]]) -> int:
    """Return how many of the first rows stand above a table, as a title does: text in one cell or in few of many.

    Example:
        >>> lines_above([["Report"], ["a", "b", "label"], ["1", "2", "x"], ["3", "4", "y"], ["5", "6", "x"]])
        1
    """
    width = Counter(map(len, rows)).most_common(1)[0][0]
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    above = 0
    while above < len(rows) and (
        (len(rows[above]) != width and filled[above] <= width / 2) or (width > 2 and filled[above] == 1)
    ):
        # Numbers, and cells behind a gap, are values, most of which may be missing.
        if filled[above] and (not rows[above][0].strip() or _is_number(rows[above][0].strip())):
            return 0
        above += 1
    # Not where rows are all alike, and where too few are left to tell.
    return above if len(rows) - above > 2 and filled[above] >= width - 1 else 0


def header_of(rows: Sequence[list[str]], known: Collection[str]) -> tuple[list[str], int, list[str]]:
    """Return the names of columns in the first of some rows, the number of rows that are no values, and notes.

    A second row of words above numbers belongs to the header as well: it holds units, or names beside shorter ones,
    which count where the known names are there alone.

    Example:
        >>> header_of([["size", "mass"], ["m", "kg"], ["1", "2"], ["3", "4"], ["5", "6"]], ["size"])[:2]
        (['size', 'mass'], 2)
    """
    names, second = _stripped(rows[0]), _stripped(rows[1]) if len(rows) > 4 else []
    told = above = 0
    for index, cell in enumerate(second):
        if cell.casefold() in MISSING_MARKS | GAPS_AMONG_NUMBERS:
            continue
        told += 1
        below = [text for row in rows[2:] if index < len(row) and (text := row[index].strip())]
        below = [text for text in below if text.casefold() not in MISSING_MARKS]
        if _is_number(cell) or time_form([cell]) is not None:
            return names, 1, []
        above += bool(below) and (all(map(_is_number, below)) or time_form(below) is not None)
    if above < 2 or 2 * above < told:
        return names, 1, []
    if known and set(known) <= set(second) and not set(known) <= set(names):
        return second, 2, [f"names of columns from the second line ('{shown(second[-1], 40)}')"]
    cell = next(cell for cell in second if cell)
    return names, 2, [f"the second line left out, which is above numbers and holds none ('{shown(cell, 40)}')"]


def _lines(count: int) -> str:
    return f"{count} line{'s' * (count > 1)}"


def _without_blank_end(content: bytes, separator: str) -> bytes:
    """Return a text without the rows at its end that have separators alone, as spreadsheets write them."""
    last = len(content.rstrip(b" \t\r\n" + separator.encode()))
    end = content.find(b"\n", last)
    return content if end < 0 else content[: end + 1]


def _without_lines(content: bytes, separator: str, rows: int) -> bytes:
    """Return a text without its first rows; blank lines are none, and cells in quotes may have several."""
    sample = io.StringIO(_sample(content), newline="")
    reader, found = csv.reader(sample, delimiter=separator), 0
    while found < rows:
        found += bool(next(reader))
    return b"".join(content.splitlines(keepends=True)[reader.line_num :])


def _stripped(cells: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    # Some tools write the header as a comment.
    return [names[0].removeprefix("#").lstrip() or names[0], *names[1:]] if names else names


def _content(path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a file, decompressed."""
    check_memory(path.stat().st_size, max_bytes, path.name)
    with path.open("rb") as file:
        start = file.read(4)
    compression = next((name for magic, name in _COMPRESSIONS.items() if start.startswith(magic)), None)
    if compression is None:
        return path.read_bytes()
    arrow, parts, size = require("pyarrow", extra="data", purpose="Reading tables"), [], 0
    with arrow.input_stream(str(path), compression=compression) as stream:
        # Step by step, so that a small file cannot expand without limit.
        while part := stream.read(_CHUNK):
            size += len(part)
            check_memory(size, max_bytes, path.name)
            parts.append(part)
    return b"".join(parts)


def _as_utf8(content: bytes, source: DataSource, path: Path, notes: list[str]) -> bytes:
    """Return a text in UTF-8, without a byte order mark, whatever it was encoded in."""
    encoding = source.encoding or next((name for bom, name in _BOMS.items() if content.startswith(bom)), None)
    if encoding is None:
        # Of UTF-16 without a mark, every second byte of common text is zero.
        start = content[:400]
        if len(start) > 3 and start.count(0) > len(start) / 3:
            encoding = "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
    if encoding is None:
        with suppress(UnicodeDecodeError):
            content.decode()
            return content
        # Its bytes 0x80 to 0x9f are letters and quotation marks in Windows-1252, and controls in ISO 8859-1.
        encoding = "cp1252"
        with suppress(UnicodeDecodeError):
            text = content.decode(encoding)
            notes.append(f"encoding {encoding}, as it is not UTF-8 (encoding, --encoding, names another one)")
            return text.encode()
        encoding = "latin-1"
        notes.append(f"encoding {encoding}, as it is not UTF-8 (encoding, --encoding, names another one)")
    elif encoding.startswith("utf-16"):
        notes.append("encoding UTF-16")
    try:
        return content.decode(encoding).removeprefix("\ufeff").encode()
    except (UnicodeError, LookupError):
        raise InputError(
            f"encoding (--encoding) must fit {path.name}, which is not {encoding} throughout: name another one, such "
            "as latin-1 or utf-16."
        ) from None


def _sample(content: bytes) -> str:
    start = content[:_SAMPLE_BYTES]
    if len(content) > len(start):
        cut = max(start.rfind(b"\n"), start.rfind(b"\r"))
        start = start[: cut + 1] if cut > 0 else content[: content.find(b"\n", _SAMPLE_BYTES) + 1 or None]
    return start.decode(errors="replace")


def _sniffed(sample: str, separator: str | None, comment: str | None) -> tuple[str, str, list[list[str]]]:
    """Return separator, comment mark (empty if there is none) and the first rows of a text."""
    comment_lines: list[str] = []
    text = sample
    if comment is None and re.search(r"(?m)^[ \t]*#", sample):
        text = re.sub(r"(?m)^[ \t]*#.*(?:\r?\n|\r|\Z)", lambda line: comment_lines.append(line[0]) or "", sample)
    elif comment:
        text = re.sub(rf"(?m)^[ \t]*{re.escape(comment)}.*(?:\r?\n|\r|\Z)", "", sample)
    found: dict[str, list[list[str]]] = {}
    for candidate in (separator,) if separator else (*SEPARATORS, " "):
        lines = re.sub(r"(?m)^ +| +$", "", re.sub(r"[ \t]+", " ", text)) if candidate == " " else text
        try:
            rows = [
                row
                for row, _ in zip(
                    csv.reader(io.StringIO(lines, newline=""), delimiter=candidate), range(_SAMPLE_ROWS), strict=False
                )
            ]
        except csv.Error:  # a cell of more than 131,072 characters
            rows = [line.split(candidate) for line in lines.splitlines()[:_SAMPLE_ROWS]]
        rows = [row for row in rows if row]
        widths = Counter(map(len, rows))
        width, agreeing = widths.most_common(1)[0] if widths else (0, 0)
        # A row or two of another length are a fault of theirs, which is reported once the separator is known.
        if separator or (width > 1 and agreeing >= 0.9 * len(rows)):
            found[candidate] = rows
            break
    if not found:
        # One column, or rows that differ in length: then what occurs most decides.
        likely = max((",", "\t", ";", "|"), key=lambda one: text[:10_000].count(one))
        found[likely] = [row for row in csv.reader(io.StringIO(text[:10_000], newline=""), delimiter=likely) if row]
    separator, rows = next(iter(found.items()))
    if comment is not None or not comment_lines:
        return separator, comment or "", rows
    # Lines of as many cells as the others are rows, or a header that has the mark, unless a header stands below them.
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    alike = sum(len(cells) == width for cells in csv.reader(comment_lines, delimiter=separator))
    are_above = sample.startswith("".join(comment_lines))
    if width > 1 and 2 * alike > len(comment_lines) and not (are_above and has_header(rows)):
        return _sniffed(sample, separator, "")
    return separator, "#", rows


def has_header(rows: list[list[str]]) -> bool:
    """Return whether the first of some rows names the columns: it differs in kind from what stands below.

    Example:
        >>> has_header([["size", "color"], ["1.5", "red"]]), has_header([["2.5", "red"], ["1.5", "red"]])
        (True, False)
    """
    first, rest = _stripped(rows[0]), rows[1:]
    named = values = 0
    numbers: list[str] = []
    for index, cell in enumerate(first):
        below = [text for row in rest if index < len(row) and (text := row[index].strip())]
        below = [text for text in below if text.casefold() not in MISSING_MARKS]
        is_missing, is_number = cell.casefold() in MISSING_MARKS, _is_number(cell)
        if is_number:
            numbers.append(cell)
        if not below or is_missing:
            continue
        if all(map(_is_number, below)):
            named += not is_number
            values += is_number
        elif cell in below:
            values += 2
        elif not is_number and time_form([cell]) is None:
            # A text that stands above times, or above texts that repeat while it does not.
            named += time_form(below) is not None or len(set(below)) <= len(below) / 2
    # As pandas numbers columns without names, beside one that was given a name.
    counted = any(numbers == [str(index + one) for index in range(len(numbers))] for one in (0, 1))
    if named and counted and len(numbers) > 1:
        return True
    return named * 2 >= values if named else values == 0 and len(set(first)) == len(first)


def _is_number(text: str) -> bool:
    return as_number(text, ".") is not None or as_number(text, ",") is not None


def _parsed(arrow: Any, reader: Any, path: Path, content: bytes, separator: str, width: int, skipped: int) -> Any:
    """Return arrow's table of text columns, the header still a row of it."""
    names = [f"f{index}" for index in range(width)]
    options: dict[str, Any] = {
        "convert_options": reader.ConvertOptions(column_types={name: arrow.string() for name in names}),
    }
    # A row must fit into a block, and cells may be long.
    block = min(max(2**22, len(content) // 64), 2**30)
    has_quotes = b'"' in content

    def parse(handler: Any = None) -> Any:
        return reader.read_csv(
            io.BytesIO(content),
            read_options=reader.ReadOptions(
                column_names=names, block_size=block if has_quotes else 2**22, use_threads=handler is None
            ),
            parse_options=reader.ParseOptions(
                delimiter=separator, newlines_in_values=has_quotes, invalid_row_handler=handler
            ),
            **options,
        )

    try:
        return parse()
    except arrow.ArrowInvalid as error:
        bad: list[Any] = []
        with suppress(arrow.ArrowInvalid):
            parse(lambda row: bad.append(row) or "skip")
        if not bad:
            raise error
    row = bad[0]
    number = f"row {row.number - skipped}" if row.number and row.number > skipped else "the first line"
    others = f", and {len(bad) - 1:,} more row{'s differ' if len(bad) > 2 else ' differs'}" if len(bad) > 1 else ""
    raise InputError(
        f"Every row must have as many cells as the first line, but {number} of {path.name} has {row.actual_columns} "
        f"instead of {row.expected_columns} ('{shown(row.text, 60)}'){others}: quote cells that contain "
        f"{_SPELLED.get(separator, repr(separator))}, or name another separator (--separator)."
    )
