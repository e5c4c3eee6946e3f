"""What the policy promises, by simulated trials and years; ``WARMSTART_LONG=1`` simulates more of them."""

import math
import os

import numpy as np
import pytest

from licence_simulation import COSTS, ROWS, TOLERANCE, run_nights, trial_outcome
from warmstart.retrain._definition import ARMS
from warmstart.retrain._policy import FixedPolicy, PolicyState
from warmstart.statistics import mean_interval

LONG = os.environ.get("WARMSTART_LONG") == "1"
TRIALS = 4_000 if LONG else 250
YEARS = 60 if LONG else 8


def outcome(row, step=0.0):
    return trial_outcome(((float(one), 0.0) for one in row), step=step)


def share_licensed(draws, step=0.0):
    return np.mean([outcome(row, step)[0] for row in draws])


def most(share):
    """Return what a simulation may show where the true share is ``share``, but for one in a thousand."""
    return share + 3.1 * math.sqrt(share * (1 - share) / TRIALS)


@pytest.mark.parametrize("noise", [0.003, 0.01, 0.03])
@pytest.mark.parametrize("shape", ["standard_normal", "laplace"])
def test_an_arm_that_costs_the_tolerance_is_licensed_in_a_tenth_of_trials_at_most(noise, shape):
    generator = np.random.default_rng(0)
    draws = getattr(generator, shape)(size=(TRIALS, 20)) * noise
    assert share_licensed(draws - TOLERANCE) <= most(0.1)


@pytest.mark.parametrize("rows", [10, 50, 300])
@pytest.mark.parametrize("differing", [0.0, 0.1])
def test_so_it_is_on_small_arrivals_whose_shares_are_often_equal(rows, differing):
    chances = [TOLERANCE + differing / 2, 1 - TOLERANCE - differing, differing / 2]
    counts = np.random.default_rng(1).multinomial(rows, chances, (TRIALS, 20))
    draws = (counts[..., 2] - counts[..., 0]) / (rows + 2)
    assert share_licensed(draws, step=1 / rows) <= most(0.1)
    if rows == 10 and not differing:  # the reason for the step
        assert share_licensed(draws) > 0.5


@pytest.mark.parametrize("name", ROWS)
def test_so_it_is_where_the_same_rows_judge_in_every_audit(name):
    rows = ROWS[name]
    generator = np.random.default_rng(4)

    def share(*, is_known):
        trials = (rows.trial(generator, loss=TOLERANCE) for _ in range(TRIALS))
        return np.mean([trial_outcome((one, shared * is_known) for one, shared in trial)[0] for trial in trials])

    assert share(is_known=True) <= most(0.1)
    if not rows.by_both:  # the reason for it: what the rows have in common is the same every night
        assert share(is_known=False) > 0.2


def test_an_interval_for_one_look_would_license_far_more():
    draws = np.random.default_rng(2).normal(-TOLERANCE, 0.01, (250, 20))

    def ever(row):
        lows = (mean_interval(row[:count], confidence=0.8).low for count in range(3, 21))
        return any(low is not None and low >= -TOLERANCE for low in lows)

    assert np.mean([ever(row) for row in draws]) > 0.2


def test_a_harmless_arm_is_licensed_and_a_harmful_one_is_not():
    noise = np.random.default_rng(3).normal(0, 0.01, (TRIALS, 20))
    assert share_licensed(noise) > 0.83
    assert share_licensed(noise - 0.04) <= 0.01
    lengths = [outcome(row - 0.04)[1] for row in noise]
    assert np.mean(lengths) < 4.5


def harmless(arm, night):
    return 0.0


def warm_harmful(arm, night):
    return -0.04 if arm == "warm" else 0.0


def all_harmful(arm, night):
    return 0.0 if arm == "cold" else -0.04


def warm_turns_bad(arm, night):
    return -0.04 if arm == "warm" and night >= 150 else 0.0


@pytest.mark.parametrize("noise", [0.005, 0.01])
@pytest.mark.parametrize(
    ("effect", "cost", "score"),
    [
        # Cost beside a cold start every night, mean score in points, both as [from, to].
        (harmless, (0.24, 0.33), (0.0, 0.0)),
        (warm_harmful, (0.74, 0.88), (-0.03, 0.0)),
        (all_harmful, (1.05, 1.12), (-0.05, 0.0)),
        (warm_turns_bad, (0.52, 0.70), (-0.35, -0.03)),
    ],
)
def test_a_year(effect, noise, cost, score):
    years = [run_nights(effect, seed, noise=noise) for seed in range(YEARS)]
    assert cost[0] <= np.mean([year.cost for year in years]) <= cost[1]
    assert score[0] <= 100 * np.mean([year.score for year in years]) <= score[1]


def test_to_commit_after_three_audits_would_lose_far_more():
    committed = np.mean([warm_turns_bad("warm", night) for night in range(1, 366)])
    years = [run_nights(warm_turns_bad, seed) for seed in range(YEARS)]
    assert 100 * committed < -2.3
    assert 100 * np.mean([year.score for year in years]) > -0.4


@pytest.mark.parametrize("effect", [harmless, warm_harmful, warm_turns_bad])
@pytest.mark.parametrize("is_suspicious", [False, True])
def test_audits_outside_trials_cost_a_fifth_at_most(effect, is_suspicious):
    for seed in range(max(2, YEARS // 4)):
        year = run_nights(effect, seed, suspicion=lambda night: "it was asked for" if is_suspicious else None)
        # A suspicion may be audited on credit, of two cold starts at most.
        credit = 2 * COSTS["cold"] if is_suspicious else 0.0
        assert year.audits <= 0.2 * year.audited_from + credit
        assert min(state.account for state in year.states) >= -credit


def test_a_harmful_arm_that_was_licensed_from_elsewhere_is_found_out():
    state = PolicyState.initial(ARMS).with_licences({"warm": (0.0, -0.01, 0.01)}, tolerance=TOLERANCE)
    years = [run_nights(warm_harmful, seed, state=state) for seed in range(YEARS)]
    assert all(year.licensed["warm"] < 120 for year in years)
    assert np.mean([year.licensed["warm"] for year in years]) < 45


def test_noise_beyond_the_tolerance_costs_little_more_than_a_cold_start():
    # Without giving up trials that will hardly get a licence it is 1.2 to 1.3 in the worst of such years.
    years = [run_nights(all_harmful, seed, noise=0.02) for seed in range(YEARS)]
    assert np.mean([year.cost for year in years]) < 1.15
    assert np.mean([run_nights(all_harmful, seed, noise=0.05).cost for seed in range(YEARS)]) < 1.12
    # Were each arm tried for itself, 1.06 on average.
    assert np.mean([run_nights(harmless, seed, noise=0.05).cost for seed in range(YEARS)]) < 1.05


def test_a_fixed_policy_costs_what_its_arm_costs():
    policy = FixedPolicy("warm")
    plans = [policy.plan(number=number, can_continue=number > 1) for number in range(1, 366)]
    assert [plan.arm for plan in plans] == ["cold"] + ["warm"] * 364
    assert not any(plan.audit for plan in plans)
