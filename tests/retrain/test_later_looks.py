"""Candidates that could not be told on the night of their training, and are judged again on what has arrived since."""

import numpy as np
import pandas as pd
import pytest

from night_learners import Memory, own
from nights import arrival, change, each_night, models, project
from warmstart.reports import write_retrain_report
from warmstart.retrain import lines_of, read_report_data
from warmstart.retrain._ledger import LEDGER, Ledger, WatchRow
from warmstart.retrain._objects import crashing_at


def late(tmp_path, *, at=0.0):
    """Return a project that serves a poor model, with a better candidate (below ``at``) that few rows could not tell.

    And what its next update finds.
    """
    made = project(tmp_path / "p", settings={"policy": "cold", "tolerance": 0.01, "holdout": 0.1}, **own(0.2))
    first = each_night(made, arrival(1, 400))
    change(made, **own(at))
    return made, *first, *each_night(made, arrival(2, 30))


def test_a_candidate_that_few_rows_could_not_tell_is_promoted_as_soon_as_more_have_arrived(tmp_path):
    made, first, second = late(tmp_path)
    assert (first.outcome, second.outcome, second.champion) == ("promoted", "kept", first.champion)
    assert "rows cannot tell" in second.reason
    change(made, **own(0.3))
    (third,) = each_night(made, arrival(3, 300))
    assert (third.outcome, third.champion) == ("promoted", second.arms[0].model)
    assert third.reason.startswith("promoted: the model of round 2 serves now: +")
    assert "; round 3: kept: " in third.reason
    assert made.champion().id == third.champion
    with Ledger.open(made.directory / LEDGER) as ledger:
        again = [one for one in ledger.judgements(2) if one.look == 3]
        assert [one.role for one in again] == ["champion"]
        (held_out,) = [one for one in ledger.judgements(2) if not one.look]
        assert again[0].n == 300 + held_out.n
        assert ledger.promotions()[-1].round == 2
        assert ledger.anchor().id == third.champion, "it is shown to be no worse than the anchor"


def test_a_candidate_that_more_rows_show_to_be_worse_is_no_start_any_more(tmp_path):
    made, first, second = late(tmp_path, at=0.4)
    assert second.arms[0].state == "undecided"
    change(made, **own(0.2))
    (third,) = each_night(made, arrival(3, 400))
    assert (third.outcome, third.champion) == ("kept", first.champion)
    assert models(made)[1].state == "worse"


def test_a_candidate_is_looked_at_again_so_many_nights_and_no_longer(tmp_path):
    made, *_ = late(tmp_path, at=0.19)
    for number in range(3, 9):
        each_night(made, arrival(number, 30))
    assert list(looks(made, 2)) == [0, 3, 4, 5, 6]


def test_rounds_that_cannot_be_decided_say_what_would_change_that(tmp_path):
    made, *_ = late(tmp_path, at=0.19)
    third, fourth = each_night(made, arrival(3, 30), arrival(4, 30))
    said = [note for note in fourth.notes if note.startswith("3 rounds running could not be decided: ")]
    assert len(said) == 1
    assert "held-out rows can show an equally good model to be within" in said[0]
    assert said[0].endswith("and 1.0 points are allowed. Change tolerance or holdout in project.toml.")
    assert not any("running" in note for note in third.notes)


@pytest.mark.parametrize("change_to", ["pin", "rollback"])
def test_no_candidate_is_promoted_late_where_a_model_is_pinned_or_has_left_it_behind(tmp_path, change_to):
    made, first, second = late(tmp_path)
    if change_to == "pin":
        made.pin()
    else:
        made.promote(second.arms[0].model)
        made.rollback()
        made.unpin()
    (third,) = each_night(made, arrival(3, 60))
    assert third.champion == first.champion
    assert second.arms[0].model not in set(promoted(made)[3:])


def promoted(made):
    with Ledger.open(made.directory / LEDGER) as ledger:
        return [one.model for one in ledger.promotions()]


def noisy(frame, seed, share=0.3):
    """Return a table with a share of its labels flipped."""
    flipped = np.random.default_rng(seed).random(len(frame)) < share
    return frame.assign(y=np.where(flipped, np.where(frame["y"] == "yes", "no", "yes"), frame["y"]))


