import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from ledgers import TIME, arrival, digest, finished_round, model, new_object, project, sample
from warmstart.basics import InputError, StorageError, write_atomically
from warmstart.retrain._champion import exclude, pin, promote, repair, rollback, unpin
from warmstart.retrain._inspect import arrivals, history, status
from warmstart.retrain._ledger import (
    LEDGER,
    AuditRow,
    DeletionRow,
    JudgementRow,
    Ledger,
    LicenceRow,
    ModelRow,
    RoundRow,
    WatchRow,
)
from warmstart.retrain._lock import LockedError, project_lock
from warmstart.retrain._objects import (
    POINTER,
    REHEARSALS,
    crashing_at,
    draft_path,
    object_path,
    read_pointer,
    save_scores,
    scores_path,
    serving_path,
    verify_object,
    write_pointer,
)
from warmstart.retrain._settings import RetrainSettings, write_project
from warmstart.retrain._upkeep import gc, verify
from warmstart.retrain._words import lines_of


@pytest.fixture
def shop(tmp_path):
    """A project of three rounds whose models A, B and C were promoted; C serves."""
    names = project(tmp_path)
    repair(tmp_path)
    return tmp_path, names


def stored(directory, *rows):
    with Ledger.open(directory / LEDGER) as ledger, ledger.transaction():
        for row in rows:
            ledger.insert(row)


def states(directory):
    with Ledger.open(directory / LEDGER) as ledger:
        return [found.state for found in ledger.models()]


def last_event(directory):
    with Ledger.open(directory / LEDGER) as ledger:
        return ledger.events()[-1]


def damage(directory, name, kind="models"):
    path = object_path(directory, kind, name)
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    if kind == "models":
        serving_path(directory, name).unlink(missing_ok=True)


# Status and history.


def test_a_new_project_has_a_status(tmp_path):
    write_project(tmp_path, RetrainSettings(policy="warm"), {})
    Ledger.create(tmp_path / LEDGER).close()
    found = status(tmp_path)
    assert (found.policy, found.champion, found.last_round, found.rounds, found.arrivals) == ("warm", None, None, 0, 0)
    assert found.damage == found.licences == ()
    assert history(tmp_path) == ()
    assert not (tmp_path / POINTER).exists()


def test_the_status_tells_what_serves_and_what_waits(shop):
    directory, (_, b, c) = shop
    name, size = new_object(directory, "arrivals", b"arrival 4")
    stored(directory, arrival(4, rows=2, object_id=name, size=size))
    with Ledger.open(directory / LEDGER) as ledger, ledger.transaction():
        ledger.add_samples([sample(4, 0), sample(4, 1, side=None, label=None)])
        ledger.change(RoundRow, 3, verdict="promote", reason="promoted: +1.2 points")
        ledger.insert(DeletionRow(TIME, "2026-02-01T00:00:00+00:00", 3, "open"))
        ledger.insert(
            AuditRow(3, "warm", c, b),
            WatchRow(3, 4, 250, 0.1, 0.2, 0.01, alarm=False),
        )
    found = status(directory)
    assert (found.champion.id, found.champion.state, found.champion.round) == (c, "champion", 3)
    assert (found.anchor.id, found.pinned, found.rounds, found.open_round, found.running) == (c, False, 3, None, None)
    assert (found.last_round.number, found.last_round.reason) == (3, "promoted: +1.2 points")
    assert (found.arrivals, found.rows, found.waiting_arrivals, found.waiting_rows) == (4, 14, 1, 2)
    assert (found.unlabelled_rows, found.pending_audits, found.watch["t"]) == (1, (3,), 250)
    assert [due["keys"] for due in found.deletions_due] == [3]
    assert found.damage == ()


def test_the_status_shows_licences_with_their_intervals(shop):
    directory, _ = shop
    warm = {"spec": "warm", "status": "licensed", "interval": [0.01, -0.004, 0.02], "differences": [0.0, 0.02]}
    cold = {"spec": "cold", "status": "licensed", "interval": None, "differences": [], "reason": "always"}
    stored(directory, LicenceRow(3, {"kind": "auto", "arms": [warm, cold], "account": 1.5}))
    found = status(directory)
    assert [(arm.strategy, arm.status, arm.low, arm.audits) for arm in found.licences] == [
        ("warm", "licensed", -0.004, 2),
        ("cold", "licensed", None, 0),
    ]
    assert found.audit_account == 1.5
    stored(directory, finished_round(4), LicenceRow(4, {"kind": "fixed", "arm": "warm", "audits": False}))
    assert (status(directory).licences, status(directory).audit_account) == ((), None)


