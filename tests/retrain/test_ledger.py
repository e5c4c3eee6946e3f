import os
import sqlite3
import subprocess
import sys

import pytest

from ledgers import TIME, arrival, digest, finished_round, model, project, sample
from warmstart.basics import StorageError
from warmstart.retrain._ledger import (
    LEDGER,
    VERSION,
    ArrivalRow,
    AuditRow,
    EventRow,
    JudgementRow,
    Ledger,
    LicenceRow,
    ModelRow,
    PromotionRow,
    RoundRow,
    SchemaRow,
    WatchRow,
)
from warmstart.retrain._objects import crashing_at


@pytest.fixture
def ledger(tmp_path):
    with Ledger.create(tmp_path / LEDGER) as made:
        yield made


def fill(ledger, *rows):
    with ledger.transaction():
        for row in rows:
            ledger.insert(row)


def places(rows):
    return [(row.arrival, row.row) for row in rows]


# The file.


def test_a_ledger_is_made_once_and_opened_again(tmp_path):
    with Ledger.create(tmp_path / "shop" / LEDGER) as ledger:
        salt = ledger.salt
    with Ledger.open(tmp_path / "shop" / LEDGER) as ledger:
        assert ledger.salt == salt
        assert len(salt) == 32
        assert ledger.check() is None
    with pytest.raises(StorageError, match="exists already; a project is made once"):
        Ledger.create(tmp_path / "shop" / LEDGER)


def test_two_projects_have_different_salts(tmp_path):
    with Ledger.create(tmp_path / "a.sqlite") as first, Ledger.create(tmp_path / "b.sqlite") as second:
        assert first.salt != second.salt


def test_a_folder_without_a_ledger_is_named_and_nothing_is_made(tmp_path):
    with pytest.raises(StorageError, match=r"ledger\.sqlite is missing; restore it from a backup"):
        Ledger.open(tmp_path / LEDGER)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_ledger_is_refused(tmp_path):
    Ledger.create(tmp_path / LEDGER).close()
    connection = sqlite3.connect(tmp_path / LEDGER)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(
        StorageError, match=r"written by a newer warmstart \(its version is 2, this one reads up to 1\)"
    ):
        Ledger.open(tmp_path / LEDGER)


def test_another_database_is_refused(tmp_path):
    connection = sqlite3.connect(tmp_path / LEDGER)
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(StorageError, match="is no ledger of a retraining project"):
        Ledger.open(tmp_path / LEDGER)


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be taken for one" * 50, b"SQLite format 3\0" * 80]
)
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / LEDGER).write_bytes(content)
    with pytest.raises(StorageError, match=r"ledger\.sqlite is damaged \(.*\); restore it from a backup"):
        Ledger.open(tmp_path / LEDGER)


def test_damage_inside_is_found(tmp_path):
    project(tmp_path)
    path = tmp_path / LEDGER
    data = bytearray(path.read_bytes())
    # The schema, in the first pages, stays: what is damaged are the last tables.
    data[-8_192:] = os.urandom(8_192)
    path.write_bytes(data)
    with Ledger.open(path) as ledger:
        assert ledger.check() is not None


def test_a_name_with_special_characters_is_a_path(tmp_path):
    path = tmp_path / "50% off? #1" / LEDGER
    Ledger.create(path).close()
    with Ledger.open(path) as ledger:
        assert ledger.next_arrival_number() == 1
    assert [file.name for file in path.parent.iterdir()] == [LEDGER]


@pytest.mark.parametrize("point", ["ledger half made"])
def test_a_crash_while_it_is_made_leaves_none(tmp_path, point):
    with crashing_at(point), pytest.raises(KeyboardInterrupt):
        Ledger.create(tmp_path / LEDGER)
    assert not (tmp_path / LEDGER).exists()
    with Ledger.create(tmp_path / LEDGER) as ledger:
        assert ledger.check() is None


# Transactions.


def test_a_transaction_is_all_or_nothing(ledger):
    with crashing_at("transaction open", ZeroDivisionError()), pytest.raises(ZeroDivisionError):
        fill(ledger, arrival(1))
    assert ledger.accepted_arrivals() == []
    fill(ledger, arrival(1))
    assert [row.number for row in ledger.accepted_arrivals()] == [1]