def test_rows_that_arrive_again_without_a_key_do_not_judge_what_was_trained_on_them(tmp_path):
    tables = {**own(0.0, Memory), "data": {"label": "y"}}
    made = project(tmp_path / "p", settings={"policy": "cold", "tolerance": 0.02, "holdout": 0.1}, **tables)
    day = {number: noisy(arrival(number, 300).drop(columns="id"), number) for number in (1, 2, 3)}
    (first,) = each_night(made, day[1])
    change(made, **own(0.3, Memory))
    (second,) = each_night(made, day[2])
    assert second.outcome == "kept"
    # An export of a sliding period: all of the day before once more.
    (third,) = each_night(made, pd.concat([day[2], day[3][:60]]))
    again = looks(made, 2)[3]
    held_out = looks(made, 2)[0]
    assert again.n <= 2 * held_out.n + 60, "new rows, and those that are held out, which came twice"
    assert third.champion == first.champion


def looks(made, number):
    """Return the comparisons of a round's candidate with the champion, by the round before which they were made."""
    with Ledger.open(made.directory / LEDGER) as ledger:
        return {one.look: one for one in ledger.judgements(number) if one.role == "champion"}


def test_known_customers_do_not_judge_what_was_trained_on_their_rows(tmp_path):
    def visits(seed, users, rows):
        draw = np.random.default_rng(seed)
        user = draw.choice(users, rows)
        is_yes = np.random.default_rng(0).random(1000)[user] < 0.5
        columns = {"a": user / 1000 + 1, "b": draw.normal(size=rows), "y": np.where(is_yes, "yes", "no")}
        return pd.DataFrame({**columns, "id": [f"{seed}-{row}" for row in range(rows)], "user": user.astype(str)})

    tables = {**own(0.0, Memory), "data": {"label": "y", "key": "id", "group": "user", "scale": "none"}}
    made = project(tmp_path / "p", settings={"policy": "cold", "tolerance": 0.02, "holdout": 0.2}, **tables)
    each_night(made, visits(1, np.arange(150), 400), visits(2, np.arange(150, 400), 500))
    with Ledger.open(made.directory / LEDGER) as ledger:
        candidate = ledger.models()[1]
        trained = {one.unit for arrival in (1, 2) for one in ledger.samples(arrival) if one.side == "train"}
    made.add(visits(3, np.arange(600), 900))
    with Ledger.open(made.directory / LEDGER) as ledger:
        judging = {one.unit for one in ledger.unseen_rows([candidate], 3, 30)}
        new = {one.unit for one in ledger.samples(3)} - trained
    assert len(judging) > 100
    assert not judging & trained
    assert new <= judging


def test_the_watch_begins_after_the_rows_that_chose_the_champion(tmp_path):
    settings = {"policy": "cold", "tolerance": 0.01, "holdout": 0.1, "class_tolerance": 0.9}
    made = project(tmp_path / "p", settings=settings, **own(0.0))
    (good,) = each_night(made, arrival(1, 300))
    change(made, **own(0.3))
    (second,) = each_night(made, arrival(2, 30))
    change(made, **own(0.31))
    (third,) = each_night(made, arrival(3, 400, flipped=True))
    assert third.champion == second.arms[0].model, "one wrong arrival speaks for the worse one"
    assert made.status().watch is None, "what was noted was about the champion before"
    (fourth,) = each_night(made, arrival(4, 400))
    assert (fourth.outcome, fourth.champion) == ("rolled back", good.champion)
    with Ledger.open(made.directory / LEDGER) as ledger:
        assert ledger.select(WatchRow)[-1].t == 400


def test_the_watch_takes_no_older_model_back_for_rows_that_the_newer_was_trained_on(tmp_path):
    tables = {**own(0.0, Memory), "data": {"label": "y", "key": "id", "scale": "none"}}
    made = project(tmp_path / "p", settings={"policy": "cold", "tolerance": 0.05, "holdout": 0.2}, **tables)
    (first,) = each_night(made, noisy(arrival(1, 900), 1))
    change(made, **own(0.05, Memory))
    (second,) = each_night(made, noisy(arrival(2, 900), 2))
    assert second.outcome == "promoted"
    made.promote(first.champion)
    made.unpin()
    (third,) = each_night(made, noisy(arrival(3, 60), 3))
    assert third.outcome != "rolled back"
    with Ledger.open(made.directory / LEDGER) as ledger:
        assert [one.t for one in ledger.select(WatchRow)][-1] == 60


