import csv
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warmstart.basics import InputError
from warmstart.data._text_table import has_header

IRIS = "length,width,species\n5.1,3.5,setosa\n7.0,3,versicolor\n6.3,3.25,setosa\n"


def test_numbers_are_features_and_text_is_the_label(write_table, load_path):
    dataset = load_path(write_table("iris.csv", IRIS), label="species")
    assert dataset.train.inputs.tolist() == pytest.approx(np.array([[5.1, 3.5], [7, 3], [6.3, 3.25]], np.float32))
    assert dataset.train.labels.tolist() == [0, 1, 0]
    assert (dataset.name, dataset.classes) == ("iris", ("setosa", "versicolor"))


def test_bools_are_features_of_zero_and_one(write_table, load_path):
    dataset = load_path(write_table("t.csv", "a,label\ntrue,x\nfalse,y\n"))
    assert dataset.train.inputs.tolist() == [[1], [0]]


def test_large_whole_numbers_are_features(write_table, load_path):
    dataset = load_path(write_table("t.csv", f"a,label\n{2**60 + 1},x\n3,y\n"))
    assert dataset.train.inputs.tolist() == [[2.0**60], [3]]


def test_a_byte_order_mark_is_no_part_of_the_first_name(write_table, load_path):
    assert load_path(write_table("t.csv", "\ufefflabel,a\nx,1\ny,2\n")).classes == ("x", "y")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b,label\n1,1,x\n2,inf,y\n", r"finite 32-bit numbers, but t.csv has .* others: b \(inf in row 2\)"),
        ("a,b,label\n-inf,1,x\n1,1e300,y\n", r"others: a \(-inf in row 1\), b \(1e[+]300 in row 2\)[.]"),
        ("a,b\n1,2\n", "label column of t.csv must be named with --label, .* columns are: a, b"),
        ("label\nx\ny\n", "t.csv must have feature columns beside the label column, got none"),
        ("a,label\n1,\n2,\n", "every sample must have a label, but column 'label' of t.csv has none at row 1"),
        ("a,label\n1,0.5\n2,1\n", "this is classification, but column 'label' of t.csv contains 0.5 at row 1"),
        ("a,label\n1,x\n2,x\n", "at least two classes, but column 'label' of t.csv contains only 'x'"),
        ("a,label\n", "must be samples to load, but column 'label' of t.csv contains none"),
        ("a,label\n1,x\n2,y,z\n", r"cells as the first line, but row 2 of t.csv has 3 instead of 2 \('2,y,z'\): quote"),
        ("a,label\n1,x\n2\n3,y\n4,,\n", r"row 2 of t.csv has 1 instead of 2 \('2'\), and 1 more row differs"),
        ("a,a,label\n1,2,x\n3,4,y\n", "t.csv has several called 'a'"),
        ("", "t.csv cannot be read as csv: Empty CSV file"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_in_one_sentence(write_table, load_path, content, message):
    with pytest.raises(InputError, match=f"(?i){message}") as caught:
        load_path(write_table("t.csv", content))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_bytes_that_are_no_text_are_refused_in_one_sentence(tmp_path, load_path):
    (tmp_path / "t.csv").write_bytes(b"a,label\n1,\xff\0\n2,\xfe\n")
    with pytest.raises(InputError, match=r"t.csv cannot be read as csv: it contains null bytes, which no text does"):
        load_path(tmp_path / "t.csv")


def test_a_subset_holds_rows_of_the_table_with_their_labels(write_table, load_path):
    lines = "".join(f"{number},{'odd' if number % 2 else 'even'}\n" for number in range(50))
    train = load_path(write_table("t.csv", "n,label\n" + lines), subset=20).train
    assert len(np.unique(train.inputs)) == 20
    assert np.array_equal(train.inputs[:, 0] % 2, train.labels)


@pytest.mark.parametrize("cell", ["NA", "NaN", "nan", "null", "N/A", '"NA"', '""', ""])
@pytest.mark.parametrize("labels", [("x", "y"), ("0", "1")], ids=["texts", "numbers"])
def test_a_cell_that_means_missing_is_no_class(write_table, load_path, labels, cell):
    table = write_table("t.csv", f"a,label\n1,{labels[0]}\n2,{labels[1]}\n3,{cell}\n")
    with pytest.raises(InputError, match=r"'label' of t.csv has none at row 3: .* NA, N/A, NaN or null count as miss"):
        load_path(table, missing="refuse")
    dataset = load_path(table)
    assert dataset.train.inputs.tolist() == [[1], [2]]
    assert dataset.classes == labels
    assert dataset.notes[0] == "1 of 3 rows of t.csv have no label and are left out, the first of them row 3."


def test_a_label_column_of_nothing_but_gaps_is_refused(write_table, load_path):
    with pytest.raises(InputError, match=r"has none at row 1"):
        load_path(write_table("t.csv", "a,label\n1,NA\n2,NA\n"))


def test_a_text_that_only_holds_such_a_word_is_a_class(write_table, load_path):
    assert load_path(write_table("t.csv", "a,label\n1,NAM\n2,none\n")).classes == ("NAM", "none")


@pytest.mark.parametrize(
    "labels",
    [
        [2**64 + 1, 2**64 + 2, 2**64 + 3, 5],
        [2**70, 2**70 + 1, 2**70 + 2, 2**70 + 3],
        [-(2**70), -(2**70) - 1, 2**70, 7],
        [2**63, 2**63 + 1, 2**63 - 1, -(2**63)],
        [10**400, 10**400 + 1, 10**401, 1],
    ],
)
def test_whole_numbers_that_fit_no_machine_word_are_classes_of_their_own(write_table, load_path, labels):
    dataset = load_path(write_table("t.csv", "a,label\n" + "".join(f"1,{label}\n" for label in labels)))
    assert dataset.classes == tuple(map(str, sorted(labels)))
    assert [int(dataset.classes[label]) for label in dataset.train.labels] == labels


def test_labels_of_more_digits_than_python_converts_are_classes_in_order_of_their_texts(write_table, load_path):
    labels = ["9" * 5000, "1" + "0" * 5000, "3"]
    dataset = load_path(write_table("t.csv", "a,label\n" + "".join(f"1,{label}\n" for label in labels)))
    assert dataset.classes == tuple(sorted(labels))


@pytest.mark.parametrize(
    "labels",
    [
        ["1e300", "1e301", "1e302"],
        ["1e16", "1e17"],
        ["9007199254740993.0", "9007199254740992.0"],
        [f"{2**64 + 1}", "2.0"],
        ["1.00000000000000000001", "1.0", "2.0"],
        ["1e-999999999", "0.0", "1.0"],
        ["1e-99999999999999999999", "0.0", "1.0"],
        ["1e400", "2"],
        ["inf", "2"],
    ],
)
def test_labels_that_floats_do_not_hold_are_refused(write_table, load_path, labels):
    table = write_table("t.csv", "a,label\n" + "".join(f"1,{label}\n" for label in labels))
    with pytest.raises(InputError, match=r"^Labels .* column 'label' of t.csv contains .* at row \d") as caught:
        load_path(table)
    assert "\n" not in str(caught.value)


def test_whole_numbers_written_as_floats_are_still_classes(write_table, load_path):
    dataset = load_path(write_table("t.csv", "a,label\n1,2.0\n2, 10.0\n3,1e1\n4,2\n"))
    assert (dataset.classes, dataset.train.labels.tolist()) == (("2", "10"), [0, 1, 1, 0])


def test_one_long_label_does_not_make_all_of_them_long(write_table, load_path, peak_memory):
    rows = "".join(f"{number},{'xy'[number % 2]}\n" for number in range(20_000))
    table = write_table("t.csv", f"a,label\n{rows}1,{'p' * 50_000}\n2,{'q' * 50_000}\n")
    dataset, peak = peak_memory(lambda: load_path(table))
    assert [len(name) for name in dataset.classes] == [50_000, 50_000, 1, 1]
    assert peak < 50e6  # of fixed width they would take 4 GB


def test_a_long_label_is_shortened_in_a_message(write_table, load_path):
    with pytest.raises(InputError, match=r"contains only 'ppp.*\.\.\.[.]$") as caught:
        load_path(write_table("t.csv", f"a,label\n1,{'p' * 50_000}\n"))
    assert len(str(caught.value)) < 200


NUMBERS = [[0.5, 1.25], [2.75, -3.5], [1e-3, 4.0], [7.5, 2.5]] * 6


def _lines(separator: str = ",", decimal: str = ".", header: str = "a,b,label") -> str:
    rows = [
        f"{a}{separator}{b}".replace(".", decimal) + f"{separator}{'xy'[n % 2]}" for n, (a, b) in enumerate(NUMBERS)
    ]
    return "\n".join([*([header.replace(",", separator)] if header else []), *rows]) + "\n"


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("separator", ["\t", ";", "|"])
@pytest.mark.parametrize("header", ["a,b,label", ""])
def test_separator_decimal_mark_and_header_are_found_and_told(write_table, load_path, separator, decimal, header):
    dataset = load_path(write_table("t.csv", _lines(separator, decimal, header)), label="label" if header else "3")
    assert np.array_equal(dataset.train.inputs, np.array(NUMBERS, np.float32))
    said = " ".join(dataset.notes)
    assert f"separator {'a tab' if separator == chr(9) else repr(separator)}" in said
    assert ("decimal comma" in said) == (decimal == ",")
    assert ("no header, columns named 1 to 3" in said) == (not header)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (_lines(":"), {"separator": ":"}),
        (_lines(";", ","), {"separator": ";", "decimal": ","}),
        (_lines("\t"), {"separator": "\\t"}),
        (_lines("\t"), {"separator": "tab"}),
        (_lines(" "), {}),
        (_lines("   "), {"separator": "space"}),
        ("// of yesterday\n" + _lines(), {"comment": "//"}),
        ("# of yesterday\n" + _lines(), {}),
        ("# this, that, and more\n" + _lines(), {}),
        ("# a, b, and c\n#\n" + _lines() + "# the end\n", {}),
        ("#" + _lines(), {}),
        ("sep=;\n" + _lines(";"), {}),
        (_lines().replace("\n", "\r\n"), {}),
        (_lines().replace("\n", "\r"), {}),
        (_lines().replace("x\n", "x\r\n"), {}),
        ("# of yesterday\r" + _lines().replace("\n", "\r"), {}),
        ("\n\n" + _lines().replace("\n", "\n\n"), {}),
        (_lines().replace(",", " , "), {}),
        (_lines(header="").replace("\n", "\n", 1), {"header": False, "label": "3"}),
        ("1,2,3\n" + _lines(header=""), {"header": True, "label": "3"}),
    ],
)
def test_a_table_is_read_however_it_is_written(write_table, load_path, text, settings):
    dataset = load_path(write_table("t.csv", text), **settings)
    assert np.array_equal(dataset.train.inputs, np.array(NUMBERS, np.float32))
    assert dataset.classes == ("x", "y")


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", "encoding UTF-16"),
        ("utf-16-le", "encoding UTF-16"),
        ("utf-16-be", "encoding UTF-16"),
        ("latin-1", "encoding cp1252, as it is not UTF-8 (encoding, --encoding, names another one)"),
    ],
)
def test_the_encoding_is_found_and_told_where_it_is_not_the_usual_one(tmp_path, load_path, encoding, note):
    text = _lines(header="größe,b,label").replace("x\n", "ä\n")
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    dataset = load_path(tmp_path / "t.csv")
    assert (dataset.features, dataset.classes) == (("größe", "b"), ("y", "ä"))
    assert " ".join(dataset.notes) == (f"t.csv read with {note}." if note else "")