def test_the_watch_is_about_the_champion_that_serves(shop):
    directory, _ = shop
    stored(directory, WatchRow(2, 3, 200, 0.0, 0.1, 0.01, alarm=False))
    assert status(directory).watch is None, "the champion was trained on arrival 3"


def test_a_status_can_be_written_as_json(shop):
    directory, (_, _, c) = shop
    text = json.dumps(status(directory).to_dict())
    assert json.loads(text)["champion"]["id"] == c
    assert json.loads(json.dumps([one.to_dict() for one in history(directory)]))[0]["number"] == 1


def test_the_history_has_rounds_with_models_and_judgements(shop):
    directory, (_, b, c) = shop
    stored(directory, JudgementRow(3, c, b, "champion", "", 300, 0.1, -0.1, 0.3, 0.01))
    found = history(directory, last=2)
    assert [one.number for one in found] == [2, 3]
    assert [one.id for one in found[1].models] == [c]
    assert found[1].judgements[0]["opponent"] == b
    assert found[1].cost == {"steps": 10}
    assert len(history(directory)) == 3
    with pytest.raises(InputError, match="last must be a whole number of at least 1, got 0"):
        history(directory, last=0)


def test_the_history_has_what_was_done_by_hand_after_the_round_before(shop):
    directory, (_, b, c) = shop
    with Ledger.open(directory / LEDGER) as ledger, ledger.transaction():
        ledger.add_event("round", "", round_number=3)
        ledger.add_event("gc", "not by hand")
    rollback(directory, reason="it was slow")
    unpin(directory)
    first, second, third = history(directory)
    assert (first.commands, second.commands) == ((), ())
    assert [one["kind"] for one in third.commands] == ["rollback", "unpin"]
    lines = lines_of(history(directory, last=1))
    assert lines[-2].endswith(f"UTC  Rolled back from {c[:12]} to {b[:12]}: it was slow.")
    assert lines[-1].endswith(f"UTC  {b[:12]} is no longer pinned: rounds may replace it.")


def test_arrivals_have_the_numbers_that_exclude_takes(shop):
    directory, _ = shop
    before = arrivals(directory)
    assert [one.number for one in before] == list(range(1, len(before) + 1))
    exclude(directory, before[1].number)
    found = arrivals(directory, last=len(before) - 1)
    assert found[0].state == "excluded"
    assert lines_of(found)[0].startswith("2  ")
    assert lines_of(found)[0].endswith(", excluded")
    with pytest.raises(InputError, match="last must be a whole number of at least 1, got 0"):
        arrivals(directory, last=0)


@pytest.mark.parametrize("command", [status, history, arrivals, rollback, pin, unpin, verify, gc])
def test_a_folder_that_is_no_project_is_named(tmp_path, command):
    with pytest.raises(InputError, match="warmstart retrain init"):
        command(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_visible_damage_is_in_the_status(shop):
    directory, (_, b, c) = shop
    object_path(directory, "models", c).write_bytes(b"half")
    object_path(directory, "models", b).unlink()
    with Ledger.open(directory / LEDGER) as ledger:
        object_path(directory, "arrivals", ledger.arrival(2).id).unlink()
    write_pointer(directory, {"id": "other"})
    found = status(directory).damage
    assert found == (
        "champion.json does not say what the ledger says; it is written anew",
        "arrival 2 (2.csv) is missing",
        f"the champion {c[:12]} is truncated; see `warmstart retrain verify`",
        f"the anchor {c[:12]} is truncated; see `warmstart retrain verify`",
        f"the predecessor {b[:12]} is missing; see `warmstart retrain verify`",
    )


WITHOUT_TORCH = """
import sys
import time
from pathlib import Path
from warmstart.retrain._champion import rollback
from warmstart.retrain._inspect import history, status
from warmstart.retrain._upkeep import gc, verify
status(sys.argv[1]); history(sys.argv[1]); rollback(sys.argv[1]); verify(sys.argv[1]); gc(sys.argv[1])
heavy = {"torch", "scipy", "pandas", "pyarrow", "numpy", "sklearn"} & set(sys.modules)
assert not heavy, heavy
"""


def test_nothing_heavy_is_imported(shop):
    directory, (_, b, _) = shop
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, directory], env=environment, check=True)
    assert status(directory).champion.id == b


