import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from trial_logs import KEY, OTHER, add_rounds
from warmstart.basics import InputError, StorageError
from warmstart.store import TrialStore

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def locks(directory):
    return sorted(path.name for path in (directory / ".locks").iterdir() if path.name != "guard")


def test_a_lock_is_held_once(tmp_path):
    first, second = TrialStore(tmp_path), TrialStore(tmp_path)
    with first.lock(KEY) as lock:
        assert lock.is_held
        assert first.try_lock(KEY) is None
        assert second.try_lock(KEY) is None
        with pytest.raises(InputError, match=rf"Trial {KEY} in .* is locked by a study that is running; wait for it"):
            second.lock(KEY)
        with second.lock(OTHER):
            assert locks(tmp_path) == [KEY, OTHER]
    assert not lock.is_held
    assert locks(tmp_path) == []
    with second.lock(KEY):
        lock.release()  # again: it is not the other's lock that this frees
        assert first.try_lock(KEY) is None


HOLD = """
import pathlib, sys, time
from warmstart.store import TrialStore
with TrialStore(pathlib.Path(sys.argv[1])).lock(sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_killed_process_frees_its_lock_and_leaves_none_that_blocks(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), KEY], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    with process:
        assert process.stdout.readline() == "held\n"
        store = TrialStore(tmp_path)
        assert store.try_lock(KEY) is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert locks(tmp_path) == [KEY]
    with store.lock(KEY):
        pass
    assert locks(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_does_not_hold_its_parents_lock(tmp_path):
    store = TrialStore(tmp_path)
    lock = store.lock(KEY)
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    child.start()
    try:
        lock.release()
        with store.lock(KEY):
            pass
    finally:
        child.kill()
        child.join()


def test_a_lock_of_another_thread_is_released(tmp_path):
    taken = []
    thread = threading.Thread(target=lambda: taken.append(TrialStore(tmp_path).lock(KEY)))
    thread.start()
    thread.join()
    taken[0].release()
    assert locks(tmp_path) == []


TAKE_TURNS = """
import pathlib, sys, time
from warmstart.store import TrialStore
directory = pathlib.Path(sys.argv[1])
store, counter, taken = TrialStore(directory), directory / "counter", 0
while taken < 60:
    lock = store.try_lock(sys.argv[2])
    if lock is not None:
        with lock:  # lost updates would show that two have been in here at once
            number = int(counter.read_text())
            time.sleep(0.0005)
            counter.write_text(str(number + 1))
            taken += 1
"""


def test_lock_files_come_and_go_without_two_holders(tmp_path):
    (tmp_path / "counter").write_text("0")
    command = [sys.executable, "-c", TAKE_TURNS, str(tmp_path), KEY]
    processes = [subprocess.Popen(command, env=ENVIRONMENT) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert (tmp_path / "counter").read_text() == "180"
    assert locks(tmp_path) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root")
def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"Results cannot be stored in .*file"):
        TrialStore(tmp_path / "file" / "store").lock(KEY)


def test_releasing_after_the_directory_is_gone_leaves_nothing(tmp_path):
    directory = tmp_path / "store"
    with TrialStore(directory).lock(KEY):
        shutil.rmtree(directory)
    assert not directory.exists()


APPEND = """
import pathlib, sys
from trial_logs import add_rounds, record, writing
directory, key = pathlib.Path(sys.argv[1]), sys.argv[2]
with writing(directory, key) as writer:
    print("writing", flush=True)
    for number in range(writer.rounds + 1, int(sys.argv[3]) + 1):
        writer.append(record(number), history={"text": "x" * (37 * number % 5000)}, run={"process": 1})
"""


def append_in_process(directory, key, rounds):
    command = [sys.executable, "-c", APPEND, str(directory), key, str(rounds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)


def test_two_processes_append_to_two_trials_of_one_store(tmp_path):
    processes = [append_in_process(tmp_path, key, 100) for key in (KEY, OTHER)]
    store, seen = TrialStore(tmp_path), 0
    while any(process.poll() is None for process in processes):
        trial = store.read(KEY)  # at any moment, without a lock
        rounds = [] if trial is None else [found.record.round for found in trial.rounds]
        assert rounds == list(range(1, len(rounds) + 1))
        assert len(rounds) >= seen
        seen = len(rounds)
    assert [process.communicate()[1] for process in processes] == ["", ""]
    assert [len(store.read(key).rounds) for key in (KEY, OTHER)] == [100, 100]


def test_of_two_processes_that_want_one_trial_one_gets_it(tmp_path):
    with append_in_process(tmp_path, KEY, 10**6) as first:
        assert first.stdout.readline() == "writing\n"
        with append_in_process(tmp_path, KEY, 5) as second:
            assert "is locked by a study" in second.communicate()[1]
        first.kill()
    add_rounds(tmp_path, len(TrialStore(tmp_path).read(KEY).rounds) + 1, checkpoints=False)


@pytest.mark.slow
def test_what_is_read_after_a_kill_is_a_prefix_and_can_be_continued(tmp_path):
    generator, store, finished = random.Random(5), TrialStore(tmp_path), 0
    for _ in range(30):
        with append_in_process(tmp_path, KEY, 10**6) as process:
            assert process.stdout.readline() == "writing\n"
            time.sleep(generator.uniform(0, 0.05))
            process.kill()
        trial = store.read(KEY)
        rounds = [] if trial is None else trial.rounds
        assert [found.record.round for found in rounds] == list(range(1, len(rounds) + 1))
        assert all(len(found.history["text"]) == 37 * found.record.round % 5000 for found in rounds)
        assert len(rounds) >= finished
        finished = len(rounds)
    assert finished > 10
    store.sweep()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [f"{KEY}.jsonl", "guard"]
