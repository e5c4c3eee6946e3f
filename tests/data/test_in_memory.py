import sys

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import sparse
from sklearn.datasets import load_iris, load_wine
from torch.utils.data import DataLoader, IterableDataset, StackDataset, Subset, TensorDataset

from warmstart.basics import InputError
from warmstart.data import Dataset, DataSource, OwnDataset, Targets, as_dataset

COUNT = 24
NUMBERS = np.random.default_rng(0).integers(0, 100, (COUNT, 4))
LABELS = np.arange(COUNT) % 3
PIXELS = np.random.default_rng(1).integers(0, 256, (COUNT, 3, 6, 5)).astype(np.uint8)
WINDOWS = np.random.default_rng(2).normal(size=(COUNT, 7, 2))


class Items:
    """A map-style data set."""

    def __init__(self, items, **attributes):
        self.items = list(items)
        vars(self).update(attributes)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


TABLES = {
    **{str(np.dtype(kind)): NUMBERS.astype(kind) for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")},
    **{str(np.dtype(kind)): NUMBERS.astype(kind) for kind in ("f2", "f4", "f8", ">f4", ">i8", "longdouble")},
    "non-contiguous": np.repeat(NUMBERS, 2, axis=1)[:, ::2],
    "fortran": np.asfortranarray(NUMBERS),
    "read-only": np.frombuffer(NUMBERS.astype(np.float32).tobytes(), np.float32).reshape(COUNT, 4),
    "matrix": np.asmatrix(NUMBERS),
    "masked": np.ma.masked_array(NUMBERS, np.zeros_like(NUMBERS, bool)),
    "objects": NUMBERS.astype(object),
    "text": NUMBERS.astype(str),
    "bytes as text": NUMBERS.astype("S"),
    "lists": NUMBERS.tolist(),
    "lists of floats": NUMBERS.astype(float).tolist(),
    "list of arrays": list(NUMBERS),
    "list of tensors": list(torch.tensor(NUMBERS)),
    "tuples": [tuple(row) for row in NUMBERS.tolist()],
    **{str(kind): torch.tensor(NUMBERS).to(kind) for kind in (torch.float32, torch.float64, torch.float16)},
    **{str(kind): torch.tensor(NUMBERS).to(kind) for kind in (torch.bfloat16, torch.int32, torch.uint8, torch.int64)},
    "requires_grad": torch.tensor(NUMBERS, dtype=torch.float32, requires_grad=True),
    "parameter": torch.nn.Parameter(torch.tensor(NUMBERS, dtype=torch.float32)),
    "tensor view": torch.tensor(NUMBERS.T.copy()).T,
    "sparse tensor": torch.tensor(NUMBERS).to_sparse(),
    **{form: getattr(sparse, f"{form}_matrix")(NUMBERS) for form in ("csr", "csc", "coo")},
    "csr_array": sparse.csr_array(NUMBERS.astype(np.float32)),
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_any_type_are_numbers(kind):
    dataset = as_dataset((TABLES[kind], LABELS))
    assert isinstance(dataset, Dataset)
    assert (dataset.train.inputs.dtype, dataset.encoding, dataset.is_image) == (np.float32, None, False)
    assert np.array_equal(dataset.train.inputs, NUMBERS.astype(np.float32))
    assert dataset.fingerprint == as_dataset((NUMBERS, LABELS)).fingerprint


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "tensor", "lists"])
def test_whole_numbers_reach_a_model_unchanged_where_nothing_is_scaled(kind):
    tokens = {"tensor": torch.tensor(NUMBERS), "lists": NUMBERS.tolist()}.get(kind)
    tokens = NUMBERS.astype(kind) if tokens is None else tokens
    dataset = as_dataset((tokens, LABELS), source=DataSource("tokens", scale="none"))
    assert (dataset.name, dataset.train.inputs.dtype, dataset.scale) == ("tokens", np.int64, False)
    assert np.array_equal(dataset.train.inputs, NUMBERS)


