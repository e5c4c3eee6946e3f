import errno
import io
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from ledgers import digest, new_object
from warmstart.basics import StorageError
from warmstart.retrain._objects import (
    POINTER,
    crash_point,
    crashing_at,
    delete_files,
    draft_file,
    draft_path,
    drafts,
    file_digest,
    free_space_check,
    load_scores,
    object_path,
    read_pointer,
    save_scores,
    scores_path,
    store_object,
    verify_object,
    write_pointer,
)

SCORES = np.array([[1.0, 3.0], [0.0, np.nan], [np.nan, np.nan]])


def drafted(directory, content=b"a model"):
    path = draft_path(directory, "candidate")
    path.write_bytes(content)
    return path, file_digest(path)


def files(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


# Objects.


def test_an_object_is_named_after_its_content(tmp_path):
    draft, name = drafted(tmp_path)
    path = store_object(tmp_path, "models", draft, name)
    assert path == object_path(tmp_path, "models", name) == tmp_path / "models" / name[:2] / f"{name}.safetensors"
    assert path.read_bytes() == b"a model"
    assert files(tmp_path) == [str(path.relative_to(tmp_path))]
    assert verify_object(tmp_path, "models", name, size=7) is None


def test_an_equal_object_is_kept_and_the_draft_deleted(tmp_path):
    name, _ = new_object(tmp_path, "arrivals", b"rows")
    before = object_path(tmp_path, "arrivals", name).stat().st_ino
    assert new_object(tmp_path, "arrivals", b"rows") == (name, 4)
    assert object_path(tmp_path, "arrivals", name).stat().st_ino == before
    assert len(files(tmp_path)) == 1


def test_a_damaged_equal_object_is_replaced(tmp_path):
    name, _ = new_object(tmp_path, "arrivals", b"rows")
    object_path(tmp_path, "arrivals", name).write_bytes(b"rots")
    new_object(tmp_path, "arrivals", b"rows")
    assert verify_object(tmp_path, "arrivals", name) is None


def damage_missing(path):
    path.unlink()


def damage_truncated(path):
    path.write_bytes(path.read_bytes()[:-1])


def damage_changed(path):
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


def damage_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (damage_missing, "missing"),
        (damage_truncated, "truncated"),
        (damage_changed, "changed"),
        (damage_folder, "no regular file"),
    ],
)
def test_damage_is_found_and_named(tmp_path, damage, expected):
    name, size = new_object(tmp_path, "models", b"a model")
    damage(object_path(tmp_path, "models", name))
    assert verify_object(tmp_path, "models", name, size=size) == expected
    assert verify_object(tmp_path, "models", name) is not None, "also where the size is not known"


@pytest.mark.parametrize("point", ["draft written", "object durable"])
def test_after_a_crash_the_same_object_can_be_stored(tmp_path, point):
    draft, name = drafted(tmp_path)
    with crashing_at(point) as passed, pytest.raises(KeyboardInterrupt):
        store_object(tmp_path, "models", draft, name)
    assert passed[-1] == point
    there = verify_object(tmp_path, "models", name)
    assert there == ("missing" if point == "draft written" else None)
    draft, name = drafted(tmp_path)
    store_object(tmp_path, "models", draft, name)
    assert verify_object(tmp_path, "models", name) is None
    assert files(tmp_path) == [str(object_path(Path(), "models", name))]


@pytest.mark.parametrize("after", range(6))
def test_a_full_disk_at_every_wait_for_it(tmp_path, full_disk, after):
    """The folders' names, the file, its name: wherever it fails, the object can be stored afterwards."""
    draft, name = drafted(tmp_path)
    with full_disk(after=after) as calls, suppress(StorageError):
        store_object(tmp_path, "models", draft, name)
    assert (calls() > after) == (after < 4), "the fourth was the last"
    assert drafts(tmp_path) == []
    assert new_object(tmp_path, "models", b"a model") == (name, 7)
    assert verify_object(tmp_path, "models", name) is None


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO])
def test_what_a_disk_says_becomes_one_sentence(tmp_path, monkeypatch, error):
    def refuse(*_, **__):
        raise OSError(error, os.strerror(error))

    draft, name = drafted(tmp_path)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StorageError) as caught:
        store_object(tmp_path, "arrivals", draft, name)
    text = str(caught.value)
    assert text.startswith("The arrival cannot be stored in ")
    assert os.strerror(error) in text
    assert ("free some space" in text) == (error in (errno.ENOSPC, errno.EDQUOT))
    assert files(tmp_path) == []


# Drafts and free space.


def test_drafts_are_known_by_their_names(tmp_path):
    draft, _ = drafted(tmp_path)
    checkpoint = tmp_path / "work" / "round-3" / "state.safetensors"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"state")
    half = checkpoint.parent / "half.part"
    half.write_bytes(b"123")
    own = ("project.part", "champion.part", "ledger.part", "ledger.part-journal", "serving/ab.part")
    others = [tmp_path / name for name in (*own, "report/.index.html.12345.part")]
    users = [tmp_path / name for name in ("ids.part", "report/notes.part", "data/january.part", "project.part.toml")]
    for path in (*others, *users):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"12")
    assert drafts(tmp_path) == sorted([draft, half, *others])
    assert drafts(tmp_path / "nowhere") == []


