import pytest

from results_by_hand import case_by_hand, record, results_by_hand
from warmstart.paper import Setting, Verdict
from warmstart.paper.experiments import transfer
from warmstart.strategies import ShrinkPerturb

PAIR = ("cifar100", "cifar10")


def facets(setting):
    return [tuple(case.facets.values()) for case in transfer.EXPERIMENT.cases(setting)]


def test_all_ordered_pairs_of_three_data_sets_are_there_at_full_scale():
    pairs = {found[:2] for found in facets(Setting())}
    assert len(pairs) == 6
    assert {name for pair in pairs for name in pair} == {"cifar10", "cifar100", "svhn"}
    assert all(source != data for source, data in pairs)
    assert len(facets(Setting())) == 24


def test_a_stand_in_has_one_pair():
    assert {found[:2] for found in facets(Setting(data="digits"))} == {("digits", "digits")}


@pytest.mark.parametrize(
    ("samples", "fractions"),
    [(3_750, ["0.04", "0.1", "0.3", "1"]), (150, ["0.1", "0.3", "1"]), (60, ["0.3", "1"]), (30, ["1"])],
)
def test_fractions_of_hardly_any_sample_are_left_out(samples, fractions):
    setting = Setting(data="digits", samples={"digits": samples})
    assert [found[2] for found in facets(setting)] == fractions


def one_pair(setting):
    return [case for case in transfer.EXPERIMENT.cases(setting) if tuple(case.facets.values())[:2] == PAIR]


def test_the_smallest_planned_fraction_counts_even_where_it_has_not_been_run():
    setting = Setting(seeds=3)
    run = [case_by_hand(case, []) for case in one_pair(setting)[1:]]
    found = transfer.EXPERIMENT.claims[0].judge(results_by_hand(transfer.EXPERIMENT, setting, *run))
    assert found.verdict is Verdict.NOT_RUN


def test_shrink_perturb_is_compared_with_cold_on_all_data_and_with_warm_on_little():
    setting = Setting(seeds=3)
    arms = {"cold": 0.5, "warm": 0.6, "shrink-perturb": 0.6}
    cases = [
        case_by_hand(case, [record(arm, seed, 2, value) for arm, value in arms.items() for seed in range(3)])
        for case in one_pair(setting)
    ]
    found = transfer.EXPERIMENT.claims[2].judge(results_by_hand(transfer.EXPERIMENT, setting, *cases))
    assert found.verdict is Verdict.REPRODUCED
    assert [reason.split(":")[0].split(", where")[0] for reason in found.reasons] == [
        "Shrink-perturb against cold, cifar100 to 100% of cifar10",
        "Shrink-perturb against warm, cifar100 to 4% of cifar10",
    ]


def test_one_data_set_in_place_of_both_decides_nothing():
    setting = Setting(data="digits", seeds=3, samples={"digits": 1797})
    cases = [
        case_by_hand(case, [record(arm, seed, 2, 0.5) for arm in case.study.labels for seed in range(3)])
        for case in transfer.EXPERIMENT.cases(setting)
    ]
    results = results_by_hand(transfer.EXPERIMENT, setting, *cases)
    assert {claim.judge(results).verdict for claim in transfer.EXPERIMENT.claims} == {Verdict.INCONCLUSIVE}


def test_the_remedy_is_that_of_the_released_code():
    study = transfer.EXPERIMENT.cases(Setting())[0].study
    assert study.arms[2].strategy == ShrinkPerturb(shrink=0.4, perturb=0.1)
