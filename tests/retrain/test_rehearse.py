import json
import math
import shutil

import numpy as np
import pytest

from projects import TABLES, customers, project
from trial_logs import record
from warmstart.basics import ACCURACY, InputError, Metric, StorageError
from warmstart.retrain import Retrainer, lines_of
from warmstart.retrain._ledger import LEDGER, Ledger
from warmstart.retrain._objects import crashing_at
from warmstart.retrain._policy import policy_from_dict
from warmstart.retrain._rehearse import FIRST_COUNTED, rehearsed_arm
from warmstart.store import StudyRecords

RMSE = Metric("rmse", "days", higher_is_better=False)
LABELS = {"warm": "warm", "cold": "cold"}


def replayed(warm, cold, *, metric=ACCURACY, cost=(2, 10), size=10_000):
    """Records of two starts: what each scores on the next arrival, by seeds and rounds; the last round has none."""
    rounds = [
        record(number, samples_seen=size * number, arm=arm, seed=seed, next_score=score, flops=float(flops))
        for arm, scores, flops in (("warm", warm, cost[0]), ("cold", cold, cost[1]))
        for seed, of_seed in enumerate(scores)
        for number, score in enumerate([*of_seed, None], 1)
    ]
    return StudyRecords({}, ("warm", "cold"), len(cold[0]) + 1, len(cold), tuple(rounds), {}, {}, metric)


def judged(warm, cold, *, tolerance=0.01, **options):
    return rehearsed_arm("warm", LABELS, replayed(warm, cold, **options), tolerance=tolerance)


# What is said of a start.


def test_a_start_is_licensed_by_its_lower_end_over_seeds():
    random = np.random.default_rng(0)
    cold = 0.9 + 0.01 * random.normal(size=(6, 5))
    gaps = 0.003 * random.normal(size=(6, 5))
    found = judged((cold + gaps).tolist(), cold.tolist())
    by_seed = gaps[:, FIRST_COUNTED - 1 :].mean(axis=1)
    half = 1.476 * by_seed.std(ddof=1) / math.sqrt(6)  # Student's t with 5 degrees of freedom at 90 %
    assert found.is_licensed
    assert (found.mean, found.low, found.high) == pytest.approx(
        (by_seed.mean(), by_seed.mean() - half, by_seed.mean() + half), abs=1e-6
    )
    assert found.cost == 0.2
    assert found.reason.startswith("warm: licensed: ")
    assert "on 3 arrivals, a loss of 1.0 points allowed; it costs 0.20 of a cold start" in found.reason


def test_the_first_rounds_do_not_count():
    cold = [[0.9] * 4] * 3
    warm = [[0.9, 0.1, 0.9, 0.9]] * 3
    assert judged(warm, cold).mean == pytest.approx(0)
    assert judged([[0.9, 0.9, 0.9, 0.1]] * 3, cold).mean == pytest.approx(-0.4)


@pytest.mark.parametrize(
    ("gaps", "why"), [((-0.05, -0.06, -0.055), "it loses more"), ((0.05, -0.06, 0.0), "3 seeds cannot tell")]
)
def test_a_start_that_may_cost_more_is_not_licensed(gaps, why):
    found = judged([[0.9, 0.9, 0.9 + gap] for gap in gaps], [[0.9] * 3] * 3)
    assert not found.is_licensed
    assert f"allowed: {why}" in found.reason


def test_scores_that_are_equal_by_chance_prove_nothing():
    same = [[0.9] * 3] * 3
    found = judged(same, same, size=20)
    assert not found.is_licensed
    # Three seeds, one arrival of 20 rows: Student's t with 2 degrees of freedom at 90 %, and a row as deviation.
    assert (found.mean, found.high) == pytest.approx((0, 1.8856 / 20 / math.sqrt(3)), abs=1e-4)
    assert judged(same, same, size=1000).is_licensed


