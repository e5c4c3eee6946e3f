import json

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
