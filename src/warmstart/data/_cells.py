"""What the cells of a table's column hold: numbers, times, booleans or categories."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from warmstart.basics import require

from ._encoding import ColumnEncoding, ColumnKind

MISSING_MARKS = frozenset(
    {
        *("", "?", "-", "--", ".", "na", "n/a", "n.a.", "#n/a", "#na", "<na>", "nan", "-nan", "nat", "null", "(null)"),
        # As databases export it, and as spreadsheets write errors.
        *("\\n", "#null!", "#div/0!", "#value!", "#ref!", "#num!", "#name?"),
    }
)
"""What stands for a missing cell, whatever its case."""
LABEL_MARKS = MISSING_MARKS - {"-", "--", "."}
"""The same for labels, for which ``-`` may be one beside ``+``."""
# Words that mean a gap among numbers or times, and may be a value of their own among categories.
GAPS_AMONG_NUMBERS = frozenset({"none", "unknown", "missing"})
BOOLEANS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
_LOOKED_AT = 1_000
_CURRENCIES = "$€£¥"
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?inf(?:inity)?", re.IGNORECASE | re.ASCII)
# Thousands in groups of three, with one separator throughout: every kind that is not the decimal mark.
_GROUPED = {
    ".": re.compile(r"([+-]?\d{1,3})([,' _\u00a0\u202f\u2009])(\d{3}(?:\2\d{3})*)(?:\.(\d*))?", re.ASCII),
    ",": re.compile(r"([+-]?\d{1,3})([.' _\u00a0\u202f\u2009])(\d{3}(?:\2\d{3})*)(?:,(\d*))?", re.ASCII),
}
_CLOCK = r"(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2}(?:[.,]\d+)?))?(?:\s*(?P<ap>[AaPp])\.?[Mm]\.?)?"
_THEN = rf"(?:(?:[T ]|, )\s*{_CLOCK}\s*(?P<tz>Z|UTC|GMT|[+-]\d{{2}}:?\d{{2}})?)?"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK_FORMS = ("time of day", "hour.minute.second")
TIME_FORMS = {
    form: re.compile(pattern + ("" if form in _CLOCK_FORMS else _THEN), re.ASCII)
    for form, pattern in {
        "year-month-day": r"(?P<y>\d{4})([-/.])(?P<m>\d{1,2})\2(?P<d>\d{1,2})",
        "year-month": r"(?P<y>\d{4})[-/](?P<m>\d{1,2})",
        # Of two digits only where all parts have two, as 1.2.10 may be the version of something.
        "day.month.year": r"(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.\s?(?P<y>\d{4})",
        "day.month.yy": r"(?P<d>\d{2})\.(?P<m>\d{2})\.(?P<y>\d{2})",
        "month/day/year": r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4}|\d{2})",
        "day/month/year": r"(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4}|\d{2})",
        "day-month-year": r"(?P<d>\d{1,2})-(?P<m>\d{1,2})-(?P<y>\d{4})",
        "month-day-year": r"(?P<m>\d{1,2})-(?P<d>\d{1,2})-(?P<y>\d{4})",
        "day month year": r"(?P<d>\d{1,2})[-/ .]+(?P<b>[A-Za-z]{3,9})\.?[-/ ,]+(?P<y>\d{4}|\d{2})",
        "month day year": r"(?P<b>[A-Za-z]{3,9})\.? +(?P<d>\d{1,2}),? +(?P<y>\d{4})",
        "time of day": _CLOCK,
        "hour.minute.second": r"(?P<H>\d{2})\.(?P<M>\d{2})\.(?P<S>\d{2})(?P<ap>(?!))?",
    }.items()
}
ISO = "year-month-day"
_RIVALS = {"month/day/year": "day/month/year", "day-month-year": "month-day-year"}


@dataclass(frozen=True)
class Marks:
    """How numbers are written, and what stands for a missing cell.

    Args:
        missing: Casefolded texts that stand for a missing cell.
        decimal: Decimal mark, ``.`` or ``,``.
        thousands: Thousands separator; empty: any usual one, in groups of three digits.
    """

    missing: frozenset[str] = MISSING_MARKS
    decimal: str = "."
    thousands: str = ""

    @property
    def gaps(self) -> tuple[float, ...]:
        """Numbers that stand for a missing cell, however they are written."""
        numbers = (as_number(mark, self.decimal) for mark in self.missing - MISSING_MARKS)
        return tuple(number for number in numbers if number is not None)


class Cells:
    """A column of a table.

    Args:
        column: Arrow's, of numbers, times, booleans or text.
        marks: How it is written.
    """

    def __init__(self, column: Any, marks: Marks) -> None:
        """Keep the column; what it holds is worked out when it is asked for."""
        self._arrow, self._compute = (
            require(module, extra="data", purpose="Reading tables") for module in ("pyarrow", "pyarrow.compute")
        )
        self.column, self.marks = column, marks
        types = self._arrow.types
        self.is_dictionary = types.is_dictionary(column.type)
        self.type = kind = column.type.value_type if self.is_dictionary else column.type
        if types.is_string_view(kind):
            self.column, self.type = column.cast(self._arrow.large_string()), self._arrow.large_string()
        self.is_text = any(one(kind) for one in (types.is_string, types.is_large_string, types.is_string_view))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.column)

    @property
    def kind(self) -> ColumnKind | None:
        """What a column of a file with types holds; None for text, and for what has no number, such as lists."""
        types, kind = self._arrow.types, self.type
        if types.is_boolean(kind):
            return ColumnKind.BOOLEAN
        if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
            return ColumnKind.NUMBER
        is_time = types.is_timestamp(kind) or types.is_date(kind) or types.is_time(kind) or types.is_duration(kind)
        return ColumnKind.TIME if is_time else None

    @property
    def is_usable(self) -> bool:
        """Whether there is a number for each cell, unlike for lists or bytes."""
        return self.is_text or self.kind is not None or self._arrow.types.is_null(self.type)

    @cached_property
    def _raw(self) -> tuple[list[str], np.ndarray]:
        """Distinct texts as they stand, and the index of each row's; -1 where there is none."""
        encoded = self.column.unify_dictionaries() if self.is_dictionary else self.column
        encoded = encoded.combine_chunks()
        encoded = encoded if self.is_dictionary else encoded.dictionary_encode()
        texts = [text or "" for text in encoded.dictionary.to_pylist()]
        return texts, encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)

    @cached_property
    def _encoded(self) -> tuple[list[str], np.ndarray]:
        """The same without the spaces around texts: some may be equal, and some may occur nowhere."""
        return [text.strip() for text in self._raw[0]], self._raw[1]

    @cached_property
    def present(self) -> dict[str, None]:
        """Distinct texts, stripped, of the cells that are not missing, in the order of their first rows."""
        texts, codes = self._encoded
        used, first = np.unique(codes[codes >= 0], return_index=True)
        found = (texts[code] for code in used[np.argsort(first)].tolist())
        distinct = dict.fromkeys(found)
        marks = self.marks.missing - {"-", "--"} if "+" in distinct else self.marks.missing
        return {text: None for text in distinct if text.casefold() not in marks}

    def missing_row(self) -> int | None:
        """Return the first row whose text is missing."""
        rows = np.isnan(self.spread(lambda _: 0.0))
        return int(rows.argmax()) if rows.any() else None

    def as_array(self, values: Mapping[str, Any], kind: Any) -> np.ndarray:
        """Return the value of each row's text; none may be missing."""
        texts, codes = self._encoded
        return np.array([values.get(text, 0) for text in texts], kind)[codes]

    def as_objects(self, made: Callable[[str], str]) -> np.ndarray:
        """Return each row's text as it stands, changed by a function: Python objects, one for each distinct text."""
        distinct, codes = self._raw
        return np.fromiter(map(made, distinct), object, len(distinct))[codes]

    def rows_of(self, texts: Collection[str]) -> np.ndarray:
        """Return the rows that hold one of these texts, ascending."""
        distinct, codes = self._encoded
        return np.flatnonzero(np.array([*(text in texts for text in distinct), False])[codes])

    def first_row(self, texts: Collection[str]) -> int | None:
        """Return the first row that holds one of these texts."""
        return next(iter(self.rows_of(texts).tolist()), None)

    @cached_property
    def texts(self) -> np.ndarray:
        """Each row's text, stripped: Python objects, None where the cell is missing."""
        distinct, codes = self._encoded
        present = self.present
        found = [text if text in present else None for text in distinct]
        return np.fromiter([*found, None], object, len(found) + 1)[codes]

    def as_text(self) -> Cells:
        """Return a column with types as text."""
        column, kind = self._decoded, self._arrow.string()
        with suppress(self._arrow.ArrowInvalid, self._arrow.ArrowNotImplementedError):  # raised for lists and the like
            if not self._arrow.types.is_duration(self.type):  # which arrow writes as a number
                return Cells(column.cast(kind), self.marks)
        texts = [None if value is None else str(value) for value in column.to_pylist()]
        return Cells(self._arrow.chunked_array([self._arrow.array(texts, kind)]), self.marks)

    def spread(self, values: Callable[[str], float]) -> np.ndarray:
        """Return the value of each row's text, NaN where it is missing."""
        texts, codes = self._encoded
        present = self.present
        of_texts = [values(text) if text in present else np.nan for text in texts]
        return np.array([*of_texts, np.nan], np.float64)[codes]

    @cached_property
    def plain(self) -> np.ndarray | None:
        """Numbers of a column whose texts need not be looked at one by one: with a type, or plain numbers and gaps."""
        pa, gaps = self._arrow, self.marks.gaps

        def without_gaps(values: np.ndarray) -> np.ndarray:
            return np.where(np.isin(values, gaps), np.nan, values) if gaps else values

        if self.kind in (ColumnKind.NUMBER, ColumnKind.BOOLEAN):
            # By way of float64: a null becomes NaN, and integers beyond 2**53 are rounded instead of refused.
            return without_gaps(self._decoded.cast(pa.float64(), safe=False).to_numpy())
        if self.kind is ColumnKind.TIME:
            return self._days()
        if not self.is_text:
            return np.full(len(self), np.nan)
        if self.is_dictionary:
            return None
        trimmed = self._compute.utf8_trim_whitespace(self.column)
        for is_masked in (False, True):
            if is_masked:
                marks = pa.array(sorted(self.marks.missing), self.type)
                is_mark = self._compute.is_in(self._compute.utf8_lower(trimmed), value_set=marks)
                trimmed = self._compute.if_else(is_mark, pa.scalar(None, self.type), trimmed)
            try:
                return without_gaps(trimmed.cast(pa.float64()).to_numpy())
            except pa.ArrowInvalid:
                continue
        return None

    @property
    def _decoded(self) -> Any:
        return self.column.cast(self.type) if self.is_dictionary else self.column

    def _days(self) -> np.ndarray:
        """Return times of a typed column in days, since 1970 where they have a date."""
        types, kind, pa, column = self._arrow.types, self.type, self._arrow, self._decoded
        per_second = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
        if types.is_date32(kind):
            return column.cast(pa.int32()).cast(pa.float64()).to_numpy()
        unit = "ms" if types.is_date64(kind) else kind.unit
        whole = pa.int32() if types.is_time32(kind) else pa.int64()
        return column.cast(whole).cast(pa.float64(), safe=False).to_numpy() / (per_second[unit] * 86_400)

    @cached_property
    def iso_days(self) -> np.ndarray | None:
        """Times in days since 1970 of a text column that has them throughout as ISO 8601 says, without a zone."""
        # A short cut: text by text, this takes 5 microseconds for each.
        if self.is_dictionary or not len(self) or not re.match(r"\s*\d{4}-\d\d-\d\d", self.sample(0)):
            return None
        try:
            times = self._compute.utf8_trim_whitespace(self.column).cast(self._arrow.timestamp("us"))
        except self._arrow.ArrowInvalid:
            return None
        return None if times.null_count else times.cast(self._arrow.int64()).to_numpy() / 86_400e6

    @cached_property
    def integers(self) -> np.ndarray | None:
        """The cells as int64; None unless all are whole numbers that fit."""
        column = self._decoded
        if self.is_text:
            column = self._compute.utf8_trim_whitespace(column)
            # Otherwise arrow takes hexadecimal numbers, too.
            if not self._compute.all(self._compute.match_substring_regex(column, r"^[+-]?[0-9]+$")).as_py():
                return None
            column = self._compute.utf8_ltrim(column, "+")
        elif not self._arrow.types.is_integer(self.type):
            return None
        try:
            return None if column.null_count else column.cast(self._arrow.int64()).to_numpy()
        except self._arrow.ArrowInvalid:
            return None

    def sample(self, row: int) -> str:
        """Return a cell as it stands in the file."""
        # Cast by arrow: Python's times have no nanoseconds.
        cells = Cells(self.column.slice(row, 1), self.marks)
        value = (cells if self.is_text else cells.as_text()).column[0].as_py()
        return "" if value is None else value


