import json
import math

import numpy as np
import pytest

from warmstart.basics import METRICS, InputError
from warmstart.retrain._policy import (
    LAST_HALF_WIDTH,
    LOOK_CONFIDENCE,
    MOST_DIFFERENCES,
    MOST_TRIAL_ROUNDS,
    ArmState,
    FixedPolicy,
    PolicyState,
    policy_from_dict,
)
from warmstart.statistics import mean_interval

COSTS = {"warm": 20.0, "shrink-perturb:shrink=0.6": 50.0, "cold": 100.0}
ARMS = tuple(COSTS)
WARM, SHRUNK, COLD = ARMS
LICENCE = (0.0, -0.005, 0.005)


def licensed(*arms, **options):
    return PolicyState.initial(ARMS, **options).with_licences(dict.fromkeys(arms, LICENCE), tolerance=0.01)


def trained(state, number, **options):
    """Plan and train a round."""
    plan = state.plan(number=number, **options)
    return plan, state.after_training(plan, {arm: COSTS[arm] for arm in {plan.arm, COLD}})


def tried(state, differences, *, first, arm=None, tolerance=0.01):
    """Run a round per difference; return the state and what it said."""
    said = []
    for number, difference in enumerate(differences, first):
        plan, state = trained(state, number)
        assert plan.audit
        state, sentences = state.after_difference(arm or plan.arm, difference, number=number, tolerance=tolerance)
        said.extend(sentences)
    return state, said


def test_a_licence_given_while_a_trial_was_about_to_begin_stays():
    state = PolicyState.initial(("warm", "cold"))
    state = state.after_training(state.plan(number=1, can_continue=False), {"cold": 100.0})
    plan = state.plan(number=2)
    assert plan.begins_trial
    licensed = state.with_licences({"warm": (0.0, -0.005, 0.005)}, tolerance=0.01)
    after = licensed.after_training(plan, {"warm": 20.0, "cold": 100.0})
    assert after.arm("warm").status == "licensed"
    assert after.account == -96.0, "its audit is paid for like any other"


def test_the_first_round_is_cold_and_changes_no_arm():
    plan, state = trained(PolicyState.initial(ARMS), 1, can_continue=False)
    assert (plan.arm, plan.audit) == (COLD, False)
    assert [arm.status for arm in state.arms] == ["untried", "untried", "licensed"]


def test_the_cheapest_arm_is_on_trial_first_and_runs_alone_once_licensed():
    plan, state = trained(PolicyState.initial(ARMS), 2)
    assert (plan.arm, plan.audit, plan.begins_trial) == (WARM, True, True)
    assert plan.reason == "warm goes on trial beside a cold start: it is untried"
    plan, state = trained(state, 3)
    assert (plan.arm, plan.audit, plan.begins_trial) == (WARM, True, False)
    assert plan.reason == "warm is on trial beside a cold start, 0 audits have counted so far"
    state, said = tried(state, [0.001, -0.001, 0.0], first=4)
    assert said == [
        "warm is licensed: 0.0 [-0.3, 0.3] points beside a cold start over 3 audits, a loss of 1.0 points allowed"
    ]
    plan, _ = trained(state, 7)
    assert (plan.arm, plan.audit, plan.reason) == (WARM, False, "warm runs alone: it is licensed")


def test_the_first_two_rounds_of_a_trial_do_not_count():
    _, state = trained(PolicyState.initial(ARMS), 2)
    for number in (2, 3):
        state, said = state.after_difference(WARM, -0.5, number=number, tolerance=0.01)
        assert said == ()
        assert state.arm(WARM).differences == ()
    state, _ = state.after_difference(WARM, 0.01, number=4, tolerance=0.01)
    assert state.arm(WARM).differences == (0.01,)