def test_errors_are_compared_as_shares_of_the_cold_starts():
    cold = [[2.0, 2.0, 2.0], [4.0, 4.0, 4.0]]
    found = judged([[2, 2, 2.1], [4, 4, 4.2]], cold, metric=RMSE, tolerance=0.06)
    assert found.mean == pytest.approx(-0.05)
    assert found.is_licensed
    assert "error +5.0 [5.0, 5.0] % beside a cold start on 1 arrival, a loss of 6 % allowed" in found.reason
    assert not judged([[2, 2, 2.1], [4, 4, 4.2]], cold, metric=RMSE, tolerance=0.04).is_licensed


def test_a_start_that_diverged_is_not_licensed():
    found = judged([[0.9, 0.9, 0.9], [0.9, 0.9, None]], [[0.9] * 3] * 2)
    assert (found.is_licensed, found.mean) == (False, None)
    assert "diverged with seed 1" in found.reason
    both = judged([[0.9, 0.9, None]] * 2, [[0.9, 0.9, None]] * 2)
    assert (both.is_licensed, both.reason) == (False, "warm: not licensed: cold starts diverged")


# On a project.


def state_of(made):
    with Ledger.open(made.directory / LEDGER) as ledger:
        row = ledger.licence()
        return None if row is None else policy_from_dict(row.state)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    made = project(tmp_path_factory.mktemp("rehearse") / "project", tables={"stop": {"max_epochs": 1}}, tolerance=0.2)
    for number in range(4):
        made.add(customers(80, first=80 * number))
    # What is superseded or excluded, or waits for its label, is not replayed.
    made.add(customers(20, first=320).assign(customer=customers(20)["customer"]))
    made.add(customers(10, first=340, churned=[""] * 10))
    made.add(customers(20, first=350))
    made.exclude(7)
    return made.directory, made.rehearse(seeds=2)


@pytest.fixture
def shop(rehearsed, tmp_path):
    return Retrainer(shutil.copytree(rehearsed[0], tmp_path / "project"))


def test_what_counts_is_replayed_in_the_order_of_its_arrival(rehearsed):
    found = rehearsed[1]
    assert (found.arrivals, found.rows, found.seeds) == (5, 320, 2)
    assert [arm.strategy for arm in found.arms] == ["warm", *(f"shrink-perturb:shrink=0.{n}" for n in (8, 6, 4))]
    assert all(-1 < arm.low <= arm.mean <= arm.high < 1 and arm.cost > 0 for arm in found.arms)
    assert lines_of(found)[5:] == list(found.notes)
    assert found.notes[0].startswith("2 arrivals decide: ")
    json.dumps(found.to_dict())


def test_licences_are_noted_and_the_next_round_keeps_them(rehearsed, shop):
    licensed = [arm.strategy for arm in rehearsed[1].arms if arm.is_licensed]
    assert licensed
    state = state_of(shop)
    assert [arm.spec for arm in state.arms if arm.status == "licensed"] == [*licensed, "cold"]
    assert state.arm(licensed[0]).interval == next(
        (arm.mean, arm.low, arm.high) for arm in rehearsed[1].arms if arm.is_licensed
    )
    with Ledger.open(shop.directory / LEDGER) as ledger:
        assert ledger.events()[-1].kind == "rehearse"
        assert ledger.events()[-1].data["arms"][0]["strategy"] == "warm"
    shop.update()
    shop.add(customers(80, first=900))
    assert shop.update().arms[0].strategy == licensed[0]
    assert state_of(shop).arm(licensed[0]).status == "licensed"


def test_the_same_rehearsal_trains_nothing_again(rehearsed, shop):
    before = {path: path.stat().st_mtime_ns for path in (shop.directory / "work").rglob("*.jsonl")}
    assert before
    said = []
    found = shop.rehearse(seeds=2, report=said.append)
    assert found == rehearsed[1]
    assert {path: path.stat().st_mtime_ns for path in (shop.directory / "work").rglob("*.jsonl")} == before
    assert said


def test_one_that_was_interrupted_has_licensed_nothing_yet(rehearsed, shop):
    with Ledger.open(shop.directory / LEDGER) as ledger, ledger.transaction():
        ledger.execute("DELETE FROM licence")
    for point in ("rehearsed", "transaction open"):
        with crashing_at(point), pytest.raises(KeyboardInterrupt):
            shop.rehearse(seeds=2)
        assert state_of(shop) is None
    assert shop.rehearse(seeds=2) == rehearsed[1]
    assert state_of(shop) is not None


