import pytest

from results_by_hand import case_by_hand, reading, record, results_by_hand
from warmstart.paper import Setting, Verdict
from warmstart.paper.experiments import correlation, sweep

THIN = Setting(scale=0.06, seeds=3)
(CASE,) = sweep.cases(THIN)
WARM = list(sweep.warm_arms(THIN))


def judged(accuracies, correlations, *, seeds=3):
    """The claim's judgement, given one value for each warm arm; accuracies are alike in all seeds but for noise."""
    records = [
        record(arm, seed, 2, value + 0.001 * seed * index)
        for index, (arm, value) in enumerate(zip(WARM, accuracies, strict=False))
        for seed in range(seeds)
    ]
    readings = {
        (arm, seed, 2): [reading("weight correlation", value)]
        for arm, value in zip(WARM, correlations, strict=False)
        for seed in range(seeds)
    }
    case = case_by_hand(CASE, records, readings=readings)
    return correlation._good_ones_have_moved(results_by_hand(correlation.EXPERIMENT, THIN, case))


def test_association_is_pearsons_correlation_of_complete_pairs():
    assert correlation.association([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)
    assert correlation.association([1, 2, None, 3, 4, 9], [1, 3, 7, 2, 4, None]) == pytest.approx(0.8)


@pytest.mark.parametrize("accuracies", [[0.5, 0.5, 0.5], [0.1, 0.2, None]])
def test_there_is_no_association_with_a_constant_or_two_points(accuracies):
    assert correlation.association([1, 2, 3], accuracies) is None


def test_it_is_reproduced_where_those_that_moved_far_are_accurate_and_contradicted_where_they_are_not():
    assert judged([0.5, 0.6, 0.7], [0.9, 0.7, 0.5]).verdict is Verdict.REPRODUCED
    assert judged([0.5, 0.6, 0.7], [0.5, 0.7, 0.9]).verdict is Verdict.NOT_REPRODUCED


def test_two_warm_arms_do_not_make_a_correlation():
    found = judged([0.5, 0.6], [0.9, 0.7])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons == ("Warm settings with results: 2; a correlation needs at least 3.",)


def test_seeds_that_have_not_begun_are_left_out():
    assert "(n = 2)" in judged([0.5, 0.6, 0.7], [0.9, 0.7, 0.5], seeds=2).reasons[0]
