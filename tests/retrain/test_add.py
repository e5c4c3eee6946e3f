from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from arrivals import orders
from warmstart.basics import InputError, StorageError
from warmstart.retrain._add import add, current_schema
from warmstart.retrain._arrivals import read_rows
from warmstart.retrain._ledger import LEDGER, ArrivalRow, Ledger
from warmstart.retrain._objects import crashing_at, drafts, file_digest, object_path, verify_object
from warmstart.retrain._settings import RetrainSettings, write_project

DATA = {"label": "bought", "key": "id", "order": "day"}


@contextmanager
def opened(directory, data=DATA, **settings):
    project = write_project(directory, RetrainSettings(**settings), {"data": data})
    made = Ledger.open if (directory / LEDGER).exists() else Ledger.create
    with made(directory / LEDGER) as ledger:
        yield project, ledger


def test_an_arrival_is_stored_and_noted(tmp_path):
    with opened(tmp_path, holdout=0.3) as (project, ledger):
        [result] = add(project, ledger, orders(200))
        samples = ledger.samples(1)
        path = object_path(tmp_path, "arrivals", result.id)
        assert file_digest(path) == result.id
        assert verify_object(tmp_path, "arrivals", result.id, size=ledger.arrival(1).size) is None
        assert (result.number, result.state, result.is_new, result.rows, result.labelled) == (
            1,
            "accepted",
            True,
            200,
            200,
        )
        assert result.held_out == sum(one.side == "holdout" for one in samples)
        assert 40 <= result.held_out <= 80
        assert [one.key for one in samples] == [f"o{number}" for number in range(200)]
        assert ledger.arrival(1).content != ledger.arrival(1).id
        assert not drafts(tmp_path)
        assert "200 rows" in result.lines()[0]


def test_the_same_content_is_the_same_arrival(tmp_path):
    orders().to_csv(tmp_path / "a.csv", index=False)
    orders().to_parquet(tmp_path / "b.parquet")
    with opened(tmp_path / "p") as (project, ledger):
        add(project, ledger, tmp_path / "a.csv")
        [again] = add(project, ledger, tmp_path / "b.parquet")
        assert (again.number, again.is_new) == (1, False)
        assert again.lines() == ["b.parquet has the content of arrival 1 (a.csv, accepted): not added again."]
        assert len(ledger.select(ArrivalRow)) == 1


def test_newer_versions_supersede_and_do_not_judge_what_was_trained_on(tmp_path):
    with opened(tmp_path, holdout=0.5) as (project, ledger):
        add(project, ledger, orders(40))
        before = {one.key: one.side for one in ledger.samples(1)}
        with ledger.transaction():
            ledger.execute("UPDATE sample SET joined = 1 WHERE row < 20")
        [result] = add(project, ledger, orders(40, seed=1))
        after = {one.key: one.side for one in ledger.samples(2)}
        assert result.superseded == 40
        assert {one.superseded_by for one in ledger.samples(1)} == {2}
        assert {after[f"o{number}"] for number in range(20)} == {"train"}
        assert all(after[f"o{number}"] == before[f"o{number}"] for number in range(20, 40))
        assert "holdout" in {before[f"o{number}"] for number in range(20)}


