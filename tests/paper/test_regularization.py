import dataclasses

import pytest

from warmstart.paper import Verdict
from warmstart.paper.experiments import regularization
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import Setting
from warmstart.store import RoundRecord, StudyRecords

SETTING = Setting(scale=0.02, seeds=3)
WITHOUT = [0.50, 0.51, 0.52]
FAR_BETTER = [0.70, 0.72, 0.71]
FAR_WORSE = [0.30, 0.31, 0.33]


def record(arm, seed, accuracy):
    return RoundRecord(arm, seed, 2, 10, 10, accuracy, {}, 1.0, "converged", 2, 4, 20, None, 1e3, 0.1)


def stored(case, accuracies):
    """Return a study's results in which arms that are not given are as accurate as without a penalty."""
    labels = case.study.labels
    rounds = tuple(record(arm, seed, a) for arm in labels for seed, a in enumerate(accuracies.get(arm, WITHOUT)))
    return CaseResults(case.facets, case.study, StudyRecords({}, labels, 2, 3, rounds, {}, {}), {})


def results(**accuracies):
    """Return results by penalty and, within a penalty, by start; they are those of the greatest strength."""
    given = {
        penalty: {
            regularization.penalized_arm(start, penalty, 0.1).label: values for start, values in of_starts.items()
        }
        for penalty, of_starts in accuracies.items()
    }
    cases = regularization.EXPERIMENT.cases(SETTING)
    found = tuple(stored(case, given.get(case.facets["penalty"], {})) for case in cases)
    return Results(regularization.EXPERIMENT, SETTING, found, len(found))


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [
        ({}, Verdict.NOT_REPRODUCED),
        ({"l2": {"cold": FAR_BETTER}}, Verdict.NOT_REPRODUCED),
        ({"l2": {"cold": FAR_BETTER, "warm": FAR_BETTER}}, Verdict.REPRODUCED),
        ({"l2": {"cold": FAR_BETTER}, "confidence": {"warm": FAR_BETTER}}, Verdict.REPRODUCED),
        ({"l2": {"cold": FAR_BETTER, "warm": [0.2, 0.5, 0.8]}}, Verdict.INCONCLUSIVE),
    ],
)
def test_one_penalty_has_to_help_each_start(accuracies, verdict):
    assert regularization.EXPERIMENT.claims[0].judge(results(**accuracies)).verdict is verdict


def test_reasons_state_the_number_of_comparisons():
    judgement = regularization.EXPERIMENT.claims[0].judge(results())
    assert len(judgement.reasons) == 2 * (1 + 3 * 2)
    assert judgement.reasons[0].startswith("One of 6 comparisons suffices")
    assert judgement.reasons[1].startswith("Cold with l2 0.1 against without: ")


def test_the_gap_must_stay_with_every_penalty():
    every = {penalty: {"warm": FAR_WORSE} for penalty in regularization.PENALTIES}
    one_strength_is_without_gap = regularization.EXPERIMENT.claims[1].judge(results(**every))
    assert one_strength_is_without_gap.verdict is Verdict.NOT_REPRODUCED
    lower = "Warm against cold, both with l2 0.1: lower by 19.7 points"
    assert any(reason.startswith(lower) for reason in one_strength_is_without_gap.reasons)


def test_published_numbers_are_shown_for_their_penalty_only():
    assert regularization.published_texts("l2", 0.1) == ["72.7 (sd 4.2)", "63.9 (sd 6.4)"]
    assert regularization.published_texts("confidence", 0.1) == ["53.1 (sd 1.9)", "50.3 (sd 0.7)"]
    assert regularization.published_texts("l2", None) == ["-"] * 2


@pytest.mark.parametrize(
    ("data", "l2", "without"), [(None, ("72.7 (sd 4.2)", "63.9 (sd 6.4)"), ("-", "-")), ("digits", *[("-", "-")] * 2)]
)
def test_the_table_has_the_papers_numbers_on_the_papers_data_alone(data, l2, without):
    found = results()
    table, *_ = regularization.EXPERIMENT.exhibits(
        dataclasses.replace(found, setting=dataclasses.replace(SETTING, data=data))
    )
    rows = {row[:2]: row[5:] for row in table.rows}
    assert rows["l2", "0.1"] == l2
    assert rows["l2", "none"] == without


def test_the_reproductions_weight_decay_is_no_row_of_the_table_and_not_said_to_be_the_penalty():
    table, *_ = regularization.EXPERIMENT.exhibits(results())
    assert table.header[5:] == ("paper cold %", "paper warm %")
    assert "81.44" not in str(table)
    text = regularization.EXPERIMENT.claims[-1].reproduction
    assert "weight decay 0.1: 81.44 % cold, 81.16 % warm" in text
    assert "Which optimizer that was is not known" in text
    assert "L2" not in text
