import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from ledgers import TIME, arrival, finished_round, model, sample
from simulated_projects import PROJECTS, made, metric_of, schema_of
from warmstart.basics import InputError, StorageError
from warmstart.retrain import Churn, RowScore, read_report_data
from warmstart.retrain._ledger import (
    LEDGER,
    ArrivalRow,
    Ledger,
    ModelRow,
    PromotionRow,
    SampleRow,
    SchemaRow,
    WatchRow,
)
from warmstart.retrain._objects import save_scores, scores_path
from warmstart.retrain._settings import RetrainSettings, write_project

LATER = "2026-01-02T00:00:00+00:00"
ORDER = {"name": "day", "kind": "number", "values": [], "form": ""}
# Of three arrivals with four rows each: the first two of each judge.
LABELS = {1: "aabb", 2: "abba", 3: "bbba"}
ROUNDS = {1: ("A", "cold", "promoted"), 2: ("B", "warm", "promoted"), 3: ("C", "warm", "kept")}
CLASS = {"a": 0.0, "b": 1.0}
# What each model predicts, by arrival; nothing is known of the others.
PREDICTED = {
    "A": {1: "aaab", 2: "aaaa", 3: "aaaa"},
    "B": {1: "abab", 2: "abaa", 3: "baaa"},
    "C": {1: "bbbb", 2: "bbbb", 3: "bbbb"},
}


def small(directory, *, window=30, order=None, metric="accuracy", labels=LABELS, targets="classes", costs=None):
    """Make a project of three rounds, of which the third has kept the champion, with scores that can be counted."""
    write_project(directory, RetrainSettings(window=window), {})
    known = {number: list(row) if isinstance(row, str) else row for number, row in labels.items()}
    with Ledger.create(directory / LEDGER) as ledger, ledger.transaction():
        classes = ("a", "b") if targets == "classes" else ()
        ledger.insert(SchemaRow(1, schema_of(order=order, targets=targets, classes=classes).to_dict(), TIME))
        champion = None
        for number, (name, strategy, state) in ROUNDS.items():
            ledger.insert(arrival(number, rows=4))
            rows = enumerate(known[number])
            ledger.add_samples(
                sample(number, row, side="holdout" if row < 2 else "train", label=label) for row, label in rows
            )
            after = name if state == "promoted" else champion
            row = finished_round(number, state=state)
            row = dataclasses.replace(row, plan={"arm": strategy, "audit": False}, champion_before=champion)
            ledger.insert(dataclasses.replace(row, champion_after=after, reason="because", verdict="promote"))
            cost = {"rows": 10 * number, "steps": 100 * number, "seconds": 1.0} if costs is None else costs[number]
            one = dataclasses.replace(model(name, number, strategy=strategy, state="candidate"), cost=cost)
            ledger.insert(dataclasses.replace(one, manifest={"metric": metric_of(metric)}))
            ledger.join(number, number, window)
            if state == "promoted":
                ledger.promote(name, kind="gate", reason="better", round_number=number, as_anchor=True)
                champion = name
        ids = {one.number: one.id for one in ledger.accepted_arrivals()}
    if targets == "classes":
        for name, found in PREDICTED.items():
            for number, predicted in found.items():
                pairs = zip(predicted, LABELS[number], strict=True)
                scores = [(float(one == label), CLASS[one]) for one, label in pairs]
                save_scores(directory, name, ids[number], np.array(scores))
    return ids


def change(directory, kind, key, **columns):
    with Ledger.open(directory / LEDGER) as ledger, ledger.transaction():
        ledger.change(kind, key, **columns)


def test_the_held_out_score_is_that_of_the_champion_on_the_rows_that_judged(tmp_path):
    small(tmp_path)
    found = read_report_data(tmp_path)
    # A: aa of aa. B: ab of aa, ab of ab. After the kept round B still serves: also ba of bb.
    assert [one.held_out for one in found.rounds] == [RowScore(1.0, 2), RowScore(0.75, 4), RowScore(4 / 6, 6)]
    assert (found.metric.name, found.grouped, found.baseline) == ("accuracy", False, "majority")


def test_the_majority_is_that_of_what_was_trained_on_until_then(tmp_path):
    small(tmp_path)
    # Trained on: bb; bbba; bbbaba. The rows that judged: aa; aaab; aaabbb.
    assert [one.baseline for one in read_report_data(tmp_path).rounds] == [
        RowScore(0.0, 2),
        RowScore(0.25, 4),
        RowScore(0.5, 6),
    ]


