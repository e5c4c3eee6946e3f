import pytest

from results_by_hand import case_by_hand, record, results_by_hand
from warmstart.paper import Setting, Verdict
from warmstart.paper.experiments import pretraining


def results_of(setting, accuracies):
    """Results with an accuracy for each arm, in the study's order, a little more of it with every seed."""
    (case,) = pretraining.EXPERIMENT.cases(setting)
    records = [
        record(arm, seed, number, value + 0.01 * seed)
        for arm, value in zip(case.study.labels, accuracies, strict=True)
        for seed in range(3)
        for number in (1, 2)
    ]
    return results_by_hand(pretraining.EXPERIMENT, setting, case_by_hand(case, records))


def test_epochs_are_the_papers_at_full_scale_and_in_proportion_below():
    assert list(pretraining.first_epochs(Setting())) == list(pretraining.EPOCHS)
    assert pretraining.first_epochs(Setting(scale=0.5)) == {
        2: 5, 8: 15, 15: 30, 25: 50, 40: 80, 52: 105, 75: 150, 100: 200, 138: 275, 175: 350
    }  # fmt: skip


def test_of_several_that_fall_on_one_the_papers_fewest_count():
    assert pretraining.first_epochs(Setting(max_epochs=2)) == {1: 5, 2: 275}


@pytest.mark.parametrize(
    ("epochs", "text"), [(5, "0"), (25, "0"), (30, "-"), (80, "-4"), (105, "-6"), (120, "-8 to -7"), (200, "-8 to -7")]
)
def test_published_differences_are_constant_beyond_the_ends_of_the_figure(epochs, text):
    assert pretraining.published_difference(epochs) == text


def test_claims_are_about_the_fewest_and_the_most_epochs():
    results = results_of(Setting(scale=0.02, seeds=3), [0.6, 0.6, 0.5])
    assert [claim.judge(results).verdict for claim in pretraining.EXPERIMENT.claims] == [Verdict.REPRODUCED] * 3
    results = results_of(Setting(scale=0.02, seeds=3), [0.6, 0.5, 0.6])
    assert [claim.judge(results).verdict for claim in pretraining.EXPERIMENT.claims] == [Verdict.NOT_REPRODUCED] * 3


def test_one_number_of_epochs_leaves_no_growth_to_judge():
    results = results_of(Setting(max_epochs=1, seeds=3), [0.6, 0.5])
    assert pretraining.EXPERIMENT.claims[2].judge(results).verdict is Verdict.INCONCLUSIVE


def test_the_chart_has_the_epochs_on_half():
    results = results_of(Setting(scale=0.02, seeds=3), [0.6, 0.6, 0.5])
    _, chart = pretraining.EXPERIMENT.exhibits(results)
    assert [point.x for point in chart.points] == [1, 5]
    assert [point.y for point in chart.points] == pytest.approx([0, -10])