def test_values_that_begin_with_a_hash_are_no_comments(write_table, load_path):
    rows = "".join(f"#{n % 3:02x}ff00,{n % 5},{'xy'[n % 2]}\n" for n in range(20))
    dataset = load_path(write_table("t.csv", f"color,a,label\n{rows}"))
    assert len(dataset.train) == 20
    assert dataset.encoding.columns[0].values == ("#00ff00", "#01ff00", "#02ff00")
    rows = "".join(f"{'#x' if n == 3 else 'y'},{n % 5},{'xy'[n % 2]}\n" for n in range(20))
    assert len(load_path(write_table("u.csv", f"color,a,label\n{rows}")).train) == 20


def test_an_encoding_that_the_user_names_is_used_or_refused_with_the_flag(tmp_path, load_path):
    (tmp_path / "t.csv").write_bytes(_lines(header="größe,b,label").encode("cp437"))
    assert load_path(tmp_path / "t.csv", encoding="cp437").features == ("größe", "b")
    with pytest.raises(InputError, match=r"encoding \(--encoding\) must fit t.csv, which is not utf-8 throughout"):
        load_path(tmp_path / "t.csv", encoding="utf-8")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["a", "b"], ["1", "2"]], True),
        ([["a", "b"], ["x", "y"]], True),
        ([["1", "2"], ["3", "4"]], False),
        ([["1", "x"], ["3", "x"]], False),
        ([["x", "y"], ["y", "y"], ["x", "z"]], False),
        ([["0", "1", "label"], ["5", "6", "x"], ["7", "8", "x"]], True),
        ([["country", "2019", "2020"], ["a", "1", "2"], ["a", "3", "4"]], True),
        ([["?", "2"], ["1", "3"]], False),
        ([["", "a"], ["0", "x"]], True),
        ([["when", "a"], ["2024-01-01", "x"]], True),
        ([["2023-12-31", "x"], ["2024-01-01", "x"]], False),
        ([["a", "b"]], True),
    ],
)
def test_a_header_differs_in_kind_from_what_stands_below(rows, expected):
    assert has_header(rows) == expected