@pytest.mark.parametrize("folder", ["work", "work/inside"])
def test_a_linked_folder_stays_when_its_files_are_deleted(tmp_path, folder):
    (tmp_path / "scratch" / "inside").mkdir(parents=True)
    (tmp_path / "work").symlink_to(tmp_path / "scratch")
    path = tmp_path / folder / "left.part"
    path.write_bytes(b"12")
    delete_files(tmp_path, [path])
    assert not path.exists()
    assert (tmp_path / "work").is_symlink()
    assert (tmp_path / "scratch").is_dir()
    assert (tmp_path / "scratch" / "inside").exists() == (folder == "work")


def test_a_folder_that_cannot_be_removed_stays(tmp_path, monkeypatch):
    def refuse(_):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    path = draft_path(tmp_path, "left")
    path.write_bytes(b"12")
    monkeypatch.setattr(Path, "rmdir", refuse)
    delete_files(tmp_path, [path])
    assert not path.exists()


def test_too_little_space_is_said_before_anything_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 9 * 10**8, 10**8))
    free_space_check(tmp_path / "not" / "yet", 10**7, "The round")
    with pytest.raises(StorageError, match=r"The round needs about 108 MB in .*, but 100 MB are free; free some space"):
        free_space_check(tmp_path / "not" / "yet", 10**8, "The round")


def test_a_draft_that_cannot_be_written_is_one_sentence_and_gone(tmp_path):
    for error in (OSError(28, "No space left on device"), SafetensorError("I/O error: No space left on device (28)")):
        with pytest.raises(StorageError, match=r"A draft cannot be written in .*No space left.*; free some space"):
            write_draft(tmp_path, error)
    with pytest.raises(KeyboardInterrupt):
        write_draft(tmp_path, KeyboardInterrupt())
    assert files(tmp_path) == []


def write_draft(directory, error):
    with draft_file(directory, "candidate") as draft:
        draft.write_bytes(b"half")
        raise error


# Scores.


def test_scores_come_back(tmp_path):
    save_scores(tmp_path, digest("m"), digest(1), SCORES)
    np.testing.assert_array_equal(load_scores(tmp_path, digest("m"), digest(1), 3), SCORES)
    np.testing.assert_array_equal(np.load(scores_path(tmp_path, digest("m"), digest(1))), SCORES)
    assert load_scores(tmp_path, digest("m"), digest(2), 3) is None
    assert load_scores(tmp_path, digest("m"), digest(1), 4) is None, "the arrival has other rows"


def _pickled():
    content = io.BytesIO()
    np.save(content, np.array([object()]), allow_pickle=True)
    return content.getvalue()


@pytest.mark.parametrize("cut", [0, 1, 40, 130, 175])
def test_partial_scores_are_none(tmp_path, cut):
    save_scores(tmp_path, "m", "a", SCORES)
    path = scores_path(tmp_path, "m", "a")
    path.write_bytes(path.read_bytes()[:cut])
    assert load_scores(tmp_path, "m", "a", 3) is None


def test_a_changed_bit_and_a_pickle_are_no_scores(tmp_path):
    save_scores(tmp_path, "m", "a", SCORES)
    path = scores_path(tmp_path, "m", "a")
    damage = bytearray(path.read_bytes())
    damage[130] ^= 64
    path.write_bytes(damage)
    assert load_scores(tmp_path, "m", "a", 3) is None
    path.write_bytes(_pickled())
    assert load_scores(tmp_path, "m", "a", 1) is None


def test_a_crash_while_scores_are_written_leaves_the_earlier_ones(tmp_path):
    save_scores(tmp_path, "m", "a", SCORES)
    with crashing_at("scores written"), pytest.raises(KeyboardInterrupt):
        save_scores(tmp_path, "m", "a", SCORES + 1)
    np.testing.assert_array_equal(load_scores(tmp_path, "m", "a", 3), SCORES)
    assert files(tmp_path) == ["scores/m/a.npy"]


# The pointer.


def test_the_pointer_comes_back(tmp_path):
    pointer = {"id": "ab", "path": "models/ab/ab.safetensors", "round": 3, "manifest": {"classes": ["ä"]}}
    write_pointer(tmp_path, pointer)
    assert read_pointer(tmp_path) == pointer
    assert files(tmp_path) == [POINTER]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b"[" * 10_000])
def test_a_damaged_pointer_is_none(tmp_path, content):
    (tmp_path / POINTER).write_bytes(content)
    assert read_pointer(tmp_path) is None
    assert read_pointer(tmp_path / "nowhere") is None


@pytest.mark.parametrize("point", ["pointer old", "pointer half written"])
def test_a_crash_at_the_pointer_leaves_the_earlier_one(tmp_path, point):
    write_pointer(tmp_path, {"id": "old"})
    with crashing_at(point), pytest.raises(KeyboardInterrupt):
        write_pointer(tmp_path, {"id": "new"})
    assert json.loads((tmp_path / POINTER).read_text()) == {"id": "old"}
    assert files(tmp_path) == [POINTER]


@pytest.mark.parametrize("after", [0, 1])
def test_a_full_disk_at_the_pointer_leaves_a_whole_one(tmp_path, full_disk, after):
    write_pointer(tmp_path, {"id": "old"})
    with full_disk(after=after), pytest.raises(StorageError):
        write_pointer(tmp_path, {"id": "new"})
    assert read_pointer(tmp_path) == {"id": "old" if after == 0 else "new"}


# The hook.


def test_crash_points_do_nothing_unless_a_test_wants_it():
    crash_point("anything")
    with crashing_at("here", ZeroDivisionError()) as passed:
        crash_point("before")
        with pytest.raises(ZeroDivisionError):
            crash_point("here")
    crash_point("here")
    assert passed == ["before", "here"]
