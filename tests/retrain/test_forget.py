import json
import shutil
import sqlite3

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from projects import customers, project
from warmstart.basics import InputError, StorageError
from warmstart.retrain import Retrainer, lines_of, load_champion
from warmstart.retrain._ledger import LEDGER, ArrivalRow, DeletionRow, Ledger
from warmstart.retrain._objects import crashing_at, object_path, read_pointer

ZOE = "zoe-4711"
PAST = "2020-01-01T00:00:00+00:00"


def with_zoe(frame, row):
    return frame.assign(customer=[ZOE if place == row else key for place, key in enumerate(frame["customer"])])


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Two rounds, then an arrival with a row that waits for its label, of which a file is named after the key."""
    directory = tmp_path_factory.mktemp("forget") / "project"
    made = project(directory, policy="warm")
    made.add(with_zoe(customers(), 7))
    made.update()
    made.add(customers(first=300))
    made.promote(made.update().arms[0].model)
    made.unpin()
    file = directory.parent / f"{ZOE}.csv"
    waiting = with_zoe(customers(40, first=600), 0)
    waiting.assign(churned=["", *waiting["churned"][1:]]).to_csv(file, index=False)
    made.add(file)
    return directory


@pytest.fixture
def shop(trained, tmp_path):
    """A copy of it, of each test's own."""
    return Retrainer(shutil.copytree(trained, tmp_path / "project"))


def opened(made):
    return Ledger.open(made.directory / LEDGER)


def files_with(directory, key):
    """Return the files in which a key stands, whether they are compressed or not."""
    found = []
    for path in sorted(one for one in directory.rglob("*") if one.is_file()):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content += f"{pq.read_table(path).to_pydict()} {pq.ParquetFile(path).metadata.to_dict()}".encode()
        if key.encode() in content:
            found.append(path.relative_to(directory).parts[0])
    return found


def keys_of(made, side, arrival=1):
    with opened(made) as ledger:
        return [one.key for one in ledger.samples(arrival) if one.side == side and one.key != ZOE]


def states(made):
    with opened(made) as ledger:
        return [one.state for one in ledger.models()], [one.state for one in ledger.select(DeletionRow)]


# What is erased.


def test_nothing_of_a_key_is_left_in_the_project(shop):
    (shop.directory / "report").mkdir()
    (shop.directory / "report" / "index.html").write_text(f"from {ZOE}.csv")
    (shop.directory / "work" / "rehearsal").mkdir(parents=True)
    (shop.directory / "work" / "rehearsal" / "rows.bin").write_text(ZOE)
    # What an `add` that was interrupted has left: no row of the ledger names it.
    orphan = object_path(shop.directory, "arrivals", "ab" * 32)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(ZOE.encode())
    orphan.rename(orphan.with_suffix(".left"))
    assert sorted(set(files_with(shop.directory, ZOE))) == ["arrivals", LEDGER, "report", "work"]
    found = shop.forget([ZOE, "nobody-1"])
    assert files_with(shop.directory, ZOE) == files_with(shop.directory, "nobody-1") == []
    assert (found.keys, found.unknown, found.rows, found.arrivals) == (2, 1, 2, (1, 3))
    assert ZOE not in json.dumps(found.to_dict()) + "".join(lines_of(found))
    with opened(shop) as ledger:
        assert [one.rows for one in ledger.accepted_arrivals()] == [299, 300, 39]
        assert [one.state for one in ledger.accepted_arrivals()] == ["rewritten", "accepted", "rewritten"]
        assert ledger.accepted_arrivals()[2].source == "....csv"
        assert [one.keys for one in ledger.deletions_due()] == [1]
        assert "Forgot 2 rows of 2 keys" in ledger.events()[-1].text
    assert shop.verify().is_intact


