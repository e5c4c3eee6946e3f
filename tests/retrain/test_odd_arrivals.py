"""Arrivals that nobody expects, through whole updates: a sentence or a decision, never a traceback or a worse model."""

import math

import numpy as np
import pytest

import nights
from warmstart.basics import InputError
from warmstart.retrain import Retrainer
from warmstart.retrain._sides import side_of

SALT = "a salt that is always the same"


@pytest.fixture(scope="module")
def promoted(tmp_path_factory):
    """A project with a champion."""
    project = nights.project(tmp_path_factory.mktemp("project") / "live")
    project.add(nights.arrival(1))
    assert project.update().outcome == "promoted"
    return project


@pytest.fixture
def project(promoted, tmp_path):
    return nights.copy(promoted.directory, tmp_path / "copy")


def changed(number, **columns):
    arrival = nights.arrival(number)
    for name, value in columns.items():
        arrival[name] = value(arrival[name]) if callable(value) else value
    return arrival


def first_to(value):
    return lambda column: np.where(np.arange(len(column)) == 3, value, column)


ODD = {
    "one row": lambda: nights.arrival(2, 1),
    "one class": lambda: changed(2, y="yes"),
    "constant": lambda: changed(2, a=3.0),
    "no values": lambda: changed(2, b=np.nan),
    "a huge value": lambda: changed(2, b=first_to(1e30)),
    "huge values": lambda: changed(2, a=lambda column: column * 1e30),
    "one key": lambda: changed(2, id="the same"),
}


@pytest.mark.parametrize("what", ODD)
def test_an_update_takes_what_arrives_and_decides(project, what):
    project.add(ODD[what]())
    done = project.update()
    assert done.outcome in ("promoted", "kept")
    for arm in done.arms:
        assert all(math.isfinite(value) for one in arm.judgements for value in (one.mean, one.low, one.high))
    project.add(nights.arrival(3))
    assert project.update().round == 3
    assert project.verify().is_intact


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
def test_what_no_model_can_take_is_refused_whole(project, value):
    before = nights.ledger_content(project.directory)
    with pytest.raises(InputError, match=r"finite 32-bit number, not '.*' in row 4"):
        project.add(changed(2, b=first_to(value)))
    assert nights.ledger_content(project.directory) == before


def test_rows_that_are_all_held_out_wait_for_others_to_train_on(tmp_path):
    project = nights.project(tmp_path / "project", salt=SALT)
    rows = nights.arrival(1, 400)
    sides = np.array(side_of(SALT, list(rows["id"]), holdout=nights.SETTINGS["holdout"]))
    project.add(rows[sides == "holdout"])
    done = project.update()
    assert (done.outcome, done.round) == ("nothing new", None)
    assert "held out" in done.reason
    assert project.status().open_round is None
    project.add(rows[sides == "train"])
    assert project.update().outcome == "promoted"


def test_rows_without_labels_wait(project):
    project.add(changed(2, y=None))
    assert project.update().outcome == "nothing new"
    project.add_labels(nights.arrival(2)[["id", "y"]])
    assert project.update().outcome == "promoted"


def _with(project, old, new):
    path = project.directory / "project.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return Retrainer(project.directory)


def test_after_training_that_diverged_the_last_good_model_is_continued(project):
    champion = project.champion().id
    project = _with(project, "learning-rate = 0.5", "learning-rate = 1e38")
    project.add(nights.arrival(2))
    done = project.update()
    assert (done.outcome, done.champion) == ("kept", champion)
    assert {arm.state for arm in done.arms} == {"diverged"}
    project = _with(project, "learning-rate = 1e38", "learning-rate = 0.5")
    project.add(nights.arrival(3))
    done = project.update()
    assert done.outcome == "promoted"
    assert {arm.state for arm in done.arms} <= {"champion", "undecided"}


def test_a_candidate_that_equals_the_champion_is_not_compared_with_itself(project):
    champion = project.champion().id
    project = _with(_with(project, "learning-rate = 0.5", "learning-rate = 1e-30"), '"auto"', '"warm"')
    for number in (2, 3):
        project.add(nights.arrival(number))
        done = project.update()
        assert (done.outcome, done.champion) == ("kept", champion)
        assert done.reason == "kept: training has changed nothing, the candidate is the champion itself"
        assert done.arms[0].judgements == ()
        assert done.arms[0].model != champion


def test_settings_that_build_another_model_start_cold(project):
    project = _with(project, '"logistic"', '"mlp"')
    project.add(nights.arrival(2))
    done = project.update()
    assert [arm.strategy for arm in done.arms] == ["cold"]
    assert "The round starts cold: the settings build another model than the last one is." in done.notes


def test_held_out_rows_are_trained_on_after_the_window(tmp_path):
    project = nights.project(tmp_path / "project", settings={"window": 3, "policy": "cold"})
    for number in range(1, 41):
        project.add(nights.arrival(number, 20))
        if number in (3, 4, 10, 25, 40):
            done = project.update()
            rows = nights.ledger_content(project.directory)["sample"]
            held = [row for row in rows if row["side"] == "holdout" and row["joined"] is None]
            assert {row["arrival"] for row in held} <= set(range(number - 2, number + 1))
            assert done.arms[0].cost["rows"] == 20 * number - len(held)


def test_an_arrival_can_be_excluded_in_between(project):
    for number in (2, 3, 4):
        project.add(nights.arrival(number, flipped=number == 3))
    project.exclude(3)
    assert project.update().outcome == "promoted"
    rows = nights.ledger_content(project.directory)["sample"]
    assert {row["arrival"] for row in rows if row["joined"] is not None} == {1, 2, 4}


def test_a_clock_that_goes_backwards_changes_no_decision(project, tmp_path, monkeypatch):
    other = nights.copy(project.directory, tmp_path / "other")
    for each in (project, other):
        each.add(nights.arrival(2))
        each.update()
        monkeypatch.setattr("warmstart.retrain._ledger.now", lambda: "1999-01-01T00:00:00+00:00")
        monkeypatch.setattr("warmstart.retrain._update.now", lambda: "1999-01-01T00:00:00+00:00")
        monkeypatch.setattr("warmstart.retrain._add.now", lambda: "1999-01-01T00:00:00+00:00")
    assert nights.ledger_content(project.directory) == nights.ledger_content(other.directory)
    assert nights.files_of(project.directory) == nights.files_of(other.directory)
