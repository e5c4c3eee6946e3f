import numpy as np
import pyarrow as pa
import pytest

from warmstart.basics import InputError
from warmstart.data import ColumnKind

ROWS = range(40)


def _csv(**columns) -> str:
    """Return a table of these columns, each a function of the row, and labels."""
    lines = [",".join([*columns, "label"])]
    lines += [",".join([*(str(make(row)) for make in columns.values()), "xy"[row % 2]]) for row in ROWS]
    return "\n".join(lines) + "\n"


def test_numbers_without_gaps_are_as_they_always_were(write_table, load_path):
    numbers = np.random.default_rng(0).normal(size=(40, 2))
    dataset = load_path(write_table("t.csv", _csv(a=lambda row: numbers[row, 0], b=lambda row: numbers[row, 1])))
    assert dataset.encoding is None
    assert dataset.train.inputs.dtype == np.float32
    assert np.array_equal(dataset.train.inputs, numbers.astype(np.float32))
    assert (dataset.features, dataset.notes, dataset.scale) == (("a", "b"), (), True)


def test_one_note_names_all_columns_that_were_changed_each_with_a_cell_and_its_row(write_table, load_path):
    content = _csv(
        id=lambda row: row,
        color=lambda row: ["red", "green", "blue"][row % 3],
        size=lambda row: row % 7 / 4,
        member=lambda row: "Yes" if row % 5 else "no",
        joined=lambda row: f"2024-02-{row % 28 + 1:02d}",
        price=lambda row: f'"{row % 4 + 1},500"',
        gap=lambda row: "?" if row % 9 == 2 else row % 9,
        same=lambda row: "always",
        nothing=lambda row: "",
        name=lambda row: f"person {row}",
    )
    dataset = load_path(write_table("t.csv", content))
    assert dataset.features == ("color", "size", "member", "joined", "price", "gap")
    assert dataset.notes == (
        "Columns encoded: color (category of 3, such as 'red' in row 1), member (boolean, 'no' in row 1), "
        "joined (time, '2024-02-01' in row 1); read as numbers: price ('1,500' in row 1); "
        "filled: gap (5 missing, '?' in row 3); left out: id (row number, '0' in row 1), "
        "same (constant, 'always' in row 1), nothing (no values), "
        "name (text of 40 different values in 40 rows, such as 'person 0' in row 1); "
        "features (--features) forces a column in.",
    )
    assert dataset.description == "40 rows, 6 features (3 encoded, 1 filled), 2 classes: x 50 %, y 50 %"
    assert dataset.train.inputs[2].tolist() == pytest.approx([0, 0.5, 1, 19756, 3500, np.nan], nan_ok=True)


def test_the_encoding_turns_what_is_loaded_into_what_a_model_takes(write_table, load_path):
    content = _csv(color=lambda row: "br"[row % 2], gap=lambda row: "" if row == 3 else row % 5)
    dataset = load_path(write_table("t.csv", content))
    assert dataset.encoding is not None
    assert dataset.input_shape == (dataset.encoding.width,) == (5,)
    encoded = dataset.encoding.fitted(dataset.train.inputs).encode(dataset.train.inputs)
    assert encoded[3].tolist() == [0, 1, 0, 2, 1]
    assert np.isfinite(encoded).all()


@pytest.mark.parametrize(
    ("name", "make", "is_left_out"),
    [
        ("a", lambda row: row, True),
        ("a", lambda row: row + 1, True),
        ("a", lambda row: row + 17, True),
        ("a", lambda row: 40 - row, False),
        ("a", lambda row: 2 * row, False),
        ("a", lambda row: row + 0.5, False),
        ("a", lambda row: row if row != 7 else "", False),
        ("id", lambda row: (row * 7) % 101, True),
        ("customer_id", lambda row: (row * 7) % 101, True),
        ("customerID", lambda row: (row * 7) % 101, True),
        ("Index", lambda row: (row * 7) % 101, True),
        ("paid", lambda row: (row * 7) % 101, False),
        ("id", lambda row: row % 20, False),
        ("a", lambda row: 5, True),
        ("a", lambda row: f"t{row}", True),
        ("a", lambda row: f"t{row % 22}", True),
        ("a", lambda row: f"t{row % 20}", False),
        ("a", lambda row: "NA", True),
    ],
)
def test_row_numbers_constants_and_text_that_is_always_different_are_no_features(
    write_table, load_path, name, make, is_left_out
):
    path = write_table("t.csv", _csv(**{name: make, "other": lambda row: row % 3}))
    assert load_path(path).features == (("other",) if is_left_out else (name, "other"))
    assert load_path(path, features=(name,)).features == (name,)


def test_each_file_may_number_its_own_rows(tmp_path, load_path):
    for day in (1, 2):
        (tmp_path / f"{day}.csv").write_text("n,a,label\n" + "".join(f"{i},{i % 3},{i % 2}\n" for i in range(9)))
    assert load_path(tmp_path).features == ("a",)