def test_rows_wait_for_labels_that_come_later(tmp_path):
    frame = orders(30)
    waiting = frame.assign(bought=[None if row < 10 else label for row, label in enumerate(frame["bought"])])
    with opened(tmp_path) as (project, ledger):
        add(project, ledger, orders(first=100))
        [first] = add(project, ledger, waiting)
        assert (first.rows, first.labelled, ledger.waiting_rows()) == (30, 20, 10)
        assert {one.side for one in ledger.samples(2) if one.label is None} == {None}
        labels = pd.concat([frame[["id", "bought"]][:11], pd.DataFrame({"id": ["x1", "x2"], "bought": ["no", "no"]})])
        [result] = add(project, ledger, labels=labels)
        assert (result.number, result.rows, result.labelled, result.superseded) == (3, 10, 10, 10)
        assert "2 of 13 keys of the data are unknown: x1, x2." in result.notes[0]
        assert ledger.waiting_rows() == 0
        samples = read_rows([object_path(tmp_path, "arrivals", result.id)], current_schema(ledger))
        assert samples.labels.tolist() == (frame["bought"][:10] == "yes").astype(int).tolist()
        assert samples.inputs[:, 1].tolist() == frame["size"][:10].tolist()
        [again] = add(project, ledger, labels=labels)
        assert (again.number, again.is_new) == (0, False)
        wrong = frame[["id", "bought"]][:2].replace({"bought": {"yes": "no", "no": "yes"}})
        with pytest.raises(InputError, match="2 of the data do: o0, o1; to correct them"):
            add(project, ledger, labels=wrong)
        with pytest.raises(InputError, match="several for 1 keys: o0"):
            add(project, ledger, labels=pd.concat([wrong, frame[["id", "bought"]][:1]]))
        with pytest.raises(InputError, match="No row waits"):
            add(project, ledger, labels=pd.DataFrame({"id": ["x1"], "bought": ["no"]}))


@pytest.mark.parametrize("point", ["draft written", "object durable", "transaction open"])
def test_a_crash_leaves_an_arrival_whole_or_not_at_all(tmp_path, point):
    with opened(tmp_path) as (project, ledger):
        with crashing_at(point), pytest.raises(KeyboardInterrupt):
            add(project, ledger, orders())
        assert ledger.select(ArrivalRow) == []
        assert current_schema(ledger) is None
    with opened(tmp_path) as (project, ledger):
        [result] = add(project, ledger, orders())
        assert result.is_new
        assert verify_object(tmp_path, "arrivals", result.id) is None


def test_each_file_of_a_folder_is_an_arrival_in_natural_order(tmp_path):
    folder = tmp_path / "weeks"
    folder.mkdir()
    for week in (10, 9, 1):
        orders(first=100 * week).to_csv(folder / f"week{week}.csv", index=False)
    with opened(tmp_path / "p") as (project, ledger):
        results = add(project, ledger, folder, each=True)
        assert [one.source for one in results] == ["week1.csv", "week9.csv", "week10.csv"]
        orders(first=2000).drop(columns="size").to_csv(folder / "week11.csv", index=False)
        orders(first=3000).to_csv(folder / "week12.csv", index=False)
        with pytest.raises(InputError, match="lacks size; 3 of 5 arrivals before it are added"):
            add(project, ledger, folder, each=True)
        assert len(ledger.select(ArrivalRow)) == 3


def test_a_refused_arrival_leaves_nothing(tmp_path):
    with opened(tmp_path) as (project, ledger):
        add(project, ledger, orders())
        later = orders(first=100)
        bad = later.assign(bought=["maybe", *later["bought"][1:]])
        with pytest.raises(InputError, match="--new-classes grow"):
            add(project, ledger, bad)
        assert len(ledger.select(ArrivalRow)) == 1
        add(project, ledger, bad, new_classes="grow")
        assert current_schema(ledger).classes == ("no", "yes", "maybe")
        assert [one.schema for one in ledger.select(ArrivalRow, "ORDER BY number")] == [1, 2]


def test_dropped_rows_are_recorded_for_the_report(tmp_path):
    with opened(tmp_path) as (project, ledger):
        [result] = add(project, ledger, pd.concat([orders(30), orders(30).head(4)]))
        [event] = ledger.events()
        assert event.data == {"arrival": 1, "rows": 30, "duplicates": 4}
        assert result.duplicates == 4


def test_without_a_key_equal_rows_stay_and_fall_on_one_side(tmp_path):
    frame = pd.concat([orders(30), orders(30)]).drop(columns="id")
    with opened(tmp_path, {"label": "bought"}, holdout=0.5) as (project, ledger):
        [result] = add(project, ledger, frame)
        samples = ledger.samples(1)
        assert (result.rows, result.duplicates) == (60, 0)
        assert [one.side for one in samples[:30]] == [one.side for one in samples[30:]]
        assert len({one.key for one in samples}) == 60