def test_a_harmful_arm_is_revoked_and_the_next_one_tried():
    state, said = tried(PolicyState.initial(ARMS), [0, 0, -0.04, -0.041, -0.039], first=2)
    assert said == [
        "warm is revoked until round 67: -4.0 [-4.3, -3.7] points beside a cold start over 3 audits, "
        "a loss of 1.0 points allowed"
    ]
    assert state.plan(number=7).arm == SHRUNK
    state, _ = tried(state, [0, 0, -0.04, -0.041, -0.039], first=7)
    plan, state = trained(state, 12)
    assert (plan.arm, plan.audit) == (COLD, False)
    assert plan.reason == "cold start: nothing else may run alone before round 67"
    assert state.plan(number=66).arm == COLD
    plan = state.plan(number=67)
    assert (plan.arm, plan.reason) == (WARM, "warm goes on trial beside a cold start: its revocation has ended")


def test_each_revocation_is_twice_as_long():
    state, first, rounds = PolicyState.initial((WARM, COLD)), 2, []
    for _ in range(4):
        state, _ = tried(state, [0, 0, -0.04, -0.041, -0.039], first=first)
        rounds.append(state.arm(WARM).retry - (first + 5))
        first = state.arm(WARM).retry
    assert rounds == [60, 120, 240, 480]


def test_a_trial_ends_after_twenty_differences():
    # A tolerance for which each interval is a little too wide, and the last one might not be.
    differences = np.resize([-0.1, 0.1], MOST_DIFFERENCES)
    state, said = tried(PolicyState.initial((WARM, COLD)), [0, 0, *differences], first=2, tolerance=0.051)
    assert len(state.arm(WARM).differences) == MOST_DIFFERENCES
    assert said[0].endswith("which 20 audits cannot tell")


