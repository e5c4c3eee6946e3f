import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from runs import ONE
from warmstart.basics import InputError, StorageError
from warmstart.store import RoundRecord, Store
from warmstart.store._storage import storage_errors
from warmstart.store._store import FinishedRound
from warmstart.studies import run_study
from warmstart.studies._first_rounds import Work

RECORD = RoundRecord("cold", 0, 1, 10, 10, 0.5, 1.5, 0.99, "converged", 3, 6, 30, 1e6, 0.25)
DIVERGED = RoundRecord("warm", 1, 2, 20, 20, None, None, 0.1, "diverged", 1, 2, 20, 1e6, 0.25)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.create({"study": {"seeds": 2}, "rounds_expected": 3})
    return store


def add(store, *records):
    run = store.begin_run({"version": "1"})
    for record in records:
        store.add(record, run=run, history="{}", checkpoint=f"{record.arm}-{record.round}")


def test_what_goes_in_comes_out(store):
    add(store, RECORD, DIVERGED)
    assert store.rounds() == [RECORD, DIVERGED]
    assert store.entry("study") == {"seeds": 2}
    assert store.runs() == [{"version": "1"}]


def test_the_last_round_says_where_to_go_on(store):
    assert store.last_round("cold", 0) == (0, None)
    add(store, RECORD)
    assert store.last_round("cold", 0) == (1, "cold-1")
    assert store.last_round("cold", 1) == (0, None)


def test_a_round_done_twice_stands_once(store):
    add(store, RECORD)
    add(store, RECORD)
    assert store.rounds() == [RECORD]


def test_the_journal_is_write_ahead(store):
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_runs_that_added_nothing_are_not_told(store):
    store.begin_run({"version": "0"})
    add(store, RECORD)
    assert store.runs() == [{"version": "1"}]


def test_a_kill_while_it_is_made_leaves_no_store(tmp_path):
    (tmp_path / "results.part").write_bytes(b"half a file")
    store = Store(tmp_path)
    assert not store.exists()
    store.create({"study": {}})
    assert store.rounds() == []


def test_another_format_is_refused(store):
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match=r"must be a store of format 1, got format 99"):
        store.rounds()