# The pointer.


def test_the_pointer_says_what_serving_needs(shop):
    directory, (a, b, c) = shop
    pointer = read_pointer(directory)
    assert (directory / pointer["path"]).read_bytes() == b"model C"
    assert (pointer["id"], pointer["round"], pointer["pinned"]) == (c, 3, False)
    assert pointer["manifest"] == {"classes": ["a", "b"]}
    assert (directory / pointer["former"]["path"]).read_bytes() == b"model B"
    assert rollback(directory).after == b
    assert read_pointer(directory)["former"]["id"] == a
    rollback(directory)
    assert read_pointer(directory)["former"] is None


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"id": "an older one"}'])
@pytest.mark.parametrize("command", [status, history, pin, verify, gc])
def test_every_command_repairs_the_pointer(shop, command, content):
    directory, (_, _, c) = shop
    (directory / POINTER).unlink()
    if content is not None:
        (directory / POINTER).write_bytes(content)
    command(directory)
    assert read_pointer(directory)["id"] == c


def test_a_pointer_that_is_right_is_left_alone(shop):
    directory, _ = shop
    before = (directory / POINTER).stat().st_ino
    assert not repair(directory)
    status(directory)
    assert (directory / POINTER).stat().st_ino == before


@pytest.mark.parametrize("content", [b"", bytes(512)])
def test_a_journal_without_content_goes_with_the_next_collection_of_garbage(shop, content):
    """What a process leaves that is killed as it begins to write; SQLite itself ignores it until the next write."""
    directory, _ = shop
    gc(directory)
    journal = directory / f"{LEDGER}-journal"
    journal.write_bytes(content)
    before = status(directory)
    assert journal.exists()
    gc(directory)
    assert not journal.exists()
    assert status(directory) == before
    assert verify(directory).ledger is None


@pytest.mark.parametrize(
    "name", ["champion.part", "project.part", "work/x.7.part", "serving/ab.part", "scores/a/b.part"]
)
def test_what_a_kill_leaves_of_a_file_goes_with_the_next_collection_of_garbage(shop, name):
    directory, _ = shop
    gc(directory)
    left = directory / name
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"half")
    found = gc(directory, dry_run=True)
    assert (found.drafts + found.scores, found.bytes) == (1, 4)
    assert left.exists()
    gc(directory)
    assert not left.exists()
    assert gc(directory).bytes == 0


def test_a_rehearsal_that_may_be_going_on_is_no_garbage(shop):
    directory, _ = shop
    gc(directory)
    stored = directory / REHEARSALS / "ab" / "trials" / "c.jsonl"
    checkpoint = stored.with_name("round-0004.part")
    stored.parent.mkdir(parents=True)
    for path in (stored, checkpoint):
        path.write_bytes(b"state")
    old = time.time() - 2 * 86_400
    os.utime(stored, (old, old))
    assert gc(directory).bytes == 0
    os.utime(checkpoint, (old, old))
    assert gc(directory).drafts == 2
    assert not stored.exists()


def test_reading_needs_neither_lock_nor_a_disk_that_can_be_written(shop, full_disk):
    directory, (_, _, c) = shop
    (directory / POINTER).unlink()
    with project_lock(directory, "update"):
        found = status(directory)
        assert found.champion.id == c
        assert (found.running.pid, found.running.command) == (os.getpid(), "update")
        assert len(history(directory)) == 3
        assert gc(directory, dry_run=True).dry_run
        assert not (directory / POINTER).exists(), "whoever has the lock writes it"
    with full_disk():
        assert status(directory).champion.id == c
    status(directory)
    assert (directory / POINTER).exists()


@pytest.mark.parametrize("command", [rollback, pin, unpin, verify, gc, lambda directory: exclude(directory, 1)])
def test_changing_needs_the_lock(shop, command):
    directory, _ = shop
    with project_lock(directory, "update"), pytest.raises(LockedError, match=r"\(update\)"):
        command(directory)


# Rollback.