def test_a_first_model_whose_round_was_abandoned_is_not_judged_on_its_own_rows(tmp_path):
    made = project(tmp_path / "p", settings={"policy": "cold", "tolerance": 0.02, "holdout": 0.05}, **own(0.0, Memory))
    labels = np.random.default_rng(5).choice(["no", "yes"], 300)
    made.add(arrival(1, 300).assign(y=labels))
    with pytest.raises(KeyboardInterrupt), crashing_at("round judged"):
        made.update()
    made.migrate({"rename": {"b": "beta"}})
    found = made.update()
    assert (found.outcome, found.champion) == ("kept", None), "there is nothing to learn"


def test_a_later_look_leaves_the_record_of_the_night_as_it_was(tmp_path):
    made = project(tmp_path / "p", settings={"policy": "cold", "holdout": 0.1}, **own(5.0))
    first, second = each_night(made, arrival(1), arrival(2))
    assert (first.champion, second.champion) == (None, None), "it always says the same class"
    with Ledger.open(made.directory / LEDGER) as ledger:
        beside = {one.look: one for one in ledger.judgements(1) if one.detail == "majority"}
    assert set(beside) == {0, 2}
    assert beside[0].n < beside[2].n == 120
    assert first.arms[0].judgements == (beside[0],)


@pytest.mark.parametrize("point", ["promoted late", "round open"])
def test_a_late_promotion_that_was_rolled_back_before_its_round_is_not_claimed(tmp_path, point):
    made, first, _ = late(tmp_path)
    change(made, **own(0.3))
    made.add(arrival(3, 300))
    with pytest.raises(KeyboardInterrupt), crashing_at(point):
        made.update()
    assert made.rollback().after == first.champion
    found = made.update()
    assert (found.outcome, found.champion) == ("kept", first.champion)
    assert "serves now" not in found.reason


def test_what_came_late_is_told_everywhere(tmp_path):
    made, first, _ = late(tmp_path)
    change(made, **own(0.3))
    (third,) = each_night(made, arrival(3, 300))
    story = "The model of round 2 serves now: +"
    assert story in "\n".join(lines_of(made.history()))
    assert "serves now" in third.reason
    assert not any(story in note for note in third.notes), "it is the reason"
    with Ledger.open(made.directory / LEDGER) as ledger:
        posted = [(one.kind, one.round, one.payload["outcome"]) for one in ledger.unsent()]
        kept = {one.look: one.n for one in ledger.judgements(2) if one.role == "champion"}
    assert posted[-2:] == [("promotion", 2, "promoted"), ("round", 3, "kept")]
    assert set(kept) == {0, 3}
    page = write_retrain_report(made.directory).html.read_text(encoding="utf-8")
    assert ", before round 3" in page
    assert story in page
    tested = {one.row.number: one.tested for one in read_report_data(made.directory).arrivals}
    assert tested[3] == first.champion, "what served when it arrived, not what it chose"


def test_a_round_that_was_interrupted_keeps_what_it_had_to_say(tmp_path):
    made, *_ = late(tmp_path, at=0.19)
    each_night(made, arrival(3, 30))
    made.add(arrival(4, 30))
    with pytest.raises(KeyboardInterrupt), crashing_at("round judged"):
        made.update()
    assert any(note.startswith("3 rounds running could not be decided") for note in made.update().notes)


def test_rounds_that_were_decided_otherwise_are_not_called_undecided(tmp_path):
    made, *_ = late(tmp_path)
    change(made, **own(0.01))
    each_night(made, arrival(3, 300))
    (fourth,) = each_night(made, arrival(4, 30))
    assert not any("running" in note for note in fourth.notes), "one was promoted late"
    made = project(tmp_path / "q", settings={"policy": "cold"}, **own(0.0))
    each_night(made, arrival(1))
    made.pin()
    found = []
    for number, at in enumerate((0.01, 0.02, 0.03), 2):
        change(made, **own(at))
        found += each_night(made, arrival(number, 300))
    assert all(one.reason.startswith("kept: the champion is pinned (promoted") for one in found)
    assert not any("running" in note for one in found for note in one.notes)
