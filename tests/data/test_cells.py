from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warmstart.data import ColumnEncoding, ColumnKind
from warmstart.data._cells import Cells, Marks, as_days, as_number, column_values, decided, decimal_of, time_form

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
EPOCH = datetime(1970, 1, 1)


USUAL = Marks()


def _cells(values, marks: Marks = USUAL) -> Cells:
    column = values if isinstance(values, pa.Array) else pa.array(values)
    return Cells(pa.chunked_array([column]), marks)


def _read(values, marks: Marks = USUAL):
    cells = _cells(values, marks)
    column, _ = decided("a", cells)
    return column, column_values(cells, column)[0].tolist()


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("12", ".", 12),
        ("-1.5e3", ".", -1500),
        ("+.5", ".", 0.5),
        ("1,234", ".", 1234),
        ("1,234", ",", 1.234),
        ("1.234", ",", 1234),
        ("1.234.567,89", ",", 1234567.89),
        ("1'234'567.8", ".", 1234567.8),
        ("12 345", ".", 12345),
        ("12\u00a0345,6", ",", 12345.6),
        ("$1,200", ".", 1200),
        ("15 €", ".", 15),
        ("12.5%", ".", 0.125),
        ("\u22123", ".", -3),
        ("1,23", ".", None),
        ("1,2345", ".", None),
        ("1,234 567", ".", None),
        ("1.5", ",", None),
        ("1_000", ".", 1000),
        ("0x10", ".", None),
        ("1e", ".", None),
        ("%", ".", None),
        ("", ".", None),
        ("٣", ".", None),
    ],
)
def test_numbers_are_read_in_the_ways_that_people_write_them(text, decimal, number):
    assert as_number(text, decimal) == number


def test_a_separator_that_the_user_names_may_stand_anywhere():
    assert as_number("12,34,567.5", ".", ",") == 1234567.5
    assert as_number("12,34,567.5", ".") is None


@given(st.floats(-1e15, 1e15), st.sampled_from(".,"))
def test_a_number_comes_back_from_either_decimal_mark(number, decimal):
    assert as_number(repr(number).replace(".", decimal), decimal) == number


@given(st.integers(-(10**12), 10**12), st.sampled_from([",", "'", " ", "\u202f"]))
def test_a_grouped_number_comes_back(number, mark):
    assert as_number(f"{number:,}".replace(",", mark), ".") == number


@given(moment=MOMENTS)
@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("year-month-day", "%Y-%m-%d %H:%M:%S"),
        ("year-month-day", "%Y-%m-%dT%H:%M:%SZ"),
        ("year-month-day", "%Y/%m/%d %I:%M:%S %p"),
        ("day.month.year", "%d.%m.%Y %H:%M:%S"),
        ("month/day/year", "%m/%d/%Y %I:%M:%S %p"),
        ("day/month/year", "%d/%m/%Y, %H:%M:%S"),
        ("day-month-year", "%d-%m-%Y %H:%M:%S"),
        ("day month year", "%d %b %Y %H:%M:%S"),
        ("day month year", "%d-%B-%Y %H:%M:%S"),
        ("month day year", "%B %d, %Y %H:%M:%S"),
    ],
)
def test_a_moment_comes_back_from_every_form(moment, form, pattern):
    days = as_days(moment.strftime(pattern), form)
    assert days == pytest.approx((moment - EPOCH) / timedelta(days=1), abs=1e-9)


@pytest.mark.parametrize(
    ("text", "form", "days"),
    [
        ("1970-01-01T12:00:00+02:00", "year-month-day", 10 / 24),
        ("1970-01-01T12:00:00.5-0130", "year-month-day", 13.5 / 24 + 0.5 / 86400),
        ("1970-02", "year-month", 31),
        ("31.12.69", "day.month.yy", -1),
        ("01.01.70", "day.month.yy", 0),
        ("12:30 AM", "time of day", 0.5 / 24),
        ("23:59:59", "time of day", 1 - 1 / 86400),
        ("2023-02-29", "year-month-day", None),
        ("2024-13-01", "year-month-day", None),
        ("25:00", "time of day", None),
        ("18.00.00", "hour.minute.second", 0.75),
        ("1 Foo 2024", "day month year", None),
        ("1.2.10", "day.month.yy", None),
        ("192.168.0.1", "day.month.year", None),
    ],
)
def test_times_are_days(text, form, days):
    assert as_days(text, form) == (None if days is None else pytest.approx(days))


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["3/4/2024", "31/4/2024"], None),
        (["3/4/2024", "4/31/2024"], None),
        (["3/4/2024", "30/4/2024"], ("day/month/year", False)),
        (["3/4/2024", "4/30/2024"], ("month/day/year", False)),
        (["1/2/2024", "1/3/2024", "1/4/2024"], ("month/day/year", True)),
        (["1/2/2024", "2/2/2024", "1/3/2024"], ("day/month/year", True)),  # only so do they rise
        (["5/5/2024"], ("month/day/year", False)),
        (["01-02-2024", "02-02-2024"], ("day-month-year", True)),
        (["2024-01-01", "2024-01-01 10:00"], ("year-month-day", False)),
        (["2024-01-01", "1.1.2024"], None),
        (["10:00", "noon"], None),
        (["18.00.00", "07.30.15"], ("hour.minute.second", False)),
        (["18.01.04", "07.12.15"], ("day.month.yy", False)),
        ([], None),
    ],
)
def test_the_form_of_times_is_one_that_all_have(texts, form):
    assert time_form(texts) == form