def test_the_only_feature_is_kept_even_if_it_may_be_a_row_number(write_table, load_path):
    dataset = load_path(write_table("t.csv", _csv(a=lambda row: row)))
    assert (dataset.features, dataset.notes) == (("a",), ())


def test_a_table_of_nothing_but_names_is_refused_with_the_way_out(write_table, load_path):
    path = write_table("t.csv", _csv(name=lambda row: f"person {row}"))
    with pytest.raises(InputError, match=r"feature columns .* got none: name \(text of 40 .* features \(--features\)"):
        load_path(path)
    encoding = load_path(path, features=("name",)).encoding
    assert encoding is not None
    assert len(encoding.columns[0].values) == 40


def test_missing_cells_are_refused_on_request_all_columns_in_one_sentence(write_table, load_path):
    path = write_table("t.csv", _csv(a=lambda row: "" if row == 4 else row % 3, b=lambda row: "NA" if row > 5 else row))
    message = r"missing \(--missing\) must be fill for t.csv, .*: a \('' in row 5\), b \('NA' in row 7\)\.$"
    with pytest.raises(InputError, match=message):
        load_path(path, missing="refuse")
    assert load_path(write_table("u.csv", _csv(a=lambda row: row % 3)), missing="refuse").features == ("a",)


def test_all_columns_that_cannot_be_used_are_named_in_one_sentence(write_table, load_path):
    columns = {"a": [[1], [2]], "b": [1, 2], "c": [{"d": 1}, {"d": 2}], "label": ["x", "y"]}
    path = write_table("t.parquet", columns)
    with pytest.raises(InputError, match=r"other types: a \(list.*\), c \(struct.*\): .* drop \(--drop a,c\)\.$"):
        load_path(path)
    assert load_path(path, drop=("a", "c")).features == ("b",)


def test_whole_numbers_reach_a_model_unchanged_on_request(write_table, load_path):
    content = _csv(item=lambda row: 2**53 + row * row + 1, shop=lambda row: row % 5)
    dataset = load_path(write_table("t.csv", content), scale="none")
    assert (dataset.train.inputs.dtype, dataset.scale, dataset.encoding) == (np.int64, False, None)
    assert dataset.train.inputs.tolist() == [[2**53 + row * row + 1, row % 5] for row in ROWS]


@pytest.mark.parametrize(
    ("make", "kind"), [(lambda row: row % 5 + 0.5, np.float32), (lambda row: "" if row == 3 else row % 5, np.float64)]
)
def test_other_tables_reach_it_as_floats(write_table, load_path, make, kind):
    dataset = load_path(write_table("t.csv", _csv(item=lambda row: row % 7, other=make)), scale="none")
    assert (dataset.train.inputs.dtype, dataset.scale) == (kind, False)


def test_what_a_subset_holds_does_not_change_the_encoding(write_table, load_path):
    path = write_table("t.csv", _csv(a=lambda row: "" if row == 3 else row % 5, b=lambda row: "rst"[row % 3]))
    assert load_path(path, subset=4).encoding == load_path(path).encoding


def test_a_table_with_types_is_encoded_like_its_text(tmp_path, write_table, load_path):
    days = np.datetime64("2024-01-01") + np.arange(40)
    columns = {
        "day": pa.array(days),
        "color": pa.array(["rgb"[row % 3] for row in ROWS]).dictionary_encode(),
        "flag": [bool(row % 2) for row in ROWS],
        "gap": [None if row == 5 else row % 4 for row in ROWS],
        "label": ["xy"[row % 2] for row in ROWS],
    }
    typed = load_path(write_table("t.parquet", columns))
    text = load_path(
        write_table(
            "t.csv",
            _csv(
                day=lambda row: days[row],
                color=lambda row: "rgb"[row % 3],
                flag=lambda row: bool(row % 2),
                gap=lambda row: "" if row == 5 else row % 4,
            ),
        )
    )
    assert np.array_equal(typed.train.inputs, text.train.inputs, equal_nan=True)
    assert [column.kind for column in typed.encoding.columns] == list(
        map(ColumnKind, ("time", "category", "boolean", "number"))
    )


def test_truth_values_alone_need_no_encoding(write_table, load_path):
    dataset = load_path(write_table("t.csv", _csv(a=lambda row: row % 3 == 1, b=lambda row: row % 4)))
    assert dataset.encoding is None
    assert dataset.train.inputs[:3].tolist() == [[0, 0], [1, 1], [0, 2]]


def test_a_thousand_columns_are_read_and_all_named(write_table, load_path):
    columns = {f"c{number}": lambda row, number=number: "pq"[(row + number) % 2] for number in range(1000)}
    dataset = load_path(write_table("t.csv", _csv(**columns)))
    assert len(dataset.features) == 1000
    assert dataset.description.startswith("40 rows, 1,000 features (1,000 encoded)")
    assert "c99 (boolean" not in dataset.notes[0]
    assert dataset.notes[0].endswith(", c998, c999.")
