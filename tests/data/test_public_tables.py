"""Oddities of the public tables that people retrain on, in a few rows each."""

import numpy as np
import pytest

from warmstart.data import DataSource, load

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