@pytest.mark.parametrize(("point", "expected"), [("transaction open", []), ("transaction committed", [1])])
def test_a_crash_around_the_commit(tmp_path, point, expected):
    with Ledger.create(tmp_path / LEDGER) as ledger, crashing_at(point), pytest.raises(KeyboardInterrupt):
        fill(ledger, arrival(1))
    with Ledger.open(tmp_path / LEDGER) as ledger:
        assert [row.number for row in ledger.accepted_arrivals()] == expected


KILLED = """
import os, pathlib, sys
from ledgers import arrival, sample
from warmstart.retrain._ledger import Ledger
ledger = Ledger.open(pathlib.Path(sys.argv[1]))
with ledger.transaction():
    ledger.insert(arrival(1))
    ledger.execute("PRAGMA cache_size = 10")  # so that pages reach the file before the commit
    ledger.add_samples(sample(1, row) for row in range(20_000))
    os.kill(os.getpid(), 9)
"""


def test_a_kill_in_the_middle_of_a_transaction_leaves_the_state_before(tmp_path):
    Ledger.create(tmp_path / LEDGER).close()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path / LEDGER], env=environment, check=False)
    assert done.returncode == -9
    assert (tmp_path / f"{LEDGER}-journal").exists()
    with Ledger.open(tmp_path / LEDGER) as ledger:
        assert ledger.accepted_arrivals() == []
        assert ledger.check() is None


def test_a_full_disk_loses_nothing_that_was_stored(ledger):
    fill(ledger, arrival(1))
    pages = ledger.execute("PRAGMA page_count").fetchone()[0]
    ledger.execute(f"PRAGMA max_page_count = {pages}")  # SQLite reports it as it does a full disk
    with pytest.raises(StorageError, match=r"the disk is full; free some space.*what was stored before is intact"):
        fill(ledger, *(arrival(number) for number in range(2, 1000)))
    assert [row.number for row in ledger.accepted_arrivals()] == [1]
    ledger.execute("PRAGMA max_page_count = 1000000")
    fill(ledger, arrival(2))
    assert ledger.next_arrival_number() == 3


def test_a_reader_sees_one_state(tmp_path):
    with Ledger.create(tmp_path / LEDGER) as writer, Ledger.open(tmp_path / LEDGER) as reader:
        fill(writer, arrival(1))
        reader._connection.execute("PRAGMA busy_timeout = 0")
        writer._connection.execute("PRAGMA busy_timeout = 0")
        with reader.reading():
            assert reader.latest_arrival() == 1
            with pytest.raises(StorageError, match="another process has held it for too long"), writer.transaction():
                writer.insert(arrival(2))
            assert reader.latest_arrival() == 1
        fill(writer, arrival(2))
        assert reader.latest_arrival() == 2


def test_events_are_only_added(ledger):
    with ledger.transaction():
        ledger.add_event("init", "Made.", round_number=None, rows=3)
        ledger.add_event("add", "Arrival 1.")
    for statement in ("DELETE FROM event", "UPDATE event SET text = ''"):
        with pytest.raises(sqlite3.IntegrityError, match="only ever added"), ledger.transaction():
            ledger.execute(statement)
    assert [event.text for event in ledger.events()] == ["Made.", "Arrival 1."]
    assert [event.text for event in ledger.events(last=1)] == ["Arrival 1."]
    assert ledger.events()[0].data == {"rows": 3}


# Rows.


def test_rows_come_back_as_they_were_stored(ledger):
    rows = [
        SchemaRow(1, {"kind": "table", "columns": ["a", "ä"]}, TIME),
        arrival(1, rows=3),
        finished_round(1, state="promoted"),
        model("m", 1),
        model("n", 1, start="m"),
        JudgementRow(1, "m", "n", "class", "7", 300, 0.1, -0.2, 0.4, 0.01),
        AuditRow(1, "warm", "m", "n", arrival=1),
        LicenceRow(1, {"arms": {"warm": [0.1, -0.2]}, "account": 0.5}),
        WatchRow(1, 1, 200, 0.1, 0.2, 0.01, alarm=True),
    ]
    fill(ledger, *rows)
    assert [ledger.first(type(row), "ORDER BY rowid" if type(row) is ModelRow else "") for row in rows] == [
        row if row != rows[4] else rows[3] for row in rows
    ]
    assert ledger.model("n") == rows[4]


