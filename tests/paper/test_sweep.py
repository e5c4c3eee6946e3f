import pytest

from results_by_hand import case_by_hand, record, results_by_hand
from warmstart.paper import Setting, Verdict
from warmstart.paper.experiments import correlation, sweep

TINY = Setting(scale=0.02, seeds=3)
(CASE,) = sweep.cases(TINY)
COLD, WARM = list(sweep.cold_arms(TINY)), list(sweep.warm_arms(TINY))


def found(accuracies, *, steps=None, stop_reason="converged"):
    """Results with these accuracies by arm, a little more of them with every seed."""
    records = [
        record(arm, seed, 2, value + 0.01 * seed, steps=(steps or {}).get(arm, 100), stop_reason=stop_reason)
        for arm, value in accuracies.items()
        for seed in range(3)
    ]
    return results_by_hand(sweep.EXPERIMENT, TINY, case_by_hand(CASE, records))


def test_the_draw_is_always_the_same_and_holds_no_combination_twice():
    drawn = sweep.drawn_pairs(Setting())
    assert len(set(drawn)) == len(drawn) == 24
    assert drawn == sweep.drawn_pairs(Setting(seeds=1, data="digits"))
    assert {pair for both in drawn for pair in both} <= set(sweep.PAIRS)


@pytest.mark.parametrize(("scale", "count"), [(0.1, 12), (0.06, 3), (0.02, 2)])
def test_a_thinned_sweep_draws_as_many_warm_arms_as_cold_ones_and_from_their_settings(scale, count):
    setting = Setting(scale=scale)
    assert len(sweep.cold_arms(setting)) == count
    assert len(sweep.drawn_pairs(setting)) == (24 if count == 12 else count)
    assert {pair for both in sweep.drawn_pairs(setting) for pair in both} <= set(setting.grid(sweep.PAIRS))


def test_the_best_cold_arm_is_the_most_accurate_one_that_has_run():
    results = found({COLD[1]: 0.2})
    assert sweep.best_cold(results, results.cases[0]) == COLD[1]


def test_a_warm_arm_matches_if_it_is_as_accurate_as_the_best_cold_one():
    assert sweep.EXPERIMENT.claims[0].judge(
        found({COLD[0]: 0.5, COLD[1]: 0.4, WARM[0]: 0.5, WARM[1]: 0.3})
    ).verdict is (Verdict.REPRODUCED)
    assert sweep.EXPERIMENT.claims[0].judge(
        found({COLD[0]: 0.5, COLD[1]: 0.4, WARM[0]: 0.4, WARM[1]: 0.3})
    ).verdict is (Verdict.NOT_REPRODUCED)


@pytest.mark.parametrize(
    ("steps", "verdict"), [(50, Verdict.NOT_REPRODUCED), (100, Verdict.REPRODUCED), (200, Verdict.REPRODUCED)]
)
def test_a_match_takes_as_long_unless_it_is_known_to_be_cheaper(steps, verdict):
    results = found({COLD[0]: 0.5, COLD[1]: 0.4, WARM[0]: 0.5, WARM[1]: 0.3}, steps={WARM[0]: steps, WARM[1]: 1})
    judgement = sweep.EXPERIMENT.claims[1].judge(results)
    assert judgement.verdict is verdict
    assert judgement.reasons[0].startswith(
        "Samples processed in the last round, Warm, the best of 2 chosen on one half"
    )


def test_settings_are_chosen_on_seeds_that_they_are_not_judged_on():
    # Each cold setting is far better on one half of the seeds, by luck: on the other it is what it is.
    lucky = {COLD[0]: [0.9, 0.5, 0.9, 0.5], COLD[1]: [0.5, 0.9, 0.5, 0.9], WARM[0]: [0.5] * 4, WARM[1]: [0.3] * 4}
    setting = Setting(scale=0.02, seeds=4)
    (case,) = sweep.cases(setting)
    records = [record(arm, seed, 2, value) for arm, values in lucky.items() for seed, value in enumerate(values)]
    found = sweep.EXPERIMENT.claims[0].judge(results_by_hand(sweep.EXPERIMENT, setting, case_by_hand(case, records)))
    assert found.verdict is Verdict.REPRODUCED
    assert "no difference detected [0.0, 0.0] (n = 4)" in found.reasons[0]


def test_cost_is_not_judged_if_nothing_matches():
    results = found({COLD[0]: 0.5, COLD[1]: 0.4, WARM[0]: 0.4, WARM[1]: 0.3})
    assert sweep.EXPERIMENT.claims[1].judge(results).verdict is Verdict.INCONCLUSIVE


def test_rounds_that_were_cut_off_decide_nothing():
    results = found({COLD[0]: 0.5, WARM[0]: 0.5}, stop_reason="limit")
    assert sweep.EXPERIMENT.claims[0].judge(results).verdict is Verdict.INCONCLUSIVE


def test_the_correlation_is_over_the_same_study():
    assert correlation.EXPERIMENT.cases(TINY)[0].folder == sweep.EXPERIMENT.cases(TINY)[0].folder