def test_the_other_rows_stay_what_they_were(shop):
    with opened(shop) as ledger:
        before = [one for one in ledger.samples(1) if one.key != ZOE]
    shop.forget([ZOE])
    with opened(shop) as ledger:
        arrival, after = ledger.arrival(1), ledger.samples(1)
    assert [one[2:] for one in after] == [one[2:] for one in before]
    assert [one.row for one in after] == list(range(299))
    stored = pq.read_table(object_path(shop.directory, "arrivals", arrival.id))
    expected = customers().drop(index=7)
    assert stored.column("__key__").to_pylist() == [one.key for one in after] == expected["customer"].tolist()
    assert stored.column("age").to_pylist() == expected["age"].tolist()


def test_scores_of_rewritten_arrivals_are_gone_and_made_anew(shop):
    scored = {path.stem for path in (shop.directory / "scores").rglob("*.npy")}
    with opened(shop) as ledger:
        old = [one.id for one in ledger.accepted_arrivals()]
    assert set(old[:2]) <= scored
    shop.forget([ZOE])
    assert {path.stem for path in (shop.directory / "scores").rglob("*.npy")} == scored - {old[0], old[2]}
    assert shop.update().round == 3


def test_an_arrival_of_which_nothing_is_left_counts_no_more(shop):
    found = shop.forget([*customers(40, first=600)["customer"][1:], ZOE])
    assert found.rows == 41
    with opened(shop) as ledger:
        arrival = ledger.arrival(3)
        assert (arrival.state, arrival.rows, arrival.size, ledger.samples(3)) == ("excluded", 0, 0, [])
    assert shop.verify().is_intact
    assert shop.status().arrivals == 2


def test_adding_the_same_file_again_does_not_bring_rows_back(shop):
    shop.forget([ZOE])
    again = shop.add(with_zoe(customers(), 7))
    assert (again.number, again.is_new) == (1, False)
    # The file without them, as the source has it now, is the same arrival too.
    assert not shop.add(customers().drop(index=7)).is_new
    assert files_with(shop.directory, ZOE) == []


def test_arrivals_that_are_left_with_the_same_rows_count_once(shop):
    key = customers(first=300)["customer"][5]
    shop.add(customers(first=300).drop(index=5))
    shop.forget([key])
    with opened(shop) as ledger:
        assert [ledger.arrival(number).state for number in (2, 4)] == ["rewritten", "accepted"]
        assert {one.superseded_by for one in ledger.samples(2)} == {4}
        assert {one.superseded_by for one in ledger.samples(4)} == {None}
    assert shop.verify().is_intact


@pytest.mark.parametrize("point", [None, "object durable", "arrivals rewritten", "rows forgotten"])
def test_arrivals_that_become_equal_in_one_call_are_both_rewritten(shop, point):
    """Both held the same rows, and one more each; then both of these are forgotten."""
    same = customers(30, first=900)
    for number in (5, 6):
        shop.add(pd.concat([same, customers(1, first=1000 + number)]))
    keys = [f"customer-{1000 + number}" for number in (5, 6)]
    if point is not None:
        with crashing_at(point, nth=2 if point == "object durable" else 1), pytest.raises(KeyboardInterrupt):
            shop.forget(keys)
    found = shop.forget(keys)
    assert found.rows == (0 if point == "rows forgotten" else 2)
    with opened(shop) as ledger:
        assert [(one.state, one.rows) for one in ledger.arrivals()[-2:]] == [("rewritten", 30)] * 2
        assert {one.superseded_by for one in ledger.samples(4)} == {5}
        assert not ledger.versions(keys)
    assert [files_with(shop.directory, key) for key in keys] == [[], []]
    assert len(list((shop.directory / "arrivals").rglob("*.parquet"))) == 5
    assert shop.verify().is_intact
    assert not shop.add(same).is_new
    assert shop.update().round == 3


def test_an_arrival_left_with_the_rows_of_an_excluded_one_counts(shop):
    shop.exclude(2)
    one_more = customers(1, first=1000)
    shop.add(pd.concat([customers(first=300), one_more]))
    shop.forget(one_more["customer"])
    with opened(shop) as ledger:
        assert [ledger.arrival(number).state for number in (2, 4)] == ["excluded", "rewritten"]
        assert ledger.arrival(4).rows == 300
    assert shop.verify().is_intact


