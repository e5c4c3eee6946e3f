import gzip
import os
import pickle
import struct

import numpy as np
import pytest

from warmstart.basics import InputError
from warmstart.data import DataSource, is_at_hand, load
from warmstart.data._torchvision import find_torchvision

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 3, 32, 32)).astype(np.uint8)
LABELS = [number % 10 for number in range(12)]
GREY = np.random.default_rng(1).integers(0, 256, (12, 28, 28)).astype(np.uint8)


def cifar10(folder, protocol=2, as_bytes=True):
    """Write what the authors publish, whose keys are bytes when Python 3 reads them."""
    folder = folder / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for number in range(6):
        rows = slice(2 * number, 2 * number + 2)
        content = {"data": PIXELS[rows].reshape(2, -1), "labels": LABELS[rows], "batch_label": "batch"}
        keyed = {key.encode() if as_bytes else key: value for key, value in content.items()}
        name = "test_batch" if number == 5 else f"data_batch_{number + 1}"
        (folder / name).write_bytes(pickle.dumps(keyed, protocol=protocol))
    names = [f"class {number}" for number in range(10)]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names, "num_vis": 3072}, protocol=2))
    return folder


def cifar100(folder):
    folder = folder / "cifar-100-python"
    folder.mkdir(parents=True)
    for name, rows in (("train", slice(10)), ("test", slice(10, 12))):
        labels = {"fine_labels": [10 * label for label in LABELS[rows]], "coarse_labels": LABELS[rows]}
        (folder / name).write_bytes(pickle.dumps({"data": PIXELS[rows].reshape(-1, 3072), **labels}, protocol=2))
    fine, coarse = [f"fine {number}" for number in range(100)], [f"coarse {number}" for number in range(20)]
    meta = {"fine_label_names": fine, "coarse_label_names": coarse}
    (folder / "meta").write_bytes(pickle.dumps(meta, protocol=2))
    return folder


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def mnist(folder, name="MNIST", compressed=False, mark="-"):
    folder = folder / name / "raw"
    folder.mkdir(parents=True)
    for split, rows in (("train", slice(10)), ("t10k", slice(10, 12))):
        for what, array in (("images", GREY[rows]), ("labels", np.array(LABELS, np.uint8)[rows])):
            file = folder / f"{split}-{what}{mark}idx{array.ndim}-ubyte"
            if compressed:
                file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(idx(array)))
            else:
                file.write_bytes(idx(array))
    return folder


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("as_bytes", [True, False])
@pytest.mark.parametrize("inside", [True, False])
def test_cifar10_is_read_from_pickled_batches(tmp_path, protocol, as_bytes, inside):
    if protocol == 5:
        # The protocol's own arrays are refused: the published files do not have it.
        folder = cifar10(tmp_path, protocol, as_bytes)
        with pytest.raises(
            InputError, match=r"data_batch_1 cannot be read as pickle: it contains .*_frombuffer, which"
        ):
            load(DataSource(str(folder)))
        return
    folder = cifar10(tmp_path, protocol, as_bytes)
    dataset = load(DataSource(str(folder if inside else tmp_path)), with_test=True)
    assert (dataset.name, dataset.classes[:2]) == ("cifar10", ("class 0", "class 1"))
    assert np.array_equal(dataset.train.inputs, PIXELS[:10])
    assert np.array_equal(dataset.test.inputs, PIXELS[10:])
    assert [*dataset.train.labels, *dataset.test.labels] == LABELS