def test_groups_fall_on_one_side(tmp_path):
    frame = orders(60, customer=[None if row == 7 else f"c{row % 6}" for row in range(60)])
    with opened(tmp_path, {**DATA, "group": "customer", "drop": ["customer"]}, holdout=0.5) as (project, ledger):
        add(project, ledger, frame)
        sides = {}
        for one in ledger.samples(1):
            sides.setdefault(one.unit, set()).add(one.side)
        assert all(len(one) == 1 for one in sides.values())
        assert set(sides) == {*(f"c{number}" for number in range(6)), "o7"}
        assert "customer" not in current_schema(ledger).names


def test_a_full_disk_stores_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with opened(tmp_path) as (project, ledger):
        with pytest.raises(StorageError, match="The arrival needs about"):
            add(project, ledger, orders())
        assert ledger.select(ArrivalRow) == []


def test_arrays_are_added_and_equal_ones_are_one_arrival(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(30, 4))
    with opened(tmp_path, {}) as (project, ledger):
        [first] = add(project, ledger, (inputs, np.arange(30) % 2))
        [again] = add(project, ledger, (inputs.copy(), (np.arange(30) % 2).astype(float)))
        assert (first.is_new, again.is_new) == (True, False)
        assert current_schema(ledger).shape == (4,)


def test_labels_come_also_where_rows_and_labels_have_arrived_before(tmp_path):
    """The same rows were delivered with labels, and again without: those wait, and theirs are the labels of before."""
    frame = orders(30)
    with opened(tmp_path) as (project, ledger):
        add(project, ledger, frame)
        [without] = add(project, ledger, frame.drop(columns="bought"))
        assert (without.superseded, ledger.waiting_rows()) == (30, 30)
        [result] = add(project, ledger, labels=frame[["id", "bought"]])
        assert (result.number, result.is_new, result.labelled) == (3, True, 30)
        assert ledger.waiting_rows() == 0
        assert ledger.arrival(3).content == ledger.arrival(1).content
        assert verify_object(tmp_path, "arrivals", result.id, size=ledger.arrival(3).size) is None
        [again] = add(project, ledger, labels=frame[["id", "bought"]])
        assert not again.is_new
        assert any("have these labels already" in note for note in again.notes)


def test_an_older_version_that_comes_again_is_said_to_be_superseded(tmp_path):
    right = orders(30)
    wrong = right.assign(size=-right["size"])
    with opened(tmp_path) as (project, ledger):
        for frame in (right, wrong):
            add(project, ledger, frame)
        [result] = add(project, ledger, right)
        assert not result.is_new
        assert "Of 30 rows in it later versions count, of arrival 2: exclude" in result.notes[0]
        with ledger.transaction():
            ledger.exclude(2)
        [result] = add(project, ledger, right)
        assert "later versions" not in result.notes[0]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_key_is_the_same_number_with_and_without_a_fraction_of_zero(tmp_path, form):
    frame = orders(30).assign(id=range(30))
    frame.to_csv(tmp_path / "whole.csv", index=False)
    frame["id"] = frame["id"].astype(float)
    getattr(frame, f"to_{form}")(tmp_path / f"gaps.{form}", index=False)
    padded = frame.assign(id=[f"{number:05d}" for number in range(30)])
    padded.to_csv(tmp_path / "padded.csv", index=False)
    with opened(tmp_path / "project") as (project, ledger):
        add(project, ledger, tmp_path / "whole.csv")
        [result] = add(project, ledger, tmp_path / f"gaps.{form}")
        if result.is_new:
            assert result.superseded == 30
        assert {one.key for one in ledger.samples(1)} == {str(number) for number in range(30)}
        [result] = add(project, ledger, tmp_path / "padded.csv")
        assert result.superseded == 0, "with leading zeros it is another text"