def test_a_row_is_changed_or_replaced(ledger):
    fill(ledger, finished_round(1, state="open"), arrival(1))
    with ledger.transaction():
        ledger.change(RoundRow, 1, state="kept", plan={"arm": "cold"}, ended=TIME)
        ledger.change(ArrivalRow, digest(1), state="quarantined")
        ledger.insert(WatchRow(1, 1, 200, 0.1, 0.2, 0.01, alarm=False))
        ledger.insert(WatchRow(1, 1, 300, 0.1, 0.2, 0.01, alarm=True), replace=True)
    (found,) = ledger.rounds()
    assert (found.state, found.plan, found.token) == ("kept", {"arm": "cold"}, "token 1")
    assert ledger.arrival(1).state == "quarantined"
    assert [row.t for row in ledger.select(WatchRow)] == [300]
    with pytest.raises(KeyError, match="round 2"), ledger.transaction():
        ledger.change(RoundRow, 2, state="kept")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (arrival(1, state="lost"), "CHECK"),
        (arrival(2, object_id=digest(1)), "UNIQUE"),
        (model("m", 7), "FOREIGN KEY"),
        (finished_round(3, state="open"), "UNIQUE"),
    ],
    ids=["state", "same arrival", "no such round", "a second open round"],
)
def test_what_cannot_be_is_refused(ledger, row, complaint):
    fill(ledger, arrival(1), finished_round(2, state="open"))
    with pytest.raises(sqlite3.IntegrityError, match=complaint), ledger.transaction():
        ledger.insert(row if row.table != "arrival" or row.number == 2 else arrival(9, state="lost"))


# Arrivals.


def test_arrivals_are_numbered_and_wait_for_a_finished_round(ledger):
    assert (ledger.next_arrival_number(), ledger.latest_arrival()) == (1, 0)
    fill(ledger, arrival(1), arrival(2), arrival(3, state="quarantined"), arrival(4))
    assert ledger.next_arrival_number() == 5
    assert [row.number for row in ledger.accepted_arrivals()] == [1, 2, 4]
    assert [row.number for row in ledger.pending_arrivals()] == [1, 2, 4]
    fill(ledger, finished_round(1, arrivals=2))
    assert [row.number for row in ledger.pending_arrivals()] == [4]
    fill(ledger, finished_round(2, state="failed", arrivals=4))
    assert [row.number for row in ledger.pending_arrivals()] == [4], "a failed round has taken nothing in"
    fill(ledger, finished_round(3, state="promoted", arrivals=4))
    assert ledger.pending_arrivals() == []


def test_the_same_content_is_found(ledger):
    fill(ledger, arrival(1), arrival(2))
    assert ledger.arrival_with_content(digest("content 2")).number == 2
    assert ledger.arrival_with_content(digest("content 3")) is None
    assert ledger.arrival(digest(2)) == ledger.arrival(2)
    assert ledger.arrival(3) is None


# Samples.


def test_held_out_rows_judge_within_the_window_and_are_trained_on_afterwards(ledger):
    with ledger.transaction():
        for number in range(1, 6):
            ledger.insert(arrival(number, rows=2))
            ledger.add_samples([sample(number, 0, side="holdout"), sample(number, 1)])
    assert places(ledger.judging_rows(2, 3)) == [(1, 0), (2, 0)]
    assert places(ledger.judging_rows(5, 3)) == [(3, 0), (4, 0), (5, 0)]
    assert places(ledger.training_rows(5, 3)) == [(1, 0), (1, 1), (2, 0), (2, 1), (3, 1), (4, 1), (5, 1)]
    assert places(ledger.training_rows(2, 3)) == [(1, 1), (2, 1)], "later arrivals do not count"


def test_rows_are_trained_on_in_the_order_in_which_they_joined(ledger):
    with ledger.transaction():
        for number in (1, 2):
            ledger.insert(arrival(number, rows=2))
            ledger.add_samples([sample(number, 0, side="holdout"), sample(number, 1)])
        assert ledger.join(1, 1, 2) == 1
        assert ledger.join(2, 2, 2) == 1
    with ledger.transaction():
        ledger.insert(arrival(3))
        assert places(ledger.training_rows(3, 2)) == [(1, 1), (2, 1), (1, 0)], "the old held-out row comes last"
        assert ledger.join(3, 3, 2) == 1
    assert [row.joined for row in ledger.training_rows(3, 2)] == [1, 2, 3]
    assert ledger.join(4, 3, 2) == 0
    # A window that was made larger takes no trained row back.
    assert places(ledger.judging_rows(3, 30)) == [(2, 0)]
    assert places(ledger.training_rows(3, 30)) == [(1, 1), (2, 1), (1, 0)]


