import re

import numpy as np
import pytest
import scipy.io

from warmstart.basics import InputError
from warmstart.data import DataSource, known_datasets, load, training_samples

COLOUR = np.random.default_rng(5).integers(0, 256, (20, 3, 32, 32)).astype(np.uint8)
GREY = COLOUR[:, :1, :28, :28]
DIGITS = np.arange(20) % 10
TEN = {"class_names": [f"class {number}" for number in range(10)]}


def _files(write_images, folder, *, pixels=COLOUR, columns=("img", "label")):
    write_images(folder / "train-00000-of-00001.parquet", pixels, DIGITS, columns=columns, metadata=TEN)
    write_images(folder / "test-00000-of-00001.parquet", pixels[:5], DIGITS[:5], columns=columns, metadata=TEN)


def _write_svhn(path, pixels, digits):
    scipy.io.savemat(path, {"X": pixels.transpose(2, 3, 1, 0), "y": np.where(digits == 0, 10, digits)[:, None]})


@pytest.mark.parametrize(
    "place", ["cifar10", "cifar10/plain_text", "cifar10/data", "uoft-cs/cifar10", ".", "plain_text"]
)
def test_a_set_is_found_in_the_directory_at(tmp_path, write_images, place):
    _files(write_images, tmp_path / place)
    dataset = load(DataSource("cifar10", str(tmp_path)), with_test=True)
    assert (dataset.name, dataset.classes[9], len(dataset.train)) == ("cifar10", "class 9", 20)
    assert np.array_equal(dataset.train.inputs, COLOUR)
    assert dataset.test is not None
    assert np.array_equal(dataset.test.labels, DIGITS[:5])


@pytest.mark.parametrize("folder", ["fashion-mnist", "fashion_mnist"])
def test_a_set_may_be_called_as_on_the_hub(tmp_path, write_images, folder):
    _files(write_images, tmp_path / folder, pixels=GREY)
    assert load(DataSource("fashion-mnist", str(tmp_path))).input_shape == (1, 28, 28)


@pytest.mark.parametrize("folder", ["mnist-m", "mnist_m", "mnist_m/data", "."])
def test_mnist_m_is_found_under_both_its_names(tmp_path, write_images, folder):
    _files(write_images, tmp_path / folder, columns=("image", "label"))
    dataset = load(DataSource("mnist-m", str(tmp_path)), with_test=True)
    assert (dataset.name, dataset.input_shape, len(dataset.classes)) == ("mnist-m", (3, 32, 32), 10)
    assert np.array_equal(dataset.train.inputs, COLOUR)


@pytest.mark.parametrize("ask", [load, training_samples])
def test_a_set_that_is_not_downloaded_says_where_its_files_must_be(ask):
    expected = (
        r"^mnist-m is not downloaded: directory \(--data-dir\) or the environment variable WARMSTART_DATA must name a "
        r"folder that contains mnist-m or mnist_m, got none\.$"
    )
    with pytest.raises(InputError, match=expected):
        ask(DataSource("mnist-m"))


def test_the_environment_names_the_directory_when_data_are_loaded(tmp_path, write_images, monkeypatch):
    source = DataSource("mnist")
    _files(write_images, tmp_path / "mnist", pixels=GREY)
    monkeypatch.setenv("WARMSTART_DATA", str(tmp_path))
    assert len(load(source).train) == 20


def test_the_directory_of_the_source_counts_more_than_that_of_the_environment(tmp_path, write_images, monkeypatch):
    _files(write_images, tmp_path / "here" / "mnist", pixels=GREY)
    monkeypatch.setenv("WARMSTART_DATA", str(tmp_path / "elsewhere"))
    assert len(load(DataSource("mnist", str(tmp_path / "here"))).train) == 20


def test_the_other_labels_of_a_set_can_be_asked_for(tmp_path, write_images):
    write_images(tmp_path / "train.parquet", COLOUR, DIGITS, columns=("img", "coarse_label"), metadata=TEN)
    assert load(DataSource("cifar10", str(tmp_path), label="coarse_label")).classes[0] == "class 0"


@pytest.mark.parametrize("environment", [False, True])
def test_a_directory_without_the_set_is_refused_with_where_it_was_looked_for(tmp_path, monkeypatch, environment):
    monkeypatch.setenv("WARMSTART_DATA", str(tmp_path))
    source = DataSource("svhn", None if environment else str(tmp_path))
    with pytest.raises(
        InputError, match=r"must contain the files of svhn, .* train-\*.parquet or train_32x32.mat"
    ) as caught:
        load(source)
    assert f"{tmp_path}/svhn," in str(caught.value)
    assert ("environment variable WARMSTART_DATA" in str(caught.value)) == environment


