"""A disk that is full, read-only or gone, at every write: one sentence, the champion serves, the next run completes."""

import errno
import os
import shutil
from pathlib import Path

import pytest

import nights
from warmstart.basics import InputError, StorageError
from warmstart.retrain import Retrainer
from warmstart.retrain._ledger import Ledger


@pytest.fixture(scope="module")
def waiting(tmp_path_factory):
    """A project with a champion and an arrival that waits."""
    project = nights.project(tmp_path_factory.mktemp("project") / "live")
    project.add(nights.arrival(1))
    assert project.update().outcome == "promoted"
    project.add(nights.arrival(2))
    return project


@pytest.fixture
def project(waiting, tmp_path):
    return nights.copy(waiting.directory, tmp_path / "copy")


@pytest.fixture(scope="module")
def calm(waiting, tmp_path_factory):
    """The same after an update and another arrival, on a disk with room."""
    project = nights.copy(waiting.directory, tmp_path_factory.mktemp("calm") / "copy")
    _run(project)
    return project


def _run(project):
    project.update()
    project.add(nights.arrival(3))


def _fails_cleanly(project, calm, error=StorageError):
    champion = project.champion().id
    with pytest.raises(error) as caught:
        _run(project)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert not list(project.directory.rglob("*.part"))
    return champion


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_is_full_at_any_fsync(project, calm, full_disk, number):
    with full_disk(after=10**9) as calls:
        _run(nights.copy(project.directory, project.directory.with_name("counted")))
    count = calls()
    assert count > 20
    for after in range(0, count, 1 if os.environ.get("WARMSTART_LONG") == "1" else 5):
        tried = nights.copy(project.directory, project.directory.with_name("tried"))
        with full_disk(after=after, error=number):
            champion = _fails_cleanly(tried, calm)
            assert tried.champion().id in (champion, calm.champion().id)
        _run(tried)
        nights.assert_same(tried.directory, calm.directory)


def test_a_disk_that_is_full_when_a_file_grows(project, calm, monkeypatch):
    writes = {"count": 0, "limit": 10**9}
    original = Path.write_bytes

    def write(path, data):
        writes["count"] += 1
        if writes["count"] > writes["limit"]:
            original(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(path, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    _run(nights.copy(project.directory, project.directory.with_name("counted")))
    count = writes["count"]
    assert count > 3
    failed = 0
    for limit in range(count):
        tried = nights.copy(project.directory, project.directory.with_name("tried"))
        writes.update(count=0, limit=limit)
        try:
            _run(tried)
        except StorageError:
            failed += 1
            assert not list(tried.directory.rglob("*.part"))
            writes.update(limit=10**9)
            _run(tried)
        nights.assert_same(tried.directory, calm.directory)
    assert failed >= count - 2, "the name of the lock's owner alone may be missing"


def test_a_ledger_that_cannot_grow(project, calm, monkeypatch):
    original, seen = Ledger.open.__func__, []
    for more in (0, 1, 2, 4):
        tried = nights.copy(project.directory, project.directory.with_name("tried"))

        def opened(cls, path, more=more):
            ledger = original(cls, path)
            pages = ledger.execute("PRAGMA page_count").fetchone()[0]
            # The limit is of the file, whatever it holds when it is opened again.
            first = seen[0] if seen else pages
            seen.append(first)
            ledger.execute(f"PRAGMA max_page_count = {first + more}").fetchone()
            return ledger

        with monkeypatch.context() as patch:
            seen.clear()
            patch.setattr(Ledger, "open", classmethod(opened))
            try:
                _run(tried)
            except StorageError as error:
                assert "the disk is full; free some space" in str(error)  # noqa: PT017
            else:
                assert more == 4
        assert not list(tried.directory.rglob("*.part"))
        _run(tried)
        nights.assert_same(tried.directory, calm.directory)


@pytest.mark.parametrize("point", ["round open", "training", "model durable", "round judged", "round decided"])
def test_a_folder_that_vanishes_while_it_is_updated(project, calm, point):
    elsewhere = project.directory.with_name("unmounted")

    def vanish(name):
        if name == point and not elsewhere.exists():
            project.directory.rename(elsewhere)

    from warmstart.retrain import _objects

    _objects._listeners.append(vanish)
    try:
        with pytest.raises((StorageError, InputError)) as caught:
            project.update()
    finally:
        _objects._listeners.remove(vanish)
    assert "\n" not in str(caught.value)
    if project.directory.exists():
        shutil.rmtree(project.directory)  # what was written where the folder had been
    elsewhere.rename(project.directory)
    back = Retrainer(project.directory)
    _run(back)
    nights.assert_same(back.directory, calm.directory)