def test_rows_that_were_labelled_late_stay_apart_from_equal_ones(shop):
    """They were delivered with labels, again without, and labelled as before: two arrivals with the same rows."""
    whole = customers(30, first=900)
    shop.add(whole)
    shop.add(whole.drop(columns="churned"))
    shop.add_labels(whole[["customer", "churned"]])
    for place in (3, 4):
        assert shop.forget([whole["customer"][place]]).rows == 3
    with opened(shop) as ledger:
        assert [(one.state, one.rows, one.labelled) for one in ledger.arrivals()[-3:]] == [
            ("rewritten", 28, 28),
            ("rewritten", 28, 0),
            ("rewritten", 28, 28),
        ]
        assert ledger.waiting_rows() == 1, "of the arrival before"
    assert shop.verify().is_intact


def test_late_labels_are_stored_though_they_make_the_file_of_a_rewritten_arrival(shop):
    whole, one_more = customers(30, first=900), customers(1, first=1000)
    shop.add(pd.concat([whole, one_more]))
    shop.add(whole.drop(columns="churned"))
    shop.forget(one_more["customer"])
    found = shop.add_labels(whole[["customer", "churned"]])
    assert (found.is_new, found.number, found.labelled) == (True, 6, 30)
    with opened(shop) as ledger:
        assert ledger.waiting_rows() == 1, "of the arrival before"
    assert shop.verify().is_intact


def test_keys_come_from_a_file_with_or_without_a_header(shop, tmp_path):
    file = tmp_path / "keys.csv"
    file.write_text(f"customer\n{ZOE}\n\n customer-20 \n")
    found = shop.forget(file)
    assert (found.keys, found.unknown, found.notes) == (2, 0, ())
    inside = shop.directory / "keys.txt"
    inside.write_text("customer-21\n")
    assert "lies in the project's folder" in shop.forget(inside).notes[0]


# What is tainted.


def test_rows_that_were_never_trained_on_taint_nothing(shop):
    key = keys_of(shop, "holdout")[0]
    found = shop.forget([key])
    assert (found.rows, found.tainted, found.due) == (1, (), None)
    assert states(shop) == (["former", "champion"], ["done"])
    assert not files_with(shop.directory, f"'{key}'")
    assert shop.status().deletions_due == ()


def test_models_before_the_rows_stay_clean(shop):
    found = shop.forget(keys_of(shop, "train", arrival=2)[:1])
    assert len(found.tainted) == 1
    assert states(shop) == (["former", "tainted"], ["open"])
    assert found.due is not None
    assert read_pointer(shop.directory)["former"]["round"] == 1


def test_what_continues_a_tainted_model_is_tainted_though_it_never_saw_the_rows(shop):
    key = keys_of(shop, "train", arrival=2)[0]
    # A newer version without a label: from now on the row itself is trained on no more.
    shop.add(customers(50, first=900).assign(customer=[key, *customers(50, first=900)["customer"][1:]]))
    shop.update()
    with opened(shop) as ledger:
        assert ledger.versions([key])[0].superseded_by == 4
        with ledger.transaction():
            ledger.execute("UPDATE sample SET label = NULL WHERE arrival = 4 AND key = ?", key)
        started = ledger.models()[-1].start_model
        assert started == ledger.models()[-2].id
    shop.forget([key])
    assert states(shop)[0][1:] == ["tainted", "tainted"]


def test_a_damaged_model_is_tainted_too(shop):
    with opened(shop) as ledger, ledger.transaction():
        ledger.execute("UPDATE model SET state = 'damaged' WHERE round = 1")
    shop.forget([keys_of(shop, "train")[0]])
    assert states(shop)[0] == ["tainted", "tainted"]


# Until a clean model serves.


