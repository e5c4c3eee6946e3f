import json

import pytest

from warmstart.basics import InputError, StorageError
from warmstart.store import read_study_index, write_study_index

INDEX = {"rounds": 3, "labels": ["cold", "warm"], "keys": {"cold": ["0" * 32]}, "lr": 0.1}


def test_an_index_comes_back_and_is_replaced(tmp_path):
    assert read_study_index(tmp_path / "new") is None
    write_study_index(tmp_path / "new", {"rounds": 1})
    write_study_index(tmp_path / "new", INDEX)
    assert read_study_index(tmp_path / "new") == INDEX
    assert json.loads((tmp_path / "new" / "study.json").read_text())["index"] == INDEX


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: text.replace("0.1", "0.2"),
        lambda text: text.replace('"rounds":3', '"rounds":03'),
        lambda text: text + text,
        lambda text: "{}",
    ],
)
def test_a_damaged_index_is_one_sentence_with_a_way_out(change, tmp_path):
    write_study_index(tmp_path, INDEX)
    path = tmp_path / "study.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=r"study\.json is damaged \(.*\); delete it and run the study .* are kept\."):
        read_study_index(tmp_path)
    path.unlink()
    write_study_index(tmp_path, INDEX)
    assert read_study_index(tmp_path) == INDEX


def test_an_index_of_another_version_is_refused(tmp_path):
    write_study_index(tmp_path, INDEX)
    path = tmp_path / "study.json"
    path.write_text(path.read_text().replace('"format":2', '"format":10'))
    with pytest.raises(InputError, match=r"study\.json has store format 10, but this version"):
        read_study_index(tmp_path)


@pytest.mark.parametrize("ask", [read_study_index, lambda directory: write_study_index(directory, INDEX)])
def test_a_store_of_version_0_1_is_refused(ask, tmp_path):
    (tmp_path / "results.sqlite").write_text("")
    with pytest.raises(InputError, match=r"holds results of warmstart 0\.1"):
        ask(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.sqlite"]


def test_a_failed_write_leaves_the_index_that_was_there(tmp_path, monkeypatch):
    write_study_index(tmp_path, INDEX)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match=r"No space left on device"):
        write_study_index(tmp_path, {"rounds": 4})
    assert read_study_index(tmp_path) == INDEX
    assert sorted(path.name for path in tmp_path.iterdir()) == [".locks", "study.json"]


def test_an_index_that_cannot_be_read_is_one_sentence(tmp_path):
    (tmp_path / "study.json").mkdir()
    with pytest.raises(InputError, match=r"study\.json cannot be read \(Is a directory\)"):
        read_study_index(tmp_path)


def test_files_beside_the_index_replace_links_and_leave_no_draft(tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "study.toml").symlink_to("precious")
    write_study_index(tmp_path, INDEX, beside={"study.toml": "seeds = 2\n"})
    assert (tmp_path / "study.toml").read_text() == "seeds = 2\n"
    assert (tmp_path / "precious").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".locks", "precious", "study.json", "study.toml"]
