import numpy as np
import pytest
import torch
from torch.utils.data import Subset, TensorDataset

from warmstart.basics import InputError
from warmstart.data import Dataset, LabelledArrays, OwnDataset, Targets, as_dataset
from warmstart.data._assemble import subset_rows

TABLE = np.random.default_rng(0).normal(size=(30, 2))
LABELS = np.arange(30) % 3
PIXELS = np.arange(30 * 4, dtype=np.uint8).reshape(30, 2, 2)
TOKENS = np.arange(60).reshape(30, 2)
TEXTS = [f"text {number}" for number in range(30)]
READY = Dataset(
    "ready",
    LabelledArrays(TABLE.astype(np.float32), LABELS),
    LabelledArrays(np.eye(2, dtype=np.float32), LABELS[:2]),
    tuple("abc"),
)


class Items:
    """A map-style data set that counts how often it is read."""

    def __init__(self, items):
        self.items, self.reads = list(items), []

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        self.reads.append(index)
        return self.items[index]


class HuggingFace(Items):
    _fingerprint = "0123456789abcdef"

    def select(self, indices):
        return HuggingFace([self.items[index] for index in indices])


@pytest.mark.parametrize(
    "value",
    [TEXTS, Items(TEXTS), TensorDataset(torch.zeros(30, 2), torch.zeros(30, 1), torch.zeros(30)), TOKENS],
    ids=lambda value: type(value).__name__,
)
def test_anything_with_a_length_and_items_is_a_data_set(value):
    dataset = as_dataset(value, name="mine")
    assert isinstance(dataset, OwnDataset)
    assert (dataset.name, dataset.train is value, dataset.test, len(dataset.fingerprint)) == ("mine", True, None, 64)
    assert (dataset.classes, dataset.input_shape, dataset.is_image) == ((), (), False)


def test_data_sets_are_returned_as_they_are():
    own = as_dataset((TEXTS, TEXTS[:3]))
    assert as_dataset(READY) is READY
    assert as_dataset(own) is own


@pytest.mark.parametrize("value", [(TEXTS, TEXTS[:2]), {"train": TEXTS, "test": TEXTS[:2], "validation": []}])
def test_two_data_sets_are_for_training_and_testing(value):
    dataset = as_dataset(value)
    assert (len(dataset.train), len(dataset.test)) == (30, 2)
    assert dataset.fingerprint != as_dataset(TEXTS).fingerprint
    assert as_dataset(value, with_test=False).fingerprint == as_dataset(TEXTS).fingerprint


@pytest.mark.parametrize(
    "pair",
    [
        (TABLE, LABELS),
        (TABLE.astype(np.float32), LABELS.astype(str)),
        (torch.tensor(TABLE), torch.tensor(LABELS)[:, None]),
        TensorDataset(torch.tensor(TABLE), torch.tensor(LABELS)),
    ],
)
def test_arrays_of_a_table_and_classes_are_labelled_arrays(pair):
    dataset = as_dataset(pair, name="blobs")
    assert isinstance(dataset, Dataset)
    assert np.array_equal(dataset.train.inputs, TABLE.astype(np.float32))
    assert (dataset.name, dataset.train.labels.tolist(), dataset.classes) == ("blobs", LABELS.tolist(), ("0", "1", "2"))


def test_arrays_of_images_with_a_test_set_are_labelled_arrays():
    dataset = as_dataset(((PIXELS, LABELS), (PIXELS[:4], LABELS[:4])), subset=10)
    assert np.array_equal(dataset.train.inputs[:, 0], PIXELS[subset_rows(30, 10)])
    assert (dataset.is_image, dataset.test.labels.tolist()) == (True, LABELS[:4].tolist())


@pytest.mark.parametrize(
    ("labels", "targets", "expected"),
    [
        (LABELS / 2, None, Targets.VALUES),
        (torch.tensor(TABLE), None, Targets.VALUES),
        (LABELS, "values", Targets.VALUES),
        (LABELS.astype(float), "classes", Targets.CLASSES),
    ],
)
def test_targets_of_arrays_are_values_if_they_are_floats_or_requested(labels, targets, expected):
    inputs = torch.tensor(TABLE) if isinstance(labels, torch.Tensor) else TABLE
    assert as_dataset((inputs, labels), targets=targets).targets is expected


