"""Oddities of the public tables that people retrain on, in a few rows each."""

import numpy as np
import pytest

from warmstart.basics import InputError
from warmstart.data import DataSource, load, read_table

ROWS = "".join(f"{i % 7 / 2},{i % 5},{'ab'[i % 2]}\n" for i in range(40))
INPUTS = [[i % 7 / 2, i % 5] for i in range(40)]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("Report of 2024\n\na,b,label\n" + ROWS, "1 line above the table left out ('Report of 2024')"),
        ("Report\nby X\na,b,label\n" + ROWS, "2 lines above"),
        ("Report of 2024,,\nin m,,\na,b,label\n" + ROWS, "2 lines above the table left out ('Report of 2024')"),
        ('"Report, of\n2024"\n\na,b,label\n' + ROWS, "1 line above"),
        ("a,b,label\n[m],[s],\n" + ROWS, "the second line left out, which is above numbers and holds none ('[m]')"),
        ("x1,x2,y\na,b,label\n" + ROWS, "names of columns from the second line ('label')"),
    ],
    ids=["title", "two lines", "cells of a sheet", "line break", "units", "two headers"],
)
def test_lines_above_the_values_are_no_samples(write_table, text, note):
    dataset = load(DataSource(str(write_table("t.csv", text)), label="label"))
    assert dataset.train.inputs.tolist() == INPUTS
    assert dataset.classes == ("a", "b")
    assert note in dataset.notes[0]


def test_of_two_lines_of_names_the_first_counts_unless_the_label_is_in_the_second(write_table):
    path = str(write_table("t.csv", "x1,x2,y\na,b,due\n" + ROWS))
    assert load(DataSource(path, label="y")).features == ("x1", "x2")
    assert load(DataSource(path, label="due")).features == ("a", "b")
    assert read_table(DataSource(path), ("b", "a"))[:2].tolist() == [[0, 0], [1, 0.5]]
    assert read_table(DataSource(path), ("x2", "x1"))[:2].tolist() == [[0, 0], [1, 0.5]]


@pytest.mark.parametrize("above", [[("Report of 2024",), ()], []], ids=["title", "no title"])
@pytest.mark.parametrize("units", [[("m", "s")], []], ids=["units", "no units"])
def test_a_sheet_may_have_a_title_and_units(tmp_path, above, units):
    book = pytest.importorskip("openpyxl").Workbook()
    rows = [*above, ("a", "b", "label"), *units, *((*row, "ab"[i % 2]) for i, row in enumerate(INPUTS))]
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    dataset = load(DataSource(str(tmp_path / "t.xlsx")))
    assert dataset.train.inputs.tolist() == INPUTS
    assert bool(dataset.notes) == bool(above or units)


@pytest.mark.parametrize("separator", [",", " ", "\t"])
def test_row_names_of_r_have_no_name_and_are_left_out(write_table, separator):
    text = "a,b,label\n" + "".join(f"{i + 1},{line}\n" for i, line in enumerate(ROWS.splitlines()))
    dataset = load(DataSource(str(write_table("t.txt", text.replace(",", separator)))))
    assert dataset.train.inputs.tolist() == INPUTS
    assert "which has no name, is taken for an index" in dataset.notes[-1]


@pytest.mark.parametrize("end", ["", ","])
def test_a_separator_at_the_end_of_rows_is_no_column_that_counts(write_table, end):
    path = write_table("t.csv", f"a,b,label{end}\n" + ROWS.replace("\n", ",\n"))
    dataset = load(DataSource(str(path)))
    assert dataset.features == ("a", "b")
    assert dataset.train.inputs.tolist() == INPUTS


def test_rows_at_the_end_that_are_blank_are_none(write_table):
    values = "".join(f"{i % 9},5;{i % 4},25;{i % 3}\r\n" for i in range(30))
    path = write_table("air.csv", "a;b;y\r\n" + values + ";;\r\n" * 3)
    dataset = load(DataSource(str(path), missing="refuse"))
    assert dataset.train.inputs[:2].tolist() == [[0.5, 0.25], [1.5, 1.25]]
    assert len(dataset.train) == 30


def test_rows_without_a_label_are_left_out_and_the_others_keep_their_numbers(write_table):
    labels = ["NA" if i % 4 == 0 else "ab"[i % 2] for i in range(40)]
    lines = "".join(f"{i},{i * 3 % 8 if i != 21 else '?'},{label}\n" for i, label in enumerate(labels))
    dataset = load(DataSource(str(write_table("t.csv", "day,x,label\n" + lines)), order="day", features=("x",)))
    assert "10 of 40 rows of t.csv have no label and are left out, the first of them row 1." in dataset.notes
    assert dataset.notes[-1] == "Columns filled: x (1 missing, '?' in row 22)."
    expected = [i * 3 % 8 if i != 21 else np.nan for i in range(40) if i % 4]
    assert np.array_equal(dataset.train.inputs[:, 0], expected, equal_nan=True)
    assert [dataset.classes[k] for k in dataset.train.labels] == [label for label in labels if label != "NA"]


