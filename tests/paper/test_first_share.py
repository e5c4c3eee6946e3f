"""The gap against the share of the first round, of results by hand."""

import pytest

from results_by_hand import case_by_hand, record, results_by_hand
from warmstart.paper import Curves, Setting, Verdict
from warmstart.paper.experiments import first_share
from warmstart.streams import TwoPhase

SETTING = Setting(seeds=3)


def results_of(gaps, setting=SETTING):
    """Results with these losses of a warm start by share, a little more of it with every seed; others lose three."""
    cases = []
    for case in first_share.EXPERIMENT.cases(setting):
        gap = gaps.get(case.facets["share"], 0.03)
        accuracies = [("cold", seed, 0.5) for seed in range(3)]
        accuracies += [("warm", seed, 0.5 - gap - 0.002 * seed) for seed in range(3)]
        records = [record(arm, seed, number, value) for arm, seed, value in accuracies for number in (1, 2)]
        cases.append(case_by_hand(case, records))
    return results_by_hand(first_share.EXPERIMENT, setting, *cases)


def test_there_is_a_study_per_share():
    cases = first_share.EXPERIMENT.cases(SETTING)
    assert [case.study.stream for case in cases] == [TwoPhase(share) for share in (0.1, 0.25, 0.5, 0.75, 0.9)]
    assert [case.facets for case in first_share.EXPERIMENT.cases(Setting(scale=0.02))] == [
        {"share": "0.1"},
        {"share": "0.9"},
    ]


@pytest.mark.parametrize(
    ("gaps", "verdict"),
    [
        ({}, Verdict.REPRODUCED),
        ({"0.1": 0.0}, Verdict.REPRODUCED),  # at one share nothing is lost
        ({"0.1": -0.1}, Verdict.NOT_REPRODUCED),  # at one share it gains
        (dict.fromkeys(("0.1", "0.25", "0.5", "0.75", "0.9"), -0.002), Verdict.NOT_REPRODUCED),
    ],
)
def test_the_mean_over_shares_decides_unless_one_contradicts(gaps, verdict):
    judgement = first_share.EXPERIMENT.claims[0].judge(results_of(gaps))
    assert judgement.verdict is verdict
    assert sum("mean over 5 comparisons" in reason for reason in judgement.reasons) == 1
    assert sum("first round with" in reason for reason in judgement.reasons) == 5


def test_gap_and_accuracies_are_shown_against_the_share():
    table, gap, accuracies = first_share.EXPERIMENT.exhibits(results_of({"0.5": 0.1}))
    assert len(table.rows) == 10
    assert isinstance(gap, Curves)
    assert {point.x: point.y for point in gap.points}[0.5] == pytest.approx(-10.2)
    assert {point.series for point in accuracies.points} == {"cold", "warm"}
    assert [point.x for point in gap.points] == [0.1, 0.25, 0.5, 0.75, 0.9]


def test_what_is_not_known_of_the_figure_is_said():
    assert "not known" in first_share.EXPERIMENT.paper_setting
    assert first_share.EXPERIMENT.claims[0].published.endswith("no numbers are known.")
