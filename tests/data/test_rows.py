from datetime import date, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from warmstart.basics import InputError
from warmstart.data import ArrayRows, ColumnEncoding, DataSource, TableRows, Targets, open_rows

SOURCE = DataSource("rows", label="y")
FRAME = pd.DataFrame(
    {"size": [1.0, 2.5, None], "color": ["red", None, " blue "], "ok": [True, False, True], "y": list("aba")}
)
COLUMNS = (
    ColumnEncoding("size"),
    ColumnEncoding("color", "category"),
    ColumnEncoding("ok", "boolean", ("false", "true")),
)


@pytest.mark.parametrize("ending", ["csv", "parquet", None])
def test_columns_have_the_types_of_the_first_arrival(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    if ending is not None:
        FRAME.to_csv(path, index=False) if ending == "csv" else FRAME.to_parquet(path)
    rows = open_rows(FRAME if ending is None else path, SOURCE)
    assert isinstance(rows, TableRows)
    found = rows.columns(COLUMNS)
    assert {name: str(column.type) for name, column in found.items()} == {
        "size": "double",
        "color": "string",
        "ok": "bool",
    }
    assert [column.to_pylist() for column in found.values()] == [
        [1, 2.5, None],
        ["red", None, "blue"],
        [True, False, True],
    ]
    assert rows.labels(SOURCE, Targets.CLASSES).values.tolist() == list("aba")
    assert rows.labels(SOURCE, Targets.CLASSES).classes == ("a", "b")


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ([ColumnEncoding("x")], {}, "lacks x"),
        ([ColumnEncoding("color")], {}, r"color \(number, not 'red' in row 1, row 3 \(2 rows\)\)"),
        ([ColumnEncoding("size")], {"fills": False}, r"size \(none may be missing, but is '' in row 3\)"),
        ([ColumnEncoding("size")], {"whole": True}, r"size \(whole numbers in every row\)"),
    ],
)
def test_cells_of_another_kind_are_refused_in_one_sentence(columns, options, message):
    with pytest.raises(InputError, match=message):
        open_rows(FRAME, SOURCE).columns(columns, **options)


def test_of_many_rows_the_first_ten_are_named():
    frame = pd.DataFrame({"size": ["x"] * 1500, "y": ["a", "b"] * 750})
    with pytest.raises(InputError, match=r"row 10 and 1,490 more, 1,500 rows\)"):
        open_rows(frame, SOURCE).columns([ColumnEncoding("size")])


def test_a_number_beyond_32_bits_is_refused():
    frame = FRAME.assign(size=[1.0, 1e300, 2.0])
    with pytest.raises(InputError, match="finite 32-bit number, not '1e\\+300' in row 2"):
        open_rows(frame, SOURCE).columns([ColumnEncoding("size")])


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([7, 8], ["7", "8"]),
        ([7.0, None], ["7", None]),
        ([7.5, 2.0], ["7.5", "2"]),
        (["7", "NA"], ["7", None]),
        ([date(2024, 3, 1), None], ["2024-03-01", None]),
        ([datetime(2024, 3, 1), datetime(2024, 3, 1, 6, 30, 0, 250_000)], ["2024-03-01", "2024-03-01 06:30:00.25"]),
        ([True, False], ["true", "false"]),
        ([2**62 + 1, 1], [str(2**62 + 1), "1"]),
    ],
)
def test_the_text_of_a_key_does_not_depend_on_the_kind_of_file(values, texts):
    rows = open_rows(pa.table({"id": values, "y": ["a", "b"]}), SOURCE)
    assert rows.texts("id").tolist() == texts


def test_missing_labels_stay_missing():
    labels = open_rows(FRAME.assign(y=["b", None, "a"]), SOURCE).labels(SOURCE, Targets.CLASSES)
    assert labels.values.tolist() == ["b", None, "a"]
    assert labels.are_missing.tolist() == [False, True, False]
    values = open_rows(FRAME.assign(y=[1, None, 3]), SOURCE).labels(SOURCE, Targets.VALUES)
    assert values.are_missing.tolist() == [False, True, False]


def test_arrays_are_no_table_unless_the_first_arrival_was():
    given = (np.eye(3), np.array([0, 1, 0]))
    rows = open_rows(given, DataSource("rows"))
    assert isinstance(rows, ArrayRows)
    assert rows.inputs.dtype == np.float32
    table = open_rows(given, DataSource("rows"), as_table=True)
    assert isinstance(table, TableRows)
    assert table.names == ("1", "2", "3")
    assert table.labels(DataSource("rows"), Targets.CLASSES, known=("0", "1")).values.tolist() == ["0", "1", "0"]


@pytest.mark.parametrize("name", ["digits", "module:x", "no.csv"])
def test_a_name_is_read_like_anywhere_else(name):
    if name == "digits":
        rows = open_rows(name, DataSource("rows"))
        assert rows.inputs.shape == (1797, 1, 8, 8)
        return
    with pytest.raises(InputError):
        open_rows(name, DataSource("rows"))


def test_features_are_those_that_a_study_finds_and_what_is_constant_so_far():
    frame = pd.DataFrame(
        {"size": np.arange(30) / 7, "one": 1, "text": [f"t{n}" for n in range(30)], "y": ["a", "b"] * 15}
    )
    found, notes = open_rows(frame, SOURCE).features(SOURCE, np.arange(30))
    assert found.names == ("size", "one")
    assert "left out: text (text of 30 different values" in notes[0]


def test_order_is_read_as_that_of_the_first_arrival():
    frame = FRAME.assign(day=["01.02.2024", "02.02.2024", "03.02.2024"])
    values, column = open_rows(frame, SOURCE).order("day")
    assert np.diff(values).tolist() == [1, 1]
    again, _ = open_rows(frame, SOURCE).order("day", column)
    assert again.tolist() == values.tolist()
    with pytest.raises(InputError, match="none may be missing"):
        open_rows(FRAME.assign(day=["01.02.2024", None, "03.02.2024"]), SOURCE).order("day", column)
    with pytest.raises(InputError, match="contains text"):
        open_rows(FRAME.assign(day=["a", "b", "c"]), SOURCE).order("day")