def test_the_next_start_is_cold_and_a_clean_champion_ends_the_deletion(shop):
    shop.forget([ZOE], within_seconds=3600)
    before = states(shop)[0]
    assert before == ["tainted", "tainted"]
    tainted = shop.status().champion.id
    assert load_champion(shop.directory).id == tainted, "it serves until a clean one has passed"
    found = shop.update()
    assert [arm.strategy for arm in found.arms] == ["cold"]
    with opened(shop) as ledger:
        new = ledger.models()[-1]
        assert new.start_model is None
    shop.promote(new.id)
    models, deletions = states(shop)
    assert (models[:2], deletions) == (["tainted", "tainted"], ["done"])
    assert read_pointer(shop.directory)["former"] is None
    assert [path.stem for path in (shop.directory / "models").rglob("*.safetensors")] == [new.id]
    assert {path.name for path in (shop.directory / "scores").iterdir()} == {new.id}
    with opened(shop) as ledger:
        assert all("preparation" not in one.manifest and one.size == 0 for one in ledger.models("tainted"))
        assert "2 models" in ledger.events()[-1].text
    assert load_champion(shop.directory).id == new.id
    assert shop.verify().is_intact
    with pytest.raises(InputError, match="trained on rows that were deleted"):
        shop.promote(tainted)
    shop.unpin()
    shop.add(customers(first=900))
    assert shop.update().outcome in ("promoted", "kept")


def test_when_the_time_is_over_the_best_clean_model_serves(shop):
    shop.forget([ZOE], within_seconds=0)
    shop.pin()
    found = shop.update()
    assert found.outcome == "promoted"
    assert "time for a deletion is over" in found.reason
    assert "are done: 2 models" in found.notes[-1]
    assert states(shop) == (["tainted", "tainted", "champion"], ["done"])
    assert not shop.status().pinned
    assert shop.status().damage == (), "what was removed on purpose is no damage"
    assert load_champion(shop.directory).round == 3


def test_a_clean_model_of_an_earlier_round_is_enough(shop):
    shop.forget([ZOE])
    shop.update()
    with opened(shop) as ledger, ledger.transaction():
        ledger.execute("UPDATE model SET state = 'worse' WHERE round = 3")
        ledger.promote(ledger.models()[0].id, kind="hand", reason="for the test", round_number=None, as_anchor=False)
        ledger.execute("UPDATE deletion SET state = 'open', due = ?", PAST)
    found = shop.update()
    assert (found.outcome, found.round) == ("promoted", None)
    assert states(shop) == (["tainted", "tainted", "champion"], ["done"])
    assert "of round 3" in "".join(found.lines())


def test_a_second_deletion_taints_the_clean_model_as_well(shop):
    shop.forget([ZOE], within_seconds=0)
    shop.update()
    shop.forget([keys_of(shop, "train")[0]], within_seconds=0)
    assert states(shop)[0] == ["tainted"] * 3
    shop.update()
    assert states(shop) == (["tainted"] * 3 + ["champion"], ["done", "done"])


def test_a_champion_to_be_forgotten_is_not_exported(shop, tmp_path):
    shop.forget([ZOE])
    with pytest.raises(InputError, match="a copy of it would outlive them"):
        shop.export(tmp_path / "out")


# Interrupted, refused.


@pytest.mark.parametrize(
    "point", ["arrivals rewritten", "transaction open", "rows forgotten", "files erased", "object durable"]
)
def test_what_is_interrupted_is_completed_by_the_next_call(shop, point):
    with crashing_at(point), pytest.raises(KeyboardInterrupt):
        shop.forget([ZOE])
    found = shop.forget([ZOE])
    assert files_with(shop.directory, ZOE) == []
    assert found.rows in (0, 2)
    assert states(shop) == (["tainted", "tainted"], ["open"])
    assert shop.verify().is_intact
    assert shop.update().round == 3


@pytest.mark.parametrize("command", ["pin", "update"])
def test_any_command_completes_what_was_interrupted(shop, command):
    with crashing_at("rows forgotten"), pytest.raises(KeyboardInterrupt):
        shop.forget([ZOE])
    assert files_with(shop.directory, ZOE)
    getattr(shop, command)()
    assert files_with(shop.directory, ZOE) == []