def as_number(text: str, decimal: str, thousands: str = "") -> float | None:
    """Return the number that a text is; per cent are hundredths, and a currency sign is ignored.

    A thousands separator that is given must stand before groups of three digits (of two before the last, as in India).

    Example:
        >>> as_number("1,001.5", "."), as_number("0,5", ","), as_number("15 %", "."), as_number("1,2", ".")
        (1001.5, 0.5, 0.15, None)
        >>> as_number("1.234", ",", "."), as_number("44.28", ",", "."), as_number("12,34,567.5", ".", ",")
        (1234.0, None, 1234567.5)
    """
    if thousands == decimal:
        return None
    if decimal == "." and _PLAIN.fullmatch(text):
        return float(text)
    text = text.replace("\u2212", "-").strip(_CURRENCIES).strip()
    per_cent = text.endswith("%")
    text = text[:-1].rstrip() if per_cent else text
    if thousands and thousands in text:
        # Without this check 44.28 would be 4428, and 44.3 in the next row 443.
        mark = re.escape(thousands)
        if not re.fullmatch(rf"[+-]?\d{{1,3}}({mark}\d{{2,3}})*{mark}\d{{3}}({re.escape(decimal)}\d*)?", text):
            return None
        text = text.replace(thousands, "")
    elif not thousands and (grouped := _GROUPED[decimal].fullmatch(text)):
        whole, mark, groups, fraction = grouped.groups()
        text = f"{whole}{groups.replace(mark, '')}{decimal}{fraction or ''}"
    if decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    if not _PLAIN.fullmatch(text):
        return None
    return float(text) / 100 if per_cent else float(text)


