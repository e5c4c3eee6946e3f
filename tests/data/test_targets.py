from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from warmstart.basics import InputError
from warmstart.data import Dataset, DataSource, LabelledArrays, Targets, load, training_samples
from warmstart.data._labels import target_values

TABLE = np.arange(8, dtype=np.float32).reshape(4, 2)
VALUES = np.array([0.5, -1, 2, 1e6], np.float32)
PIXELS = np.arange(4 * 3 * 2 * 2, dtype=np.uint8).reshape(4, 3, 2, 2)


@pytest.mark.parametrize("values", [VALUES, VALUES[:, None], np.stack([VALUES, -VALUES, VALUES], axis=1)])
@pytest.mark.parametrize("inputs", [TABLE, PIXELS])
def test_a_data_set_may_have_values_and_then_has_no_classes(inputs, values):
    dataset = Dataset("prices", LabelledArrays(inputs, values), LabelledArrays(inputs[:2], values[:2]), ())
    assert (dataset.targets, dataset.classes) == (Targets.VALUES, ())
    assert np.array_equal(dataset.train.take(np.array([3, 0])).labels, values[[3, 0]])


def test_labels_that_are_whole_numbers_are_classes():
    samples = LabelledArrays(TABLE, np.array([0, 1, 1, 0]))
    assert Dataset("two", samples, None, ("a", "b")).targets is Targets.CLASSES


def test_the_fingerprint_of_values_is_that_of_type_and_content():
    prints = {
        Dataset("prices", LabelledArrays(TABLE, values), None, ()).fingerprint
        for values in (VALUES, VALUES[::-1].copy(), VALUES[:, None])
    }
    assert len(prints) == 3