def test_a_rollback_goes_to_the_former_champion_and_pins_it(shop):
    directory, (a, b, c) = shop
    change = rollback(directory, reason="it was slow")
    assert (change.before, change.after, change.pinned) == (c, b, True)
    assert change.text == f"Rolled back from {c[:12]} to {b[:12]}: it was slow."
    assert (read_pointer(directory)["id"], read_pointer(directory)["pinned"]) == (b, True)
    assert states(directory) == ["former", "champion", "worse"]
    assert (last_event(directory).kind, last_event(directory).text) == ("rollback", change.text)
    assert rollback(directory).after == a, "again: one further back"
    assert states(directory) == ["champion", "worse", "worse"]
    with pytest.raises(InputError, match="There is no former champion to roll back to"):
        rollback(directory)
    unpin(directory)
    assert not read_pointer(directory)["pinned"]


def test_what_was_promoted_in_between_and_continues_it_is_not_continued(shop):
    directory, (a, _, c) = shop
    stored(directory, finished_round(4), model("d", 4, start=c), finished_round(5), model("e", 5, strategy="cold"))
    rollback(directory, to=a[:6])
    assert states(directory) == ["champion", "worse", "worse", "worse", "undecided"]


@pytest.mark.parametrize("state", ["tainted", "damaged", "retired"])
def test_a_model_that_must_not_serve_is_refused_and_skipped(shop, state):
    directory, (a, b, _) = shop
    with Ledger.open(directory / LEDGER) as ledger, ledger.transaction():
        ledger.change(ModelRow, b, state=state)
    with pytest.raises(InputError, match=rf"to must be a model that can serve, but {b[:12]} is {state}: it"):
        rollback(directory, to=b)
    assert rollback(directory).after == a


def test_a_damaged_file_is_found_before_it_serves(shop):
    directory, (a, b, c) = shop
    damage(directory, b)
    with pytest.raises(InputError, match=f"{b[:12]} is damaged: its file is damaged"):
        rollback(directory, to=b)
    assert read_pointer(directory)["id"] == c
    assert states(directory) == ["former", "damaged", "champion"]
    assert rollback(directory).after == a


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        (
            "ffff0000",
            r"to must be the id of a model or its beginning, got ffff0000, which no model has; former champions:",
        ),
        ("xyz", "or at least its first 4 hexadecimal digits, got 'xyz'"),
        ("ab", "or at least its first 4 hexadecimal digits, got 'ab'"),
        ("", "or at least its first 4 hexadecimal digits"),
    ],
)
def test_an_unknown_model_is_refused(shop, to, sentence):
    directory, (_, _, c) = shop
    with pytest.raises(InputError, match=sentence):
        rollback(directory, to=to)
    assert read_pointer(directory)["id"] == c


def test_an_ambiguous_beginning_is_refused(shop):
    directory, _ = shop
    stored(directory, finished_round(4), model("abcd1", 4, size=1), model("abcd2", 4, size=1))
    with pytest.raises(InputError, match="got abcd, which 2 models have"):
        promote(directory, "abcd")


def test_a_rollback_is_to_something_that_served(shop):
    directory, (_, _, c) = shop
    with pytest.raises(InputError, match="which serves already"):
        rollback(directory, to=c)
    name, size = new_object(directory, "models", b"another")
    stored(directory, finished_round(4), model(name, 4, size=size))
    with pytest.raises(InputError, match=rf"which has never served; `warmstart retrain promote {name[:12]}`"):
        rollback(directory, to=name)
    change = promote(directory, name, reason="by decree")
    assert (change.after, change.pinned) == (name, True)
    assert last_event(directory).kind == "hand"
    assert rollback(directory).after == c


def test_there_is_nothing_to_roll_back_at_first(tmp_path):
    project(tmp_path, promoted=())
    with pytest.raises(InputError, match="no model has been promoted yet"):
        rollback(tmp_path)
    with pytest.raises(InputError, match="no model has been promoted yet"):
        pin(tmp_path)
    assert status(tmp_path).champion is None


def test_a_round_that_was_interrupted_is_abandoned(shop):
    directory, (_, b, _) = shop
    stored(directory, finished_round(4, state="judged", arrivals=3))
    rollback(directory)
    (last,) = history(directory, last=1)
    assert last.state == "failed"
    assert last.reason.startswith("abandoned after an interruption: Rolled back")
    assert status(directory).open_round is None
    assert status(directory).champion.id == b


