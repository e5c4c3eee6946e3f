import json
import sqlite3
from contextlib import closing

import pytest

from warmstart.basics import InputError, StorageError
from warmstart.studies import RoundRecord, Store
from warmstart.studies._store import FinishedRound

RECORD = RoundRecord("cold", 0, 1, 10, 10, 0.5, 1.5, 0.99, "reached", 3, 6, 30, 1e6, 0.25)
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