def test_a_damaged_file_is_one_sentence(tmp_path):
    (tmp_path / "results.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match=r"file is not a database"):
        Store(tmp_path).rounds()


def test_a_full_disk_is_one_sentence_and_leaves_the_store_intact(store):
    add(store, RECORD)
    with closing(sqlite3.connect(store.path)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()

    real_connect = sqlite3.connect

    def nearly_full(*arguments, **options):
        connection = real_connect(*arguments, **options)
        connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to a full disk
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", nearly_full)
        with pytest.raises(StorageError, match=r"database or disk is full"):
            store.add(DIVERGED, run=1, history="x" * 10**6, checkpoint=None)
    assert store.rounds() == [RECORD]


def test_a_finished_round_comes_back_with_all_that_is_stored_of_it(store):
    add(store, RECORD, DIVERGED)
    assert store.finished("cold", 0, 1) == FinishedRound(RECORD, "{}", "cold-1")
    assert store.finished("warm", 1, 2) == FinishedRound(DIVERGED, "{}", "warm-2")
    for arm, seed, number in (("warm", 0, 1), ("cold", 1, 1), ("cold", 0, 2)):
        assert store.finished(arm, seed, number) is None


def test_histories_are_told_by_arm_seed_and_round(store):
    run = store.begin_run({"version": "1"})
    reading = {"name": "shrink 1", "value": None, "when": "end", "epoch": 1, "steps": 2}
    history = {"columns": ["steps"], "epochs": [[2]], "readings": [reading]}
    store.add(DIVERGED, run=run, history="{}", checkpoint=None)
    store.add(RECORD, run=run, history=json.dumps(history), checkpoint=None)
    assert store.histories() == {("cold", 0, 1): history, ("warm", 1, 2): {}}
    assert list(store.histories()) == [("cold", 0, 1), ("warm", 1, 2)]


def test_all_last_rounds_are_told_at_once_as_each_by_itself(store):
    second = replace(RECORD, round=2)
    add(store, second, RECORD, DIVERGED)
    assert store.last_rounds() == {("cold", 0): (2, "cold-2"), ("warm", 1): (2, "warm-2")}
    assert all(store.last_round(*trial) == last for trial, last in store.last_rounds().items())


def test_rounds_are_counted(store):
    assert store.count() == 0
    add(store, RECORD, DIVERGED, RECORD)
    assert store.count() == 2


@pytest.fixture
def opened(monkeypatch):
    """Every connection that is opened, with what it was asked."""
    connections, real_connect = [], sqlite3.connect

    def noting(*arguments, **options):
        connection = real_connect(*arguments, **options)
        connections.append([])
        connection.set_trace_callback(connections[-1].append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", noting)
    return connections


def test_a_store_that_is_kept_open_is_opened_once(store, opened):
    with store.kept_open(), store.kept_open():
        add(store, RECORD, DIVERGED)
        assert store.rounds() == [RECORD, DIVERGED]
    assert len(opened) == 1
    assert store.count() == 2
    assert len(opened) == 2


def test_what_is_added_while_a_store_is_kept_open_is_seen_by_others_at_once(store):
    with store.kept_open():
        add(store, RECORD)
        assert Store(store.directory).rounds() == [RECORD]
        add(Store(store.directory), DIVERGED)
        assert store.rounds() == [RECORD, DIVERGED]


def test_what_fails_while_a_store_is_kept_open_is_not_taken_for_the_disks_fault(store):
    with pytest.raises(FileNotFoundError), store.kept_open():
        (store.directory / "missing").read_text()
    assert store.rounds() == []


@pytest.mark.parametrize("seeds", [3, 300])
def test_going_on_with_a_study_asks_as_little_however_many_trials_it_has(study, tmp_path, opened, seeds):
    study, store = replace(study, seeds=seeds), Store(tmp_path)
    store.create({})
    trials = [replace(RECORD, arm=arm, seed=seed) for seed in range(seeds) for arm in study.labels]
    with store.kept_open():
        add(store, *trials)
        opened[-1].clear()
        work = Work(store, study, 3, keep=lambda _: None)
        assert [(task.arm, task.trial.seed, task.done) for task in work.beginning()] == [
            (record.arm, record.seed, 1) for record in trials
        ]
        assert len(opened[-1]) == 1


@pytest.mark.parametrize("seeds", [1, 4])
def test_a_study_opens_its_store_as_often_however_many_trials_it_has(study, tmp_path, opened, seeds):
    run_study(replace(study, seeds=seeds), tmp_path, execution=ONE)
    _made, kept, _read = opened
    assert sum(question.startswith("INSERT OR REPLACE INTO round") for question in kept) == 9 * seeds


FOREIGN = ["results.partial.csv", "results.part.csv", "results.parts", "results.part-wal2", "results.party"]


@pytest.mark.parametrize("name", FOREIGN)
def test_making_a_store_deletes_its_own_drafts_and_nothing_else(name, tmp_path):
    for left in ("results.part", "results.part-wal", "results.part-shm", "results.part-journal", name):
        (tmp_path / left).write_text("content")
    Store(tmp_path).create({"study": {}})
    assert {path.name for path in tmp_path.iterdir()} == {name, "results.sqlite"}
    assert (tmp_path / name).read_text() == "content"


def test_what_was_stored_is_called_intact_only_where_it_is(tmp_path):
    def sentence(error):
        with pytest.raises(StorageError) as caught, storage_errors(tmp_path / "checkpoints/cold/seed-0"):
            raise error
        return str(caught.value)

    full = OSError(28, "No space left on device")
    assert "intact" not in sentence(full)
    Store(tmp_path).create({"study": {}})
    (tmp_path / "checkpoints/cold/seed-0").mkdir(parents=True)
    assert "what was stored before is intact" in sentence(full)
    assert "intact" not in sentence(sqlite3.DatabaseError("database disk image is malformed"))