def test_files_keep_their_arrivals_where_rows_without_a_label_are_left_out(tmp_path):
    for week, count in ((1, 3), (2, 4)):
        lines = "".join(f"{i % 3},{'' if i == 1 else 'ab'[i % 2]}\n" for i in range(count))
        (tmp_path / f"week{week}.csv").write_text("x,label\n" + lines)
    dataset = load(DataSource(str(tmp_path)))
    assert dataset.order.arrivals.tolist() == [0, 0, 1, 1, 1]
    assert "the first of them row 2 of week1.csv" in dataset.notes[0]


def test_a_few_cells_that_make_a_column_text_are_named_with_a_way_out(write_table):
    cells = [f"{i * 7 % 600 / 7:.3f}" for i in range(600)]
    cells[17] = "oops"
    path = write_table("t.csv", "x,b,label\n" + "".join(f"{c},{i % 5},{'ab'[i % 2]}\n" for i, c in enumerate(cells)))
    (note,) = load(DataSource(str(path))).notes
    assert "text by few cells: x (number but for 1 value, such as 'oops' in row 18); missing_marks (--missing" in note
    dataset = load(DataSource(str(path), missing_marks=("oops",)))
    assert np.flatnonzero(np.isnan(dataset.train.inputs[:, 0])).tolist() == [17]


@pytest.mark.parametrize(("cell", "what"), [("soon", "times"), ("31/02/2024", "times")])
def test_the_order_is_never_that_of_letters_where_times_were_meant(write_table, cell, what):
    days = [f"{1 + i * 7 % 28}/{1 + i % 3}/2024" for i in range(28)]
    days[4] = cell
    path = write_table("t.csv", "day,x,label\n" + "".join(f"{d},{i % 5},{'ab'[i % 2]}\n" for i, d in enumerate(days)))
    with pytest.raises(
        InputError, match=f"a column of {what} throughout, but 'day' of t.csv contains '{cell}' in row 5"
    ):
        load(DataSource(str(path), order="day"))


def test_per_cent_beside_plain_numbers_is_pointed_out(write_table):
    text = "x,b,label\n" + "".join(f"{i * 3 % 50}{'%' * (i % 3 > 0)},{i % 5},{'ab'[i % 2]}\n" for i in range(60))
    (note,) = load(DataSource(str(write_table("t.csv", text)))).notes
    assert note == "Columns read as numbers: x (only some are per cent, which are hundredths, '3%' in row 2)."


def test_what_is_named_of_numbers_is_a_cell_that_is_more_than_a_number(write_table):
    text = "x,b,label\n" + "".join(f"{'' if i < 3 else '$'}{i * 3 % 50},{i % 5},{'ab'[i % 2]}\n" for i in range(60))
    (note,) = load(DataSource(str(write_table("t.csv", text)))).notes
    assert note == "Columns read as numbers: x ('$9' in row 4)."


def test_seconds_since_1970_are_told_apart(write_table):
    seconds = [1_700_000_000 + i * i for i in range(40)]
    lines = "".join(f"{second},{i % 5},{'ab'[i % 2]}\n" for i, second in enumerate(seconds))
    path = str(write_table("t.csv", "t,b,label\n" + lines))
    dataset = load(DataSource(path))
    assert dataset.notes == (
        "Columns relative to their median, as 32 bits do not tell them apart: t ('1700000000' in row 1).",
    )
    fitted = dataset.encoding.fitted(dataset.train.inputs[:9])
    assert fitted.encode(dataset.train.inputs)[:, 0].tolist() == [i * i - 16.0 for i in range(40)]
    assert np.array_equal(read_table(DataSource(path), dataset.encoding), dataset.train.inputs)


def test_a_column_that_is_the_label_in_other_words_is_pointed_out(write_table):
    text = "x,cause,y\n" + "".join(f"{i * 7 % 40},{'pq'[i % 2]},{i % 2}\n" for i in range(40))
    path = str(write_table("t.csv", text))
    told = "Column 'cause' tells the label of every row: unless it is known before the label is, leave it out with drop"
    assert load(DataSource(path)).notes[-1].startswith(told)
    assert load(DataSource(path, drop=("cause",))).notes == ()
    text = "x,cm,inch\n" + "".join(f"{i * 7 % 40},{i * 2.54},{i}\n" for i in range(40))
    dataset = load(DataSource(str(write_table("u.csv", text)), label="inch"), targets="values")
    assert "Column 'cm' tells the label" in dataset.notes[-1]