def test_a_trial_without_hope_ends_early():
    state, said = tried(PolicyState.initial((WARM, COLD)), [0, 0, -0.1, 0.08, -0.09, 0.1, -0.08], first=2)
    assert said[0].endswith("which 20 audits would hardly tell")
    assert len(state.arm(WARM).differences) == 5
    # The half-width that it would have in the end.
    last = mean_interval([-1.0, 1.0] * (MOST_DIFFERENCES // 2), confidence=LOOK_CONFIDENCE)
    error = np.std([-1, 1] * 10, ddof=1) / math.sqrt(MOST_DIFFERENCES)
    assert last.high == pytest.approx(LAST_HALF_WIDTH * error)


def test_noise_that_would_hide_any_arm_puts_off_the_others_too():
    state, said = tried(PolicyState.initial(ARMS), [0, 0, -0.1, 0.08, -0.09, 0.1, -0.08], first=2)
    assert said[1] == (
        "shrink-perturb:shrink=0.6 is not tried before round 69: differences vary by 9.9 points from night to night, "
        "so 20 audits could hardly tell whether a start loses more than 1.0 points; larger arrivals, a larger "
        "tolerance or `warmstart retrain rehearse` could"
    )
    assert said[1].startswith(state.arm(SHRUNK).reason)
    for plan in (state.plan(number=9), state.plan(number=68)):
        assert (plan.arm, plan.audit) == (COLD, False)
    # The second time is for twice as long, for both.
    assert state.plan(number=69).arm == WARM
    state, said = tried(state, [0, 0, -0.1, 0.08, -0.09, 0.1, -0.08], first=69)
    assert {state.arm(arm).retry for arm in (WARM, SHRUNK)} == {76 + 120}
    assert state.plan(number=196).reason == "warm goes on trial beside a cold start: its revocation has ended"


@pytest.mark.parametrize(
    "differences", [[-0.05, -0.03, -0.04, -0.05], [-0.2, -0.25, -0.3], [-0.08, -0.05, -0.11, -0.06, -0.09]]
)
def test_an_arm_that_is_shown_to_lose_puts_off_no_other(differences):
    # However much the last ones vary: they are far below the tolerance all the same.
    state, said = tried(PolicyState.initial(ARMS), [0, 0, *differences], first=2, arm=WARM)
    assert state.arm(WARM).status == "revoked"
    assert len(said) == 1
    assert state.arm(SHRUNK).status in ("untried", "trial")


def test_an_arm_that_was_revoked_for_itself_keeps_its_reason():
    state, _ = tried(PolicyState.initial(ARMS), [0, 0, -0.04, -0.041, -0.039], first=2)
    before = state.arm(WARM)
    state, said = tried(state, [0, 0, -0.1, 0.08, -0.09, 0.1, -0.08], first=7)
    assert state.arm(SHRUNK).status == "revoked"
    assert state.arm(WARM) == before
    assert len(said) == 1


def test_equal_differences_of_small_arrivals_are_no_proof():
    _, state = trained(PolicyState.initial((WARM, COLD)), 2)
    blind = state
    for number in range(4, 8):
        state, _ = state.after_difference(WARM, 0.0, number=number, tolerance=0.01, step=1 / 20)
        blind, _ = blind.after_difference(WARM, 0.0, number=number, tolerance=0.01)
    assert state.arm(WARM).status == "trial"
    assert blind.arm(WARM).status == "licensed"


def test_rows_that_judge_in_several_audits_widen_the_interval():
    apart = together = PolicyState.initial((WARM, COLD)).arms[0].on_trial(2, "it is untried")
    for number, difference in enumerate([0.004, -0.004, 0.002, -0.002], 4):
        apart = apart.with_difference(difference, number=number, step=0.0, shared=0.0)
        together = together.with_difference(difference, number=number, step=0.0, shared=1e-5)
    plain = mean_interval(apart.differences, confidence=LOOK_CONFIDENCE)
    assert apart.interval == pytest.approx((0.0, plain.low, plain.high), abs=1e-12)
    assert together.deviation == apart.deviation
    # The variance of the mean is that of four differences over four, and what they share.
    assert (together.interval[2] / apart.interval[2]) ** 2 == pytest.approx(1 + 1e-5 / (apart.deviation**2 / 4))
    assert together.rounds == (4, 5, 6, 7)


def test_an_audit_is_paid_from_the_account():
    _, state = trained(PolicyState.initial(ARMS), 1, can_continue=False)
    state = state.with_licences({WARM: LICENCE}, tolerance=0.01)
    audits = []
    for number in range(2, 302):
        plan, state = trained(state, number)
        audits.append(plan.audit)
    # 0.2 of 20 per night pays for 100 every 25 nights.
    assert [number for number, audit in enumerate(audits, 1) if audit][:3] == [26, 51, 76]
    assert sum(audits) * COSTS[COLD] <= 0.2 * 300 * COSTS[WARM]


def test_what_a_cold_start_would_cost_now_counts_where_it_is_known():
    state = licensed(WARM)
    assert state.plan(number=2).audit  # its cost is unknown
    assert not state.plan(number=2, cold_cost=100.0).audit
    _, state = trained(state, 2)
    _, state = trained(state, 3, cold_cost=10.0)
    assert state.plan(number=4, cold_cost=-state.account + 1).audit is False


def test_a_suspicion_is_audited_on_credit_and_the_credit_has_a_limit():
    _, state = trained(licensed(WARM), 2)
    audits, reasons = 0, []
    for number in range(3, 403):
        plan, state = trained(state, number, suspicion="the watch raised an alarm")
        audits += plan.audit
        reasons.append(plan.reason)
    assert reasons[-1].startswith("warm runs alone: it is licensed, not audited though the watch raised an alarm")
    assert "warm is audited: the watch raised an alarm" in reasons
    assert audits * COSTS[COLD] <= 0.2 * 401 * COSTS[WARM] + 2 * COSTS[COLD]
    assert state.account >= -2 * COSTS[COLD]


def test_one_bad_audit_sends_an_arm_back_to_trial():
    state = licensed(WARM)
    state, said = state.after_difference(WARM, -0.0199, number=9, tolerance=0.01)
    assert (said, state) == ((), licensed(WARM))
    state, said = state.after_difference(WARM, -0.024, number=9, tolerance=0.01)
    assert said == (
        "warm lost its licence and is on trial again: -2.4 points beside a cold start in round 9, "
        "a loss of 1.0 points allowed",
    )
    plan, state = trained(state, 10)
    assert (plan.arm, plan.audit) == (WARM, True)
    state, _ = tried(state, [-0.5, 0.001, -0.001, 0.0], first=11)  # of its second round, which does not count, and on
    assert state.arm(WARM).status == "licensed"


def test_a_forecast_knows_that_what_audits_share_does_not_shrink():
    differences = [0, 0, 0.002, -0.002, 0.001, -0.001, 0.0]
    said = [""]
    for shared, status in ((0.0, "licensed"), (1e-5, "trial"), (1e-4, "revoked")):
        state = PolicyState.initial((WARM, COLD))
        for number, difference in enumerate(differences, 2):
            _, state = trained(state, number)
            state, said = state.after_difference(
                WARM, difference, number=number, tolerance=0.01, step=0.004, shared=shared
            )
            if state.arm(WARM).status in ("licensed", "revoked"):
                break
        assert state.arm(WARM).status == status
    # With twenty of them the interval would still reach two points below zero.
    assert said[0].endswith("which 20 audits would hardly tell")


def test_a_bad_audit_is_one_that_the_noise_of_the_trial_does_not_explain():
    first = [0, 0, 0.05, -0.03, 0.12, 0.07, 0.09]
    state, said = tried(PolicyState.initial((WARM, COLD)), first, first=2, tolerance=0.02)
    assert "warm is licensed: +6.0 [" in said[-1]
    # More than two tolerances below zero, but a trial that varies by five points explains it.
    kept, said = state.after_difference(WARM, -0.045, number=20, tolerance=0.02)
    assert (kept.arm(WARM).status, said) == ("licensed", ())
    lost, said = state.after_difference(WARM, -0.08, number=20, tolerance=0.02)
    assert lost.arm(WARM).status == "trial"
    assert said[0].startswith(
        "warm lost its licence and is on trial again: -8.0 points beside a cold start in round 20"
    )
    # Where little varies, what is unusual need not be bad.
    steady, _ = tried(PolicyState.initial((WARM, COLD)), [0, 0, 0.001, 0.0, -0.001], first=2)
    assert steady.after_difference(WARM, -0.019, number=20, tolerance=0.01)[1] == ()
    assert steady.after_difference(WARM, -0.021, number=20, tolerance=0.01)[0].arm(WARM).status == "trial"


def test_audits_that_are_bad_together_end_a_licence():
    state, _ = tried(PolicyState.initial((WARM, COLD)), [0, 0, 0.04, 0.0, 0.02, 0.03], first=2, tolerance=0.02)
    assert state.arm(WARM).status == "licensed"
    # Each is no worse than three points, and the spread widens with them.
    number, said = 10, ()
    while not said:
        state, said = state.after_difference(WARM, -0.029 - 0.002 * (number % 2), number=number, tolerance=0.02)
        number += 1
        assert number < 40
    assert state.arm(WARM).status == "trial"
    assert "beside a cold start over the last 20 audits, a loss of 2.0 points allowed" in said[0]


def test_an_arm_remembers_its_last_twenty_audits():
    state, _ = tried(PolicyState.initial((WARM, COLD)), [0, 0, 0.001, -0.001, 0.0], first=2)
    for number in range(10, 50):
        state, _ = state.after_difference(WARM, 0.001 * (number % 3), number=number, tolerance=0.01)
    arm = state.arm(WARM)
    assert len(arm.differences) == len(arm.steps) == len(arm.rounds) == MOST_DIFFERENCES
    assert arm.rounds == tuple(range(30, 50))


def test_a_costlier_licensed_arm_runs_until_a_cheaper_one_may_be_tried_again():
    state, _ = tried(PolicyState.initial(ARMS), [0, 0, -0.04, -0.041, -0.039], first=2)
    state, _ = tried(state, [0, 0, 0.001, -0.001, 0.0], first=7)
    assert state.plan(number=12).arm == SHRUNK
    plan = state.plan(number=67)
    assert (plan.arm, plan.audit) == (WARM, True)


def test_an_arm_that_saves_nothing_is_not_tried_to_the_end():
    state = PolicyState.initial((WARM, COLD))
    for number in range(2, 8):
        assert state.arm(WARM).status in ("untried", "trial")  # costs of a few rounds say little
        plan = state.plan(number=number)
        state = state.after_training(plan, {WARM: 90.0, COLD: 100.0})
    assert state.arm(WARM).status == "revoked"
    assert state.arm(WARM).reason == (
        "warm is revoked until round 68: it costs 0.90 of a cold start, which with its audits saves next to nothing"
    )
    for_accuracy = PolicyState.initial((WARM, COLD), prefer="accuracy")
    for number in range(2, 8):
        for_accuracy = for_accuracy.after_training(for_accuracy.plan(number=number), {WARM: 90.0, COLD: 100.0})
    assert for_accuracy.arm(WARM).status == "trial"


def test_costlier_arms_are_not_tried_where_a_cheaper_one_saves_nothing():
    half, dear = "cold:scale=0.5", {**COSTS, WARM: 90.0}
    state = PolicyState.initial((WARM, SHRUNK, half, COLD))
    for number in range(2, 8):
        state = state.after_training(state.plan(number=number), dear)
    assert [arm.status for arm in state.arms] == ["revoked", "revoked", "untried", "licensed"]
    assert state.arm(SHRUNK).reason == (
        "shrink-perturb:shrink=0.6 is not tried before round 68: warm is cheaper and saves next to nothing"
    )
    # What is another cold start was never expected to save anything.
    assert state.plan(number=8).arm == half
    # Both are tried again when the time has come, the cheaper one first.
    assert state.plan(number=68).arm == WARM


@pytest.mark.parametrize(("cost", "status"), [(74.0, "trial"), (76.0, "revoked")])
def test_a_saving_that_pays_no_trial_back_is_none(cost, status):
    # With audits of a fifth, 0.75 of a cold start saves a tenth.
    state = PolicyState.initial((WARM, COLD))
    for number in range(2, 8):
        state = state.after_training(state.plan(number=number), {WARM: cost, COLD: 100.0})
    assert state.arm(WARM).status == status


def test_a_trial_without_answers_ends():
    state, last = PolicyState.initial((WARM, COLD)), 2 + MOST_TRIAL_ROUNDS
    for number in range(2, last + 1):
        plan, state = trained(state, number)
        assert plan.audit
    assert state.arm(WARM).reason == "warm is revoked until round 123: no answer in 60 rounds of trial"
    assert not state.plan(number=last + 1).audit


def test_an_audit_without_a_difference_changes_nothing_but_what_was_spent():
    state, _ = tried(PolicyState.initial(ARMS), [0, 0, 0.001], first=2)
    _, skipped = trained(state, 5)
    before, after = state.arm(WARM), skipped.arm(WARM)
    assert (after.status, after.differences, after.interval) == (before.status, before.differences, before.interval)
    assert after.spent[1] > before.spent[1]


def test_one_dear_round_of_a_trial_does_not_end_it():
    state = PolicyState.initial((WARM, COLD))
    for number, cost in enumerate((20.0, 20.0, 20.0, 20.0, 20.0, 130.0, 20.0), 2):
        state = state.after_training(state.plan(number=number), {WARM: cost, COLD: 100.0})
    assert state.arm(WARM).status == "trial"
    assert state.arm(WARM).spent == (250.0, 700.0)


def test_answers_to_old_questions_are_ignored():
    state, _ = tried(PolicyState.initial(ARMS), [0, 0, -0.04, -0.041, -0.039], first=2)
    for arm, number in ((WARM, 6), (SHRUNK, 6), (COLD, 6)):
        assert state.after_difference(arm, -0.5, number=number, tolerance=0.01) == (state, ())
    retried = licensed(WARM).after_difference(WARM, -0.5, number=9, tolerance=0.01)[0]
    assert retried.after_difference(WARM, -0.5, number=8, tolerance=0.01) == (retried, ())


def test_a_lineage_that_begins_anew_during_a_trial_is_young_again():
    state, _ = tried(PolicyState.initial(ARMS), [0, 0, 0.001], first=2)
    plan, state = trained(state, 5, can_continue=False)
    assert plan.arm == COLD
    state, _ = tried(state, [-0.5, -0.5, 0.002], first=6)
    assert state.arm(WARM).differences == (0.001, 0.002)


def test_a_failed_arm_is_revoked_on_trial_and_loses_a_licence():
    _, state = trained(PolicyState.initial(ARMS), 2)
    state, said = state.after_failure(WARM, number=2)
    assert said == ("warm is revoked until round 63: its training diverged in round 2",)
    state, said = licensed(WARM).after_failure(WARM, number=8, what="it reached its limit")
    assert said == ("warm lost its licence and is on trial again: it reached its limit in round 8",)
    assert state.arm(WARM).status == "trial"


def test_a_cold_start_can_lose_nothing():
    state = PolicyState.initial(ARMS)
    assert state.after_failure(COLD, number=3) == (state, ())
    assert state.after_difference(COLD, -0.9, number=3, tolerance=0.01) == (state, ())
    with pytest.raises(InputError, match="the cold start must be licensed"):
        PolicyState((ArmState(WARM), ArmState(COLD)))


def test_another_scale_of_a_cold_start_has_to_be_no_worse_at_all():
    half = "cold:scale=0.5"
    start = PolicyState.initial((half, COLD))
    costs = {half: 100.0, COLD: 100.0}

    def after(differences):
        state = start
        for number, difference in enumerate(differences, 2):
            state = state.after_training(state.plan(number=number), costs)
            state, _ = state.after_difference(half, difference, number=number, tolerance=0.01)
        return state.arm(half)

    assert after([0, 0, 0.001, -0.001, 0.0]).status == "trial"
    assert after([0, 0, 0.021, 0.019, 0.02]).status == "licensed"
    assert after([0, 0, -0.006, -0.0055, -0.005]).status == "revoked"
    assert after([0, 0, 0.021, 0.019, 0.02]).reason.endswith("over 3 audits, no loss allowed")


def test_accuracy_may_be_preferred():
    state = PolicyState.initial(ARMS, prefer="accuracy")
    good, better = (0.01, 0.004, 0.016), (0.02, 0.012, 0.028)
    assert state.with_licences({WARM: good}, tolerance=0.01).plan(number=2).arm == SHRUNK  # untried
    both = state.with_licences({WARM: good, SHRUNK: better}, tolerance=0.01)
    assert both.plan(number=2, cold_cost=100.0).arm == SHRUNK
    assert both.plan(number=2, cold_cost=100.0).audit is False
    worse = state.with_licences({WARM: LICENCE, SHRUNK: LICENCE}, tolerance=0.01)
    assert worse.plan(number=2).arm == COLD
    assert worse.plan(number=2).reason == "cold start: no licensed arm is shown to be better"


def test_licences_from_elsewhere():
    state = licensed(SHRUNK)
    assert state.arm(SHRUNK).reason == f"{SHRUNK} is licensed: a rehearsal has shown it"
    # A cheaper one is still tried, and its costlier neighbour's trial is given up.
    assert state.plan(number=2).arm == WARM
    revoked, _ = tried(PolicyState.initial(ARMS), [0, 0, -0.04, -0.041, -0.039], first=2)
    _, on_trial = trained(revoked, 7)
    assert on_trial.arm(SHRUNK).status == "trial"
    assert on_trial.with_licences({WARM: LICENCE}, tolerance=0.01).arm(SHRUNK).status == "untried"


@pytest.mark.parametrize(
    ("licences", "words"),
    [
        ({"wram": LICENCE}, "Unknown arm 'wram': did you mean 'warm'"),
        ({COLD: LICENCE}, "licence of cold must be "),
        ({WARM: (0.0, 0.1, 0.2)}, "licence of warm must be a mean within its interval"),
        ({WARM: (math.nan, -0.1, 0.2)}, "licence of warm must be a mean within its interval"),
        ({WARM: (0.0, -0.02, 0.02)}, "licence of warm needs a lower end of -0.01, got -0.02"),
    ],
)
def test_a_licence_that_does_not_say_enough_is_refused(licences, words):
    with pytest.raises(InputError, match=f"^{words}"):
        PolicyState.initial(ARMS).with_licences(licences, tolerance=0.01)


@pytest.mark.parametrize("state", ["fresh", "tried", "licensed", "fixed"])
def test_a_policy_survives_json(state):
    policies = {
        "fresh": PolicyState.initial(ARMS, prefer="accuracy", audit_share=0.1),
        "tried": tried(PolicyState.initial(ARMS), [0, 0, -0.04, -0.041, -0.039, 0, 0, 0.01], first=2)[0],
        "licensed": trained(licensed(WARM), 2)[1],
        "fixed": FixedPolicy(SHRUNK, audits=True),
    }
    policy = policies[state]
    again = policy_from_dict(json.loads(json.dumps(policy.to_dict(), allow_nan=False)))
    assert again == policy
    assert type(again) is type(policy)
    assert again.plan(number=9) == policy.plan(number=9)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"arms": []},
        {"arms": None},
        {"arms": [{"spec": "cold", "status": "allowed"}]},
        {"arms": [{"spec": "cold", "status": "licensed"}]},
        {"prefer": "speed"},
        {"account": None},
        {"account": "much"},
        {"costs": {"warm": -1}},
        {"audit_share": 2},
        {"unknown": 1},
    ],
)
def test_what_no_policy_has_written_is_refused(change):
    written = {**PolicyState.initial(ARMS).to_dict(), **change}
    with pytest.raises(InputError):
        policy_from_dict(written)