def test_rows_older_than_the_window_do_not_judge(tmp_path):
    small(tmp_path, window=1)
    # The rows of the arrival before were trained on by then.
    assert [one.held_out for one in read_report_data(tmp_path).rounds] == [
        RowScore(1.0, 2),
        RowScore(1.0, 2),
        RowScore(0.5, 2),
    ]


def test_rows_judge_until_a_newer_version_or_without_a_label(tmp_path):
    small(tmp_path)
    with Ledger.open(tmp_path / LEDGER) as ledger, ledger.transaction():
        ledger.execute("UPDATE sample SET superseded_by = 2 WHERE arrival = 1 AND row = 1")
        ledger.execute("UPDATE sample SET label = NULL, side = NULL WHERE arrival = 2 AND row = 1")
    found = read_report_data(tmp_path)
    assert [one.held_out.rows for one in found.rounds] == [2, 2, 4]
    assert found.arrivals[1].superseded == 1
    assert found.arrivals[1].score == RowScore(2 / 3, 3)


def test_an_arrival_is_scored_by_the_champion_of_its_time(tmp_path):
    small(tmp_path)
    found = read_report_data(tmp_path).arrivals
    assert [one.tested for one in found] == [None, "A", "B"]
    assert [one.score for one in found] == [None, RowScore(0.5, 4), RowScore(0.5, 4)]
    assert [one.round for one in found] == [1, 2, 3]
    # A was trained on bb, and B on bbba.
    assert [dict(one.baselines) for one in found] == [{}, {"majority": 0.5}, {"majority": 0.75}]
    assert [one.held_out for one in found] == [2, 2, 2]


def test_persistence_needs_an_order_in_time(tmp_path):
    small(tmp_path, order=ORDER)
    # abba after b: b a b b; bbba after a: a b b b.
    found = [dict(one.baselines).get("persistence") for one in read_report_data(tmp_path).arrivals]
    assert found == [None, 0.25, 0.5]


def test_persistence_passes_over_rows_without_labels(tmp_path):
    small(tmp_path, order=ORDER)
    with Ledger.open(tmp_path / LEDGER) as ledger, ledger.transaction():
        ledger.execute("UPDATE sample SET label = NULL, side = NULL WHERE arrival = 2 AND row > 0")
    # The only label of the second arrival is a: bbba after it is a b b b.
    assert read_report_data(tmp_path).arrivals[2].baselines["persistence"] == 0.5


def test_a_watch_that_rolls_back_has_tested_the_model_before(tmp_path):
    small(tmp_path)
    with Ledger.open(tmp_path / LEDGER) as ledger, ledger.transaction():
        ledger.insert(WatchRow(3, 3, 4, -0.5, -0.2, 0.01, alarm=True))
        ledger.insert(PromotionRow("A", "B", "A", "watch", "worse", None, TIME))
        ledger.execute("UPDATE promotion SET time = ?", "2025-12-31T00:00:00+00:00")
        ledger.execute("UPDATE round SET champion_before = 'A', champion_after = 'A' WHERE number = 3")
    found = read_report_data(tmp_path)
    assert found.arrivals[2].tested == "B"
    assert found.rounds[2].held_out == RowScore(0.5, 6)
    with Ledger.open(tmp_path / LEDGER) as ledger, ledger.transaction():
        ledger.change(WatchRow, 3, alarm=False)
    assert read_report_data(tmp_path).arrivals[2].tested == "A"


def test_a_promotion_changes_predictions(tmp_path):
    small(tmp_path)
    with Ledger.open(tmp_path / LEDGER) as ledger, ledger.transaction():
        ledger.promote("C", kind="hand", reason="by hand", round_number=None, as_anchor=False)
        ledger.execute("UPDATE promotion SET time = ? WHERE kind = 'hand'", LATER)
    found = read_report_data(tmp_path).promotions
    assert [one.strategy for one in found] == ["cold", "warm", "warm"]
    assert found[0].churn is None
    # aa then ab, aa then ab: half changes; of the right ones aa a. the second of the first becomes wrong.
    assert found[1].churn == Churn(0.5, 0.25, 4)
    # ab ab ba becomes bb bb bb: three change, of which two were right.
    assert found[2].churn == Churn(0.5, 2 / 6, 6)