def as_days(text: str, form: str) -> float | None:
    """Return the time that a text is in one of :data:`TIME_FORMS`, in days since 1970, or of the day.

    Example:
        >>> as_days("1970-01-02 12:00", "year-month-day"), as_days("2.1.1970", "day.month.year")
        (1.5, 1.0)
        >>> as_days("6:00 pm", "time of day"), as_days("2024-02-30", "year-month-day")
        (0.75, None)
    """
    match = TIME_FORMS[form].fullmatch(text)
    if match is None:
        return None
    parts = match.groupdict()
    seconds = 0.0
    if parts.get("H"):
        hour, minute, second = int(parts["H"]), int(parts["M"]), float((parts["S"] or "0").replace(",", "."))
        if parts["ap"]:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if parts["ap"] in "pP" else 0)
        if hour > 24 or minute > 59 or second >= 61:
            return None
        seconds = hour * 3600 + minute * 60 + second
    if form in _CLOCK_FORMS:
        return seconds / 86_400
    month = parts.get("m")
    if parts.get("b"):
        name = parts["b"][:3].lower()
        if name not in _MONTHS:
            return None
        month = _MONTHS.index(name) + 1
    year = int(parts["y"])
    if len(parts["y"]) == 2:
        year += 1900 if year >= 69 else 2000  # as POSIX has it
    try:
        day = datetime(year, int(month or 1), int(parts.get("d") or 1)).toordinal() - 719_163
    except ValueError:
        return None
    zone = parts.get("tz") or ""
    if zone[:1] in ("+", "-"):
        offset = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        seconds -= offset if zone[0] == "+" else -offset
    return day + seconds / 86_400


