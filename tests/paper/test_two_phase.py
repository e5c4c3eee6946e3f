"""What the charts of Figure 1 show of a training by hand."""

from dataclasses import replace

import pytest

from results_by_hand import case_by_hand, reading, record, results_by_hand
from warmstart.paper import Setting, Source, Verdict
from warmstart.paper.experiments import two_phase
from warmstart.paper.kit.points import epoch_points

FULL = Setting(seeds=2)
HALF, WARM, COLD = "half of the data", "everything, warm", "everything, cold"


def history(*train_accuracies):
    rows = [[10 * epoch, accuracy, 1.0] for epoch, accuracy in enumerate(train_accuracies, start=1)]
    readings = [reading("accuracy", accuracy - 0.1, epoch=epoch + 1) for epoch, accuracy in enumerate(train_accuracies)]
    return {"columns": ["steps", "train_score", "train_loss"], "epochs": rows, "readings": readings}


def results(setting):
    """Results of two seeds, of which the second fits better; warm has the half's rounds."""
    (case,) = two_phase.EXPERIMENT.cases(setting)
    records = [record(arm, seed, number, 0.5) for arm in ("cold", "warm") for seed in (0, 1) for number in (1, 2)]
    histories = {
        (arm, seed, number): history(0.1 * number + 0.1 * seed, start + 0.1 * seed)
        for arm, start in (("cold", 0.4), ("warm", 0.6))
        for seed in (0, 1)
        for number in (1, 2)
    }
    found = replace(case_by_hand(case, records), histories=histories)
    return results_by_hand(two_phase.EXPERIMENT, setting, found)


def shown(setting):
    table, curves, fitting = two_phase.EXPERIMENT.exhibits(results(setting))
    return table, curves, fitting


def points(chart, by):
    return {(point.series, point.x): point.y for point in chart.points if point.by is by}


def test_training_accuracy_is_shown_epoch_by_epoch():
    _, curves, fitting = shown(Setting(seeds=2, scale=0.5))
    assert (curves.name, fitting.name) == ("curves", "fitting")
    epochs = Setting(scale=0.5).epochs
    assert points(fitting, Source.US) == {
        (HALF, 1): pytest.approx(0.15),
        (HALF, 2): pytest.approx(0.65),
        (WARM, epochs + 1): pytest.approx(0.25),
        (WARM, epochs + 2): pytest.approx(0.65),
        (COLD, epochs + 1): pytest.approx(0.25),
        (COLD, epochs + 2): pytest.approx(0.45),
    }
    assert all(point.n == 2 and point.low is not None for point in fitting.points)


def test_held_out_accuracy_is_that_of_the_readings():
    _, curves, _ = shown(Setting(seeds=2, scale=0.5))
    assert points(curves, Source.US)[HALF, 2] == pytest.approx(0.55)


def test_published_values_are_placed_on_the_papers_axis():
    _, curves, fitting = shown(FULL)
    assert points(curves, Source.PAPER) == {(COLD, 700): 0.62, (WARM, 700): 0.57, (HALF, 350): 0.5, (HALF, 75): 0.55}
    assert points(fitting, Source.PAPER) == {(COLD, 700): 1.0, (WARM, 700): 1.0, (HALF, 350): 1.0}


OTHERS = [Setting(seeds=2, scale=0.5), replace(FULL, data="digits"), replace(FULL, max_epochs=20)]


@pytest.mark.parametrize("setting", OTHERS, ids=lambda s: s.words)
def test_in_another_setting_charts_have_no_value_of_the_paper(setting):
    _, curves, fitting = shown(setting)
    assert points(curves, Source.PAPER) == points(fitting, Source.PAPER) == {}


@pytest.mark.parametrize(
    ("setting", "column", "half"), [(FULL, ["62", "57"], "50."), (replace(FULL, data="digits"), ["-", "-"], "-.")]
)
def test_the_table_has_the_papers_numbers_on_the_papers_data_alone(setting, column, half):
    table, *_ = shown(setting)
    assert table.header[-1] == "paper %"
    assert [row[-1] for row in table.rows] == column
    assert f"The model of the half, before: 50.0 ± 0.0 %; the paper's: {half}" in table.caption


def test_without_a_trained_half_the_caption_does_not_mention_it():
    (table,) = two_phase.EXPERIMENT.exhibits(replace(results(FULL), cases=()))
    assert table.caption.startswith("Accuracy after training on everything. After the last round, ")


def test_epochs_are_means_over_the_seeds_that_got_so_far():
    (case,) = results(FULL).cases
    histories = {("warm", 0, 2): history(0.2, 0.6), ("warm", 1, 2): history(0.4)}
    found = epoch_points(replace(case, histories=histories), "warm", "train_score", series="it", after=5)
    assert [(point.x, point.y, point.n) for point in found] == [(6, pytest.approx(0.3), 2), (7, 0.6, 1)]
    found = epoch_points(replace(case, histories=histories), "warm", "steps", series="it", round=2)
    assert [point.y for point in found] == [10, 20]


def test_rounds_without_stored_epochs_have_no_points():
    (case,) = results(FULL).cases
    readings = {("warm", 0, 2): {"readings": [reading("accuracy", 0.5)]}}
    assert epoch_points(replace(case, histories=readings), "warm", "train_score", series="it") == []


def fitted(arm_fits, accuracies):
    """Results of three seeds with these training accuracies and accuracies after everything, by arm."""
    records = [
        replace(record(arm, seed, number, accuracies[arm]), train_score=arm_fits[arm] + 0.001 * seed)
        for arm in ("cold", "warm")
        for seed in range(3)
        for number in (1, 2)
    ]
    setting = replace(FULL, seeds=3)
    (case,) = two_phase.EXPERIMENT.cases(setting)
    return results_by_hand(two_phase.EXPERIMENT, setting, case_by_hand(case, records))


@pytest.mark.parametrize(
    ("fits", "warm", "verdict"),
    [
        ((0.99, 0.99), 0.5, Verdict.REPRODUCED),
        ((0.99, 0.985), 0.5, Verdict.REPRODUCED),  # within a point
        ((0.99, 0.96), 0.5, Verdict.NOT_REPRODUCED),  # worse, but it fits worse as well
        ((0.99, 0.99), 0.6, Verdict.NOT_REPRODUCED),  # as good
    ],
)
def test_equal_fit_and_lower_accuracy_are_judged_together(fits, warm, verdict):
    cold_fit, warm_fit = fits
    results = fitted({"cold": cold_fit, "warm": warm_fit}, {"cold": 0.6, "warm": warm})
    judgement = two_phase.EXPERIMENT.claims[1].judge(results)
    assert judgement.verdict is verdict
    assert {reason.split(",")[0] for reason in judgement.reasons} == {"Training accuracy", "Accuracy"}