def test_cells_may_hold_separators_quotes_and_lines(write_table, load_path):
    cells = ["one, two", 'he said "no"', "two\nlines", "semi;colon"]
    rows = "".join('"{}",{}\n'.format(cells[row % 4].replace('"', '""'), "xy"[row % 2]) for row in range(24))
    dataset = load_path(write_table("t.csv", f'"a, of it",label\n{rows}'))
    assert dataset.encoding.columns[0].values == tuple(sorted(cells))
    assert dataset.features == ("a, of it",)


def test_a_first_column_without_a_name_is_an_index_and_others_are_numbered(write_table, load_path):
    dataset = load_path(
        write_table("t.csv", ",a,,label\n" + "".join(f"r{n},{n % 3},{n % 5},{'xy'[n % 2]}\n" for n in range(20)))
    )
    assert dataset.features == ("a", "3")
    assert dataset.notes == ("The first column of t.csv, which has no name, is taken for an index and left out.",)


def test_a_column_without_labels_is_named_by_position_in_the_message(write_table, load_path):
    with pytest.raises(InputError, match=r"must be named with --label, .* its columns are: 1, 2, 3\.$"):
        load_path(write_table("t.csv", _lines(header="")))


@pytest.mark.parametrize("content", ["\n\n", "# nothing\n# at all\n", "\ufeff"])
def test_a_file_of_nothing_is_empty(write_table, load_path, content):
    with pytest.raises(InputError, match=r"t.csv cannot be read as csv: empty csv file"):
        load_path(write_table("t.csv", content))


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs", "Cc")), max_size=8)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(CELLS, min_size=20, max_size=40, unique=False),
    numbers=st.lists(st.floats(-1e9, 1e9, width=32), min_size=40, max_size=40),
    separator=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_a_writer_of_csv_files_writes_comes_back(tmp_path, load_path, cells, numbers, separator, end, quoting):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=quoting)
    writer.writerow(["number", "cell", "label"])
    rows = [(number, cell, "xy"[row % 2]) for row, (number, cell) in enumerate(zip(numbers, cells, strict=False))]
    writer.writerows(rows)
    (tmp_path / "t.csv").write_bytes(file.getvalue().encode())
    dataset = load_path(tmp_path / "t.csv", features=("number", "cell"), separator=separator)
    assert len(dataset.train) == len(rows)
    assert np.array_equal(dataset.train.inputs[:, 0].astype(np.float32), np.array(numbers[: len(rows)], np.float32))
    assert dataset.train.labels.tolist() == [row % 2 for row in range(len(rows))]
    column = None if dataset.encoding is None else dataset.encoding.columns[1]
    for (_, cell, _), value in zip(rows, dataset.train.inputs[:, 1].tolist(), strict=True):
        if column is not None and column.kind == "category" and value == value:
            assert column.values[int(value)] == cell.strip()
