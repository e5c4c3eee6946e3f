import numpy as np
import pytest

from warmstart.data import ColumnEncoding, Dataset, LabelledArrays, TableEncoding


def _dataset(labels, inputs=None, **parts) -> Dataset:
    labels = np.asarray(labels)
    labels = labels.astype(np.int64 if labels.dtype.kind == "i" else np.float32)
    inputs = np.zeros((len(labels), 3), np.float32) if inputs is None else inputs
    classes = () if labels.dtype.kind == "f" else parts.pop("classes", tuple("abcdefghijkl"[: labels.max() + 1]))
    return Dataset("t", LabelledArrays(inputs, labels), parts.pop("test", None), classes, **parts)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0] * 73 + [1] * 27, "2 classes: a 73 %, b 27 %"),
        ([1] * 73 + [0] * 27, "2 classes: b 73 %, a 27 %"),
        ([0, 1] * 10, "2 classes: a 50 %, b 50 %"),
        ([0] * 2980 + [1] * 20, "2 classes: a 99.3 %, b 0.7 %"),
        ([0, 1, 2] * 10, "3 classes: 33 % each"),
        (list(range(10)) * 3, "10 classes: 10 % each"),
        ([*range(8), *[7] * 12, *[2] * 5], "8 classes, largest: h 52 %, smallest: g 4 %"),
    ],
)
def test_shares_of_classes_are_told_from_the_largest(labels, said):
    assert _dataset(labels).description == f"{len(labels):,} rows, 3 features, {said}"


def test_a_class_without_samples_has_no_share():
    assert _dataset([0, 0, 1], classes=("a", "b", "c")).description.endswith("3 classes: a 67 %, b 33 %, c 0 %")


def test_values_are_told_by_their_range():
    assert _dataset([25.0, 346, 85]).description == "3 rows, 3 features, values from 25 to 346, mean 152"
    several = _dataset(np.array([[1.0, 2], [3, 4]]))
    assert several.description == "2 rows, 3 features, 2 values per sample from 1 to 4, mean 2.5"


def test_columns_that_are_encoded_and_filled_are_counted():
    columns = (
        ColumnEncoding("a"),
        ColumnEncoding("b", "category", ("x", "y"), has_missing=True),
        ColumnEncoding("c", "time"),
        ColumnEncoding("d", has_missing=True),
    )
    inputs = np.zeros((2, 4))
    said = _dataset([0, 1], inputs, encoding=TableEncoding(columns)).description
    assert said == "2 rows, 4 features (2 encoded, 2 filled), 2 classes: a 50 %, b 50 %"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (np.zeros((2, 3, 32, 32), np.uint8), "2 images of 3x32x32"),
        (np.zeros((2, 24, 3), np.float32), "2 samples of 24x3"),
        (np.zeros((2, 7), np.int64), "2 rows, 7 features"),
        (np.zeros((2, 1), np.float32), "2 rows, 1 feature"),
    ],
)
def test_samples_are_told_by_what_they_are(inputs, said):
    assert _dataset([0, 1], inputs).description == f"{said}, 2 classes: a 50 %, b 50 %"


def test_test_samples_are_counted_where_they_are_loaded():
    test = LabelledArrays(np.zeros((5, 3), np.float32), np.zeros(5, np.int64))
    assert ", 5 test samples, " in _dataset([0, 1], test=test).description


def test_a_long_name_of_a_class_is_shortened():
    said = _dataset([0, 1], classes=("a" * 100, "b\nc")).description
    assert said.endswith(f"{'a' * 30}... 50 %, b\\nc 50 %")