def test_without_predictions_there_is_no_churn(tmp_path):
    ids = small(tmp_path)
    for name in ids.values():
        save_scores(tmp_path, "B", name, np.array([(1.0, np.nan)] * 4))
    assert [one.churn for one in read_report_data(tmp_path).promotions] == [None, None]


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_damaged_scores_are_left_out(tmp_path, damage):
    ids = small(tmp_path)
    path = scores_path(tmp_path, "B", ids[2])
    path.unlink() if damage == "missing" else path.write_bytes(path.read_bytes()[:60])
    found = read_report_data(tmp_path)
    # Half of the rows of round 2, and two thirds of those of round 3, are left.
    assert [one.held_out for one in found.rounds[1:]] == [RowScore(0.5, 2), RowScore(0.5, 4)]
    scores_path(tmp_path, "B", ids[1]).unlink()
    found = read_report_data(tmp_path)
    assert [one.held_out for one in found.rounds] == [RowScore(1.0, 2), None, None]
    assert found.promotions[1].churn is None


def test_an_excluded_arrival_has_no_score_and_its_rows_do_not_judge(tmp_path):
    ids = small(tmp_path)
    change(tmp_path, ArrivalRow, ids[2], state="excluded")
    found = read_report_data(tmp_path)
    assert (found.arrivals[1].round, found.arrivals[1].score, found.arrivals[1].held_out) == (None, None, 0)
    assert [one.held_out.rows for one in found.rounds] == [2, 2, 4]


def test_errors_are_means_of_squares(tmp_path):
    values = {1: ["1.0", "2.0", "3.0", "5.0"], 2: ["4.0"] * 4, 3: ["6.0", "4.0", "4.0", "4.0"]}
    ids = small(tmp_path, metric="rmse", targets="values", labels=values, order=ORDER)
    for name in ("A", "B"):
        for one in ids.values():
            save_scores(tmp_path, name, one, np.array([(4.0, np.nan), (16.0, np.nan)] * 2))
    found = read_report_data(tmp_path)
    assert found.baseline == "mean"
    assert found.rounds[0].held_out == RowScore(pytest.approx(10**0.5), 2)
    # Trained on 3 and 5: the mean is 4, beside 1 and 2.
    assert found.rounds[0].baseline == RowScore(pytest.approx(6.5**0.5), 2)
    # After 5.0 and after 4.0.
    assert found.arrivals[1].baselines == {"mean": 0.0, "persistence": 0.5}
    assert found.arrivals[2].baselines["persistence"] == pytest.approx((8 / 4) ** 0.5)
    assert all(one.churn is None for one in found.promotions)


def test_several_values_have_a_score_and_no_baseline(tmp_path):
    ids = small(tmp_path, metric="rmse", targets="values", labels=dict.fromkeys((1, 2, 3), ["[1.0, 2.0]"] * 4))
    save_scores(tmp_path, "A", ids[1], np.array([(1.0, np.nan)] * 4))
    found = read_report_data(tmp_path)
    assert (found.rounds[0].held_out, found.rounds[0].baseline) == (RowScore(1.0, 2), None)


def test_a_metric_of_ones_own_has_a_mean_and_no_baseline(tmp_path):
    ids = small(tmp_path, metric="profit")
    save_scores(tmp_path, "A", ids[1], np.array([(-3.5, np.nan), (1.0, np.nan)] * 2))
    found = read_report_data(tmp_path)
    assert (found.baseline, found.rounds[0].baseline) == (None, None)
    assert found.rounds[0].held_out == RowScore(-1.25, 2)
    # Scores that are not right or wrong have no flips.
    assert all(one.churn is None or one.churn.negative_flips is None for one in found.promotions)


def test_scores_that_are_not_finite_are_not_shown(tmp_path):
    ids = small(tmp_path, metric="rmse")
    save_scores(tmp_path, "A", ids[1], np.array([(np.inf, np.nan)] * 4))
    assert read_report_data(tmp_path).rounds[0].held_out is None


def test_costs_are_in_one_unit_that_all_models_have(tmp_path):
    costs = {
        1: {"rows": 10, "flops": 1000.0, "steps": 10, "seconds": 2.0},
        2: {"rows": 20, "steps": 4, "seconds": 1.0},
        3: {"rows": 30, "flops": 5.0, "steps": 6, "seconds": 1.0},
    }
    small(tmp_path, costs=costs)
    found = read_report_data(tmp_path)
    assert found.cost == "steps"
    assert [one.models[0].cost for one in found.rounds] == [10.0, 4.0, 6.0]
    # By the rows from the cold start of round 1: as the policy estimates it.
    assert [(one.cold_cost, one.is_cold_measured) for one in found.rounds] == [(10, True), (20, False), (30, False)]


