import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from warmstart.basics import InputError


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_images_and_labels_come_back_as_they_were(tmp_path, write_images, load_path, images, labels, form):
    dataset = load_path(write_images(tmp_path / "a.parquet", images, labels, form=form))
    assert np.array_equal(dataset.train.inputs, images)
    assert np.array_equal(dataset.train.labels, labels)
    assert (dataset.name, dataset.classes, dataset.test) == ("a", ("0", "1", "2"), None)


@pytest.mark.parametrize("rows_per_group", [1, 5, 100])
@pytest.mark.parametrize("subset", [3, 7, 12])
def test_a_subset_is_the_same_rows_however_files_are_cut(
    tmp_path, write_images, load_path, images, labels, rows_per_group, subset
):
    whole = load_path(write_images(tmp_path / "whole.parquet", images, labels), subset=subset).train
    for part, rows in enumerate((slice(0, 4), slice(4, 12))):
        path = tmp_path / "cut" / f"train-0000{part}-of-00002.parquet"
        write_images(path, images[rows], labels[rows], rows_per_group=rows_per_group)
    cut = load_path(tmp_path / "cut", subset=subset).train
    assert np.array_equal(cut.inputs, whole.inputs)
    assert np.array_equal(cut.labels, whole.labels)


def test_only_the_images_of_a_subset_are_decoded(tmp_path, write_images, load_path, images, labels, monkeypatch):
    path = write_images(tmp_path / "a.parquet", images, labels)
    opened = []
    monkeypatch.setattr(Image, "open", lambda file, original=Image.open: opened.append(1) or original(file))
    load_path(path, subset=4)
    assert len(opened) == 4


def test_a_folder_has_training_and_test_files(tmp_path, write_images, load_path, images, labels):
    write_images(tmp_path / "train-00000-of-00001.parquet", images[:9], labels[:9])
    write_images(tmp_path / "test-00000-of-00001.parquet", images[9:], labels[9:])
    write_images(tmp_path / "validation-00000-of-00001.parquet", images[:1], labels[:1])
    dataset = load_path(tmp_path, with_test=True)
    assert np.array_equal(dataset.train.inputs, images[:9])
    assert dataset.test is not None
    assert np.array_equal(dataset.test.inputs, images[9:])


@pytest.mark.parametrize("layout", ["data/train-00000-of-00001.parquet", "train/0000.parquet", "part.parquet"])
def test_training_files_are_found_in(tmp_path, write_images, load_path, images, labels, layout):
    write_images(tmp_path / layout, images, labels)
    assert len(load_path(tmp_path).train) == 12


def test_a_missing_part_of_a_set_is_noticed(tmp_path, write_images, load_path, images, labels):
    write_images(tmp_path / "train-00000-of-00002.parquet", images, labels)
    with pytest.raises(InputError, match=r"must contain all 2 files train-\*-of-00002.parquet, got 1"):
        load_path(tmp_path)


def test_a_folder_with_nothing_but_a_test_set_is_refused(tmp_path, write_images, load_path, images, labels):
    write_images(tmp_path / "test.parquet", images, labels)
    with pytest.raises(InputError, match=r"must contain training files, got only a test set, such as test.parquet"):
        load_path(tmp_path)


@pytest.mark.parametrize(
    "metadata",
    [
        {"class_names": ["ant", "bee", "cow"]},
        {"huggingface": {"info": {"features": {"label": {"names": ["ant", "bee", "cow"], "_type": "ClassLabel"}}}}},
    ],
    ids=["class_names", "huggingface"],
)
def test_names_of_classes_come_from_the_schema(tmp_path, write_images, load_path, images, labels, metadata):
    dataset = load_path(write_images(tmp_path / "a.parquet", images, labels, metadata=metadata))
    assert dataset.classes == ("ant", "bee", "cow")
    assert np.array_equal(dataset.train.labels, labels)


@pytest.mark.parametrize(
    "metadata", [{"huggingface": {"info": {"features": {"label": {"dtype": "int64"}}}}}, {"class_names": 3}]
)
def test_other_metadata_are_no_names(tmp_path, write_images, load_path, images, labels, metadata):
    assert load_path(write_images(tmp_path / "a.parquet", images, labels, metadata=metadata)).classes == ("0", "1", "2")


def test_images_may_be_a_plain_column_of_bytes(tmp_path, load_path, encoded, images):
    cells = [encoded(image.transpose(1, 2, 0)) for image in images[:2]]
    pq.write_table(pa.table({"photo": cells, "id": [8, 9], "y": ["b", "a"]}), tmp_path / "a.parquet")
    dataset = load_path(tmp_path / "a.parquet")
    assert np.array_equal(dataset.train.inputs, images[:2])
    assert dataset.train.labels.tolist() == [1, 0]


def test_images_may_be_files_beside_the_parquet_file(tmp_path, load_path, encoded, images):
    (tmp_path / "one.png").write_bytes(encoded(images[0].transpose(1, 2, 0)))
    cells = [{"bytes": None, "path": "one.png"}, {"bytes": encoded(images[1].transpose(1, 2, 0)), "path": "two.png"}]
    pq.write_table(pa.table({"image": cells, "label": [0, 1]}), tmp_path / "a.parquet")
    assert np.array_equal(load_path(tmp_path / "a.parquet").train.inputs, images[:2])