def test_fingerprints_of_classification_are_those_of_earlier_versions():
    whole, part = load(DataSource()), load(DataSource(subset=200))
    assert whole.fingerprint == "570e79d5eeb44a68a3ffe8a848e619ef0c3ccdbfc4aa015c082377083445109e"
    assert part.fingerprint == "dc60734c03aae9a4503db0a0c9120a6f4ff3daa603e21348241f01dad30d71c6"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (VALUES[:3], r"labels that are values must have the shape \(4,\) or \(4, k\), .* float32 of shape \(3,\)"),
        (np.zeros((4, 0), np.float32), r"must have the shape .* got float32 of shape \(4, 0\)"),
        (np.zeros((4, 2, 2), np.float32), r"must have the shape .* got float32 of shape \(4, 2, 2\)"),
        (np.array([0, np.nan, 1, 1], np.float32), r"labels must be finite numbers, got nan at \[1\]"),
        (np.array([[0, 1], [0, np.inf]] * 2, np.float32), r"labels must be finite numbers, got inf at \[1, 1\]"),
        (VALUES.astype(np.float64), "or float32 if they are values, got float64"),
    ],
)
def test_values_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(InputError, match=message):
        LabelledArrays(TABLE, labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ("a", "b")}, "classes must be empty where labels are values, got 2"),
        ({"test": LabelledArrays(TABLE, VALUES[:, None])}, r"Test labels must be like training labels, float32 of sh"),
        ({"test": LabelledArrays(TABLE, np.array([0, 1, 1, 0]))}, r"Test labels .* got int64 of shape \(\)"),
    ],
)
def test_parts_of_a_data_set_of_values_must_belong_together(change, message):
    dataset = Dataset("prices", LabelledArrays(TABLE, VALUES), None, ())
    with pytest.raises(InputError, match=message):
        replace(dataset, **change)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([3, 2**40]), [3, 2**40]),
        (np.array([True, False]), [1, 0]),
        (np.array([0.1, 2], np.float16), [np.float32(np.float16(0.1)), 2]),
        (np.array([Decimal("0.25"), 3, "-1e3"], object), [0.25, 3, -1000]),
        (np.array(["1.5", " 2 "]), [1.5, 2]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    ],
)
def test_numbers_of_every_kind_are_values(labels, expected):
    values = target_values(labels, "column 'y'", str)
    assert (values.dtype, values.tolist()) == (np.float32, expected)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([1, np.nan, 2]), "Every sample must have a target, but column 'y' has none at row 1"),
        (np.array([1, None, 2], object), "has none at row 1"),
        (np.array(["1", "", "2"]), "has none at row 1"),
        (np.array([1, 1e300]), "Targets must be finite 32-bit numbers, but column 'y' contains 1e[+]300 at row 1"),
        (np.array([1, -np.inf]), "contains -inf at row 1"),
        (np.array(["1", "two", "3"]), "contains 'two' at row 1"),
        (np.array(["1", "inf"]), "contains inf at row 1"),
        (np.array([1, b"2"], object), "contains b'2' at row 1"),
        (np.array([1, 10**400], object), "32-bit numbers, but column 'y' contains 1000.* at row 1"),
        (np.array([1, [2]], object), r"contains \[2\] at row 1"),
        (np.array([[1, 2], [3, np.inf]]), "contains inf at row 1"),
        (np.array([["1", "2"], ["x", "3"]]), "contains 'x' at row 1"),
        (np.array(["2020-01-01"], "M8[D]"), "Targets must be numbers, but column 'y' contains datetime64"),
        (np.array([1j]), "Targets must be numbers, but column 'y' contains complex128"),
        (np.array([]), "samples to load, but column 'y' contains none"),
    ],
)
def test_what_is_no_value_is_named_with_its_row(labels, message):
    with pytest.raises(InputError, match=message) as caught:
        target_values(labels, "column 'y'", lambda row: f"row {row}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["csv", "parquet", "npz"])
def test_values_are_read_from_every_kind_of_table(form, tmp_path, write_table):
    path = tmp_path / f"t.{form}"
    if form == "npz":
        np.savez(path, x=TABLE, y=VALUES)
    elif form == "csv":
        write_table("t.csv", "a,b,y\n" + "".join(f"{a},{b},{y}\n" for (a, b), y in zip(TABLE, VALUES, strict=True)))
    else:
        write_table("t.parquet", {"a": TABLE[:, 0], "b": TABLE[:, 1], "y": VALUES.astype(np.float64)})
    source = DataSource(str(path))
    dataset = load(source, targets="values")
    assert (dataset.targets, dataset.classes) == (Targets.VALUES, ())
    assert np.array_equal(dataset.train.inputs, TABLE)
    assert np.array_equal(dataset.train.labels, VALUES)
    assert training_samples(source, targets=Targets.VALUES) == 4
    assert len(load(replace(source, subset=1), targets="values").train) == 1


def test_integers_are_values_where_these_are_requested_and_classes_otherwise(write_table):
    source = DataSource(str(write_table("t.csv", "a,y\n" + "".join(f"{n},{n}\n" for n in range(50)))))
    assert load(source, targets=Targets.VALUES).train.labels.tolist() == list(range(50))
    assert len(load(replace(source, many_classes=True)).classes) == 50


def test_values_that_no_float_holds_exactly_are_rounded_though_such_classes_are_refused(write_table):
    source = DataSource(str(write_table("t.csv", "a,y\n1,1e300\n2,12345678901234567890.5\n")))
    with pytest.raises(InputError, match="cannot represent exactly"):
        load(source)
    source = DataSource(str(write_table("u.csv", "a,y\n1,0.5\n2,12345678901234567890.5\n")))
    assert load(source, targets="values").train.labels.tolist() == [0.5, np.float32(12345678901234567890.5)]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "Every sample must have a target, but column 'y' of t.csv has none at row 2: cells that are empty"),
        ("NaN", "Every sample must have a target, but column 'y' of t.csv has none at row 2"),
        ("many", "Targets must be finite 32-bit numbers, but column 'y' of t.csv contains 'many' at row 2"),
        ("inf", "column 'y' of t.csv contains inf at row 2"),
    ],
)
def test_a_cell_of_a_csv_that_is_no_value_is_named(write_table, cell, message):
    path = write_table("t.csv", f"a,y\n1,0.5\n2,{cell}\n3,2\n")
    with pytest.raises(InputError, match=message):
        load(DataSource(str(path), missing="refuse"), targets="values")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1, None, 2], "Every sample must have a target, but column 'y' of t.parquet has none at row 2[.]"),
        (["1", "x", "2"], "contains 'x' at row 2[.]"),
    ],
)
def test_a_cell_of_a_parquet_file_that_is_no_value_is_named(write_table, column, message):
    path = write_table("t.parquet", {"a": [1, 2, 3], "y": column})
    with pytest.raises(InputError, match=message):
        load(DataSource(str(path), missing="refuse"), targets="values")