@pytest.mark.parametrize("point", ["champion decided", "pointer old", "pointer half written"])
def test_a_crash_in_a_rollback_leaves_the_decision_to_the_ledger(shop, point):
    directory, (_, b, c) = shop
    with crashing_at(point), pytest.raises(KeyboardInterrupt):
        rollback(directory)
    assert read_pointer(directory)["id"] == c, "what serves is a whole model, the old one"
    assert status(directory).champion.id == b
    assert read_pointer(directory)["id"] == b


def test_a_crash_before_the_commit_changes_nothing(shop):
    directory, (_, _, c) = shop
    with crashing_at("transaction open"), pytest.raises(KeyboardInterrupt):
        rollback(directory)
    found = status(directory)
    assert (found.champion.id, found.pinned, states(directory)) == (c, False, ["former", "former", "champion"])


@pytest.mark.parametrize("after", range(3))
def test_a_full_disk_in_a_rollback_leaves_a_champion(shop, full_disk, after):
    directory, (_, b, c) = shop
    with full_disk(after=after), suppress(StorageError):
        rollback(directory)
    assert read_pointer(directory)["id"] in (b, c)
    assert status(directory).champion.id == b
    assert read_pointer(directory)["id"] == b


# Pinning and excluding.


def test_pinning_is_recorded_once(shop):
    directory, (_, _, c) = shop
    assert pin(directory).text == f"{c[:12]} is pinned."
    assert pin(directory).text == f"{c[:12]} is pinned already."
    assert status(directory).pinned
    assert unpin(directory).text == f"{c[:12]} is no longer pinned: rounds may replace it."
    assert unpin(directory).text == f"{c[:12]} is no longer pinned: rounds may replace it (it was not before)."
    with Ledger.open(directory / LEDGER) as ledger:
        assert [event.kind for event in ledger.events()] == ["pin", "unpin"]


@pytest.mark.parametrize("given", [2, "2", "id"])
def test_an_excluded_arrival_taints_what_was_trained_on_it(shop, given):
    directory, (_, b, c) = shop
    with Ledger.open(directory / LEDGER) as ledger:
        name = ledger.arrival(2).id
    change = exclude(directory, name[:10] if given == "id" else given)
    assert change.tainted == (b, c)
    assert change.text == "Excluded arrival 2 (2.csv, 4 rows); models trained on it: 2."
    assert states(directory) == ["former", "tainted", "tainted"]
    found = status(directory)
    assert (found.arrivals, found.champion.id, found.champion.state) == (2, c, "tainted")
    assert exclude(directory, 2).text == "Arrival 2 is excluded already."
    with Ledger.open(directory / LEDGER) as ledger:
        assert ledger.config("cold next") == "exclude", "the next round does not wait for an arrival"


def test_an_arrival_that_no_model_has_seen_is_excluded_without_consequences(shop):
    directory, _ = shop
    stored(directory, arrival(4))
    assert exclude(directory, 4).text == "Excluded arrival 4 (4.csv, 0 rows); models trained on it: none."
    assert states(directory) == ["former", "former", "champion"]
    with Ledger.open(directory / LEDGER) as ledger:
        assert ledger.config("cold next") is None


@pytest.mark.parametrize("given", [0, 4, "17", digest("unknown"), 10**30, -(10**30), 2**63])
def test_an_unknown_arrival_is_refused(shop, given):
    directory, _ = shop
    with pytest.raises(
        InputError, match=r"arrival must be the number or the id .*: there is none, and numbers go from 1 to 3"
    ):
        exclude(directory, given)


# Verify.


def test_an_intact_project_is_verified(shop):
    directory, (_, _, c) = shop
    found = verify(directory)
    assert found.is_intact
    assert (found.files, found.bytes, found.champion, found.replaced) == (6, 3 * 9 + 3 * 7, c, None)


def test_a_damaged_champion_is_replaced_by_the_last_good_model(shop):
    directory, (a, b, c) = shop
    damage(directory, c)
    for path in (object_path(directory, "models", b), serving_path(directory, b)):
        path.unlink()
    found = verify(directory)
    assert [(one.kind, one.id, one.problem) for one in found.damage] == [
        ("models", b, "missing"),
        ("models", c, "changed"),
    ]
    assert (found.champion, found.replaced, found.is_intact) == (a, c, False)
    assert read_pointer(directory)["id"] == a
    assert not read_pointer(directory)["pinned"], "nobody has asked for that"
    assert states(directory) == ["champion", "damaged", "damaged"]