@pytest.mark.parametrize("cell", [None, {"bytes": None, "path": None}])
def test_a_missing_image_is_named_with_its_row(tmp_path, load_path, encoded, images, cell):
    cells = [{"bytes": encoded(images[0].transpose(1, 2, 0)), "path": None}, cell]
    pq.write_table(pa.table({"image": cells, "label": [0, 1]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"must have an image, but there is none in row 2 of a.parquet"):
        load_path(tmp_path / "a.parquet")


def test_a_damaged_image_is_named_with_its_file_and_row(tmp_path, write_images, load_path, images, labels):
    write_images(tmp_path / "train-00000-of-00002.parquet", images[:7], labels[:7])
    cells = pa.array([{"bytes": b"no image", "path": None}] * 3)
    pq.write_table(pa.table({"image": cells, "label": [0, 1, 2]}), tmp_path / "train-00001-of-00002.parquet")
    with pytest.raises(
        InputError, match=r"image at row 1 of train-00001-of-00002.parquet cannot be read: unknown format"
    ):
        load_path(tmp_path)


def test_a_missing_label_is_named_with_its_file_and_row(tmp_path, write_images, load_path, images):
    write_images(tmp_path / "train-00000-of-00002.parquet", images[:3], [0, 1, 2])
    write_images(tmp_path / "train-00001-of-00002.parquet", images[:2], [0, None])
    with pytest.raises(InputError, match=f"'label' of {tmp_path} has none at row 2 of train-00001-of-00002.parquet"):
        load_path(tmp_path)


def test_a_label_column_of_categories_is_read_as_their_texts(write_table, load_path):
    column = pa.array(["b", "a", "b"]).dictionary_encode()
    dataset = load_path(write_table("t.parquet", {"x": [1.5, 2, 3], "kind": column}), label="kind")
    assert (dataset.classes, dataset.train.labels.tolist()) == (("a", "b"), [1, 0, 1])


def test_a_table_of_numbers_needs_no_image(write_table, load_path):
    columns = {"a": [1, 2], "b": [True, False], "c": pa.array([0.5, 1.5], pa.float16()), "target": [5, 9]}
    dataset = load_path(write_table("t.parquet", columns))
    assert dataset.train.inputs.tolist() == [[1, 1, 0.5], [2, 0, 1.5]]
    assert dataset.classes == ("5", "9")


def test_features_of_the_test_set_come_in_the_order_of_the_training_set(tmp_path, write_table, load_path):
    write_table("train.parquet", {"a": [1, 2], "b": [3, 4], "label": [0, 1]})
    write_table("test.parquet", {"label": [1], "b": [30], "a": [10]})
    test = load_path(tmp_path, with_test=True).test
    assert test is not None
    assert test.inputs.tolist() == [[10, 30]]


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (
            {"a": [1, 2], "label": [0, 1]},
            {"b": [1], "label": [0]},
            "test.parquet must have the columns of the training samples, but lacks: a",
        ),
        ({"a": [1, 2], "label": [0, 1]}, {"a": [1], "label": [7]}, "those of the training set, but .* also contains 7"),
    ],
)
def test_a_test_set_that_does_not_fit_is_refused(tmp_path, write_table, load_path, train, test, message):
    write_table("train.parquet", train)
    write_table("test.parquet", test)
    with pytest.raises(InputError, match=message):
        load_path(tmp_path, with_test=True)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1.0, float("inf")], "label": [0, 1]}, r"t.parquet has columns that contain others: a \(inf in row 2\)"),
        ({"a": [[1], [2]], "b": [1, 2], "label": [0, 1]}, r"other types: a \(list<.*>\): .* with drop \(--drop a\)"),
        ({"a": [1, 2], "label": [[0], [1]]}, "numbers or text, but column 'label' of t.parquet contains ndarray"),
        ({"a": [1, 2], "b": [0, 1]}, "named with --label, .* columns are: a, b"),
        ({"label": [0, 1]}, "t.parquet must have feature columns beside the label column"),
        ({"a": pa.array([], pa.int64()), "label": pa.array([], pa.int64())}, "samples to load, .* contains none"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_in_one_sentence(write_table, load_path, columns, message):
    with pytest.raises(InputError, match=message):
        load_path(write_table("t.parquet", columns))


@pytest.mark.parametrize("content", [b"", b"PAR1 but nothing else", b"hello" * 100])
def test_a_file_that_is_no_parquet_is_refused_in_one_sentence(tmp_path, load_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"a.parquet cannot be read as parquet: ") as caught:
        load_path(tmp_path / "a.parquet")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a{b}.parquet", "{}.parquet", "{0.parquet"])
def test_a_file_name_with_braces_is_shown_as_it_is(write_table, load_path, name):
    with pytest.raises(InputError, match=rf"{re.escape(name)} has columns that contain others: a \(inf in row 2\)"):
        load_path(write_table(name, {"a": [1.0, float("inf")], "label": [0, 1]}))


@pytest.mark.parametrize(
    ("metadata", "classes"),
    [
        ({"class_names": ["cat", "dog"]}, ("cat", "dog")),
        ({"class_names": "cat"}, ("0", "1")),
        ({"class_names": ["cat", "dog"], "huggingface": {"info": {"features": {}}}}, ("cat", "dog")),
        (
            {"class_names": ["cat", "dog"], "huggingface": {"info": {"features": {"label": {"names": None}}}}},
            ("0", "1"),
        ),
        (
            {"class_names": ["cat", "dog"], "huggingface": {"info": {"features": {"label": {"names": [1, 2]}}}}},
            ("1", "2"),
        ),
        ({"huggingface": []}, ("0", "1")),
    ],
)
def test_the_hubs_class_names_come_before_others(tmp_path, write_images, load_path, images, metadata, classes):
    write_images(tmp_path / "a.parquet", images[:2], [0, 1], metadata=metadata)
    assert load_path(tmp_path / "a.parquet").classes == classes


def test_metadata_that_are_no_json_are_ignored(tmp_path, load_path):
    table = pa.table({"a": [1, 2], "label": [0, 1]}).replace_schema_metadata(
        {"class_names": "[", "huggingface": "\xff"}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert load_path(tmp_path / "a.parquet").classes == ("0", "1")
