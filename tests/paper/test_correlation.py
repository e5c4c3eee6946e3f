import math

import pytest
from scipy import stats

from results_by_hand import case_by_hand, reading, record, results_by_hand
from warmstart.paper import Setting, Verdict
from warmstart.paper.experiments import correlation, sweep

SETTING = Setting(scale=0.12, seeds=3)
(CASE,) = sweep.cases(SETTING)
WARM = list(sweep.warm_arms(SETTING))
RISING = [0.5 + 0.02 * index for index in range(8)]
FALLING = [0.9 - 0.05 * index for index in range(8)]


def judged(accuracies, correlations, *, seeds=3, stop_reason="converged"):
    """The claim's judgement, given one value for each warm arm; accuracies are alike in all seeds but for noise."""
    records = [
        record(arm, seed, 2, value + 0.001 * seed * index, stop_reason="converged" if index else stop_reason)
        for index, (arm, value) in enumerate(zip(WARM, accuracies, strict=False))
        for seed in range(seeds)
    ]
    readings = {
        (arm, seed, 2): [reading("weight correlation", value)]
        for arm, value in zip(WARM, correlations, strict=False)
        for seed in range(seeds)
    }
    case = case_by_hand(CASE, records, readings=readings)
    return correlation.EXPERIMENT.claims[0].judge(results_by_hand(correlation.EXPERIMENT, SETTING, case))


def test_association_is_pearsons_correlation_of_complete_pairs():
    assert correlation.association([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)
    assert correlation.association([1, 2, None, 3, 4, 9], [1, 3, 7, 2, 4, None]) == pytest.approx(0.8)


@pytest.mark.parametrize("accuracies", [[0.5, 0.5, 0.5], [0.1, 0.2, None]])
def test_there_is_no_association_with_a_constant_or_two_points(accuracies):
    assert correlation.association([1, 2, 3], accuracies) is None


def test_it_is_reproduced_where_those_that_moved_far_are_accurate_and_contradicted_where_they_are_not():
    assert judged(RISING, FALLING).verdict is Verdict.REPRODUCED
    assert judged(RISING, FALLING[::-1]).verdict is Verdict.NOT_REPRODUCED


def test_a_few_warm_arms_do_not_make_an_association():
    found = judged(RISING[:7], FALLING[:7])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons == (
        "7 of 24 warm settings were trained to the end; an association over them needs at least 8.",
    )


@pytest.mark.parametrize("stop_reason", ["limit", "diverged"])
def test_settings_that_were_not_trained_to_the_end_are_left_out_and_counted(stop_reason):
    assert judged(RISING, FALLING, stop_reason=stop_reason).reasons[0].startswith("7 of 24")
    found = judged([0.1, *RISING], [0.1, *FALLING], stop_reason=stop_reason)
    assert found.verdict is Verdict.REPRODUCED
    assert found.reasons[-1] == "8 of 24 warm settings were trained to the end, and count."


def test_settings_are_counted_and_not_seeds():
    # What eight settings have in common by chance they have in common with every seed.
    found = judged(RISING, FALLING, seeds=2)
    assert "(n = 8)" in found.reasons[0]
    assert found.needed is None


@pytest.mark.parametrize(("value", "count"), [(-0.6, 24), (0.3, 12)])
def test_the_interval_of_an_association_is_that_of_its_artanh(value, count):
    found = correlation.negative_association(value, count, 0.95)
    low, high = math.atanh(found.low), math.atanh(found.high)
    assert (low + high) / 2 == pytest.approx(-math.atanh(value))
    # Fisher's, with Student's quantile in place of the normal one.
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, count - 3) / math.sqrt(count - 3))
