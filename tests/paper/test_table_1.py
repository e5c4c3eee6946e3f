"""What becomes of Table 1's claims, on the table's own numbers among others."""

import dataclasses
import itertools

import pytest

from results_by_hand import case_by_hand, record, results_by_hand
from warmstart.paper import Setting, Source, Verdict
from warmstart.paper.experiments import table_1
from warmstart.paper.kit.published import published, published_number

EXPERIMENT = table_1.EXPERIMENT
EVERYWHERE, MODELS, DIGITS = EXPERIMENT.claims
SETTINGS = {digits: Setting(seeds=4, digits=digits) for digits in ("svhn", "mnist-m")}
CASES = {digits: EXPERIMENT.cases(setting) for digits, setting in SETTINGS.items()}


def paper_accuracy(facets, arm):
    """The paper's accuracy; MNIST-M has SVHN's."""
    facets = {**facets, "data": facets["data"].replace("mnist-m", "svhn"), "arm": arm}
    return published_number("table-1", by=Source.PAPER, **facets).value


def results(
    digits="svhn",
    *,
    accuracy=paper_accuracy,
    cases=lambda _: True,
    seeds=lambda _: 4,
    stop_reason=lambda _: "converged",
):
    """Results of the table's studies; warm accuracy varies a little with the seed, in every study by as much."""
    found = [
        case_by_hand(case, list(rounds(case.facets, accuracy, seeds(case.facets), stop_reason(case.facets))))
        for case in CASES[digits]
        if cases(case.facets)
    ]
    return results_by_hand(EXPERIMENT, SETTINGS[digits], *found)


def rounds(facets, accuracy, seeds, stop_reason):
    for arm, seed, number in itertools.product(("cold", "warm"), range(seeds), (1, 2)):
        moved = 0.001 * seed * len(facets["model"]) * len(facets["data"]) / 50
        yield record(
            arm, seed, number, accuracy(facets, arm) + (moved if arm == "warm" else 0), stop_reason=stop_reason
        )


def mirrored(facets, arm):
    return paper_accuracy(facets, {"cold": "warm", "warm": "cold"}[arm])


def cell(**facets):
    return lambda found: facets.items() <= found.items()


@pytest.mark.parametrize("digits", SETTINGS)
def test_the_third_data_set_is_that_of_the_setting(digits):
    assert list(dict.fromkeys(case.facets["data"] for case in CASES[digits])) == ["cifar10", digits, "cifar100"]
    assert {case.study.data.name for case in CASES[digits]} == {"cifar10", digits, "cifar100"}


@pytest.mark.parametrize(("claim", "pairs"), [(MODELS, 12), (DIGITS, 6)])
def test_the_papers_own_table_reproduces_its_claims_though_single_pairs_contradict_them(claim, pairs):
    found = claim.judge(results())
    assert found.verdict is Verdict.REPRODUCED
    assert f", mean over {pairs} comparisons: higher by " in found.reasons[0]
    assert len(found.reasons) == pairs + 1
    assert any(": lower by " in reason for reason in found.reasons[1:])


@pytest.mark.parametrize("claim", [MODELS, DIGITS])
def test_a_table_the_other_way_round_contradicts_them(claim):
    assert claim.judge(results(accuracy=mirrored)).verdict is Verdict.NOT_REPRODUCED


def test_the_mean_is_over_seeds_that_have_every_study():
    found = MODELS.judge(
        results(seeds=lambda facets: 3 if cell(data="svhn", model="mlp", optimizer="sgd")(facets) else 4)
    )
    assert found.reasons[0].endswith("(n = 3).")
    assert sum(reason.endswith("(n = 3).") for reason in found.reasons[1:]) == 1


def test_the_mean_is_over_pairs_of_which_both_are_there():
    found = MODELS.judge(results(cases=lambda facets: facets["model"] != "mlp"))
    assert "mean over 6 comparisons: higher by" in found.reasons[0]
    found = DIGITS.judge(results(cases=lambda facets: not cell(data="svhn", model="mlp")(facets)))
    assert "mean over 4 comparisons: higher by" in found.reasons[0]


@pytest.mark.parametrize("claim", [MODELS, DIGITS])
@pytest.mark.parametrize("model", ["mlp", "logistic"])
def test_one_study_that_was_not_trained_is_left_out_and_said_to_be(claim, model):
    untrained = cell(data="cifar10", model=model, optimizer="adam")
    found = claim.judge(results(stop_reason=lambda facets: "limit" if untrained(facets) else "converged"))
    assert found.verdict is Verdict.REPRODUCED
    untested = sum(reason.startswith("The scale cannot test it: ") for reason in found.reasons)
    total = {MODELS.text: 12, DIGITS.text: 6}[claim.text]
    assert f"mean over {total - untested} comparisons: higher by" in found.reasons[0]
    assert found.reasons[-1] == f"{untested} of {total} comparisons are left out."


@pytest.mark.parametrize("claim", EXPERIMENT.claims)
def test_where_half_of_the_studies_were_not_trained_the_claim_stays_open(claim):
    adam = cell(optimizer="adam")
    found = claim.judge(results(stop_reason=lambda facets: "limit" if adam(facets) else "converged"))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.needed is None
    # The reader sees what the intervals would have said.
    assert ": higher by" in found.reasons[0] or ": lower by" in found.reasons[0]


def test_the_papers_own_table_hurts_everywhere_though_gaps_vanish_in_it():
    found = EVERYWHERE.judge(results())
    assert found.verdict is Verdict.REPRODUCED
    assert found.reasons[0].startswith("Warm against cold, mean over 18 comparisons: lower by")
    assert "each of their intervals has a confidence of 99.72 %" in found.reasons[1]
    assert len(found.reasons) == 20


