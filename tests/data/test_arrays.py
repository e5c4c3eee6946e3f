from dataclasses import replace

import numpy as np
import pytest

from warmstart.basics import InputError
from warmstart.data import Dataset, LabelledArrays

PIXELS = np.arange(4 * 3 * 2 * 2, dtype=np.uint8).reshape(4, 3, 2, 2)
LABELS = np.array([0, 1, 2, 1])
TABLE = np.arange(8, dtype=np.float32).reshape(4, 2)


def _dataset(train=None, test=None) -> Dataset:
    return Dataset("squares", train or LabelledArrays(PIXELS, LABELS), test, ("a", "b", "c"))


def test_taking_samples_keeps_inputs_and_labels_together():
    taken = LabelledArrays(PIXELS, LABELS).take(np.array([3, 0]))
    assert np.array_equal(taken.inputs, PIXELS[[3, 0]])
    assert taken.labels.tolist() == [1, 0]


def test_what_is_taken_is_a_copy():
    samples = LabelledArrays(PIXELS.copy(), LABELS)
    samples.take(np.array([0])).inputs[:] = 255
    assert np.array_equal(samples.inputs, PIXELS)


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (PIXELS.astype(np.float64), LABELS, r"inputs must be uint8 .* got float64 of shape \(4, 3, 2, 2\)"),
        (TABLE.astype(np.float16), LABELS, r"inputs must be .* got float16"),
        (TABLE[:, 0], LABELS, r"inputs must be .* got float32 of shape \(4,\)"),
        (PIXELS[:, 0], LABELS, r"inputs must be .* got uint8 of shape \(4, 2, 2\)"),
        (TABLE.tolist(), LABELS, "inputs must be .* got list"),
        (TABLE, LABELS.astype(np.int32), r"labels must be int64 of shape \(4,\), .* got int32"),
        (TABLE, LABELS[:3], r"labels must be int64 of shape \(4,\), .* got int64 of shape \(3,\)"),
        (TABLE, LABELS - 1, "labels must be at least 0, got -1"),
    ],
)
def test_what_does_not_fit_is_refused_and_described(inputs, labels, message):
    with pytest.raises(InputError, match=message):
        LabelledArrays(inputs, labels)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_table_with_a_value_that_is_not_finite_is_refused(value):
    table = TABLE.copy()
    table[2, 1] = value
    with pytest.raises(InputError, match=rf"finite numbers, got {value} at \[2, 1\]"):
        LabelledArrays(table, LABELS)


@pytest.mark.parametrize(("inputs", "is_image", "shape"), [(PIXELS, True, (3, 2, 2)), (TABLE, False, (2,))])
def test_a_data_set_knows_the_shape_of_a_sample(inputs, is_image, shape):
    dataset = _dataset(LabelledArrays(inputs, LABELS))
    assert (dataset.is_image, dataset.input_shape) == (is_image, shape)


def test_the_fingerprint_is_that_of_the_values_and_not_of_the_name():
    dataset = _dataset()
    assert replace(dataset, name="other").fingerprint == dataset.fingerprint
    assert len(dataset.fingerprint) == 64


@pytest.mark.parametrize(
    "change",
    [
        lambda: _dataset(LabelledArrays(PIXELS[::-1].copy(), LABELS)),
        lambda: _dataset(LabelledArrays(PIXELS, LABELS[::-1].copy())),
        lambda: _dataset(LabelledArrays(PIXELS.reshape(4, 3, 4, 1), LABELS)),
        lambda: _dataset(test=LabelledArrays(PIXELS, LABELS)),
    ],
    ids=["inputs", "labels", "shape", "test set"],
)
def test_the_fingerprint_changes_with(change):
    assert change().fingerprint != _dataset().fingerprint


def test_arrays_that_are_views_have_the_fingerprint_of_their_values():
    view = LabelledArrays(PIXELS.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2), LABELS)
    assert _dataset(view).fingerprint == _dataset().fingerprint


def test_labels_without_a_class_are_refused():
    with pytest.raises(InputError, match=r"train labels must lie in \[0, 1\], got 2"):
        Dataset("squares", LabelledArrays(PIXELS, LABELS), None, ("a", "b"))


def test_a_single_class_is_refused():
    with pytest.raises(InputError, match="classes must be at least two"):
        Dataset("squares", LabelledArrays(PIXELS, LABELS * 0), None, ("a",))


def test_a_test_set_of_another_shape_is_refused():
    with pytest.raises(InputError, match=r"like training samples, uint8 of shape \(3, 2, 2\), got float32"):
        _dataset(test=LabelledArrays(TABLE, LABELS))