@pytest.mark.parametrize("error", [None, StorageError("the lock of a trial was deleted"), KeyboardInterrupt()])
def test_a_rehearsal_during_which_rows_were_forgotten_is_void(shop, monkeypatch, error):
    from warmstart.retrain import _rehearse

    def slow(study, place, *args, run=_rehearse.run_study, **options):
        found = run(study, place, *args, **options)
        shop.forget(["customer-5"])
        checkpoint = place / "checkpoints" / "trial" / "round-0004.safetensors"
        checkpoint.parent.mkdir(parents=True)
        checkpoint.write_bytes(b"of a trial that ran on")
        if error is not None:
            raise error
        return found

    monkeypatch.setattr(_rehearse, "run_study", slow)
    with pytest.raises(InputError, match="run it again without them"):
        shop.rehearse(seeds=2)
    assert not [path for path in (shop.directory / "work").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("command", "is_void"),
    [
        (lambda made: made.exclude(3), True),
        (lambda made: made.migrate({"drop": ["pay"]}), True),
        (lambda made: made.migrate({"rename": {"pay": "paid"}}), True),
        (lambda made: made.exclude(7), False),  # which had been excluded before
        (lambda made: made.add(customers(80, first=900)), False),
        (lambda made: made.add_labels(customers(10, first=340)[["customer", "churned"]]), False),
        (lambda made: made.update(), False),
    ],
)
def test_a_rehearsal_of_what_counts_no_more_is_void(shop, monkeypatch, command, is_void):
    from warmstart.retrain import _rehearse

    def slow(*args, run=_rehearse.run_study, **options):
        found = run(*args, **options)
        command(shop)
        return found

    with Ledger.open(shop.directory / LEDGER) as ledger, ledger.transaction():
        ledger.execute("DELETE FROM licence")
    monkeypatch.setattr(_rehearse, "run_study", slow)
    if is_void:
        with pytest.raises(InputError, match=r"so it is void: run it again with what counts now\.$"):
            shop.rehearse(seeds=2)
        assert state_of(shop) is None
    else:
        shop.rehearse(seeds=2)
        assert [arm for arm in state_of(shop).arms if arm.status == "licensed" and arm.spec != "cold"]


def test_a_fixed_policy_is_told_and_stays(shop):
    file = shop.directory / "project.toml"
    file.write_text(file.read_text().replace('"auto"', '"warm"'))
    with Ledger.open(shop.directory / LEDGER) as ledger, ledger.transaction():
        ledger.execute("DELETE FROM licence")
    assert "fixed (warm)" in shop.rehearse(seeds=2).notes[-1]
    assert state_of(shop) is None


@pytest.mark.parametrize("late", [0, 5])
def test_an_arrival_may_be_one_group(tmp_path, late):
    """As where rows are grouped by day and each day is an arrival, with a few rows of the days before it or without."""
    tables = {"data": TABLES["data"] | {"group": "day"}, "stop": {"max_epochs": 1}}
    made = project(tmp_path / "p", tables=tables, holdout=0.5)
    for number in range(5):
        days = [f"day {number}"] * 60 + [f"day {number - 1}"] * late
        made.add(customers(len(days), first=100 * number, day=days))
    found = made.rehearse(seeds=3)
    assert (found.arrivals, found.rows, found.seeds) == (5, 5 * (60 + late), 3)
    assert all(arm.mean is not None for arm in found.arms)


def test_too_few_arrivals_or_seeds_are_refused(tmp_path):
    made = project(tmp_path / "p")
    with pytest.raises(InputError, match="at least 4 arrivals with labels to rehearse with, got 0"):
        made.rehearse()
    for number in range(3):
        made.add(customers(30, first=30 * number))
    with pytest.raises(InputError, match="got 3: starts are compared from round 3 on"):
        made.rehearse()
    with pytest.raises(InputError, match="seeds must be a whole number of at least 2"):
        made.rehearse(seeds=1)
