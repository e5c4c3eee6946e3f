import json
import os
import pickle
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from warmstart.basics import StorageError
from warmstart.retrain._lock import LOCK, LOCKED, OWNER, LockedError, Owner, lock_owner, project_lock, running_owner

HOLD = """
import pathlib, sys, time
from warmstart.retrain._lock import project_lock
with project_lock(pathlib.Path(sys.argv[1]), "update"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_process_is_told_who_holds_it(tmp_path, holder):
    with pytest.raises(LockedError) as caught, project_lock(tmp_path, "add"):
        pass
    owner = caught.value.owner
    assert (owner.pid, owner.host, owner.command) == (holder.pid, platform.node(), "update")
    assert f"is being updated by process {holder.pid} on {platform.node()} (update) since 2" in str(caught.value)
    assert "try again when it has ended" in str(caught.value)
    assert caught.value.exit_code == LOCKED == 75
    assert isinstance(caught.value, StorageError)
    assert running_owner(tmp_path) == owner


def test_a_killed_owner_frees_it(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert lock_owner(tmp_path).pid == holder.pid, "its name is still written there"
    assert running_owner(tmp_path) is None
    with project_lock(tmp_path, "add"):
        assert lock_owner(tmp_path).pid == os.getpid()
        assert lock_owner(tmp_path).command == "add"
    assert not (tmp_path / OWNER).exists()


def test_the_same_process_cannot_take_it_twice(tmp_path):
    with project_lock(tmp_path, "update"):
        with pytest.raises(LockedError, match=rf"process {os.getpid()} on .* \(update\)"), project_lock(tmp_path):
            pass
        assert lock_owner(tmp_path) is not None, "the refused one has not deleted the owner's name"
    with project_lock(tmp_path):
        pass


def test_an_error_in_the_block_frees_it(tmp_path):
    with pytest.raises(ZeroDivisionError), project_lock(tmp_path):
        raise ZeroDivisionError
    with project_lock(tmp_path):
        pass


def test_the_owner_is_written_without_a_draft(tmp_path, monkeypatch):
    """A process killed while it writes a draft would leave one under a name of its own each time."""

    def killed(path, *_, **__):
        raise SystemExit(f"killed as it wrote {path.name}")

    monkeypatch.setattr(Path, "replace", killed)
    with project_lock(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} == {LOCK, OWNER}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "host": "h", "command": "c", "since": "x"}']
)
def test_an_owner_that_cannot_be_read_is_not_named(tmp_path, holder, content):
    (tmp_path / OWNER).write_text(content)
    with pytest.raises(LockedError, match="is being updated by another process; try again"), project_lock(tmp_path):
        pass


@pytest.mark.parametrize(("age", "expected"), [(5, "5 s"), (600, "10 min"), (7200, "2 h"), (259_200, "72 h")])
def test_the_age_is_in_the_message(monkeypatch, age, expected):
    monkeypatch.setattr(Owner, "age_seconds", property(lambda _: age))
    assert f"({expected})" in str(LockedError(Path("shop"), Owner(1, "h", "update", "2026-01-01T00:00:00+00:00")))


def test_an_owner_on_another_machine_counts_as_alive(tmp_path):
    other = {"pid": 1, "host": "elsewhere", "command": "update", "since": "2026-01-01T00:00:00+00:00"}
    (tmp_path / OWNER).write_text(json.dumps(other))
    assert running_owner(tmp_path) == Owner(**other)


def test_the_error_passes_between_processes():
    error = LockedError(Path("shop"), Owner(1, "h", "update", "2026-01-01T00:00:00+00:00"))
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.owner, copy.directory) == (error.owner, error.directory)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="The lock cannot be taken in "), project_lock(tmp_path / "file"):
        pass


def test_a_full_disk_does_not_keep_anybody_from_cleaning_up(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    with project_lock(tmp_path, "gc"):
        assert (tmp_path / LOCK).exists()
        with pytest.raises(LockedError, match="by another process"), project_lock(tmp_path):
            pass