@pytest.mark.parametrize(
    ("columns", "separator", "decimal"),
    [
        ([["1.5"], ["2"]], ",", "."),
        ([["1,5"], ["2"]], ";", ","),
        ([["1,5"], ["1.5"], ["2,5"]], ";", ","),
        ([["1,500"]], ",", "."),
        ([["1,500"]], ";", ","),
        ([["1,500"], ["2.25"]], ";", "."),
        ([["a,b"], ["x"]], ";", "."),
    ],
)
def test_the_decimal_mark_is_that_with_which_more_columns_are_numbers(columns, separator, decimal):
    assert decimal_of([_cells(column) for column in columns], separator) == decimal


@pytest.mark.parametrize(
    ("values", "kind", "names", "numbers"),
    [
        (["1", " 2 ", "3.5"], "number", (), [1, 2, 3.5]),
        (["1", "", "?", "NA", "n/a", "null", "-", "NaN"], "number", (), [1, *[np.nan] * 7]),
        (["1", "none", "Unknown"], "number", (), [1, np.nan, np.nan]),
        (["1,000", "-", "25"], "number", (), [1000, np.nan, 25]),
        (["Yes", "no", "YES", ""], "boolean", ("no", "yes"), [1, 0, 1, np.nan]),
        (["t", "f"], "boolean", ("f", "t"), [1, 0]),
        (["yes", "no", "maybe"], "category", ("maybe", "no", "yes"), [2, 1, 0]),
        (["true", "no"], "category", ("no", "true"), [1, 0]),
        (["b", "a ", "a", "none", "N/A"], "category", ("a", "b", "none"), [1, 0, 0, 2, np.nan]),
        (["+", "-", "+"], "category", ("+", "-"), [0, 1, 0]),
        (["1970-01-02", "1970-01-03 06:00", None], "time", (), [1, 2.25, np.nan]),
        (["2.1.1970", "?"], "time", (), [1, np.nan]),
        (["1", "x"], "category", ("1", "x"), [0, 1]),
        (["", "NA"], "number", (), [np.nan, np.nan]),
        ([1, None, 3], "number", (), [1, np.nan, 3]),
        ([True, None, False], "boolean", ("false", "true"), [1, np.nan, 0]),
        ([Decimal("1.50"), Decimal("2.25")], "number", (), [1.5, 2.25]),
        ([date(1970, 1, 3), None], "time", (), [2, np.nan]),
        ([datetime(1970, 1, 1, 12)], "time", (), [0.5]),
        ([time(6)], "time", (), [0.25]),
        ([timedelta(days=2)], "time", (), [2]),
        (pa.array([1, 2], pa.timestamp("s", "Europe/Berlin")), "time", (), [1 / 86400, 2 / 86400]),
        (pa.array([86_400_000], pa.date64()), "time", (), [1]),
        (pa.array([3], pa.time32("s")), "time", (), [3 / 86400]),
        (pa.array([86_400_000_000_001], pa.timestamp("ns")), "time", (), [pytest.approx(1)]),
        (pa.array(["b", "a", None, "b"]).dictionary_encode(), "category", ("a", "b"), [1, 0, np.nan, 1]),
        (pa.array(["2", "1"]).dictionary_encode(), "number", (), [2, 1]),
        (pa.array(["x"], pa.large_string()), "category", ("x",), [0]),
        (pa.array([2**63 + 1], pa.uint64()), "number", (), [2.0**63]),
        (pa.nulls(2), "number", (), [np.nan, np.nan]),
    ],
)
def test_what_a_column_holds_is_seen_in_all_its_cells(values, kind, names, numbers):
    column, found = _read(values)
    assert (column.kind, column.values) == (kind, names)
    assert found == pytest.approx(numbers, nan_ok=True)


def test_marks_of_the_users_own_are_missing_in_text_and_in_numbers():
    marks = Marks(USUAL.missing | {"-999", "k. a."})
    assert _read(["-999", "1", "K. A."], marks)[1] == pytest.approx([np.nan, 1, np.nan], nan_ok=True)
    assert _read([-999, 1, None], marks)[1] == pytest.approx([np.nan, 1, np.nan], nan_ok=True)
    assert _read(["-999", "1"])[1] == [-999, 1]
    assert _read(["-999.0", "1", "-9.99e2"], marks)[1] == pytest.approx([np.nan, 1, np.nan], nan_ok=True)
    commas = Marks(marks.missing, decimal=",")
    assert _read(["-999,0", "1,5"], commas)[1] == pytest.approx([np.nan, 1.5], nan_ok=True)