@pytest.mark.parametrize("value", [None, {}, [], {"kind": "fixed"}, {"kind": "fixed", "arm": 7}])
def test_what_is_no_policy_at_all_is_refused(value):
    with pytest.raises(InputError):
        policy_from_dict(value)


@pytest.mark.parametrize("arms", [(), ("warm",), ("cold", "warm"), ("cold", "cold")])
def test_arms_end_with_cold(arms):
    with pytest.raises(InputError, match=r"^arms must be different strategies by cost, of which the last is cold"):
        PolicyState.initial(arms)


def test_only_cold_is_a_policy_too():
    plan = PolicyState.initial(("cold",)).plan(number=5, suspicion="the score dropped")
    assert (plan.arm, plan.audit, plan.reason) == ("cold", False, "cold start: nothing else may run alone")


@pytest.mark.parametrize(
    ("difference", "options"),
    [
        *((value, {}) for value in (math.nan, math.inf, None)),
        *((0.0, {"step": value}) for value in (-1.0, math.inf)),
        *((0.0, {"shared": value}) for value in (-1.0, math.nan)),
    ],
)
def test_a_difference_has_to_be_a_number(difference, options):
    with pytest.raises(InputError, match=r"^(difference|step|shared) must lie in "):
        licensed(WARM).after_difference(WARM, difference, number=9, tolerance=0.01, **options)