@pytest.mark.parametrize("point", ["tainted models given up", "clean model promoted", "pointer old"])
def test_the_end_of_a_deletion_is_completed_too(shop, point):
    shop.forget([ZOE], within_seconds=0)
    shop.pin()  # so that it is the time that decides, not the gate
    with crashing_at(point), pytest.raises(KeyboardInterrupt):
        shop.update()
    shop.update()
    assert states(shop) == (["tainted", "tainted", "champion"], ["done"])
    assert len(list((shop.directory / "models").rglob("*.safetensors"))) == 1
    assert load_champion(shop.directory).round == 3
    assert shop.verify().is_intact


def test_a_damaged_arrival_is_not_half_forgotten(shop):
    with opened(shop) as ledger:
        path = object_path(shop.directory, "arrivals", ledger.arrival(3).id)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match=r"Arrival 3 .* is truncated, so nothing is forgotten"):
        shop.forget([ZOE])
    assert states(shop) == (["former", "champion"], [])


def test_a_model_that_the_ledger_never_knew_is_erased_too(shop):
    """What a round leaves that is killed after its model was written, and before that was noted."""
    shop.add(with_zoe(customers(first=900), 3))
    with crashing_at("model durable"), pytest.raises(KeyboardInterrupt):
        shop.update()

    def stored():
        return {path.stem for path in (shop.directory / "models").rglob("*.safetensors")}

    with opened(shop) as ledger:
        assert stored() - {one.id for one in ledger.models()}
    shop.forget([ZOE])
    with opened(shop) as ledger:
        assert stored() <= {one.id for one in ledger.models()}


def test_without_a_key_column_nothing_can_be_forgotten(tmp_path):
    made = project(tmp_path / "p", tables={"data": {"label": "churned"}})
    with pytest.raises(InputError, match="nothing has arrived"):
        made.forget(["a"])
    made.add(customers().drop(columns="customer"))
    with pytest.raises(InputError, match="retrain exclude"):
        made.forget(["a"])


@pytest.mark.parametrize(
    ("keys", "options", "message"),
    [
        ([], {}, "at least one key"),
        ({"a": 1}, {}, "a file or a list"),
        (5, {}, "a file or a list"),
        ("missing.txt", {}, "cannot be read: No such file"),
        (["a"], {"within_seconds": -1}, "within_seconds"),
        (["a"], {"within_seconds": np.nan}, "within_seconds"),
    ],
)
def test_what_is_no_list_of_keys_is_refused(shop, keys, options, message):
    with pytest.raises(InputError, match=message):
        shop.forget(keys, **options)
    assert states(shop) == (["former", "champion"], [])


def test_a_row_without_a_key_is_not_forgotten_by_its_place(shop):
    shop.add(customers(30, first=900).assign(customer=[None, *customers(29, first=900)["customer"]]))
    with opened(shop) as ledger:
        before = ledger.arrival(4)
        assert ledger.samples(4)[0].key == "4/0"
    found = shop.forget(["4/0"])
    assert (found.unknown, found.rows, found.arrivals, found.tainted) == (1, 0, (), ())
    with opened(shop) as ledger:
        assert ledger.arrival(4) == before
        assert ledger.samples(4)[0].key == "4/0"
    assert states(shop)[1] == []


def test_only_unknown_keys_are_counted_and_change_nothing(shop):
    found = shop.forget(["nobody-1", "nobody-2"])
    assert (found.keys, found.unknown, found.rows, found.arrivals) == (2, 2, 0, ())
    assert states(shop) == (["former", "champion"], [])
    with opened(shop) as ledger:
        assert {one.state for one in ledger.select(ArrivalRow)} == {"accepted"}
    assert "'nobody-1'" not in "\n".join(sqlite3.connect(shop.directory / LEDGER).iterdump())