@pytest.mark.parametrize("shape", [(COUNT, 8), (COUNT, 4, 2), (COUNT, 1, 4, 2)])
def test_whole_numbers_of_any_shape_stay_as_they_are(shape):
    values = np.random.default_rng(0).integers(0, 50_000, shape)
    dataset = as_dataset((values, LABELS), source=DataSource("tokens", scale="none"))
    assert (dataset.train.inputs.dtype, dataset.input_shape) == (np.int64, shape[1:])
    assert np.array_equal(dataset.train.inputs, values)


def test_floats_and_truth_values_that_are_not_scaled_stay_floats():
    source = DataSource("raw", scale="none")
    for values in (NUMBERS / 7, NUMBERS > 50, WINDOWS):
        dataset = as_dataset((values, LABELS), source=source)
        assert (dataset.train.inputs.dtype, dataset.scale) == (np.float32, False)
        assert np.array_equal(dataset.train.inputs, values.astype(np.float32))


def test_truth_values_are_zeros_and_ones():
    assert np.array_equal(as_dataset((NUMBERS > 50, LABELS)).train.inputs, (NUMBERS > 50).astype(np.float32))


IMAGES = {
    "uint8": PIXELS,
    "channels last": PIXELS.transpose(0, 2, 3, 1),
    "grey": PIXELS[:, 0],
    "int64": PIXELS.astype(np.int64),
    "float32 in [0, 1]": PIXELS.astype(np.float32) / 255,
    "float64 in [0, 1]": PIXELS / 255,
    "float16 in [0, 1]": (PIXELS / 255).astype(np.float16),
    "tensor as ToTensor makes it": torch.tensor(PIXELS).float().div(255),
    "tensor": torch.tensor(PIXELS),
    "five channels": np.concatenate([PIXELS, PIXELS], axis=1)[:, :5],
}


@pytest.mark.parametrize("kind", IMAGES)
def test_images_of_any_type_are_bytes(kind):
    dataset = as_dataset((IMAGES[kind], LABELS))
    expected = {"grey": PIXELS[:, :1], "five channels": IMAGES["five channels"]}.get(kind, PIXELS)
    assert (dataset.is_image, dataset.train.inputs.dtype) == (True, np.uint8)
    assert np.array_equal(dataset.train.inputs, expected)


@pytest.mark.parametrize(
    "values",
    [
        WINDOWS,
        np.abs(WINDOWS) / 5,
        WINDOWS.astype(np.float16),
        torch.tensor(WINDOWS),
        PIXELS / 127.5 - 1,
        PIXELS.astype(int) * 100,
        torch.randn(COUNT, 3, 6, 5, generator=torch.Generator().manual_seed(0)),
        np.random.default_rng(0).normal(size=(COUNT, 2, 3, 4, 5)),
    ],
    ids=lambda values: f"{values.dtype} {tuple(values.shape)}",
)
def test_windows_and_values_outside_of_bytes_are_data(values):
    dataset = as_dataset((values, LABELS))
    assert (dataset.train.inputs.dtype, dataset.is_image, dataset.input_shape) == (
        np.float32,
        False,
        tuple(values.shape[1:]),
    )
    assert np.array_equal(dataset.train.inputs, np.asarray(values).astype(np.float32))


def test_masked_numbers_are_missing():
    masked = np.ma.masked_array(NUMBERS, NUMBERS > 90)
    dataset = as_dataset((masked, LABELS))
    assert np.array_equal(np.isnan(dataset.train.inputs), NUMBERS > 90)


def test_whole_numbers_of_many_values_may_be_values_to_predict():
    many = np.arange(200)
    with pytest.raises(InputError, match=r"classes or values\? Targets of prices contains 200 different whole numbers"):
        as_dataset((np.arange(400.0).reshape(200, 2), many), name="prices", targets="classes")
    source = DataSource("prices", many_classes=True)
    assert len(as_dataset((np.arange(400.0).reshape(200, 2), many), source=source).classes) == 200


def test_one_dimension_is_one_feature():
    assert as_dataset((NUMBERS[:, 0], LABELS)).train.inputs.tolist() == NUMBERS[:, :1].tolist()