def test_a_directory_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"data directory must be an existing folder, got .*/nowhere"):
        load(DataSource("mnist", str(tmp_path / "nowhere")))


@pytest.mark.parametrize("name", ["cifar100", "mnist"])
def test_the_files_of_another_set_are_noticed(tmp_path, write_images, name):
    _files(write_images, tmp_path)
    with pytest.raises(InputError, match=rf"The files of {name} must .* contain \(3, 32, 32\) in 10"):
        load(DataSource(name, str(tmp_path)))


def test_a_missing_test_set_is_noticed_when_it_is_asked_for(tmp_path, write_images):
    write_images(tmp_path / "train.parquet", COLOUR, DIGITS)
    with pytest.raises(InputError, match="no test set with the data of cifar10"):
        load(DataSource("cifar10", str(tmp_path)), with_test=True)


@pytest.mark.parametrize("place", ["svhn", "."])
def test_svhn_is_read_from_its_first_form_with_ten_for_zero(tmp_path, place):
    (tmp_path / place).mkdir(exist_ok=True)
    _write_svhn(tmp_path / place / "train_32x32.mat", COLOUR, DIGITS)
    _write_svhn(tmp_path / place / "test_32x32.mat", COLOUR[:3], DIGITS[:3])
    dataset = load(DataSource("svhn", str(tmp_path), subset=15), with_test=True)
    whole = load(DataSource("svhn", str(tmp_path)))
    assert np.array_equal(whole.train.inputs, COLOUR)
    assert np.array_equal(whole.train.labels, DIGITS)
    assert (whole.classes, len(dataset.train)) == (tuple("0123456789"), 15)
    assert dataset.test is not None
    assert np.array_equal(dataset.test.inputs, COLOUR[:3])


def test_both_forms_of_svhn_are_the_same_data(tmp_path, write_images):
    _files(write_images, tmp_path / "new" / "svhn" / "cropped_digits", columns=("image", "label"))
    (tmp_path / "old").mkdir()
    _write_svhn(tmp_path / "old" / "train_32x32.mat", COLOUR, DIGITS)
    new, old = (load(DataSource("svhn", str(tmp_path / form), subset=12)) for form in ("new", "old"))
    assert new.fingerprint == old.fingerprint


def test_a_label_column_is_refused_for_svhns_first_form(tmp_path):
    _write_svhn(tmp_path / "train_32x32.mat", COLOUR, DIGITS)
    with pytest.raises(InputError, match="must be left out for svhn"):
        load(DataSource("svhn", str(tmp_path), label="digit"))


@pytest.mark.parametrize("arrays", [{"X": COLOUR[0]}, {"X": COLOUR, "y": DIGITS}, {"X": COLOUR * 1.0, "y": DIGITS}])
def test_a_file_of_svhn_with_other_arrays_is_refused(tmp_path, arrays):
    scipy.io.savemat(tmp_path / "train_32x32.mat", arrays)
    with pytest.raises(InputError, match=r"train_32x32.mat must contain uint8 X .* got other arrays"):
        load(DataSource("svhn", str(tmp_path)))


def test_a_damaged_file_of_svhn_is_refused(tmp_path):
    (tmp_path / "train_32x32.mat").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"train_32x32.mat cannot be read as MATLAB file: "):
        load(DataSource("svhn", str(tmp_path)))


@pytest.mark.parametrize("named", [entry for entry in known_datasets() if entry.hub_id], ids=lambda entry: entry.name)
def test_real_files_are_what_the_table_says(named, real_data):
    if not (real_data / named.name).is_dir():
        pytest.skip(f"{named.name} is not in {real_data}")
    dataset = load(DataSource(named.name, str(real_data), subset=300))
    assert (len(dataset.train), dataset.input_shape, len(dataset.classes)) == (300, named.input_shape, named.classes)
    with pytest.raises(InputError) as caught:
        load(DataSource(named.name, str(real_data), subset=10**9))
    count = int(re.search(r"\[1, (\d+)\]", str(caught.value))[1])
    assert f"{count:,} + " in named.title


def test_a_real_table_keeps_its_order(real_data):
    if not (real_data / "electricity").is_dir():
        pytest.skip(f"electricity is not in {real_data}")
    dataset = load(DataSource(str(real_data / "electricity")))
    assert (dataset.train.inputs.shape, dataset.classes) == ((45_312, 8), ("0", "1"))
    half_hours = np.rint(dataset.train.inputs[:, 2] * 47)
    assert np.array_equal(half_hours, np.arange(45_312) % 48)