def test_a_model_without_any_cost_does_not_take_the_unit_from_the_others(tmp_path):
    small(tmp_path)
    change(tmp_path, ModelRow, "C", cost={}, state="diverged", manifest={})
    found = read_report_data(tmp_path)
    assert found.cost == "steps"
    assert (found.rounds[2].models[0].cost, found.rounds[2].cold_cost) == (None, None)


def test_audits_are_told_from_candidates(tmp_path):
    folder = made("nine rounds", tmp_path)
    found = read_report_data(folder)
    assert [one.is_audit for one in found.rounds[1].models] == [False, True]
    assert [one.is_audit for one in found.rounds[0].models] == [False], "a cold start alone is no audit"
    assert found.audit_confidence == 0.8
    assert list(found.licences) == list(range(1, 10))
    assert {one.strategy: one.status for one in found.licences[9]}["warm"] == "licensed"


def test_the_watch_is_of_the_present_champion(tmp_path):
    folder = made("watched", tmp_path / "one")
    assert [one.arrival for one in read_report_data(folder).watch] == [4, 5, 6, 7, 8, 9]
    assert read_report_data(made("rolled back", tmp_path / "two")).watch == ()


def test_the_watch_of_a_model_promoted_by_hand_begins_there(tmp_path):
    small(tmp_path)
    with Ledger.open(tmp_path / LEDGER) as ledger, ledger.transaction():
        ledger.insert(WatchRow(3, 3, 4, 0.0, None, 0.01, alarm=False))
        ledger.promote("C", kind="hand", reason="by hand", round_number=None, as_anchor=False)
        ledger.insert(arrival(4, rows=4), WatchRow(4, 4, 4, 0.0, None, 0.01, alarm=False))
    assert [one.arrival for one in read_report_data(tmp_path).watch] == [4]


def test_an_abandoned_round_has_tested_nothing(tmp_path):
    small(tmp_path)
    with Ledger.open(tmp_path / LEDGER) as ledger, ledger.transaction():
        ledger.execute("UPDATE round SET state = 'failed' WHERE number = 2")
    found = read_report_data(tmp_path)
    assert found.rounds[1].held_out is None
    # The next round took in both arrivals, and its champion was scored on both.
    assert [(one.round, one.tested) for one in found.arrivals] == [(1, None), (3, "B"), (3, "B")]


def test_duplicates_are_those_that_were_recorded(tmp_path):
    small(tmp_path)
    with Ledger.open(tmp_path / LEDGER) as ledger, ledger.transaction():
        ledger.add_event("add", "", arrival=2, rows=4, duplicates=7)
        ledger.add_event("add", "", arrival=3, rows=4)
    assert [one.duplicates for one in read_report_data(tmp_path).arrivals] == [None, 7, None]


def test_many_keys_and_rows_are_read_at_once(tmp_path):
    small(tmp_path)
    with Ledger.open(tmp_path / LEDGER) as ledger, ledger.transaction():
        ledger.insert(arrival(4, rows=3000))
        ledger.add_samples(SampleRow(4, row, f"k{row}", f"k{row}", "train", "a") for row in range(3000))
    found = read_report_data(tmp_path)
    assert (found.status.waiting_rows, found.arrivals[3].round) == (3000, None)


@pytest.mark.parametrize("name", [name for name in PROJECTS if name != "300 rounds"])
def test_every_project_can_be_read(tmp_path, name):
    folder = made(name, tmp_path)
    found = read_report_data(folder)
    assert len(found.rounds) == found.status.rounds
    assert found.settings["retrain"]["holdout"] == 0.1
    assert found.name == folder.name
    shares = [one.held_out.mean for one in found.rounds if one.held_out is not None]
    assert all(0 <= share <= 1 for share in shares) or found.metric.unit != "%"


def test_there_must_be_a_project_with_a_ledger(tmp_path):
    with pytest.raises(InputError, match="warmstart retrain init"):
        read_report_data(tmp_path)
    write_project(tmp_path, RetrainSettings(), {})
    with pytest.raises(StorageError, match=r"ledger\.sqlite is missing"):
        read_report_data(tmp_path)


def test_it_imports_no_pytorch(tmp_path):
    folder = made("nine rounds", tmp_path)
    code = (
        "import sys; from warmstart.retrain import read_report_data; "
        f"assert read_report_data({str(folder)!r}).rounds; "
        "print([name for name in ('torch', 'scipy', 'pandas', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
