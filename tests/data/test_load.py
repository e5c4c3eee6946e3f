import numpy as np
import PIL.Image
import pytest
from sklearn.datasets import load_digits

from warmstart.basics import InputError
from warmstart.data import DataSource, known_datasets, load, training_samples


def test_the_digits_are_scikit_learns_spread_over_all_greys():
    digits, original = load(DataSource()), load_digits(return_X_y=True)
    assert digits.train.inputs.shape == (1797, 1, 8, 8)
    assert np.array_equal(np.rint(digits.train.inputs.reshape(1797, 64) / 255 * 16), original[0])
    assert np.array_equal(digits.train.labels, original[1])
    assert (digits.train.inputs.max(), digits.classes, digits.test) == (255, tuple("0123456789"), None)


def test_the_digits_have_no_test_set():
    with pytest.raises(InputError, match="no test set with the data of digits: choose --evaluate holdout"):
        load(DataSource(), with_test=True)


def test_every_subset_of_one_size_is_the_same():
    one, other = (load(DataSource(subset=200)) for _ in range(2))
    assert one.fingerprint == other.fingerprint
    assert one.fingerprint != load(DataSource(subset=201)).fingerprint


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar", "Unknown data set 'cifar': did you mean 'cifar10'"),
        ("nonsense", "Unknown data set 'nonsense'. Known: digits, .*, or a path that exists"),
        ("no/such/place", "a path that exists, got no/such/place, which does not exist"),
        ("table.csv", "a path that exists, got table.csv, which does not exist"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        load(DataSource(name))


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "a.docx").write_text("")
    with pytest.raises(InputError, match=r"must end in .npz, .csv, .tsv, .txt, .data, .* got .*a.docx: rename it if"):
        load(DataSource(str(tmp_path / "a.docx")))


@pytest.mark.parametrize("name", ["digits", "folder"])
def test_a_label_column_is_refused_where_there_are_no_columns(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=f"must be left out for {name}, which has no columns, got 'y'"):
        load(DataSource(name, label="y"))


def test_a_path_may_be_relative_or_below_the_home_directory(tmp_path, monkeypatch, write_table):
    write_table("t.csv", "a,label\n1,x\n2,y\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(DataSource("t.csv")).fingerprint == load(DataSource("~/t.csv")).fingerprint


def test_the_folder_around_is_called_by_its_name(tmp_path, monkeypatch, write_table):
    write_table("t.parquet", {"a": [1, 2], "label": [0, 1]})
    monkeypatch.chdir(tmp_path)
    assert load(DataSource("./")).name == tmp_path.name


def test_known_data_sets_have_different_names_and_say_what_they_are():
    known = known_datasets()
    assert len({entry.name for entry in known}) == len(known) == 8
    assert all(entry.title and "\n" not in entry.title for entry in known)
    assert [entry.name for entry in known if entry.hub_id is None] == ["digits", "diabetes", "mnist-m"]
    assert [entry.name for entry in known if entry.embedded] == ["digits", "diabetes"]


@pytest.mark.parametrize("subset", [None, 1, 100])
def test_all_training_samples_are_counted_whatever_the_subset(subset):
    assert training_samples(DataSource(subset=subset)) == 1797


def test_training_samples_are_counted_without_a_look_at_the_images(tmp_path, write_images, monkeypatch):
    pixels = np.zeros((20, 3, 32, 32), np.uint8)
    write_images(tmp_path / "train-0.parquet", pixels, np.arange(20) % 10, columns=("img", "label"))
    write_images(tmp_path / "test-0.parquet", pixels[:3], np.arange(3), columns=("img", "label"))
    source = DataSource("cifar10", str(tmp_path), subset=10)
    assert (training_samples(source), len(load(source).train)) == (20, 10)
    monkeypatch.setattr(PIL.Image, "open", lambda *_: pytest.fail("no image is to be decoded"))
    assert training_samples(source) == 20


def test_training_samples_of_a_file_are_its_rows(write_table):
    path = write_table("t.csv", "a,label\n" + "1,x\n2,y\n" * 7)
    assert training_samples(DataSource(str(path))) == 14


def test_training_samples_of_nothing_are_refused():
    with pytest.raises(InputError, match="Unknown data set 'cifar': did you mean 'cifar10'"):
        training_samples(DataSource("cifar"))