def test_damaged_models_are_restored_from_the_copies_that_serve(shop):
    directory, (a, b, c) = shop
    for name in (a, b, c):
        path = object_path(directory, "models", name)
        path.write_bytes(path.read_bytes()[:-1])
    found = verify(directory)
    assert [one.id for one in found.damage] == [a], "champion and predecessor have copies"
    assert (set(found.restored), found.champion, found.replaced) == ({b, c}, c, None)
    assert all(verify_object(directory, "models", name) is None for name in (b, c))
    assert states(directory) == ["damaged", "former", "champion"]


def change(path):
    path.write_bytes(path.read_bytes()[:-1] + b"?")  # of the same size


def test_damaged_copies_are_made_anew_from_the_model(shop):
    directory, (_, b, c) = shop
    for name in (b, c):
        change(serving_path(directory, name))
    found = verify(directory)
    assert (found.copies, found.damage, found.is_intact) == (tuple(sorted((b, c))), (), True)
    assert f"models {b[:12]}: the copy that serves was damaged, and is made anew." in lines_of(found)
    change(object_path(directory, "models", c))
    found = verify(directory)
    assert (found.restored, found.copies, found.champion) == ((c,), (), c)
    assert not list((directory / "serving").glob("*.part"))


def test_a_copy_whose_model_is_damaged_too_is_left_alone(shop):
    directory, (_, b, c) = shop
    for path in (serving_path(directory, c), object_path(directory, "models", c)):
        change(path)
    found = verify(directory)
    assert ([one.id for one in found.damage], found.copies, found.champion) == ([c], (), b)


def test_copies_are_of_what_serves_alone(shop):
    directory, (a, b, c) = shop
    repair(directory)
    copies = {path.stem for path in (directory / "serving").iterdir()}
    assert copies == {b, c}
    rollback(directory)
    assert {path.stem for path in (directory / "serving").iterdir()} == {a, b}


def test_without_any_good_model_the_champion_is_named(shop):
    directory, names = shop
    for name in names:
        damage(directory, name)
    found = verify(directory)
    assert (len(found.damage), found.champion, found.replaced) == (3, names[2], None)
    assert states(directory) == ["damaged"] * 3


def test_a_restored_model_is_good_again(shop):
    directory, (_, b, c) = shop
    damage(directory, b)
    verify(directory)
    damage(directory, b)
    found = verify(directory)
    assert (found.restored, found.is_intact, found.champion) == ((b,), True, c)
    assert states(directory) == ["former", "former", "champion"]


def test_a_damaged_arrival_has_ways_out(shop):
    directory, _ = shop
    with Ledger.open(directory / LEDGER) as ledger:
        name = ledger.arrival(2).id
    damage(directory, name, "arrivals")
    (found,) = verify(directory).damage
    assert (found.kind, found.id, found.problem) == ("arrivals", name, "changed")
    assert found.way_out == "restore the file from a backup, or `warmstart retrain exclude 2`"


def test_a_tainted_model_stays_tainted_when_it_is_damaged(shop):
    directory, (_, b, _) = shop
    with Ledger.open(directory / LEDGER) as ledger, ledger.transaction():
        ledger.change(ModelRow, b, state="tainted")
    damage(directory, b)
    assert len(verify(directory).damage) == 1
    assert states(directory)[1] == "tainted"


# Garbage.


@pytest.fixture
def long_running(tmp_path):
    """Twelve promoted models with scores, beside those of one that has never served."""
    names = project(tmp_path, promoted=[str(number) for number in range(12)], arrivals=12)
    repair(tmp_path)
    with Ledger.open(tmp_path / LEDGER) as ledger:
        arrivals = [row.id for row in ledger.accepted_arrivals()]
    for name in (*names, "refused"):
        save_scores(tmp_path, name, arrivals[0], np.zeros((4, 2)))
    return tmp_path, names