def test_what_has_arrived_since_is_unseen_also_where_later_models_were_trained_on_it(ledger):
    with ledger.transaction():
        for number in (1, 2, 3):
            ledger.insert(arrival(number, rows=3))
        ledger.add_samples([sample(1, 0, side="holdout"), sample(1, 1, "a"), sample(1, 2, side=None, label=None)])
        ledger.add_samples([sample(2, 0, side="holdout"), sample(2, 1), sample(2, 2)])
        ledger.join(1, 1, 30)
        ledger.insert(finished_round(1))
        ledger.insert(made := model("m1", 1))
        ledger.add_samples([sample(3, 0, "a"), sample(3, 1), sample(3, 2, label=None)])
        ledger.supersede(3)
        ledger.join(2, 2, 30)
    assert places(ledger.unseen_rows([made], 1, 30)) == [(1, 0)] == places(ledger.judging_rows(1, 30))
    assert places(ledger.unseen_rows([made], 2, 30)) == [(1, 0), (2, 0), (2, 1), (2, 2)]
    # The key of row (3, 0) was trained on before.
    assert places(ledger.unseen_rows([made], 3, 30)) == [(1, 0), (2, 0), (2, 1), (2, 2), (3, 1)]
    assert places(ledger.unseen_rows([made], 3, 0)) == [(2, 0), (2, 1), (2, 2), (3, 1)], "held out too long ago"


def test_the_newest_version_of_a_key_counts(ledger):
    with ledger.transaction():
        ledger.insert(arrival(1), arrival(2))
        ledger.add_samples([sample(1, 0, "a"), sample(1, 1, "b"), sample(2, 0, "b"), sample(2, 1, "c")])
        assert ledger.supersede(2) == 1
    assert places(ledger.training_rows(2, 30)) == [(1, 0), (2, 0), (2, 1)]
    assert places(ledger.training_rows(1, 30)) == [(1, 0), (1, 1)], "as it stood after the first arrival"
    assert places(ledger.versions(["b", "c", "z"])) == [(1, 1), (2, 0), (2, 1)]
    assert ledger.versions(["b"])[0].superseded_by == 2


def test_rows_like_those_that_were_trained_on_are_not_unseen(ledger):
    # Of the same group, or, where there is neither group nor key, with the same features: both are the unit.
    with ledger.transaction():
        ledger.insert(arrival(1), arrival(2), finished_round(1), made := model("m1", 1))
        ledger.add_samples([sample(1, 0)._replace(unit="x"), sample(1, 1, side="holdout")._replace(unit="y")])
        ledger.join(1, 1, 30)
        ledger.add_samples([sample(2, row)._replace(unit=unit) for row, unit in enumerate("xyz")])
    assert places(ledger.unseen_rows([made], 2, 30)) == [(1, 1), (2, 1), (2, 2)]


def test_what_one_of_several_models_has_seen_is_unseen_by_none(ledger):
    # After a rollback the anchor may be newer than a candidate.
    with ledger.transaction():
        for number in (1, 2, 3):
            ledger.insert(arrival(number), finished_round(number), model(f"m{number}", number))
            ledger.add_samples([sample(number, 0)])
            ledger.join(number, number, 30)
    models = ledger.models()
    assert places(ledger.unseen_rows(models[:1], 3, 30)) == [(2, 0), (3, 0)]
    assert places(ledger.unseen_rows(models[:2], 3, 30)) == [(3, 0)]
    assert places(ledger.unseen_rows(models, 3, 30)) == []


def test_a_newer_version_that_arrived_during_a_round_does_not_judge_it(ledger):
    with ledger.transaction():
        ledger.insert(arrival(1), arrival(2))
        ledger.add_samples([sample(1, 0, "a"), sample(1, 1, "b")])
        # Of another group, which is held out.
        ledger.add_samples([sample(2, 0, "a", side="holdout"), sample(2, 1, "c", side="holdout")])
        ledger.supersede(2)
        assert ledger.join(1, 1, 30) == 2
    assert places(ledger.judging_rows(2, 30)) == [(2, 1)]
    assert places(ledger.training_rows(2, 30)) == [(1, 1), (2, 0)]


def test_rows_without_a_label_wait(ledger):
    with ledger.transaction():
        ledger.insert(arrival(1), arrival(2))
        ledger.add_samples([sample(1, 0, "a", side=None, label=None), sample(1, 1, "b")])
        assert ledger.waiting_rows() == 1
        assert places(ledger.training_rows(1, 30)) == [(1, 1)]
        ledger.add_samples([sample(2, 0, "a")])
        ledger.supersede(2)
    assert ledger.waiting_rows() == 0
    assert places(ledger.training_rows(2, 30)) == [(1, 1), (2, 0)]


