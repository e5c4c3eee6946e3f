"""A directory that is free for a study, and one that is not."""

import pytest

from warmstart.basics import InputError
from warmstart.store import Store
from warmstart.studies import Study, run_study
from warmstart.studies._directory import check_directory
from warmstart.studies._study_file import write_study_file


@pytest.mark.parametrize(
    "name",
    [
        "results.partial.csv",
        "results.part.csv",
        ".study.toml.bak",
        ".study.toml.1.part.old",
        "lock",
        "study.toml/",
        "\x1b[31m",
        "n" * 255,
    ],
)
def test_a_directory_with_a_foreign_file_is_refused(name, tmp_path):
    place = tmp_path / name.rstrip("/")
    place.mkdir() if name.endswith("/") else place.touch()
    with pytest.raises(InputError, match=r"must be new, empty or hold this study, but .* holds other files") as caught:
        check_directory(Store(tmp_path), Study())
    assert str(caught.value).isprintable()
    assert place.exists()


def test_a_study_file_of_another_study_is_foreign(tmp_path):
    (tmp_path / "study.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"holds other files, such as study\.toml"):
        check_directory(Store(tmp_path), Study())


def test_what_a_kill_leaves_is_not_foreign(tmp_path):
    write_study_file(Study(), tmp_path / "study.toml")
    for name in (".lock", "results.part", "results.part-wal", "results.part-journal", ".study.toml.17.part"):
        (tmp_path / name).touch()
    check_directory(Store(tmp_path), Study())


PLACES = ["", "file", "file/x", "dangling", "/proc/x", "/dev/null/x", "~nosuchuser/x", 256 * "n"]


@pytest.mark.parametrize("path", PLACES)
def test_places_without_a_directory_are_one_sentence(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"^The results' directory must be [^\n]*\.$"):
        run_study(Study(), path)