def test_an_npz_may_have_several_values_per_sample_in_both_sets(tmp_path):
    values = np.stack([VALUES, VALUES + 1], axis=1)
    np.savez(tmp_path / "t.npz", x_train=TABLE, y_train=values, x_test=TABLE[:3], y_test=values[:3])
    dataset = load(DataSource(str(tmp_path / "t.npz"), subset=2), with_test=True, targets="values")
    assert (dataset.train.labels.shape, dataset.test.labels.tolist()) == ((2, 2), values[:3].tolist())


@pytest.mark.parametrize("values", [VALUES[:3], np.zeros((4, 0)), np.zeros((4, 2, 2)), np.float32(3)])
def test_values_of_another_shape_in_an_npz_are_refused(tmp_path, values):
    np.savez(tmp_path / "t.npz", x=TABLE, y=values)
    with pytest.raises(InputError, match=r"Targets must have the shape \(4,\) or \(4, k\), .* but y in t.npz is \("):
        load(DataSource(str(tmp_path / "t.npz")), targets="values")


def test_a_single_value_per_sample_may_be_a_column(tmp_path):
    np.savez(tmp_path / "t.npz", x=PIXELS, y=VALUES[:, None])
    dataset = load(DataSource(str(tmp_path / "t.npz")), targets="values")
    assert (dataset.is_image, dataset.train.labels.tolist()) == (True, VALUES.tolist())


def test_the_subset_of_values_is_that_of_classes(write_table):
    path = write_table("t.csv", "a,y\n" + "".join(f"{n},{n % 7}\n" for n in range(100)))
    classes, values = (load(DataSource(str(path), subset=20), targets=kind) for kind in Targets)
    assert np.array_equal(classes.train.inputs, values.train.inputs)
    assert np.array_equal(classes.train.labels, values.train.labels)


def test_values_may_all_be_the_same_though_classes_may_not(write_table):
    source = DataSource(str(write_table("t.csv", "a,y\n1,3\n2,3\n")))
    assert load(source, targets="values").train.labels.tolist() == [3, 3]
    with pytest.raises(InputError, match="at least two classes"):
        load(source)


def test_class_folders_known_images_and_named_classes_have_no_values(tmp_path, images, encoded, write_images):
    for name in ("0", "1"):
        (tmp_path / "folder" / name).mkdir(parents=True)
        (tmp_path / "folder" / name / "a.png").write_bytes(encoded(images[0].transpose(1, 2, 0)))
    named = write_images(tmp_path / "named.parquet", images, np.arange(12) % 2, metadata={"class_names": ["a", "b"]})
    for name in ("digits", "cifar10", str(tmp_path / "folder"), str(named)):
        with pytest.raises(InputError, match=r"targets must be classes for .*, which has no other labels, got values"):
            load(DataSource(name), targets="values")


def test_images_may_have_values(tmp_path, images, write_images):
    path = write_images(tmp_path / "ages.parquet", images, np.arange(12) / 4, columns=("image", "target"))
    dataset = load(DataSource(str(path)), targets="values")
    assert (dataset.is_image, dataset.train.labels.tolist()) == (True, (np.arange(12) / 4).tolist())


def test_targets_of_another_name_are_refused():
    with pytest.raises(InputError, match="Unknown targets 'value': did you mean 'values'"):
        load(DataSource(), targets="value")


@pytest.mark.parametrize("read_by_library", [False, True])
def test_diabetes_is_scikit_learns_as_measured(monkeypatch, read_by_library):
    if read_by_library:
        monkeypatch.setattr("warmstart.data._embedded._files_of_scikit_learn", lambda *_: None)
    dataset = load(DataSource("diabetes"), targets="values")
    inputs, progress = load_diabetes(return_X_y=True, scaled=False)
    assert np.array_equal(dataset.train.inputs, inputs.astype(np.float32))
    assert np.array_equal(dataset.train.labels, progress)
    assert (dataset.input_shape, dataset.targets, dataset.test) == ((10,), Targets.VALUES, None)
    assert training_samples(DataSource("diabetes"), targets="values") == 442


def test_diabetes_has_no_classes():
    with pytest.raises(InputError, match="targets must be values for diabetes, which has no classes, got classes"):
        load(DataSource("diabetes"))