@pytest.mark.parametrize(
    ("label", "first", "factor", "classes"),
    [(None, "fine 0", 10, 100), ("fine_label", "fine 0", 10, 100), ("coarse_labels", "coarse 0", 1, 20)],
)
def test_cifar100_has_fine_and_coarse_labels(tmp_path, label, first, factor, classes):
    cifar100(tmp_path)
    dataset = load(DataSource(str(tmp_path), label=label), with_test=True)
    assert (dataset.classes[0], len(dataset.classes)) == (first, classes)
    assert dataset.train.labels.tolist() == [factor * one for one in LABELS[:10]]


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("mark", ["-", "."])
def test_idx_files_are_read(tmp_path, name, compressed, mark):
    raw = mnist(tmp_path, name, compressed, mark)
    for place in (tmp_path, raw.parent, raw):
        dataset = load(DataSource(str(place)), with_test=True)
        assert dataset.name == {"MNIST": "mnist", "FashionMNIST": "fashion-mnist", "KMNIST": "kmnist"}[name]
        assert np.array_equal(dataset.train.inputs[:, 0], GREY[:10])
        assert [*dataset.train.labels, *dataset.test.labels] == LABELS
        assert dataset.classes[9] == ("Ankle boot" if name == "FashionMNIST" else "9")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("cifar10", cifar10),
        ("cifar100", cifar100),
        ("mnist", mnist),
        ("fashion-mnist", lambda folder: mnist(folder, "FashionMNIST", compressed=True)),
    ],
)
def test_known_names_find_torchvisions_folders_in_the_data_directory(tmp_path, name, write):
    source = DataSource(name, str(tmp_path))
    assert not is_at_hand(source)
    write(tmp_path)
    mnist(tmp_path, "KMNIST")
    assert is_at_hand(source)
    assert load(source, with_test=True).name == name
    assert load(DataSource(name, str(tmp_path), image_size="8")).input_shape[1:] == (8, 8)


def test_a_folder_of_several_data_sets_needs_a_choice(tmp_path):
    cifar10(tmp_path)
    mnist(tmp_path)
    with pytest.raises(InputError, match=r"must contain one data set, got 2: name one of .*cifar-10-batches-py, .*raw"):
        load(DataSource(str(tmp_path)))
    assert find_torchvision(tmp_path).keys() == {"cifar10", "mnist"}


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harm",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"data": Harmful(), "labels": [1]}, protocol=2), r"it contains (posix|nt).system, which is"),
        (pickle.dumps({"data": eval, "labels": [1]}, protocol=2), r"it contains __builtin__.eval, which is neither"),
        (pickle.dumps([1, 2]), "it contains no dict"),
        (b"nothing", "cannot be read as pickle"),
        (pickle.dumps({"data": np.zeros((2, 3072)), "labels": [0, 1]}, protocol=2), "other arrays than bytes in rows"),
        (
            pickle.dumps({"data": np.zeros((2, 5), np.uint8), "labels": [0, 1]}, protocol=2),
            r"must contain data \(n, 30",
        ),
        (pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}, protocol=2), r"and labels \(n\), got"),
        (pickle.dumps({"data": np.zeros((2, 3072), np.uint8)}, protocol=2), r"and labels \(n\), got"),
        (pickle.dumps({"data": np.array([eval, 1], object), "labels": [0, 1]}, protocol=2), "__builtin__.eval"),
    ],
)
def test_pickles_of_anything_else_are_refused_and_not_run(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    folder = cifar10(tmp_path)
    (folder / "data_batch_2").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load(DataSource(str(folder)))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "harm").exists()


def test_a_missing_batch_is_named(tmp_path):
    folder = cifar10(tmp_path)
    (folder / "data_batch_4").unlink()
    with pytest.raises(InputError, match=r"must contain data_batch_1, .* but there is no data_batch_4"):
        load(DataSource(str(folder)))


def test_an_unknown_kind_of_labels_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"label of cifar100 .*fine_labels"):
        load(DataSource(str(cifar100(tmp_path)), label="colour"))
    with pytest.raises(InputError, match="must be left out for mnist, which has no columns, got 'y'"):
        load(DataSource(str(mnist(tmp_path)), label="y"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-1], r"its shape is \(10, 28, 28\) but it contains 7,839 bytes or more"),
        (lambda content: content + b"0", r"but it contains 7,841 bytes or more"),
        (lambda content: b"\0\0\x0d" + content[3:], "it does not begin like a file of bytes"),
        (lambda content: content[:7], "cannot be read as IDX file"),
        (lambda content: content[:4] + b"\xff" * 12, r"max_bytes \(--max-bytes\) must be at least"),
    ],
)
def test_a_damaged_idx_file_is_named(tmp_path, change, message):
    folder = mnist(tmp_path)
    file = folder / "train-images-idx3-ubyte"
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(InputError, match=message):
        load(DataSource(str(folder)))


def test_labels_of_another_length_are_refused(tmp_path):
    folder = mnist(tmp_path)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(InputError, match=r"labels \(n\), got \(10, 28, 28\) and \(3,\)"):
        load(DataSource(str(folder)))
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match=r"must contain train-labels-idx\*-ubyte, also as .gz, got none"):
        load(DataSource(str(folder)))