def test_a_table_of_decimal_commas_may_have_a_column_of_points():
    marks = Marks(decimal=",")
    assert _read(["1,5", "2"], marks) == (ColumnEncoding("a", form=","), [1.5, 2])
    assert _read(["1.5", "2.25"], marks) == (ColumnEncoding("a", form="."), [1.5, 2.25])
    assert _read(["1.500", "2"], marks)[1] == [1500, 2]
    assert _read(["1,5", "2"]) == (ColumnEncoding("a", form=","), [1.5, 2])


@pytest.mark.parametrize(
    ("column", "values", "numbers", "odd"),
    [
        (ColumnEncoding("a", "category", ("x", "y")), ["y", "z", "", "x"], [1, 2, np.nan, 0], None),
        (ColumnEncoding("a", "category", ("1", "x")), [1, 2, None], [0, 2, np.nan], None),
        (ColumnEncoding("a", "boolean", ("no", "yes")), ["yes", "1", "NO"], [1, 1, 0], None),
        (ColumnEncoding("a", "boolean", ("no", "yes")), ["yes", "perhaps"], [1, np.nan], 1),
        (ColumnEncoding("a", "boolean", ("no", "yes")), [True, False], [1, 0], None),
        (ColumnEncoding("a"), ["1", "two"], [1, np.nan], 1),
        (ColumnEncoding("a"), ["1", "two", "unknown", "?"], [1, np.nan, np.nan, np.nan], 1),
        (ColumnEncoding("a"), ["true", "false"], [1, 0], None),
        (ColumnEncoding("a", form=","), ["1,5", "2.5"], [1.5, 2.5], None),
        (ColumnEncoding("a", "time", form="day/month/year"), ["2/1/1970", "?"], [1, np.nan], None),
        (ColumnEncoding("a", "time", form="day/month/year"), ["2/1/1970", "1970-01-02"], [1, np.nan], 1),
        (ColumnEncoding("a", "time"), ["1970-01-02", "06:00"], [1, 0.25], None),
        (ColumnEncoding("a", "time", form="day/month/year"), [datetime(1970, 1, 2)], [1], None),
    ],
)
def test_another_file_is_read_as_its_encoding_says(column, values, numbers, odd):
    found, rows = column_values(_cells(values), column)
    assert found == pytest.approx(numbers, nan_ok=True)
    assert rows.tolist() == ([] if odd is None else [odd])


@pytest.mark.parametrize(
    ("values", "sample"),
    [
        ([" x ", None], " x "),
        ([1.5], "1.5"),
        ([True], "true"),
        (pa.array([86_400_000_000_001], pa.timestamp("ns")), "1970-01-02 00:00:00.000000001"),
        ([timedelta(days=2)], "2 days, 0:00:00"),
        ([date(2024, 1, 2)], "2024-01-02"),
        ([None], ""),
        (pa.array(["b"]).dictionary_encode(), "b"),
    ],
)
def test_a_cell_is_shown_as_it_stands(values, sample):
    assert _cells(values).sample(0) == sample


@pytest.mark.parametrize(
    ("values", "integers"),
    [
        (["1", " +2", "-3"], [1, 2, -3]),
        ([str(2**63 - 1)], [2**63 - 1]),
        ([str(2**63)], None),
        (["0x10"], None),
        (["1.0"], None),
        ([1, 2**60 + 1], [1, 2**60 + 1]),
        ([1, None], None),
        ([1.0], None),
    ],
)
def test_whole_numbers_are_kept_exactly_where_they_fit(values, integers):
    found = _cells(values).integers
    assert (None if found is None else found.tolist()) == integers


@settings(deadline=None)
@given(st.lists(st.one_of(st.text(max_size=5), st.integers().map(str), st.floats().map(str)), min_size=1))
def test_whatever_a_column_of_text_holds_its_own_encoding_reads_it(texts):
    cells = _cells(pa.array(texts, pa.string()))
    column, _ = decided("a", cells)
    values, odd = column_values(cells, column)
    assert not len(odd)
    assert len(values) == len(texts)
    if column.kind is ColumnKind.CATEGORY:
        present = [(text.strip(), value) for text, value in zip(texts, values.tolist(), strict=True) if value == value]
        assert all(column.values[int(value)] == text for text, value in present)


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "number"),
    [
        ("1.234", ",", ".", 1234.0),
        ("-1.234.567,5", ",", ".", -1234567.5),
        ("44.28", ",", ".", None),
        ("1.2345", ",", ".", None),
        ("1'234.5", ".", "'", 1234.5),
        ("1'23", ".", "'", None),
        ("12,34,567", ".", ",", 1234567.0),
        ("44,3", ",", ".", 44.3),
        ("44.3", ".", ".", None),
        ("1,234", ".", "'", None),
    ],
)
def test_a_thousands_separator_that_is_given_stands_before_groups_of_three(text, decimal, thousands, number):
    assert as_number(text, decimal, thousands) == number
