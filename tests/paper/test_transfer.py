import pytest

from results_by_hand import case_by_hand, record, results_by_hand
from warmstart.paper import Setting, Verdict
from warmstart.paper.experiments import transfer
from warmstart.strategies import Noise, ShrinkPerturb

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


def results_of(setting, gains, *, pairs=None):
    """Results with these gains of warm and of shrink-perturb on cold, by whether the second data set is all there."""
    cases = []
    for case in transfer.EXPERIMENT.cases(setting):
        facets = case.facets
        if pairs is not None and (facets["source"], facets["data"]) not in pairs:
            continue
        warm, shrunk = gains(facets["source"], facets["data"], facets["fraction"] == "1")
        accuracies = {"cold": 0.5, "warm": 0.5 + warm, transfer.SHRUNK: 0.5 + shrunk}
        # A little of it comes and goes with the seed, in one arm only.
        records = [
            record(arm, seed, 2, value + 0.002 * seed * (arm == "cold"))
            for arm, value in accuracies.items()
            for seed in range(3)
        ]
        cases.append(case_by_hand(case, records))
    return results_by_hand(transfer.EXPERIMENT, setting, *cases)


def verdicts(results):
    return [claim.judge(results).verdict for claim in transfer.EXPERIMENT.claims]


def test_shrink_perturb_is_compared_with_cold_on_all_data_and_with_warm_on_little():
    found = results_of(Setting(seeds=3), lambda *_: (0.1, 0.1), pairs=[PAIR])
    judgement = transfer.EXPERIMENT.claims[2].judge(found)
    assert judgement.verdict is Verdict.REPRODUCED
    assert [reason.split(":")[0].split(", where")[0] for reason in judgement.reasons] == [
        "Shrink-perturb against cold, cifar100 to 100% of cifar10",
        "Shrink-perturb against warm, cifar100 to 4% of cifar10",
    ]


def test_pairs_are_judged_by_their_mean_and_each_has_its_reason():
    # One pair of six gains nothing with little data, and one loses nothing with all of them, as in the figure.
    def gains(source, data, everything):
        small = 0.0 if (source, data) == ("cifar10", "svhn") else 0.1
        return (-small, 0.0) if everything else (small, small)

    results = results_of(Setting(seeds=3), gains)
    assert verdicts(results) == [Verdict.REPRODUCED] * 3
    for claim in transfer.EXPERIMENT.claims[:2]:
        reasons = claim.judge(results).reasons
        assert "mean over 6 comparisons" in reasons[0]
        assert sum(reason.startswith("Warm against cold, ") and "% of " in reason for reason in reasons) == 6


def test_a_pair_that_says_the_reverse_contradicts_both_claims_about_a_warm_start():
    def gains(source, data, everything):
        sign = -1 if (source, data) == ("cifar10", "svhn") else 1
        return (-0.1 * sign, 0.0) if everything else (0.1 * sign, 0.1)

    assert verdicts(results_of(Setting(seeds=3), gains))[:2] == [Verdict.NOT_REPRODUCED] * 2


@pytest.mark.parametrize(("digits", "count"), [("mnist-m", 1), ("svhn", 0)])
def test_a_stand_in_is_judged_and_named(digits, count):
    results = results_of(Setting(seeds=3, digits=digits), lambda *at: (-0.1, 0.0) if at[2] else (0.1, 0.1))
    assert verdicts(results) == [Verdict.REPRODUCED] * 3
    for claim in transfer.EXPERIMENT.claims:
        assert sum("MNIST-M stands in for SVHN" in reason for reason in claim.judge(results).reasons) == count


def test_one_data_set_in_place_of_both_decides_nothing():
    setting = Setting(data="digits", seeds=3, samples={"digits": 1797})
    cases = [
        case_by_hand(case, [record(arm, seed, 2, 0.5) for arm in case.study.labels for seed in range(3)])
        for case in transfer.EXPERIMENT.cases(setting)
    ]
    results = results_by_hand(transfer.EXPERIMENT, setting, *cases)
    assert {claim.judge(results).verdict for claim in transfer.EXPERIMENT.claims} == {Verdict.INCONCLUSIVE}


def test_the_remedy_is_that_of_the_figure():
    study = transfer.EXPERIMENT.cases(Setting())[0].study
    assert study.arms[2].strategy == ShrinkPerturb(shrink=0.3, perturb=1e-4, noise=Noise.GAUSSIAN)


def test_the_remedy_has_a_short_name_in_charts_and_the_papers_numbers():
    results = results_of(Setting(seeds=3), lambda *_: (0.1, 0.1), pairs=[PAIR])
    table, chart = transfer.EXPERIMENT.exhibits(results)
    assert {point.series for point in chart.points} == {"cold", "warm", "shrink-perturb"}
    papers = {row[3]: row[-1] for row in table.rows if row[2] == "1"}
    assert papers == {"cold": "80", "warm": "79", transfer.SHRUNK: "82"}
