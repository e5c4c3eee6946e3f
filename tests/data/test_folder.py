import numpy as np
import pytest

from warmstart.basics import InputError
from warmstart.data._folder import read_folder


@pytest.fixture
def write_folder(tmp_path, encoded):
    """Write one file for each name, an image whose pixels all have that name's position as their value."""

    def write(*names: str):
        for value, name in enumerate(names):
            path = tmp_path / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(np.full((2, 3, 3), value, np.uint8)) if path.suffix != ".txt" else b"a note")
        return tmp_path / "set"

    return write


def test_every_folder_is_a_class(write_folder, load_path):
    dataset = load_path(write_folder("dog/1.png", "cat/2.png", "dog/0.PNG"))
    assert (dataset.name, dataset.classes, dataset.input_shape) == ("set", ("cat", "dog"), (3, 2, 3))
    assert dataset.train.inputs[:, 0, 0, 0].tolist() == [1, 2, 0]
    assert dataset.train.labels.tolist() == [0, 1, 1]


def test_folders_called_by_numbers_are_in_their_order(write_folder, load_path):
    assert load_path(write_folder("10/a.png", "9/a.png")).classes == ("9", "10")


def test_hidden_and_other_files_and_empty_folders_do_not_count(write_folder, load_path):
    folder = write_folder("a/1.png", "b/deep/2.png", "a/.hidden.png", "a/note.txt", ".cache/3.png", "loose.png")
    (folder / "empty").mkdir()
    dataset = load_path(folder)
    assert (dataset.classes, len(dataset.train)) == (("a", "b"), 2)


def test_training_and_test_images_may_be_in_different_folders(write_folder, load_path):
    folder = write_folder("train/a/1.png", "train/b/1.png", "test/b/1.png")
    dataset = load_path(folder, with_test=True)
    assert dataset.classes == ("a", "b")
    assert dataset.test is not None
    assert (dataset.test.labels.tolist(), dataset.test.inputs.max()) == ([1], 2)


def test_a_class_that_only_the_test_set_has_is_refused(write_folder, load_path):
    folder = write_folder("train/a/1.png", "train/b/1.png", "test/c/1.png")
    with pytest.raises(InputError, match=r"those of the training set, but the folder .*test also contains 'c'"):
        load_path(folder, with_test=True)


def test_a_damaged_image_is_named_with_its_path(write_folder, load_path):
    folder = write_folder("a/1.png", "b/2.png")
    (folder / "b" / "3.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"The image at .*set/b/3.png cannot be read: unknown format"):
        load_path(folder)


def test_only_the_images_of_a_subset_are_read(write_folder, load_path):
    folder = write_folder(*(f"{'ab'[number % 2]}/{number:02}.png" for number in range(20)))
    whole = load_path(folder).train
    kept = load_path(folder, subset=8).train
    values = whole.inputs[:, 0, 0, 0].tolist()
    positions = [values.index(value) for value in kept.inputs[:, 0, 0, 0]]
    assert np.array_equal(whole.labels[positions], kept.labels)


@pytest.mark.parametrize("names", [(), ("1.png",), ("a/note.txt", "b/note.txt")])
def test_a_folder_without_class_folders_is_refused(write_folder, load_path, tmp_path, names):
    (tmp_path / "set").mkdir()
    write_folder(*names)
    with pytest.raises(InputError, match="must contain parquet files, or one folder of images per class"):
        load_path(tmp_path / "set")


def test_a_single_class_is_refused(write_folder, load_path):
    with pytest.raises(InputError, match=r"at least two classes, but the folder .* contains only 'a'"):
        load_path(write_folder("a/1.png", "a/2.png"))


def test_a_path_with_very_many_folders_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("warmstart.data._folder.MOST_FOLDERS", 5)
    for index in range(6):
        (tmp_path / "data" / "cat" / str(index)).mkdir(parents=True)
    with pytest.raises(InputError, match=r"must be a class folder with at most 5 folders below it, got more"):
        read_folder(tmp_path / "data", max_bytes=2**30)