def test_garbage_is_what_nothing_refers_to(long_running):
    directory, names = long_running
    stored(directory, AuditRow(2, "warm", names[1], names[0]))
    new_object(directory, "arrivals", b"durable without a row")
    draft_path(directory, "left").write_bytes(b"draft")
    planned = gc(directory, dry_run=True, keep=3)
    assert set(planned.models) == set(names[2:9])
    assert (len(planned.orphans), planned.scores, planned.drafts) == (1, 1, 1)
    assert all(verify_object(directory, "models", name) is None for name in names), "a dry run removes nothing"
    done = gc(directory, keep=3)
    assert done == type(done)(**{**vars(planned), "dry_run": False})
    kept = [name for name in names if object_path(directory, "models", name).exists()]
    assert kept == [*names[:2], *names[9:]]
    assert states(directory)[2:9] == ["retired"] * 7
    assert not scores_path(directory, "refused", "x").parent.exists()
    assert scores_path(directory, names[4], "x").parent.exists(), "the report shows how former champions have scored"
    assert verify(directory).is_intact
    again = gc(directory, keep=3)
    assert (again.models, again.orphans, again.bytes) == ((), (), 0)
    assert again.kept_bytes == planned.kept_bytes


def test_drafts_of_the_report_are_garbage_and_a_users_own_files_are_not(shop, tmp_path, monkeypatch):
    directory, _ = shop
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (directory / "work").rmdir()
    (directory / "work").symlink_to(scratch)
    (directory / "report").mkdir()
    replace, left = Path.replace, ["report/.index.html.1.part", "ids.part", "work/arrival.5.part"]
    monkeypatch.setattr(Path, "replace", lambda path, to: left.append(path) or replace(path, to))
    write_atomically(directory / "report" / "index.html", "a page")
    for name in left:
        (directory / name).write_bytes(b"12")
    assert (gc(directory, dry_run=True).drafts, gc(directory).drafts, gc(directory).drafts) == (3, 3, 0)
    assert (directory / "ids.part").exists()
    assert [path.name for path in (directory / "report").iterdir()] == ["index.html"]
    assert (directory / "work").is_symlink()


def test_what_a_model_was_shown_to_be_outlives_its_file(long_running):
    directory, names = long_running
    with Ledger.open(directory / LEDGER) as ledger, ledger.transaction():
        ledger.change(ModelRow, names[3], state="worse")
        ledger.change(ModelRow, names[4], state="tainted")
    gc(directory, keep=1)
    assert states(directory)[3:6] == ["worse", "tainted", "retired"]
    with pytest.raises(InputError, match=r"is retired: its file was removed by gc"):
        rollback(directory, to=names[3])


def test_the_goal_of_a_rollback_and_the_start_of_an_open_round_stay(long_running):
    directory, names = long_running
    opened = finished_round(13, state="open")
    stored(directory, RoundRow(**{**vars(opened), "plan": {"start": names[5]}}))
    checkpoint = directory / "work" / "round-13.safetensors"
    draft_path(directory, "left").write_bytes(b"draft")
    checkpoint.write_bytes(b"state")
    gc(directory, keep=1)
    kept = [name for name in names if object_path(directory, "models", name).exists()]
    assert kept == [names[5], names[10], names[11]]
    assert checkpoint.exists()
    assert rollback(directory).after == names[10]
    gc(directory, keep=1)
    assert not checkpoint.exists(), "the round was abandoned"


@pytest.mark.parametrize("point", ["transaction open", "models retired"])
def test_a_crash_while_garbage_is_removed_is_made_good(long_running, point):
    directory, names = long_running
    with crashing_at(point), pytest.raises(KeyboardInterrupt):
        gc(directory, keep=1)
    assert verify(directory).is_intact
    assert status(directory).champion.id == names[-1]
    gc(directory, keep=1)
    kept = [name for name in names if object_path(directory, "models", name).exists()]
    assert kept == names[-2:]
    assert verify(directory).is_intact


def test_a_disk_without_room_for_the_journal_can_be_freed(long_running, monkeypatch):
    directory, names = long_running
    transaction, refused = Ledger.transaction, []

    def full(self):
        if not refused:
            assert not scores_path(directory, "refused", "x").parent.exists(), "what nothing needs goes first"
            refused.append(sum(object_path(directory, "models", name).exists() for name in names))
            raise StorageError("The ledger cannot be used: the disk is full.")
        return transaction(self)

    monkeypatch.setattr(Ledger, "transaction", full)
    assert len(gc(directory, keep=1).models) == 10
    assert refused == [12]
    assert verify(directory).is_intact


def test_garbage_is_kept_for_at_least_one_round(shop):
    with pytest.raises(InputError, match="keep must be a whole number of at least 1, got 0"):
        gc(shop[0], keep=0)
