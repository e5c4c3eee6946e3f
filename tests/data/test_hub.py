import huggingface_hub
import numpy as np
import pytest
from huggingface_hub.errors import OfflineModeIsEnabled

from warmstart.basics import InputError
from warmstart.data import DataSource, load

PIXELS = np.random.default_rng(1).integers(0, 256, (20, 1, 28, 28)).astype(np.uint8)


@pytest.fixture
def hub(tmp_path, write_images, monkeypatch):
    """A hub that contains fashion-mnist and writes down what it is asked for."""
    asked = []
    for split in ("train", "test"):
        path = tmp_path / "fashion_mnist" / f"{split}-00000-of-00001.parquet"
        write_images(path, PIXELS, np.arange(20) % 10)

    def snapshot_download(repo_id, **options):
        asked.append((repo_id, options))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return asked


@pytest.mark.parametrize("with_test", [False, True])
def test_only_the_files_that_are_needed_are_downloaded(hub, with_test):
    dataset = load(DataSource("fashion-mnist"), with_test=with_test)
    patterns = ["fashion_mnist/train-*.parquet", "fashion_mnist/test-*.parquet"][: 1 + with_test]
    assert hub == [("zalando-datasets/fashion_mnist", {"repo_type": "dataset", "allow_patterns": patterns})]
    assert np.array_equal(dataset.train.inputs, PIXELS)
    assert (dataset.test is not None) == with_test


def test_the_download_is_reported(hub):
    told = []
    load(DataSource("fashion-mnist"), progress=told.append)
    assert told[0] == "Downloading fashion-mnist from the Hugging Face hub (zalando-datasets/fashion_mnist)"


def test_nothing_is_downloaded_where_a_directory_is_named(hub, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="must contain the files of mnist"):
        load(DataSource("mnist", str(tmp_path / "empty")))
    assert hub == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OfflineModeIsEnabled("Offline mode is on. More words."), "Offline mode is on"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_a_failed_download_is_one_sentence_that_says_what_to_do(monkeypatch, error, reason):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    expected = rf"^mnist could not be downloaded .*hub \(ylecun/mnist\): .*{reason}; .* their folder with --data-dir\.$"
    with pytest.raises(InputError, match=expected):
        load(DataSource("mnist"))


def test_a_download_without_the_files_is_noticed(hub):
    with pytest.raises(InputError, match=r"ylecun/mnist\): no train files arrived"):
        load(DataSource("mnist"))