def time_form(texts: Iterable[str]) -> tuple[str, bool] | None:
    """Return the form that all texts have, and whether another one would read them as well; None if there is none.

    Where days and months can be told apart by no value, the order in which the texts stand decides, and else the usual
    one: months first between slashes, days first between hyphens.

    Example:
        >>> time_form(["01/02/2024", "01/31/2024"]), time_form(["01/02/2024", "31/01/2024"])
        (('month/day/year', False), ('day/month/year', False))
        >>> time_form(["01/02/2024", "01/03/2024"]), time_form(["31/02/2024"])
        (('month/day/year', True), None)
    """
    texts = list(texts)
    fitting: dict[str, list[float]] = {}
    for form in TIME_FORMS:
        days: list[float] = []
        for text in texts:
            day = as_days(text, form)
            if day is None:
                break
            days.append(day)
        if texts and len(days) == len(texts):
            fitting[form] = days
    first = next(iter(fitting), None)
    rival = _RIVALS.get(first or "")
    if first is None or rival not in fitting:
        return None if first is None else (first, False)
    descents = [sum(after < before for before, after in pairwise(days)) for days in fitting.values()]
    return (rival if rival is not None and descents[1] < descents[0] else first), fitting[first] != fitting[rival]


def decimal_of(columns: Iterable[Cells], separator: str) -> str:
    """Return the decimal mark of a table in which none was declared, by the columns that can be read with one only."""
    only, either = {".": 0, ",": 0}, 0
    for column in columns:
        # A part of the rows is enough for what only decides where columns can be read in both ways.
        cells = Cells(column.column.slice(0, _LOOKED_AT), column.marks)
        texts = [text for text in cells.present if text.casefold() not in GAPS_AMONG_NUMBERS]
        if not texts or not any(mark in text for text in texts for mark in ".,"):
            continue
        fits = [mark for mark in only if all(as_number(text, mark) is not None for text in texts)]
        if len(fits) == 1:
            only[fits[0]] += 1
        either += len(fits) == 2 and any("," in text for text in texts)
    # What can be read both ways, such as 1,234, is a decimal where commas do not separate the cells.
    if only[","] == only["."]:
        return "," if either and separator != "," else "."
    return "," if only[","] > only["."] else "."


