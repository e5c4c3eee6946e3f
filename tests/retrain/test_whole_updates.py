import numpy as np
import pandas as pd
import pytest

from projects import customers, project
from warmstart.basics import InputError
from warmstart.retrain import lines_of
from warmstart.retrain._ledger import LEDGER, Ledger
from warmstart.retrain._objects import load_scores


def opened(made):
    return Ledger.open(made.directory / LEDGER)


def labels_of(frame):
    return frame[["customer", "churned"]]


# New classes.

CLASSES = ("no", "yes")
MORE = ("later", "no", "yes")


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A project whose second arrival brings a class, and what came of its update."""
    made = project(tmp_path_factory.mktemp("grow") / "project", arrivals=1, policy="warm")
    before = made.champion()
    arrival = customers(600, first=300, classes=MORE)
    with pytest.raises(InputError, match=r"contains 1 new: 'later' \(\d+ rows: .*--new-classes grow"):
        made.add(arrival)
    made.add(arrival, new_classes="grow")
    return made, arrival, before, made.update()


def test_a_new_class_grows_the_head_of_a_warm_start(grown):
    made, _, before, found = grown
    assert [arm.strategy for arm in found.arms] == ["warm"]
    with opened(made) as ledger:
        model = ledger.models()[-1]
        assert (ledger.schema().version, ledger.schema().description["classes"]) == (2, ["no", "yes", "later"])
        assert model.start_model == before.id
        assert model.manifest["classes"] == ["no", "yes", "later"]


def test_a_champion_without_an_output_counts_rows_of_a_new_class_as_wrong(grown):
    made, _, before, found = grown
    with opened(made) as ledger:
        arrival = ledger.arrival(2)
        rows = [one for one in ledger.samples(2) if one.side == "holdout"]
        scores = load_scores(made.directory, before.id, arrival.id, arrival.rows)
    new = [one.row for one in rows if one.label == "later"]
    assert len(new) > 20
    assert (scores[new, 0] == 0).all()
    assert np.isin(scores[[one.row for one in rows], 0], (0, 1)).all()
    assert found.outcome == "promoted", "the one that knows the class is better by all its rows"
    assert {one.role for one in found.arms[0].judgements} >= {"champion"}


def test_predictions_have_the_new_class(grown):
    made, arrival, before, _ = grown
    assert before.classes == CLASSES
    assert made.champion().classes == ("no", "yes", "later")
    predicted = made.predict(arrival)
    assert predicted.classes == ("no", "yes", "later")
    assert np.mean(np.array(predicted.labels) == arrival["churned"]) > 0.6
    assert "later" in predicted.labels
    assert "Round 2" in "".join(lines_of(made.status()))


def test_arrivals_without_the_new_class_fit_afterwards(grown):
    made = grown[0]
    made.add(customers(first=1200))
    assert made.update().arms[0].strategy == "warm"


# Labels that come late, and rows that are corrected.


def test_rows_without_labels_wait_and_are_trained_on_when_these_come(tmp_path):
    made = project(tmp_path / "p", arrivals=1, policy="warm")
    late = customers(100, first=300)
    assert made.add(late.assign(churned=[None] * 100)).labelled == 0
    found = made.update()
    assert (found.outcome, found.round) == ("nothing new", None)
    assert "100 rows wait for theirs" in found.reason
    assert made.status().unlabelled_rows == 100
    labels = labels_of(late)
    assert made.add_labels(labels[:60]).rows == 60
    found = made.update()
    assert (found.round, found.arms[0].strategy) == (2, "warm")
    with opened(made) as ledger:
        rows = ledger.samples(3)
        assert {one.joined for one in rows if one.side == "train"} == {2}
        assert {one.joined for one in rows if one.side == "holdout"} == {None}
        assert {one.superseded_by for one in ledger.samples(2)} == {3, None}
        assert found.arms[0].cost["rows"] == sum(
            one.joined is not None for number in (1, 3) for one in ledger.samples(number)
        )
    assert made.add_labels(labels).rows == 40, "those that wait still"
    assert made.update().round == 3
    assert made.status().unlabelled_rows == 0
    again = made.add_labels(labels)
    assert not again.is_new
    assert made.update().outcome == "nothing new"


def test_labels_of_held_out_rows_judge_and_are_not_trained_on(tmp_path):
    made = project(tmp_path / "p", arrivals=1, policy="warm")
    late = customers(100, first=300)
    made.add(late.assign(churned=[None] * 100))
    made.add_labels(labels_of(late))
    found = made.update()
    with opened(made) as ledger:
        judging = ledger.judging_rows(ledger.latest_arrival(), 30)
        assert sum(one.arrival == 3 for one in judging) > 10
        [comparison] = [one for one in found.arms[0].judgements if one.role == "champion"]
        assert comparison.n == len(judging)


def test_a_corrected_row_that_was_trained_on_never_judges(tmp_path):
    made = project(tmp_path / "p", arrivals=1, policy="warm", window=2)
    before = customers()
    with opened(made) as ledger:
        rows = ledger.samples(1)
    trained = [one.key for one in rows if one.joined == 1]
    unseen = [one.key for one in rows if one.joined is None]
    corrected = before[before["customer"].isin([*trained[:50], *unseen[:20]])].assign(pay=0.25)
    result = made.add(corrected)
    assert result.superseded == 70
    for night in range(4):
        made.update()
        with opened(made) as ledger:
            judging = {one.key for one in ledger.judging_rows(ledger.latest_arrival(), 2)}
            assert not judging & set(trained)
            if night == 0:
                assert set(unseen[:20]) <= judging, "no version of these was trained on"
                assert {one.joined for one in ledger.versions(trained[:50]) if one.arrival == 2} == {2}
            assert {one.arrival for one in ledger.versions(trained[:50]) if one.superseded_by is None} == {2}
        made.add(customers(60, first=1000 + 100 * night))
    with opened(made) as ledger:
        # The window is over: what has judged is trained on, in its newest version alone.
        versions = ledger.versions(unseen[:20])
        assert {one.joined for one in versions if one.arrival == 1} == {None}
        assert {one.joined for one in versions if one.arrival == 2} == {4}


def test_a_held_out_row_that_is_corrected_counts_with_its_new_content(tmp_path):
    made = project(tmp_path / "p", arrivals=1, policy="warm")
    with opened(made) as ledger:
        [key, *_] = [one.key for one in ledger.samples(1) if one.side == "holdout"]
    old = customers()
    row = old[old["customer"] == key]
    turned = row.assign(churned="no" if row["churned"].item() == "yes" else "yes")
    made.add(pd.concat([turned, customers(60, first=400)]))
    made.update()
    with opened(made) as ledger:
        [judge] = [one for one in ledger.judging_rows(2, 30) if one.key == key]
        assert (judge.arrival, judge.label) == (2, turned["churned"].item())