def test_nothing_is_said_of_columns_left_out_that_came_back(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,label\n" + "".join(f"{i},,{'xy'[i % 2]}\n" for i in range(40)))
    dataset = load(DataSource(str(tmp_path / "t.csv")))
    assert dataset.features == ("a",)
    assert dataset.notes == ("Columns left out: b (no values); features (--features) forces a column in.",)


def test_test_labels_that_end_in_a_full_stop_have_a_way_out(write_table):
    train = write_table(
        "adult.data", "".join(f"{i % 7}, {'?' if i % 9 == 0 else i % 5}, {'<>'[i % 2]}50K\n" for i in range(60))
    )
    test = write_table(
        "adult.test", "|1x3 Cross validator\n" + "".join(f"{i % 7}, 1, {'<>'[i % 2]}50K.\n" for i in range(9))
    )
    with pytest.raises(InputError, match=r"also contains '<50K.': tidy_labels \(--tidy-labels\) takes those"):
        load(DataSource(str(train), label="3", test=str(test)), with_test=True)
    dataset = load(DataSource(str(train), label="3", test=str(test), tidy_labels=True), with_test=True)
    assert dataset.classes == ("<50K", ">50K")
    assert dataset.test.labels.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]


def test_a_column_of_bytes_that_is_no_image_can_be_left_out(write_table):
    columns = {"x": [1.0, 2.0], "raw": [b"12", b"34"], "label": ["a", "b"]}
    path = str(write_table("t.parquet", columns))
    assert load(DataSource(path, drop=("raw",))).train.inputs.tolist() == [[1], [2]]
    assert load(DataSource(path, features=("x",))).train.inputs.tolist() == [[1], [2]]


def test_decimals_are_values_and_no_text(write_table):
    from decimal import Decimal

    path = str(write_table("t.parquet", {"x": [1.0, 2.0], "y": [Decimal("1.50"), Decimal("2.25")]}))
    assert load(DataSource(path), targets="values").train.labels.tolist() == [1.5, 2.25]
    with pytest.raises(InputError, match=r"this is classification, but column 'y' of t.parquet contains 1.5 at row 1"):
        load(DataSource(path))


@pytest.mark.parametrize("yes_no", [("Y", "N"), ("true", "false"), ("1", "0"), ("YES", "no"), ("1.0", "0.0")])
def test_another_file_may_write_truth_values_otherwise(write_table, yes_no):
    path = write_table("t.csv", "m,x,label\n" + "".join(f"{['yes', 'no'][i % 2]},{i % 5},{i % 3}\n" for i in range(30)))
    encoding = load(DataSource(str(path))).encoding
    new = write_table("new.csv", "m,x\n" + "".join(f"{yes_no[i % 2]},{i % 5}\n" for i in range(30)))
    assert read_table(DataSource(str(new)), encoding)[:4].tolist() == [[1, 0], [0, 1], [1, 2], [0, 3]]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("2,1", r"m \(boolean, not '2' in row 1\)"),
        ("yes,1e300", r"x \(finite 32-bit number, not '1e300' in row 1\)"),
    ],
)
def test_what_no_model_was_trained_on_is_refused_by_cell(write_table, cells, message):
    lines = "".join(f"{['yes', 'no'][i % 2]},{i % 5},{i % 3}\n" for i in range(30))
    encoding = load(DataSource(str(write_table("t.csv", "m,x,label\n" + lines)))).encoding
    with pytest.raises(InputError, match=message):
        read_table(DataSource(str(write_table("new.csv", f"m,x\n{cells}\n"))), encoding)


def test_new_samples_may_be_in_several_files_or_in_none(tmp_path):
    for name in ("b10.csv", "b9.csv"):
        (tmp_path / name).write_text(f"x\n{name[1:-4]}\n")
    assert read_table(DataSource(str(tmp_path), separator=","), ("x",)).tolist() == [[9], [10]]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"must contain tables like the training samples, got none"):
        read_table(DataSource(str(tmp_path / "empty")), ("x",))
    (tmp_path / "none.csv").write_text("x\n")
    with pytest.raises(InputError, match=r"There must be samples to read, but none.csv contains none"):
        read_table(DataSource(str(tmp_path / "none.csv")), ("x",))


def test_how_text_was_read_does_not_matter_to_a_file_with_types(write_table):
    path = str(write_table("t.parquet", {"x": [1.0, 2.0]}))
    assert read_table(DataSource(path, separator=";", decimal=","), ("x",)).tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("name", "content", "way_out"),
    [
        ("t.csv", b"PK\x03\x04\0\0", "it is a zip archive; unpack it"),
        ("t.zip", b"PK\x03\x04", "got .*t.zip: unpack it"),
        ("t.arff", b"@data\n", "rename it to .csv and add --comment @"),
        ("t.csv", b"a,a,label\n1,2,x\n", "several called 'a': rename all but one"),
    ],
)
def test_a_file_that_cannot_be_read_comes_with_a_way_out(tmp_path, name, content, way_out):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=way_out):
        load(DataSource(str(tmp_path / name)))