def few_others(cells: Cells, most: float = 0.2) -> tuple[ColumnKind, list[str]] | None:
    """Return what most texts of a column are, numbers or times, and the share below ``most`` that are not, or None.

    Example:
        >>> import pyarrow as pa
        >>> few_others(Cells(pa.chunked_array([["1", "2", "3", "4", "5.5", "oops"]]), Marks()))
        (<ColumnKind.NUMBER: 'number'>, ['oops'])
    """
    present = [text for text in cells.present if text.casefold() not in GAPS_AMONG_NUMBERS]
    decimal, thousands = cells.marks.decimal, cells.marks.thousands
    readings: dict[Callable[[str], float | None], ColumnKind] = {
        lambda text: as_number(text, decimal, thousands): ColumnKind.NUMBER
    }
    for form in TIME_FORMS:
        readings[lambda text, form=form: as_days(text, form)] = ColumnKind.TIME
    for read, kind in readings.items():
        # A part is enough where most of it is no such thing.
        for texts in (present[:100], present):
            others = [text for text in texts if read(text) is None]
            if not len(others) < most * len(texts):
                break
        else:
            return (kind, others) if others else None
    return None


def unusual_number(cells: Cells, column: ColumnEncoding) -> tuple[str, str] | None:
    """Return the first text of a column of numbers that has more than digits and a decimal mark, and what to say of it.

    None: there is none, so that nothing was done to these texts that would have to be said.

    Example:
        >>> import pyarrow as pa
        >>> cells = Cells(pa.chunked_array([["0", "15", "20%"]]), Marks())
        >>> unusual_number(cells, ColumnEncoding("share"))
        ('20%', 'only some are per cent, which are hundredths')
    """
    if cells.plain is not None:
        return None
    decimal = column.form == ","
    unusual = [text for text in cells.present if not _PLAIN.fullmatch(text.replace(",", ".") if decimal else text)]
    numbers = [text for text in unusual if text.casefold() not in GAPS_AMONG_NUMBERS]
    if not numbers:
        return None
    has_per_cent = [text for text in numbers if text.endswith("%")]
    values = (as_number(text, column.form or ".", cells.marks.thousands) for text in cells.present)
    nonzero = sum(bool(value) for value in values)
    of_per_cent = sum(any(digit in text for digit in "123456789") for text in has_per_cent)
    mixed = "only some are per cent, which are hundredths" if has_per_cent and of_per_cent < nonzero else ""
    return (has_per_cent if mixed else numbers)[0], mixed


