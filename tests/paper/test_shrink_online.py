"""What Figure 7 says of the cost of the last round."""

from dataclasses import replace

import pytest

from results_by_hand import case_by_hand, record, results_by_hand
from warmstart.paper import Setting, Verdict
from warmstart.paper.experiments import shrink_online

SETTING = Setting(seeds=3)
(CASE,) = shrink_online.EXPERIMENT.cases(SETTING)
_, _, CHEAPER, JOINT = shrink_online.EXPERIMENT.claims


def results(*, first, last, setting=SETTING):
    """Results in which shrunk arms take these steps in their two rounds, and the others 100 in each."""
    records = [
        record(arm, seed, number, 0.5, steps=(first, last)[number - 1] + seed if arm.startswith("shrink") else 100)
        for arm in CASE.study.labels
        for seed in range(3)
        for number in (1, 2)
    ]
    return results_by_hand(shrink_online.EXPERIMENT, setting, case_by_hand(CASE, records))


@pytest.mark.parametrize(
    ("first", "last", "verdict"), [(300, 20, Verdict.REPRODUCED), (20, 150, Verdict.NOT_REPRODUCED)]
)
def test_cost_is_that_of_the_last_round_as_in_the_paper(first, last, verdict):
    found = CHEAPER.judge(results(first=first, last=last))
    assert found.verdict is verdict
    reasons = [reason for reason in found.reasons if "mean over" in reason or "Any of" in reason]
    mean, note = reasons
    others = [reason for reason in found.reasons if reason not in reasons]
    assert len(others) == 4
    assert mean.startswith("Steps of the last round, shrink-perturb to cold, mean over 4 comparisons")
    assert note.startswith("Any of the 4 comparisons can contradict the claim by itself")
    assert all(reason.startswith("Steps of the last round, shrink-perturb") for reason in others)
    assert "last round" in CHEAPER.text


@pytest.mark.parametrize(
    ("last", "verdict"), [(30, Verdict.REPRODUCED), (64, Verdict.INCONCLUSIVE), (80, Verdict.NOT_REPRODUCED)]
)
def test_as_accurate_but_not_much_cheaper_is_not_both(last, verdict):
    found = JOINT.judge(results(first=10, last=last))
    assert found.verdict is verdict
    assert sorted(reason.split(":")[0] for reason in found.reasons) == [
        "Steps of the last round, shrink-perturb",
        "shrink-perturb",
    ]


def test_the_joint_claim_is_about_its_factor_alone():
    setting = Setting(scale=0.02, seeds=3)
    (case,) = shrink_online.EXPERIMENT.cases(setting)
    found = JOINT.judge(results_by_hand(shrink_online.EXPERIMENT, setting, case_by_hand(case, [])))
    assert found.reasons == ("The factor 0.6 is not among those of this scale.",)


def columns(setting):
    table, *_ = shrink_online.EXPERIMENT.exhibits(results(first=10, last=10, setting=setting))
    assert table.header[-3:] == ("seconds", "paper %", "paper seconds")
    return [row[-3:] for row in table.rows]


def test_seconds_of_the_last_round_are_shown_with_the_papers():
    assert columns(SETTING) == [
        ("0.5", "76", "458"),
        ("0.5", "65", "78"),
        ("0.5", "74", "115"),
        ("0.5", "76.5", "150"),
        ("0.5", "78", "250"),
        ("0.5", "80", "285"),
    ]


def test_other_data_and_unknown_factors_have_no_number_of_the_paper():
    assert columns(replace(SETTING, data="digits")) == [("0.5", "-", "-")] * 6
    assert shrink_online.paper_columns(results(first=10, last=10), 0.5) == {"paper %": "-", "paper seconds": "-"}
