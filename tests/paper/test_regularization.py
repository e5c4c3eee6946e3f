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
        ({"l2": {"cold": FAR_BETTER, "warm": [0.5, 0.8, 0.5]}}, Verdict.INCONCLUSIVE),
    ],
)
def test_one_penalty_has_to_help_each_start(accuracies, verdict):
    assert regularization.EXPERIMENT.claims[0].judge(results(**accuracies)).verdict is verdict


def test_reasons_name_the_penalty_that_was_chosen_and_among_how_many():
    found = regularization.EXPERIMENT.claims[0].judge(results(confidence={"cold": FAR_BETTER}))
    warm, cold = found.reasons  # what the verdict rests on comes first
    assert cold.startswith(
        "Cold with a penalty against without, the best of 6 chosen on one half of the seeds and judged on the other "
        "(confidence 0.1): higher by"
    )
    assert warm.startswith("Warm with a penalty against without, the best of 6")


def test_the_gap_must_stay_with_every_penalty():
    every = {penalty: {"warm": FAR_WORSE} for penalty in regularization.PENALTIES}
    one_strength_is_without_gap = regularization.EXPERIMENT.claims[1].judge(results(**every))
    assert one_strength_is_without_gap.verdict is Verdict.NOT_REPRODUCED
    *against, mean, note, one, _, _ = one_strength_is_without_gap.reasons
    assert [reason.split(":")[0] for reason in against] == [
        f"Warm against cold, both with {penalty} 0.0001" for penalty in regularization.PENALTIES
    ]
    assert mean.startswith("Warm against cold, mean over 6 comparisons: lower by 9.8 points")
    assert "each of their intervals has a confidence of 99.17 %" in note
    assert one.startswith("Warm against cold, both with l2 0.1: lower by 19.7 points")


def test_a_penalty_that_ruins_both_starts_does_not_close_the_gap():
    # With strength 0.1 warm loses, and with 0.0001 nobody learns: that is no contradiction.
    ruined = {}
    for penalty in regularization.PENALTIES:
        for start, values in {"cold": [0.1, 0.1, 0.11], "warm": [0.1, 0.1, 0.11]}.items():
            ruined[regularization.penalized_arm(start, penalty, 1e-4).label] = values
        ruined[regularization.penalized_arm("warm", penalty, 0.1).label] = FAR_WORSE
    cases = tuple(stored(case, ruined) for case in regularization.EXPERIMENT.cases(SETTING))
    found = Results(regularization.EXPERIMENT, SETTING, cases, len(cases))
    assert regularization.EXPERIMENT.claims[1].judge(found).verdict is Verdict.REPRODUCED


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


def test_the_reproductions_weight_decay_is_no_row_of_the_table():
    table, *_ = regularization.EXPERIMENT.exhibits(results())
    assert table.header[5:] == ("paper cold %", "paper warm %")
    assert "81.44" not in str(table)
    text = regularization.EXPERIMENT.claims[-1].reproduction
    assert "With SGD the gap closes with weight decay 0.1: 81.44 % cold, 81.16 % warm" in text