def decided(name: str, cells: Cells) -> tuple[ColumnEncoding, bool]:
    """Return what a column of training samples holds, and whether another reading of its dates was possible."""
    if not cells.is_text:
        kind = cells.kind or ColumnKind.NUMBER
        return ColumnEncoding(name, kind, BOOLEANS[0] if kind is ColumnKind.BOOLEAN else ()), False
    decimal, thousands = cells.marks.decimal, cells.marks.thousands
    if cells.plain is not None and decimal == ".":
        return ColumnEncoding(name), False
    if cells.iso_days is not None:
        return ColumnEncoding(name, ColumnKind.TIME, form=ISO), False
    present = list(cells.present)
    folded = {text.casefold() for text in present}
    pair = next((pair for pair in BOOLEANS if folded == set(pair)), None)
    if pair is not None:
        return ColumnEncoding(name, ColumnKind.BOOLEAN, pair), False
    told = [text for text in present if text.casefold() not in GAPS_AMONG_NUMBERS]
    for mark in dict.fromkeys((decimal, ".", ",")):
        if told and all(as_number(text, mark, thousands) is not None for text in told):
            return ColumnEncoding(name, form="" if mark == decimal == "." else mark), False
    form = time_form(told)
    if form is not None:
        return ColumnEncoding(name, ColumnKind.TIME, form=form[0]), form[1]
    return ColumnEncoding(name, ColumnKind.CATEGORY, tuple(sorted(present))), False


def column_values(cells: Cells, column: ColumnEncoding) -> tuple[np.ndarray, np.ndarray]:
    """Return a column's cells as float64 as its encoding has them, and the rows that are none of its kind."""
    kind, marks, none = column.kind, cells.marks, np.empty(0, np.int64)
    is_number = kind in (ColumnKind.NUMBER, ColumnKind.BOOLEAN)
    if not cells.is_text and kind is not ColumnKind.CATEGORY and (cells.kind is not ColumnKind.TIME) is is_number:
        return cells.plain if cells.plain is not None else np.full(len(cells), np.nan), none
    if cells.is_text and kind is ColumnKind.NUMBER and cells.plain is not None and marks.decimal == ".":
        return cells.plain, none
    if cells.is_text and kind is ColumnKind.TIME and column.form == ISO and cells.iso_days is not None:
        return cells.iso_days, none
    if not cells.is_text:  # of a type of its own here, and text where the encoding was made
        cells = cells.as_text()
    places = {value: float(index) for index, value in enumerate(column.values)}
    odd: set[str] = set()
    gaps = marks.gaps

    def value(text: str) -> float:
        if kind is ColumnKind.CATEGORY:
            return places.get(text, float(len(places)))
        found = None
        if kind is ColumnKind.BOOLEAN:
            folded = text.casefold()
            # However this file writes truth values; of a pair of its own, only as the training samples do.
            others = (float(pair.index(folded)) for pair in BOOLEANS if folded in pair)
            found = places.get(folded, next(others, {"0": 0.0, "1": 1.0}.get(folded.removesuffix(".0"))))
        elif kind is ColumnKind.TIME:
            forms = (column.form,) if column.form else (ISO, "time of day")
            found = next((days for form in forms if (days := as_days(text, form)) is not None), None)
        else:
            # This file may write numbers otherwise than that of the encoding.
            is_comma = column.form != "." and (marks.decimal == "," or (column.form == "," and "," in text))
            readings = (as_number(text, mark, marks.thousands) for mark in ((",", ".") if is_comma else (".",)))
            found = next((number for number in readings if number is not None), None)
            if found is None and text.casefold() in BOOLEANS[0]:
                found = float(BOOLEANS[0].index(text.casefold()))
            if found in gaps:
                return np.nan
        if found is None and text.casefold() not in GAPS_AMONG_NUMBERS:
            odd.add(text)
        return np.nan if found is None else found

    return cells.spread(value), cells.rows_of(odd)
