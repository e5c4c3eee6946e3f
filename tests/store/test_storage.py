import pytest

from warmstart.basics import StorageError
from warmstart.store import atomic_file


@pytest.mark.parametrize("is_hard", [False, True])
def test_nothing_is_written_through_a_link_with_the_name_of_a_draft(tmp_path, is_hard):
    other, draft = tmp_path / "other", tmp_path / "file.part"
    other.write_text("somebody else's")
    draft.hardlink_to(other) if is_hard else draft.symlink_to(other)
    with atomic_file(tmp_path / "file.toml") as path:
        path.write_text("ours")
    assert other.read_text() == "somebody else's"
    assert (tmp_path / "file.toml").read_text() == "ours"
    assert not (tmp_path / "file.toml").is_symlink()
    assert {one.name for one in tmp_path.iterdir()} == {"file.toml", "other"}


def test_a_folder_with_the_name_of_a_draft_is_one_sentence_and_stays(tmp_path):
    (tmp_path / "file.part").mkdir()
    (tmp_path / "file.part" / "thesis").write_text("somebody else's")
    with pytest.raises(StorageError, match=r"file\.part"), atomic_file(tmp_path / "file.toml"):
        raise AssertionError("nothing could be written")
    assert (tmp_path / "file.part" / "thesis").exists()
