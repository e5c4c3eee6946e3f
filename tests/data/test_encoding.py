import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from warmstart.basics import InputError
from warmstart.data import ColumnEncoding, FittedEncoding, TableEncoding

COLUMNS = (
    ColumnEncoding("size", has_missing=True),
    ColumnEncoding("day", "time", form="day/month/year"),
    ColumnEncoding("flag", "boolean", ("no", "yes")),
    ColumnEncoding("color", "category", ("blue", "green", "red"), has_missing=True),
    ColumnEncoding("shop", "category", tuple(f"shop {number:02d}" for number in range(30))),
)
ENCODING = TableEncoding(COLUMNS)
FIRST = np.array([[1.0, 19000, 0, 0, 3], [3.0, 19002, 1, 2, 7], [np.nan, 19001, 1, np.nan, 3]])


def test_features_are_named_by_column_and_value():
    assert ENCODING.features == (
        *("size", "size is missing", "day", "flag"),
        *("color=blue", "color=green", "color=red", "color is new", "color is missing"),
        *("shop", "shop is new"),
    )
    assert ENCODING.width == 11


def test_what_is_filled_in_and_what_is_known_comes_from_the_first_arrival():
    fitted = ENCODING.fitted(FIRST)
    assert fitted.fills == (2, 19001, 1, 0, 0)
    assert fitted.known == ((), (), (), (0, 2), (3, 7))
    later = np.array([[np.nan, 19005.5, 0, 1, 7], [5, 19001, 1, 2, 9], [5, 19001, 1, np.nan, np.nan]])
    assert fitted.encode(later).tolist() == [
        [2, 1, 4.5, 0, 0, 0, 0, 1, 0, 1, 0],
        [5, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1],
        [5, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1],
    ]


def test_seconds_are_told_apart_in_32_bits():
    encoding = TableEncoding((ColumnEncoding("when", "time"),))
    times = 19_723 + np.arange(4)[:, None] / 86_400
    assert len(np.unique(encoding.fitted(times).encode(times))) == 4


@given(arrays.arrays(np.float64, (7, 5), elements=st.sampled_from([0.0, 1, 2, 3, np.nan])))
def test_whatever_is_missing_the_result_is_finite_and_comes_back_from_json(rows):
    fitted = ENCODING.fitted(rows)
    encoded = fitted.encode(rows)
    assert encoded.shape == (7, ENCODING.width)
    assert encoded.dtype == np.float32
    assert np.isfinite(encoded).all()
    again = FittedEncoding.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert again == fitted


def test_rows_of_another_width_are_refused():
    with pytest.raises(InputError, match=r"rows must have 5 columns, got the shape \(3, 2\)"):
        ENCODING.fitted(np.zeros((3, 2)))
    with pytest.raises(InputError, match="rows must have 5 columns"):
        ENCODING.fitted(FIRST).encode(np.zeros((3, 6)))


COLOR = ColumnEncoding("color", "category", ("blue", "red"))
ANSWER = ColumnEncoding("answer", "boolean", ("no", "yes"))


@pytest.mark.parametrize(
    ("own", "given", "values", "expected"),
    [
        (COLOR, replace(COLOR, values=("amber", "blue", "red")), [0, 1, 2, 3, np.nan], [2, 0, 1, 2, np.nan]),
        (COLOR, replace(COLOR, values=("red",)), [0, 1, np.nan], [1, 2, np.nan]),
        (ANSWER, replace(ANSWER, values=("yes", "no")), [0, 1, np.nan], [1, 0, np.nan]),
        (ANSWER, replace(ANSWER, kind="category", values=("maybe", "no", "yes")), [0, 1, 2, 3], [np.nan, 0, 1, np.nan]),
        (replace(ANSWER, kind="category"), ANSWER, [0, 1, np.nan], [0, 1, np.nan]),
        (
            ColumnEncoding("size"),
            ColumnEncoding("size", has_missing=True, form="relative"),
            [1.5, np.nan],
            [1.5, np.nan],
        ),
    ],
)
def test_values_of_another_encoding_are_matched_by_their_text(own, given, values, expected):
    rows = np.array([values], dtype=np.float64).T
    found = TableEncoding((own,)).recoded(rows, TableEncoding((given,)))
    assert np.array_equal(found[:, 0], np.array(expected, dtype=np.float64), equal_nan=True)


def test_columns_of_another_encoding_are_matched_by_name():
    own = TableEncoding((COLOR, ColumnEncoding("size")))
    given = TableEncoding((ColumnEncoding("age"), ColumnEncoding("size"), COLOR))
    assert own.recoded(np.array([[30.0, 1.5, 1.0]]), given).tolist() == [[1.0, 1.5]]
    rows = np.array([[1.0, 2.0]])
    assert own.recoded(rows, own) is rows


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (ColumnEncoding("hue"), "rows must have the column 'color', which the model was trained on"),
        (ColumnEncoding("color"), "The column 'color' must hold a category, as the model was trained on, got a number"),
    ],
)
def test_rows_without_a_column_cannot_be_recoded(given, reason):
    with pytest.raises(InputError, match=reason):
        TableEncoding((COLOR,)).recoded(np.zeros((2, 1)), TableEncoding((given,)))