def test_an_excluded_arrival_counts_no_more_and_its_older_versions_again(ledger):
    with ledger.transaction():
        for number in (1, 2, 3):
            ledger.insert(arrival(number))
            ledger.add_samples([sample(number, 0, "a"), sample(number, 1, f"only {number}")])
            ledger.supersede(number)
        assert ledger.exclude(3) == ()
        assert places(ledger.training_rows(3, 30)) == [(1, 1), (2, 0), (2, 1)]
        ledger.exclude(2)
    assert places(ledger.training_rows(3, 30)) == [(1, 0), (1, 1)]
    assert [row.superseded_by for row in ledger.versions(["a"])] == [None, None, None]
    assert ledger.latest_arrival() == 1


def test_an_arrival_that_was_excluded_in_the_middle_leaves_the_newest_version(ledger):
    with ledger.transaction():
        for number in (1, 2, 3):
            ledger.insert(arrival(number))
            ledger.add_samples([sample(number, 0, "a")])
            ledger.supersede(number)
        ledger.exclude(2)
    assert places(ledger.training_rows(3, 30)) == [(3, 0)]
    assert [row.superseded_by for row in ledger.versions(["a"])] == [3, 3, None]


def test_excluding_taints_the_models_that_were_trained_on_it(ledger):
    with ledger.transaction():
        for number in (1, 2, 3):
            ledger.insert(
                arrival(number),
            )
            ledger.add_samples([sample(number, 0)])
            ledger.insert(finished_round(number))
            ledger.join(number, number, 30)
            ledger.insert(model(f"m{number}", number))
        ledger.insert(arrival(4))
        ledger.add_samples([sample(4, 0)])
        assert ledger.exclude(4) == (), "no model has seen it"
        assert ledger.exclude(2) == ("m2", "m3")
    assert [found.state for found in ledger.models()] == ["undecided", "tainted", "tainted"]
    assert ledger.lineage().id == "m1"


def test_no_query_takes_steps_that_grow_faster_than_the_rows(tmp_path):
    def steps(rows):
        """Return the instructions, in thousands, that SQLite takes for all that is done with an arrival's rows."""
        count = 0

        def step():
            nonlocal count
            count += 1

        with Ledger.create(tmp_path / f"{rows}.sqlite") as ledger:
            ledger._connection.set_progress_handler(step, 1000)
            with ledger.transaction():
                for number in (1, 2):
                    ledger.insert(arrival(number, rows=rows))
                    ledger.add_samples(sample(number, row, f"key {row}") for row in range(rows))
                    ledger.supersede(number)
                assert len(ledger.versions(f"key {row}" for row in range(rows))) == 2 * rows
                assert ledger.join(1, 2, 30) == rows
                ledger.exclude(2)
                assert len(ledger.training_rows(2, 30)) == rows
        return count

    assert steps(20_000) < 15 * steps(2_000)


# Rounds, models, who serves.


def test_the_open_round_and_the_last_ones(ledger):
    assert ledger.open_round() is None
    fill(ledger, *(finished_round(number) for number in (1, 2, 3)), finished_round(4, state="trained"))
    assert ledger.open_round().number == 4
    assert [found.number for found in ledger.rounds(last=2)] == [3, 4]
    assert [found.number for found in ledger.rounds()] == [1, 2, 3, 4]
    assert ledger.next_round_number() == 5


def test_who_serves_follows_the_promotions(tmp_path):
    a, b, c = project(tmp_path)
    with Ledger.open(tmp_path / LEDGER) as ledger:
        assert ledger.champion().id == ledger.anchor().id == c
        assert ledger.predecessor().id == b
        assert [found.id for found in ledger.former_champions()] == [b, a]
        assert [found.state for found in ledger.models()] == ["former", "former", "champion"]
        with ledger.transaction():
            ledger.promote(b, kind="rollback", reason="an incident", round_number=None, as_anchor=False)
        assert ledger.champion().id == ledger.anchor().id == b, "the anchor was left behind"
        assert ledger.predecessor() is None
        assert [found.id for found in ledger.former_champions()] == [a]
        assert [found.state for found in ledger.models()] == ["former", "champion", "worse"]


