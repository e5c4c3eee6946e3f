import numpy as np
import pytest

from warmstart.basics import InputError
from warmstart.data._folder import image_files, read_folder, read_images
from warmstart.data._source import ImageSize


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


TRAINING = (
    "train",
    "Train",
    "TRAIN",
    "training",
    "Training_Set",
    "training-set",
    "train_data",
    "seg_train",
    "trainset",
)
TEST = ("test", "TEST", "testing", "test_set", "Testing Set", "seg_test", "testset")
VALIDATION = ("val", "Valid", "validation", "VALIDATION_SET", "dev")


@pytest.mark.parametrize(
    ("train", "test"),
    [*((name, "test") for name in TRAINING), *(("train", name) for name in TEST), ("Train", "TEST")],
)
@pytest.mark.parametrize("above", ["", "archive/", "archive/images/"])
def test_split_folders_are_found_by_any_usual_name(write_folder, load_path, train, test, above):
    folder = write_folder(f"{above}{train}/a/1.png", f"{above}{train}/b/1.png", f"{above}{test}/b/1.png")
    dataset = load_path(folder, with_test=True)
    assert (dataset.classes, dataset.train.inputs[:, 0, 0, 0].tolist()) == (("a", "b"), [0, 1])
    assert (dataset.test.labels.tolist(), dataset.test.inputs.max()) == ([1], 2)
    assert dataset.notes == (
        f"{above}{train} is the training set, {above}{test} the test set; 2 classes: a, b.",
        f"{above}{test} has no folder of class a.",
    )


@pytest.mark.parametrize("validation", VALIDATION)
def test_validation_images_are_never_trained_on(write_folder, load_path, validation):
    names = ("train/a/1.png", "train/b/1.png", f"{validation}/a/1.png", f"{validation}/b/1.png")
    dataset = load_path(write_folder(*names), with_test=True)
    assert (len(dataset.train), dataset.test.inputs[:, 0, 0, 0].tolist()) == (2, [2, 3])
    assert dataset.notes == (f"train is the training set, {validation} the test set; 2 classes: a, b.",)
    dataset = load_path(write_folder(*names, "test/a/1.png", "test/b/1.png"), with_test=True)
    assert (len(dataset.train), dataset.test.inputs[:, 0, 0, 0].tolist()) == (2, [4, 5])
    assert dataset.notes[1] == f"{validation} is a validation set and is left out."


def test_sets_may_be_in_the_class_folders(write_folder, load_path):
    dataset = load_path(write_folder("a/train/1.png", "a/test/2.png", "b/train/1.png", "b/test/2.png"), with_test=True)
    assert (dataset.classes, dataset.train.labels.tolist(), dataset.test.labels.tolist()) == (
        ("a", "b"),
        [0, 1],
        [0, 1],
    )
    assert dataset.test.inputs[:, 0, 0, 0].tolist() == [1, 3]


def test_the_rest_is_the_training_set_of_a_test_set_of_the_same_classes(write_folder, load_path):
    dataset = load_path(write_folder("a/1.png", "b/2.png", "Test/a/1.png", "Test/b/1.png"), with_test=True)
    assert (dataset.classes, len(dataset.train), len(dataset.test)) == (("a", "b"), 2, 2)
    assert dataset.notes == ("the rest is the training set, Test the test set; 2 classes: a, b.",)


def test_folders_unpacked_into_one_of_the_same_name_are_opened(write_folder, load_path):
    names = ("training_set/training_set/a/1.png", "training_set/training_set/b/1.png", "test_set/test_set/a/1.png")
    dataset = load_path(write_folder(*names), with_test=True)
    assert (dataset.classes, len(dataset.train), len(dataset.test)) == (("a", "b"), 2, 1)


@pytest.mark.parametrize("names", [("bus/1.png", "train/2.png"), ("contest/1.png", "test tubes in use/2.png")])
def test_a_class_may_be_called_like_a_set(write_folder, load_path, names):
    dataset = load_path(write_folder(*names))
    assert (dataset.classes, dataset.notes) == (tuple(name.split("/")[0] for name in names), ())


def test_other_folders_beside_the_sets_are_named(write_folder, load_path):
    dataset = load_path(write_folder("train/a/1.png", "train/b/1.png", "extra/a/1.png"))
    assert (len(dataset.train), dataset.notes[1]) == (2, "extra beside them: left out.")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("fold1/train/a/1.png", "fold2/train/a/1.png"), "must contain one training set, got 2: fold1/train, fold2/tr"),
        (("train/a/1.png", "training/a/1.png"), "must contain one training set, got 2: train, training; name one"),
        (("val/a/1.png", "val/b/1.png"), "must contain a training set, such as a folder train, got only a validation"),
        (("a/1.png", "b/1.png", "test/c/1.png"), "got only a test set, test"),
    ],
)
def test_sets_that_cannot_be_told_are_refused(write_folder, load_path, names, message):
    with pytest.raises(InputError, match=message) as caught:
        load_path(write_folder(*names))
    assert "\n" not in str(caught.value)


def test_images_of_different_sizes_need_one_size(write_folder, load_path, encoded):
    folder = write_folder("a/1.png", "b/2.png")
    (folder / "b" / "2.png").write_bytes(encoded(np.full((8, 6, 3), 9, np.uint8)))
    with pytest.raises(InputError, match=r"is 6x8, .* is 3x2 \(width x height\): .* \(--image-size 32, or 32x24"):
        load_path(folder)
    dataset = load_path(folder, image_size="5x4")
    assert dataset.input_shape == (3, 5, 4)
    assert dataset.train.inputs.max(axis=(1, 2, 3)).tolist() == [0, 9]
    assert load_path(folder, image_size="4").input_shape == (3, 4, 4)


def test_images_without_classes_are_in_the_order_of_their_names(write_folder):
    folder = write_folder("10.png", "9.png", ".hidden.png", "note.txt")
    files = image_files(folder)
    assert [path.name for path in files] == ["9.png", "10.png"]
    assert image_files(folder / "10.png") == [folder / "10.png"]
    assert image_files(folder / "note.txt") == []
    assert read_images(files, max_bytes=10**6)[:, 0, 0, 0].tolist() == [1, 0]
    assert read_images(files, max_bytes=10**6, size=ImageSize(4, 4)).shape == (2, 3, 4, 4)
