"""A directory that is free for a study, and one that is not."""

from dataclasses import replace

import pytest

from runs import ONE, interrupt
from warmstart.basics import InputError
from warmstart.studies import Study, StudyProgress, read_study, run_study
from warmstart.studies._directory import check_directory
from warmstart.studies._study_file import study_text


@pytest.mark.parametrize(
    "name",
    [
        "trials.csv",
        "study.json.old",
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
    with pytest.raises(
        InputError, match=r"must be new, empty or contain this study, but .* contains other files"
    ) as caught:
        check_directory(tmp_path, None, Study())
    assert str(caught.value).isprintable()
    assert place.exists()


def test_a_study_file_of_another_study_is_foreign(tmp_path):
    (tmp_path / "study.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"contains other files, such as study\.toml"):
        check_directory(tmp_path, None, Study())


def test_what_a_kill_leaves_is_not_foreign(tmp_path):
    (tmp_path / "study.toml").write_text(study_text(Study()), encoding="utf-8")
    for name in (".locks", "study.part", "trials", "checkpoints"):
        (tmp_path / name).touch()
    (tmp_path / ".arrays-k1ll3d__").mkdir()
    (tmp_path / ".arrays-k1ll3d__" / "target-train-inputs.npy").touch()
    check_directory(tmp_path, None, Study())


@pytest.mark.parametrize("change", [{"seeds": 3}, {}], ids=["grown", "edited"])
def test_a_deleted_index_is_written_anew_whatever_the_study_file_says(change, study, tmp_path):
    interrupt(study, tmp_path, 5)
    (tmp_path / "study.json").unlink()  # as the error about a damaged one advises
    with (tmp_path / "study.toml").open("a") as file:
        file.write("# by hand\n")
    heard = []
    records = run_study(replace(study, **change), tmp_path, execution=ONE, listener=heard.append)
    assert next(event for event in heard if isinstance(event, StudyProgress)).done == 5
    assert len(records.rounds) == len(study.arms) * 3 * records.seeds_expected
    assert "by hand" not in (tmp_path / "study.toml").read_text()


@pytest.mark.parametrize("place", ["elsewhere", "study/inside"])
def test_a_store_must_be_around_the_study(study, tmp_path, place):
    with pytest.raises(InputError, match=r"store must be the results' directory or one around it, got .*" + place):
        run_study(study, tmp_path / "study", store=tmp_path / place, execution=ONE)
    assert not list(tmp_path.iterdir())


def test_a_store_around_the_study_is_found_behind_links(study, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    records = run_study(study, tmp_path / "link" / "study", store=tmp_path / "link", execution=ONE)
    assert len(records.rounds) == 18
    assert read_study(tmp_path / "real" / "study") == records
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "link").symlink_to(tmp_path / "real")
    with pytest.raises(InputError, match="store must be"):
        run_study(study, tmp_path / "far" / "link" / "study", store=tmp_path / "far", execution=ONE)


PLACES = ["", "file", "file/x", "dangling", "/proc/x", "/dev/null/x", "~nosuchuser/x", 256 * "n"]


@pytest.mark.parametrize("path", PLACES)
def test_places_without_a_directory_are_one_sentence(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"^The results' directory must be [^\n]*\.$"):
        run_study(Study(), path)
