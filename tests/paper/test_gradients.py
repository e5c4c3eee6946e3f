import dataclasses
import math

import pytest

from results_by_hand import case_by_hand, reading, record, results_by_hand
from warmstart.paper import Setting, Verdict
from warmstart.paper.experiments import gradients

SETTING = Setting(scale=0.02, seeds=3)
(CASE,) = gradients.EXPERIMENT.cases(SETTING)
SHRUNK = gradients.shrunk_arm(0.3).label


def results_of(norms, *, stop_reason="converged", seeds=3):
    """Results where arms have these norms (old, new) at the start of round 2, which double with every seed."""
    readings = {
        (arm, seed, 2): [
            reading("old batch gradient", old * 2**seed),
            reading("new batch gradient", new * 1.1**seed * 2**seed),
            reading("new batch gradient", 1000.0, epoch=1, steps=5),
            # The norms of the mean gradient say the reverse: no claim may be judged by them.
            reading("old gradient", new * 2**seed),
            reading("new gradient", old * 2**seed),
        ]
        for arm, (old, new) in norms.items()
        for seed in range(seeds)
    }
    records = [
        record(arm, seed, number, 0.5, stop_reason=stop_reason)
        for arm in norms
        for seed in range(seeds)
        for number in (1, 2)
    ]
    return results_by_hand(gradients.EXPERIMENT, SETTING, case_by_hand(CASE, records, readings=readings))


def test_norms_are_those_before_the_first_step():
    (case,) = results_of({"warm": (1.0, 10.0)}, seeds=2).cases
    assert gradients.norms_at_start(case, "warm", "new") == [10, pytest.approx(22), None]
    assert gradients.norms_at_start(case, "warm", "new", gradients.MEAN) == [1, 2, None]


def test_a_norm_of_zero_has_no_ratio():
    assert gradients.log_ratios([10.0, 10.0, None], [0.0, 1.0, 1.0]) == [None, pytest.approx(math.log(10)), None]


@pytest.mark.parametrize(
    ("new", "verdict"), [(10.0, Verdict.REPRODUCED), (0.1, Verdict.NOT_REPRODUCED), (0.9, Verdict.INCONCLUSIVE)]
)
def test_the_new_gradient_is_larger_if_the_ratio_is_above_one(new, verdict):
    assert gradients.EXPERIMENT.claims[0].judge(results_of({"warm": (1.0, new)})).verdict is verdict


@pytest.mark.parametrize(
    ("shrunk", "verdict"), [(1.5, Verdict.REPRODUCED), (40.0, Verdict.NOT_REPRODUCED), (0.01, Verdict.NOT_REPRODUCED)]
)
def test_closer_means_closer_to_one_from_either_side(shrunk, verdict):
    results = results_of({"warm": (1.0, 10.0), SHRUNK: (1.0, shrunk)})
    assert gradients.EXPERIMENT.claims[1].judge(results).verdict is verdict


@pytest.mark.parametrize(
    ("cold", "verdict"), [(5.0, Verdict.REPRODUCED), (20.0, Verdict.NOT_REPRODUCED), (10.0, Verdict.NOT_REPRODUCED)]
)
def test_new_data_pull_harder_at_a_warm_start_than_at_a_cold_one(cold, verdict):
    results = results_of({"warm": (1.0, 10.0), "cold": (5.0, cold)})
    assert gradients.EXPERIMENT.claims[2].judge(results).verdict is verdict


def test_a_half_that_was_not_fitted_decides_nothing():
    judgement = gradients.EXPERIMENT.claims[0].judge(results_of({"warm": (1.0, 10.0)}, stop_reason="limit"))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reasons[-1].startswith("The scale cannot test it: 3 of 3 first rounds")


def test_published_norms_belong_to_their_arms():
    assert gradients.published_norms("warm") == ("10 to 20", "150", "7.5 to 15")
    assert gradients.published_norms("shrink 0.3") == ("45", "45", "1")
    assert gradients.published_norms("cold") == ("-", "-", "-")


def shown(setting):
    results = dataclasses.replace(results_of({"warm": (1.0, 10.0)}), setting=setting)
    return {exhibit.name: exhibit for exhibit in gradients.EXPERIMENT.exhibits(results)}


@pytest.mark.parametrize(
    ("setting", "texts"),
    [(SETTING, ("10 to 20", "150", "7.5 to 15")), (dataclasses.replace(SETTING, data="digits"), ("-", "-", "-"))],
)
def test_published_norms_stand_beside_the_papers_quantity_on_its_data_alone(setting, texts):
    (row,) = [row for row in shown(setting)["start"].rows if row[0] == "warm"]
    assert row[4:] == texts


def test_both_norms_are_shown():
    found = shown(SETTING)
    assert list(found) == ["start", "old", "new", "start-of-mean", "old-of-mean", "new-of-mean"]
    rows = {name: [row[1:3] for row in found[name].rows if row[0] == "warm"] for name in ("start", "start-of-mean")}
    # Means over seeds of 1, 2, 4 and 10, 22, 48.4.
    assert rows == {"start": [("2.33", "26.8")], "start-of-mean": [("23.3", "2.33")]}
    assert [point.y for point in found["old-of-mean"].points if point.series == "warm"] == [pytest.approx(70 / 3)]
    assert len(found["start-of-mean"].header) == len(found["start-of-mean"].rows[0]) == 4


def test_the_noise_is_said_to_be_ours():
    assert "noise" not in gradients.EXPERIMENT.paper_setting
    assert "The paper does not say how much noise" in gradients.EXPERIMENT.deviations
    assert "is 0.01." in gradients.EXPERIMENT.deviations
    strategies = [arm.strategy for arm in CASE.study.arms]
    assert {strategy.perturb for strategy in strategies if hasattr(strategy, "perturb")} == {0.01}
