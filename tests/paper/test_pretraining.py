import pytest

from results_by_hand import case_by_hand, record, results_by_hand
from warmstart.paper import Setting, Source, Verdict
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


YES, NO = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED


@pytest.mark.parametrize(
    ("few", "many", "verdicts"),
    [(0.58, 0.5, [YES, YES, YES]), (0.6, 0.5, [NO, YES, YES]), (0.5, 0.6, [YES, NO, NO])],
)
def test_claims_are_about_a_few_and_the_most_epochs(few, many, verdicts):
    # 1, 6 and 21 epochs, for 5, 105 and 350 of the paper's.
    results = results_of(Setting(scale=0.06, seeds=3), [0.6, 0.6 if many < 0.6 else 0.5, few, many])
    assert [claim.judge(results).verdict for claim in pretraining.EXPERIMENT.claims] == verdicts


@pytest.mark.parametrize(
    ("setting", "few"), [(Setting(), 50), (Setting(scale=0.5), 25), (Setting(scale=0.02), 5), (Setting(desk=True), 15)]
)
def test_a_few_epochs_are_those_at_which_the_figure_begins_to_show_a_loss(setting, few):
    assert pretraining.few_epochs(pretraining.EXPERIMENT.in_setting(setting)) == few


def test_one_number_of_epochs_leaves_no_growth_to_judge():
    results = results_of(Setting(max_epochs=1, seeds=3), [0.6, 0.5])
    assert pretraining.EXPERIMENT.claims[2].judge(results).verdict is Verdict.INCONCLUSIVE


def test_differences_are_shown_in_points_and_relative_to_the_cold_start():
    results = results_of(Setting(scale=0.02, seeds=3), [0.6, 0.6, 0.51])
    table, relative, points = pretraining.EXPERIMENT.exhibits(results)
    assert [point.x for point in points.points] == [point.x for point in relative.points] == [1, 5]
    assert [point.y for point in points.points] == pytest.approx([0, -9])
    # Of 60, 61 and 62 %.
    of_cold = [100 * -0.09 / cold for cold in (0.6, 0.61, 0.62)]
    assert [point.y for point in relative.points] == pytest.approx([0, sum(of_cold) / 3])
    column = table.header.index("relative difference %")
    assert [row[column] for row in table.rows] == ["-", "0.0 [0.0, 0.0]", "-14.8 [-15.4, -14.2]"]
    assert "inferred" in relative.caption
    assert "it is inferred" in table.caption


def test_the_papers_points_are_on_the_relative_chart_alone():
    results = results_of(Setting(seeds=3), [0.6] * 11)
    _, relative, points = pretraining.EXPERIMENT.exhibits(results)
    papers = {point.x: point.y for point in relative.points if point.by is Source.PAPER and point.x < 120}
    assert papers == {25: 0, 50: -2, 80: -4, 105: pytest.approx(-6)}
    assert all(point.by is Source.US for point in points.points)


def test_a_cold_start_that_gets_nothing_right_has_no_relative_difference():
    (case,) = results_of(Setting(scale=0.02, seeds=3), [-0.01, 0.5, 0.5]).cases
    assert pretraining.relative_difference(case, case.arms[1]).n == 2