@pytest.mark.parametrize(
    "pair",
    [
        (TOKENS, LABELS),
        (TABLE, np.eye(30, dtype=int)),
        (torch.zeros(30, 3, 2, 2), torch.tensor(LABELS)),
        (torch.zeros(30, 2, dtype=torch.bfloat16), torch.tensor(LABELS)),
        (torch.zeros(30, 2).to_sparse(), torch.tensor(LABELS)),
    ],
    ids=["tokens", "one-hot", "float images", "bfloat16", "sparse"],
)
def test_for_a_learner_of_ones_own_arrays_stay_as_they_are(pair):
    dataset = as_dataset(pair, arrays=False)
    assert isinstance(dataset, OwnDataset)
    item, inputs = dataset.train[4], pair[0][4]
    assert len(dataset.train) == 30
    assert torch.equal(*(torch.as_tensor(one).to_dense() for one in (item[0], inputs)))
    assert np.array_equal(np.asarray(item[1]), np.asarray(pair[1][4]))
    assert isinstance(as_dataset(pair), Dataset)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, r"must be a Dataset, .*, got NoneType\.$"),
        ("text", "got str"),
        ({"a": 1}, "got dict"),
        (iter([1]), "got list_iterator"),
        ((Items(TEXTS), LABELS), r"two arrays \(inputs, targets\), .* got \(Items, ndarray\)"),
        ((READY, READY), "got Dataset"),
        ((TEXTS, 3), "got int"),
        ((TABLE, LABELS[:4]), "Inputs and targets must have the same length, but those of mine have 30 and 4"),
        ([], "There must be samples to load, but mine contains none"),
        (((TABLE, LABELS), TEXTS), "The test samples of mine must be arrays like the training samples, got others"),
        ((np.full((30, 2), np.inf), LABELS), "column 1 of inputs of mine contains inf in row 1"),
        ((TABLE, np.where(LABELS == 2, np.nan, 1)), "has none at position 2"),
    ],
)
def test_what_can_be_no_data_set_is_refused(value, message):
    with pytest.raises(InputError, match=message) as caught:
        as_dataset(value, name="mine")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", 3, "caf\udce9"])
def test_a_name_that_cannot_be_stored_is_refused(name):
    with pytest.raises(InputError, match="name must be UTF-8 text"):
        as_dataset(TEXTS, name=name)


def test_a_subset_is_that_of_arrays():
    rows = subset_rows(30, 7).tolist()
    dataset = as_dataset((TEXTS, TEXTS), subset=7)
    assert [dataset.train[index] for index in range(7)] == [TEXTS[row] for row in rows]
    assert (isinstance(dataset.train, Subset), len(dataset.test)) == (True, 30)
    assert dataset.fingerprint != as_dataset((TEXTS, TEXTS)).fingerprint
    ready = as_dataset(READY, subset=7, with_test=False)
    assert (ready.train.labels.tolist(), ready.test) == (LABELS[rows].tolist(), None)
    with pytest.raises(InputError, match=r"subset must lie in \[1, 30\], .* got 31"):
        as_dataset(TEXTS, subset=31)


def test_a_subset_reads_no_other_items():
    items = Items(TEXTS)
    as_dataset(items, subset=5, arrays=False)
    assert set(items.reads) == set(subset_rows(30, 5).tolist())


def test_hugging_face_data_sets_select_and_have_a_fingerprint_of_their_own():
    value = HuggingFace(TEXTS)
    whole, part, other = (as_dataset(value, subset=subset, arrays=False) for subset in (None, 5, 6))
    assert (type(part.train), len(part.train), value.reads) == (HuggingFace, 5, [])
    assert len({whole.fingerprint, part.fingerprint, other.fingerprint}) == 3
    value._fingerprint = "another"
    assert as_dataset(value).fingerprint != whole.fingerprint


def test_an_attribute_fingerprint_stands_for_the_items():
    first, second = Items(TEXTS), Items(TEXTS[:5])
    first.fingerprint, second.fingerprint = "version 1", "version 2"
    assert as_dataset(first, arrays=False).fingerprint != as_dataset(second, arrays=False).fingerprint
    assert (first.reads, second.reads) == ([], [])


def test_a_given_fingerprint_stands_for_the_content_of_a_subset_too():
    one, other = (OwnDataset("mine", Items(TEXTS), None, text) for text in ("version 1", "version 2"))
    assert as_dataset(one, subset=5).fingerprint == as_dataset(one, subset=5).fingerprint
    assert as_dataset(one, subset=5).fingerprint != as_dataset(other, subset=5).fingerprint
    assert one.train.reads == []


def test_the_global_generators_are_left_alone(untouched_globals):
    as_dataset((TEXTS, TEXTS), subset=3)
