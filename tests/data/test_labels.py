from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warmstart.basics import InputError
from warmstart.data._labels import class_map, cleaned, joined


def _mapped(values, names=None) -> tuple[list[int], tuple[str, ...]]:
    labels = cleaned(np.asarray(values), "column 'y'", lambda row: f"row {row + 1}")
    classes = class_map(labels, names, "column 'y'")
    return classes.indices(labels, "column 'y'").tolist(), classes.names


@pytest.mark.parametrize(
    ("values", "indices", "names"),
    [
        ([7, 3, 7, 11], [1, 0, 1, 2], ("3", "7", "11")),
        ([-1, 1, 1], [0, 1, 1], ("-1", "1")),
        ([2.0, 10.0, 2.0], [0, 1, 0], ("2", "10")),
        ([True, False], [1, 0], ("False", "True")),
        (["dog", "cat", "dog"], [1, 0, 1], ("cat", "dog")),
        (["10", "9", "-2"], [2, 1, 0], ("-2", "9", "10")),
        (["10", "9", "x"], [0, 1, 2], ("10", "9", "x")),
        ([b"b", b"a"], [1, 0], ("a", "b")),
        (np.array(["x", "w"], dtype=object), [1, 0], ("w", "x")),
        (np.array([date(2025, 1, 2), date(2024, 5, 6)], "datetime64[D]"), [1, 0], ("2024-05-06", "2025-01-02")),
        (np.array([2**63 + 1, 2], np.uint64), [1, 0], ("2", "9223372036854775809")),
    ],
)
def test_labels_become_positions_in_sorted_order(values, indices, names):
    assert _mapped(values) == (indices, names)


@settings(deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=2).filter(lambda values: len(set(values)) > 1))
def test_classes_are_dense_and_lead_back_to_the_labels(values):
    indices, names = _mapped(values)
    assert set(indices) == set(range(len(names)))
    assert [int(names[index]) for index in indices] == values


def test_declared_names_keep_their_positions_though_some_do_not_occur():
    assert _mapped([2, 0, 2], ("ape", "bee", "cow", "dog")) == ([2, 0, 2], ("ape", "bee", "cow", "dog"))


@pytest.mark.parametrize("values", [[0, 5], [-2, 1], ["a", "b"]])
def test_declared_names_are_not_used_for_labels_that_are_no_positions_in_them(values):
    assert _mapped(values, ("ape", "bee"))[1] == tuple(map(str, values))


def test_minus_one_among_declared_names_means_not_labelled():
    with pytest.raises(InputError, match="contains -1, which means: not labelled"):
        _mapped([-1, 0, 1], ("ape", "bee"))


@pytest.mark.parametrize(
    "values",
    [
        [0.0, 1.0, np.nan],
        ["a", "b", ""],
        np.array(["a", "b", None], dtype=object),
        np.array([True, False, None], dtype=object),
        np.array(["2024-01-01", "2024-01-02", "NaT"], "datetime64[D]"),
    ],
)
def test_a_missing_label_is_named_with_its_row(values):
    with pytest.raises(InputError, match="Every sample must have a label, but column 'y' has none at row 3"):
        _mapped(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.0, 1.5], "this is classification, but column 'y' contains 1.5 at row 2"),
        ([0.0, np.inf], "this is classification, but column 'y' contains inf at row 2"),
        ([4, 4], "at least two classes, but column 'y' contains only 4"),
        (["a", "a"], "at least two classes, but column 'y' contains only 'a'"),
        ([], "There must be samples to load, but column 'y' contains none"),
        (np.array([np.zeros(2), [1, 2, 3]], dtype=object), "must be numbers or text, but column 'y' contains ndarray"),
    ],
)
def test_labels_that_are_no_classes_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        _mapped(values)


def test_a_label_that_training_does_not_know_is_refused():
    classes = class_map(np.array([1, 2]), None, "column 'y'")
    with pytest.raises(InputError, match=r"those of the training set, but column 'z' also contains 3"):
        classes.indices(np.array([1, 3]), "column 'z'")


@pytest.mark.parametrize(
    ("kind", "largest"), [(np.float64, 2**53 - 1), (np.float32, 2**24 - 1), (np.float16, 2**11 - 1)]
)
def test_floats_are_labels_as_long_as_they_distinguish_integers(kind, largest):
    assert _mapped(np.array([largest, largest - 1, -largest], kind))[1] == tuple(
        map(str, (-largest, largest - 1, largest))
    )
    for sign in (1, -1):
        with pytest.raises(InputError, match=r"below 2\*\*\d+, .* at row 2: store them as integers or text"):
            _mapped(np.array([0, sign * (largest + 1)], kind))


@pytest.mark.parametrize(
    "values",
    [
        [b"a", b""],
        np.array([b"a", b""], dtype="S5"),
        np.array([1, "NaT"], "timedelta64[s]"),
        np.array([1.5, np.nan, 2], dtype=object),
        np.array([1, -np.nan], np.float16),
    ],
)
def test_a_missing_label_of_any_kind_is_refused(values):
    with pytest.raises(InputError, match="Every sample must have a label, but column 'y' has none at row 2"):
        _mapped(values)


@pytest.mark.parametrize("values", [[b"\xe4", b"\xf6", b"a"], np.array([0x110000, 97], "u4").view("U1")])
def test_texts_that_are_not_unicode_are_refused(values):
    with pytest.raises(InputError, match=r"UTF-8 text, but column 'y' contains .* at row 1"):
        _mapped(values)


@pytest.mark.parametrize("values", [["a", "caf\udce9"], [0, 1]])
def test_names_of_classes_that_reports_cannot_show_are_refused(values):
    with pytest.raises(InputError, match=r"Class names must be UTF-8 text, but column 'y' contains 'caf\\udce9'"):
        _mapped(values, ("a", "caf\udce9"))


def test_complex_numbers_are_no_classes():
    with pytest.raises(InputError, match="numbers or text, but column 'y' contains complex128"):
        _mapped([1j, 2j])


def test_texts_are_held_once_whatever_the_longest(peak_memory):
    labels = np.array(["x", "y"] * 10_000 + ["z" * 100_000], dtype=object)
    (indices, names), peak = peak_memory(lambda: _mapped(labels))
    assert (len(indices), len(names)) == (20_001, 3)
    assert peak < 50e6


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([np.array([-1]), np.array([2**63, 2**63 + 1], np.uint64)], ["-1", str(2**63), str(2**63 + 1)]),
        ([np.array([-5]), np.array([7], np.uint64)], [-5, 7]),
        ([np.array([2**53 + 1], np.uint64), np.array([-1])], [2**53 + 1, -1]),
        ([np.array([1], np.int8), np.array([2**40])], [1, 2**40]),
        ([np.array(["a"], object), np.array([3])], ["a", "3"]),
        ([np.array(["2024-05-06"], "datetime64[D]"), np.array([3])], ["2024-05-06", "3"]),
    ],
)
def test_labels_of_several_files_stay_what_they_are(parts, expected):
    assert cleaned(joined(parts), "column 'y'", str).tolist() == expected