NAMES = np.array(["ape", "bee", "cat"])
TARGETS = {
    "integers": LABELS,
    "negative": LABELS - 1,
    "text": NAMES[LABELS],
    "objects": NAMES[LABELS].astype(object),
    "bytes": NAMES[LABELS].astype("S"),
    "list": LABELS.tolist(),
    "list of text": NAMES[LABELS].tolist(),
    "tensor": torch.tensor(LABELS),
    "tensor column": torch.tensor(LABELS)[:, None],
    "whole floats": LABELS.astype(float),
    "one-hot": np.eye(3)[LABELS],
    "one-hot integers": np.eye(3, dtype=int)[LABELS],
    "one-hot truth values": np.eye(3, dtype=bool)[LABELS],
    "one-hot tensor": torch.nn.functional.one_hot(torch.tensor(LABELS)),
    "one-hot lists": np.eye(3, dtype=int)[LABELS].tolist(),
    "sparse one-hot": sparse.csr_matrix(np.eye(3)[LABELS]),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_classes_may_be_anything_that_tells_them_apart(kind):
    dataset = as_dataset((NUMBERS, TARGETS[kind]), targets="classes")
    assert dataset.train.labels.tolist() == LABELS.tolist()
    assert dataset.notes == (
        ("Each row of targets has a single 1: the class is its column, from 0.",) if "one-hot" in kind else ()
    )


def test_truth_values_are_two_classes():
    assert as_dataset((NUMBERS, LABELS == 1)).classes == ("False", "True")


@pytest.mark.parametrize(
    ("labels", "shape"),
    [(LABELS / 2, ()), (NUMBERS / 3, (4,)), ((LABELS / 2).tolist(), ()), (torch.tensor(NUMBERS / 3).tolist(), (4,))],
)
def test_values_may_be_one_or_several(labels, shape):
    dataset = as_dataset((NUMBERS, labels))
    assert (dataset.targets, dataset.train.labels.shape) == (Targets.VALUES, (COUNT, *shape))


def test_test_samples_have_the_classes_of_the_training_samples():
    train, test = (NUMBERS, NAMES[LABELS]), (NUMBERS[:5].tolist(), NAMES[LABELS[:5]].tolist())
    dataset = as_dataset((train, test))
    assert (dataset.test.labels.tolist(), dataset.test.inputs.shape) == (LABELS[:5].tolist(), (5, 4))
    assert as_dataset((train, test), with_test=False).test is None


def test_training_and_test_samples_have_one_form():
    exact, other = PIXELS / 255, np.clip(PIXELS / 255 + 0.001, 0, 1)
    dataset = as_dataset(((exact, LABELS), (other, LABELS)))
    assert {part.inputs.dtype for part in (dataset.train, dataset.test)} == {np.dtype(np.float32)}


MAPS = {
    "tensors": Items(zip(torch.tensor(NUMBERS), LABELS.tolist(), strict=True)),
    "arrays": Items(zip(NUMBERS, LABELS, strict=True)),
    "lists": Items(zip(NUMBERS.tolist(), LABELS.tolist(), strict=True)),
    "list of items": list(zip(NUMBERS, LABELS.tolist(), strict=True)),
    "label tensors": Items(zip(torch.tensor(NUMBERS), torch.tensor(LABELS), strict=True)),
    "items as lists": Items([list(pair) for pair in zip(torch.tensor(NUMBERS), LABELS.tolist(), strict=True)]),
    "TensorDataset": TensorDataset(torch.tensor(NUMBERS), torch.tensor(LABELS)),
    "Subset": Subset(TensorDataset(torch.tensor(NUMBERS), torch.tensor(LABELS)), range(COUNT)),
    "StackDataset": StackDataset(torch.tensor(NUMBERS), torch.tensor(LABELS)),
    "one-hot items": Items(zip(torch.tensor(NUMBERS), torch.eye(3)[LABELS].bool(), strict=True)),
}


@pytest.mark.parametrize("kind", MAPS)
def test_items_of_input_and_target_are_arrays(kind):
    dataset = as_dataset(MAPS[kind])
    assert isinstance(dataset, Dataset)
    assert np.array_equal(dataset.train.inputs, NUMBERS.astype(np.float32))
    assert dataset.train.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize("kind", ["PIL", "ToTensor", "uint8"])
def test_items_of_images_are_images(kind):
    images = {
        "PIL": [Image.fromarray(one.transpose(1, 2, 0)) for one in PIXELS],
        "ToTensor": list(torch.tensor(PIXELS).float().div(255)),
        "uint8": list(torch.tensor(PIXELS)),
    }[kind]
    dataset = as_dataset(Items(zip(images, LABELS.tolist(), strict=True), classes=["a", "b", "c", "d"]))
    assert np.array_equal(dataset.train.inputs, PIXELS)
    assert dataset.classes == ("a", "b", "c", "d")


def test_grey_and_colour_items_become_colour_and_sizes_one():
    images = [Image.new("RGB", (4, 3), (1, 2, 3)), Image.new("L", (4, 3), 9), Image.new("RGBA", (4, 3), (4, 5, 6, 7))]
    dataset = as_dataset(Items(zip(images, [0, 1, 1], strict=True)))
    assert dataset.train.inputs[:, :, 0, 0].tolist() == [[1, 2, 3], [9, 9, 9], [4, 5, 6]]
    images[1] = images[1].resize((8, 8))
    with pytest.raises(InputError, match=r"item 1 of mine has \(1, 8, 8\), item 0 \(3, 3, 4\); image_size"):
        as_dataset(Items(zip(images, [0, 1, 1], strict=True)), name="mine")
    source = DataSource("mine", image_size="2x5")
    assert as_dataset(Items(zip(images, [0, 1, 1], strict=True)), source=source).input_shape == (3, 2, 5)


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_a_bunch_of_scikit_learn_has_data_and_target(load):
    bunch = load()
    dataset = as_dataset(bunch)
    assert np.array_equal(dataset.train.inputs, bunch.data.astype(np.float32))
    assert (dataset.train.labels.tolist(), dataset.classes) == (bunch.target.tolist(), tuple(bunch.target_names))


@pytest.mark.parametrize("names", [("X", "y"), ("x_train", "y_train"), ("images", "labels"), ("inputs", "targets")])
def test_a_mapping_of_arrays_has_the_names_of_an_npz(names):
    dataset = as_dataset({**dict(zip(names, (NUMBERS, LABELS), strict=True)), "X_test": NUMBERS, "y_test": LABELS})
    assert np.array_equal(dataset.train.inputs, NUMBERS.astype(np.float32))
    assert len(dataset.test) == COUNT


@pytest.mark.parametrize("test", ["test", "Test", "validation", "dev"])
def test_a_mapping_of_parts_has_the_usual_names(test):
    pair = (NUMBERS, LABELS)
    dataset = as_dataset({"train": pair, test: pair, "unlabelled": None}, name="mine")
    assert len(dataset.test) == COUNT
    said = () if test == "test" else (f"{test} is the test set.",)
    assert dataset.notes == (*said, "unlabelled of mine left out.")


def test_arrays_in_the_order_of_time():
    dataset = as_dataset((NUMBERS, LABELS), source=DataSource("days", order="file", subset=6))
    assert (dataset.order.in_time, len(dataset.train)) == (True, 6)


def test_images_in_memory_are_resized():
    assert as_dataset((PIXELS, LABELS), source=DataSource("small", image_size="3x2")).input_shape == (3, 3, 2)


@pytest.mark.parametrize("value", [["one text", "another"], ["a", "b", "c"], (["a", "b"], [0, 1]), [1, 2]])
def test_what_no_array_can_be_made_of_stays_as_it_is(value):
    assert isinstance(as_dataset(value), OwnDataset)


class Stream(IterableDataset):
    def __iter__(self):
        return iter([1])


class Random(Items):
    def __getitem__(self, index):
        return torch.rand(3), 0


LOADER = DataLoader(MAPS["TensorDataset"])
PAIRS = list(zip(NUMBERS, LABELS.tolist(), strict=True))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (LOADER, r"got DataLoader; give the data set that it loads \(loader.dataset\)"),
        (Stream(), "got Stream; read it into a list first"),
        ((one for one in PAIRS), "got generator; read it into a list first"),
        (iter(PAIRS), "got list_iterator; read it into a list first"),
        (
            (NUMBERS, NUMBERS, LABELS, LABELS),
            r"got \(ndarray, .*; give four arrays as \(\(X, y\), \(X_test, y_test\)\)",
        ),
        (None, "got NoneType"),
        (3, "got int"),
        ({"a": 1}, "got dict"),
        ({}, "got dict"),
        ((NUMBERS, None), r"got \(ndarray, NoneType\)"),
        ((NUMBERS, LABELS[:3]), "must have the same length, but those of mine have 24 and 3"),
        ((NUMBERS.tolist(), LABELS[:3].tolist()), "must have the same length, but those of mine have 24 and 3"),
        (([[1, 2], [3]], [0, 1]), "Rows must all have the same length, but row 2 of mine has 1, row 1 has 2"),
        (([[1, 2], 3], [0, 1]), "Rows must all have the same length, but row 2 of mine has 1, row 1 has 2"),
        ((NUMBERS[:0], LABELS[:0]), "There must be samples to load, but mine contains none"),
        ((NUMBERS[:, :0], LABELS), r"at least one feature, but inputs of mine has the shape \(24, 0\)"),
        ((NUMBERS * 1j, LABELS), "must be real numbers, but inputs of mine contains complex numbers"),
        ((torch.tensor(NUMBERS) * 1j, LABELS), "must be real numbers, but inputs of mine contains complex numbers"),
        ((NUMBERS, LABELS * 1j), "Labels must be numbers or text, but targets of mine contains complex128"),
        ((np.where(NUMBERS == 3, np.inf, NUMBERS), LABELS), "of inputs of mine contains inf in row"),
        (
            (np.full((COUNT, 2, 2), np.nan), LABELS),
            r"finite 32-bit numbers, but inputs of mine contains nan at position",
        ),
        ((NUMBERS, np.where(LABELS, np.nan, 1)), "Every sample must have a label, but targets of mine has none"),
        ((NUMBERS, [None, *LABELS.tolist()[1:]]), "Every sample must have a label, but targets of mine has none"),
        ((NUMBERS, np.zeros(COUNT)), "contains only 0"),
        ((NUMBERS, LABELS / 2), "Labels must be classes, as this is classification, but targets of mine contains 0.5"),
        (
            (NUMBERS, (NUMBERS > 50).astype(int)),
            r"rows with a single 1 among zeros, but the targets of mine have the sh",
        ),
        (Items([(torch.zeros(3), 0), (torch.zeros(4), 1)]), r"item 1 of mine has \(4,\), item 0 \(3,\)"),
        (Items([(torch.zeros(3), 0), (torch.zeros(3), torch.eye(2))]), r"Targets must all have the same shape"),
        (Items([(torch.zeros(3), 0), 5]), r"Items must all be \(input, target\) as the first of mine is, but item 1"),
        (Random(PAIRS), "Items must be the same whenever they are read, but item 0 of mine is not"),
        (((NUMBERS, LABELS), (NUMBERS[:, :2], LABELS)), "Test samples must be like training samples"),
        (
            ((NUMBERS, LABELS), (NUMBERS, LABELS + 1)),
            "must be among those of the training set, but test targets of mine",
        ),
    ],
)
def test_what_is_unusable_is_said_in_one_sentence(value, message):
    with pytest.raises(InputError, match=message) as caught:
        as_dataset(value, name="mine", targets="classes")
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("option", "value"),
    [("label", "y"), ("drop", ("a",)), ("features", ("a",)), ("key", "a"), ("group", "a"), ("order", "day")],
)
def test_options_of_columns_are_refused_for_arrays(option, value):
    with pytest.raises(InputError, match=rf"{option} \(--{option}\) must be left out for mine, which has no columns"):
        as_dataset((NUMBERS, LABELS), source=DataSource("mine", **{option: value}))


def test_a_sparse_matrix_beyond_the_limit_of_memory_is_refused():
    with pytest.raises(
        InputError, match=r"max_bytes .* reading the sparse matrix own data takes about that much memory"
    ):
        as_dataset((sparse.csr_matrix((COUNT, 10_000)), LABELS), source=DataSource("own data", max_bytes=2**16))


def test_no_library_is_imported_for_arrays(monkeypatch):
    for module in ("pandas", "polars", "datasets", "pyarrow"):
        monkeypatch.setitem(sys.modules, module, None)
    assert len(as_dataset((NUMBERS, LABELS)).train) == COUNT