def test_costs_of_what_was_trained_are_needed():
    state = PolicyState.initial(ARMS)
    with pytest.raises(InputError, match="costs must name what was trained, cold too, got \\['warm'\\]"):
        state.after_training(state.plan(number=2), {WARM: 20.0})


def test_sentences_are_in_the_unit_of_the_metric():
    state = licensed(WARM)
    _, said = state.after_difference(WARM, -0.31, number=9, tolerance=0.1, metric=METRICS["rmse"])
    assert "rmse +0.310 beside a cold start in round 9, a loss of 0.100 allowed" in said[0]


def test_a_fixed_policy_stays_what_it_is():
    policy = FixedPolicy(WARM)
    assert policy.plan(number=1, can_continue=False).arm == "cold"
    plan = policy.plan(number=2, suspicion="it was asked for")
    assert (plan.arm, plan.audit) == (WARM, False)
    assert policy.after_training(plan, {}) is policy
    assert policy.after_difference(WARM, -0.5, number=2, tolerance=0.01) == (
        policy,
        ("warm lost in round 2: -50.0 points beside a cold start",),
    )
    assert policy.after_difference(WARM, 0.0, number=2, tolerance=0.01) == (policy, ())
    assert policy.after_failure(WARM, number=2)[1] == ("warm failed in round 2: its training diverged",)
    assert FixedPolicy(WARM, audits=True).plan(number=2, suspicion="it was asked for").audit
    with pytest.raises(InputError):
        FixedPolicy("")