def test_one_pair_that_gains_contradicts_that_it_hurts_everywhere():
    gaining = cell(data="cifar100", model="mlp", optimizer="sgd")

    def accuracy(facets, arm):
        return (mirrored if gaining(facets) else paper_accuracy)(facets, arm)

    found = EVERYWHERE.judge(results(accuracy=accuracy))
    assert found.verdict is Verdict.NOT_REPRODUCED
    assert found.needed is None


def test_in_the_desk_setting_the_verdict_is_about_the_stand_in():
    setting = Setting(seeds=4, digits="mnist-m", desk=True)
    declared = EXPERIMENT.in_setting(setting)

    def accuracy(facets, arm):
        model = facets["model"] if facets["model"] in ("mlp", "logistic") else "resnet18"
        return paper_accuracy({**facets, "model": model}, arm)

    found = [
        case_by_hand(case, list(rounds(case.facets, accuracy, 4, "converged"))) for case in EXPERIMENT.cases(setting)
    ]
    judgement = DIGITS.judge(results_by_hand(EXPERIMENT, declared, *found))
    assert judgement.verdict is Verdict.REPRODUCED
    assert judgement.reasons[-1] == "MNIST-M stands in for SVHN: the verdict is about MNIST-M."


@pytest.mark.parametrize("accuracy", [paper_accuracy, mirrored])
def test_on_a_stand_in_nothing_is_decided_of_svhn(accuracy):
    found = DIGITS.judge(results("mnist-m", accuracy=accuracy))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons[-1] == "MNIST-M stands in for SVHN: the claim about SVHN itself was not tested."
    assert all(reason.startswith("Warm minus cold on MNIST-M less that on CIFAR-10, ") for reason in found.reasons[:-1])


def test_reasons_name_svhn_where_it_is_at_hand():
    found = DIGITS.judge(results())
    assert all(reason.startswith("Warm minus cold on SVHN less that on CIFAR-10, ") for reason in found.reasons)


@pytest.mark.parametrize("digits", SETTINGS)
def test_claims_without_results_were_not_run(digits):
    nothing = results(digits, cases=lambda _: False)
    assert [claim.judge(nothing).verdict for claim in EXPERIMENT.claims] == [Verdict.NOT_RUN] * 3


@pytest.mark.parametrize("data", ["digits", "mnist-m", "cifar10"])
def test_one_data_set_for_all_cannot_be_compared_with_itself(data):
    setting = dataclasses.replace(SETTINGS["mnist-m"], data=data)
    found = [
        case_by_hand(case, list(rounds(case.facets, lambda *_: 0.5, 4, "converged")))
        for case in EXPERIMENT.cases(setting)
    ]
    judgement = DIGITS.judge(results_by_hand(EXPERIMENT, setting, *found))
    assert judgement.reasons == ("One data set stands in for all, so two cannot be compared.",)


@pytest.mark.parametrize(
    ("digits", "arm", "cells"),
    [("svhn", "cold", ("76.5 (sd 0.3)", "72.7 (sd 2.2)")), ("mnist-m", "warm", ("75.4 (sd 0.1)", "67.3 (sd 3.8)"))],
)
def test_svhns_published_numbers_are_shown_for_it_and_its_stand_in(digits, arm, cells):
    _, table = EXPERIMENT.exhibits(results(digits))
    (row,) = (row for row in table.rows if row[:4] == (digits, "mlp", "sgd", arm))
    assert row[-2:] == cells
    assert table.header[-2:] == ("paper %", "reproduction %")
    assert "MNIST-M stands in for SVHN where SVHN is not at hand" in table.caption


def gaps(by):
    """What a warm start loses, in points, by data set, model and optimizer."""
    found = {}
    for cold in published("table-1", by=by, arm="cold"):
        facets = dict(cold.facets)
        warm = published_number("table-1", by=by, **{**facets, "arm": "warm"})
        key = (facets["data"], facets["model"], facets["optimizer"])
        found[key] = round(100 * (cold.value - warm.value), 2)
    return found


def test_texts_name_what_contradicts_the_claims():
    paper = gaps(Source.PAPER)
    assert [key for key, gap in paper.items() if gap <= 0] == [("svhn", "logistic", "sgd")]
    assert "17 of 18 pairs; one is a tie, logistic regression on SVHN with SGD: 28.0 both" in EVERYWHERE.published
    others = {key: paper[key[0], "logistic", key[2]] - gap for key, gap in paper.items() if key[1] != "logistic"}
    assert [key for key, less in others.items() if less >= 0] == [("svhn", "resnet18", "adam")]
    assert "One of twelve pairs contradicts the claim: on SVHN with Adam 0.1 for the ResNet, 0.2" in MODELS.published
    digits = {key[1:]: paper["svhn", *key[1:]] - gap for key, gap in paper.items() if key[0] == "cifar10"}
    assert [key for key, less in digits.items() if less >= 0] == [("mlp", "adam")]
    assert "the perceptron with Adam, 3.3 on CIFAR-10, 7.3 on SVHN" in DIGITS.published


def test_the_reproductions_perceptron_contradicts_the_first_claim():
    perceptron = {key: gap for key, gap in gaps(Source.REPRODUCTION).items() if key[1] == "mlp"}
    assert len(perceptron) == 6
    assert sum(gap <= 0 for gap in perceptron.values()) == 3
    assert (
        "For the perceptron three of six pairs contradict the claim, warm being equal or higher"
        in EVERYWHERE.reproduction
    )
