import pytest

from results_by_hand import case_by_hand, record, results_by_hand
from warmstart.paper import Setting, Verdict
from warmstart.paper.experiments import active

SETTING = Setting(scale=0.02, seeds=3)


def rounds_of(arm, accuracies, *, seeds=(0, 1, 2)):
    """Rounds 1, 2, ... of these accuracies, a little more of them with every seed."""
    return [
        record(arm, seed, number, accuracy + 0.01 * seed)
        for seed in seeds
        for number, accuracy in enumerate(accuracies, start=1)
    ]


def case_of(query, accuracies, *, seeds=(0, 1, 2), **others):
    """A study whose cold start, and whose other arms, have these accuracies."""
    (case,) = [case for case in active.EXPERIMENT.cases(SETTING) if case.facets["query"] == query]
    records = rounds_of("cold", accuracies, seeds=seeds)
    records += [found for arm, values in others.items() for found in rounds_of(arm, values, seeds=seeds)]
    return case_by_hand(case, records, rounds=len(accuracies))


def judged(margin, chance):
    return active.EXPERIMENT.claims[1].judge(results_by_hand(active.EXPERIMENT, SETTING, margin, chance))


def test_queries_are_compared_only_over_the_rounds_whose_samples_they_chose():
    found = judged(case_of("margin", [0.1, 0.5, 0.6, 0.2]), case_of("random", [0.9, 0.4, 0.5, 0.9]))
    assert found.verdict is Verdict.REPRODUCED
    assert "rounds 2 to 3" in found.reasons[0]
    assert "higher by 10.0 points" in found.reasons[0]


@pytest.mark.parametrize(
    ("warm", "verdict"), [([0.1, 0.4, 0.5, 0.9], Verdict.REPRODUCED), ([0.1, 0.6, 0.7, 0.1], Verdict.NOT_REPRODUCED)]
)
def test_a_warm_start_is_judged_over_those_rounds_too(warm, verdict):
    case = case_of("margin", [0.1, 0.5, 0.6, 0.5], warm=warm)
    found = active.EXPERIMENT.claims[0].judge(results_by_hand(active.EXPERIMENT, SETTING, case))
    assert found.verdict is verdict
    assert "rounds 2 to 3, warm against cold" in found.reasons[0]


def test_seeds_are_paired_where_one_study_has_begun_fewer():
    found = judged(case_of("margin", [0.1, 0.5, 0.2], seeds=(1, 2)), case_of("random", [0.1, 0.4, 0.2]))
    assert "higher by 10.0 points [10.0, 10.0] (n = 2)" in found.reasons[0]


def test_a_seed_that_has_not_finished_these_rounds_is_left_out():
    margin = case_of("margin", [0.1, 0.5, 0.6, 0.2])
    kept = tuple(found for found in margin.records.rounds if (found.seed, found.round) != (0, 3))
    begun = case_by_hand(margin, kept, rounds=4)
    assert "(n = 2)" in judged(begun, case_of("random", [0.1, 0.4, 0.5, 0.2])).reasons[0]


def test_with_two_rounds_a_query_chooses_nothing():
    found = judged(case_of("margin", [0.1, 0.5]), case_of("random", [0.1, 0.4]))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no query has had a choice" in found.reasons[0]
    alone = results_by_hand(active.EXPERIMENT, SETTING, case_of("margin", [0.1, 0.5], warm=[0.1, 0.4]))
    assert "no query has had a choice" in active.EXPERIMENT.claims[0].judge(alone).reasons[0]