def test_a_promotion_that_is_no_anchor_keeps_it(tmp_path):
    _, _, c = project(tmp_path)
    with Ledger.open(tmp_path / LEDGER) as ledger:
        fill(ledger, finished_round(4, state="promoted"), model("d", 4, state="candidate", start=c))
        with ledger.transaction():
            ledger.promote("d", kind="gate", reason="not worse", round_number=4, as_anchor=False)
        assert (ledger.champion().id, ledger.anchor().id) == ("d", c)
        with ledger.transaction():
            ledger.promote(c, kind="watch", reason="an alarm", round_number=5, as_anchor=False)
        assert (ledger.champion().id, ledger.anchor().id) == (c, c)


def test_the_lineage_goes_on_from_the_last_good_model(tmp_path):
    _, b, c = project(tmp_path)
    with Ledger.open(tmp_path / LEDGER) as ledger:
        assert ledger.lineage().id == c
        fill(ledger, finished_round(4), model("d", 4, start=c), model("e", 4, strategy="cold"))
        fill(ledger, AuditRow(4, "warm", "d", "e"))
        assert ledger.lineage().id == "d", "not the cold start of an audit"
        fill(ledger, finished_round(5), model("f", 5, start="d", state="worse"))
        assert ledger.lineage().id == "d"
        with ledger.transaction():
            ledger.promote(b, kind="rollback", reason="an incident", round_number=None, as_anchor=False)
        assert ledger.lineage().id == "e", "d continues c, which was rolled back; e was started cold"
        with ledger.transaction():
            ledger.change(ModelRow, "e", state="diverged")
        assert ledger.lineage().id == b


def test_tainted_and_former_models_are_no_goal_of_a_rollback(tmp_path):
    a, b, c = project(tmp_path)
    with Ledger.open(tmp_path / LEDGER) as ledger:
        with ledger.transaction():
            ledger.change(ModelRow, b, state="damaged")
        assert [found.id for found in ledger.former_champions()] == [a]
        with ledger.transaction():
            assert set(ledger.taint(1)) == {a, b, c}
        assert ledger.former_champions() == []
        assert ledger.champion().id == c, "it serves until a clean one has passed"
        assert ledger.champion().state == "tainted"
        assert ledger.lineage() is None


def test_promotions_are_listed(tmp_path):
    a, b, _ = project(tmp_path)
    with Ledger.open(tmp_path / LEDGER) as ledger:
        first = ledger.promotions(a)
        assert [(row.kind, row.previous, row.round) for row in first] == [("gate", None, 1)]
        assert [row.previous for row in ledger.promotions()] == [None, a, b]
        assert ledger.serving() == ledger.select(PromotionRow)[-1]


# The rest.


def test_audits_licences_and_messages(ledger):
    fill(ledger, finished_round(1), finished_round(2), model("m", 1), model("n", 1))
    fill(ledger, AuditRow(1, "warm", "m", "n"), AuditRow(2, "warm", "m", "n"))
    fill(ledger, LicenceRow(1, {"a": 1}), LicenceRow(2, {"a": 2}))
    with ledger.transaction():
        ledger.change(AuditRow, 1, difference=0.5, arrival=2, n=100)
        for _ in range(2):
            ledger.post(1, "promoted", {"id": "m"})
        ledger.post(2, "kept", {})
    assert [audit.round for audit in ledger.pending_audits()] == [2]
    assert ledger.licence().state == {"a": 2}
    assert [(message.round, message.kind) for message in ledger.unsent()] == [(1, "promoted"), (2, "kept")]
    with ledger.transaction():
        ledger.change(type(ledger.unsent()[0]), ledger.unsent()[0].id, sent=TIME)
    assert [message.round for message in ledger.unsent()] == [2]


def test_values_of_the_project(ledger):
    with ledger.transaction():
        ledger.set_config("pinned", "a")
        ledger.set_config("pinned", "b")
    assert ledger.config("pinned") == "b"
    with ledger.transaction():
        ledger.set_config("pinned", None)
    assert ledger.config("pinned") is None


def test_judgements_of_a_round(ledger):
    fill(ledger, finished_round(1), finished_round(2), model("m", 1), model("n", 2))
    rows = [
        JudgementRow(number, "m", "n", role, "", 9, 0.0, -0.1, 0.1, 0.01)
        for number, role in ((1, "anchor"), (1, "champion"), (2, "champion"))
    ]
    fill(ledger, *rows)
    assert ledger.judgements(1) == rows[:2]
    assert isinstance(ledger.events(), list)
    assert ledger.select(EventRow) == []
