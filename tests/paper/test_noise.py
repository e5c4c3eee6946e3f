import pytest

from results_by_hand import case_by_hand, record, results_by_hand
from warmstart.paper import Setting, Source, Verdict
from warmstart.paper.experiments import noise


def test_published_times_are_multiples_of_that_without_noise():
    points = {point.x: point for point in noise.published_times()}
    assert set(points) == {1e-2, 1e-3, 1e-4, 1e-5}
    assert points[1e-2].y == pytest.approx(165.3 / 13.6)
    assert points[1e-5].y == pytest.approx(14.6 / 13.6)
    assert all(point.by is Source.PAPER for point in points.values())


@pytest.mark.parametrize(
    ("arm", "accuracy", "minutes"),
    [
        ("cold", "55.2", "34.0"),
        ("warm", "50.8 (sd 1.8)", "13.6"),
        (noise.noisy_arm(1e-3).label, "53.5 (sd 1)", "38.0"),
    ],
)
def test_each_arm_is_shown_with_its_row_of_the_papers_table(arm, accuracy, minutes):
    assert noise.paper_columns(arm) == {"paper %": accuracy, "paper minutes": minutes}


@pytest.mark.parametrize(
    ("noisy", "verdict"),
    [(0.45, Verdict.REPRODUCED), (0.5, Verdict.NOT_REPRODUCED), (0.55, Verdict.NOT_REPRODUCED)],
)
def test_a_gap_that_noise_closes_contradicts_the_claim_that_it_is_not_enough(noisy, verdict):
    setting = Setting(seeds=4)
    (case,) = noise.EXPERIMENT.cases(setting)
    accuracies = dict.fromkeys(case.study.labels, noisy) | {"cold": 0.5, "warm": 0.4}
    records = [
        record(arm, seed, number, accuracy)
        for arm, accuracy in accuracies.items()
        for seed in range(4)
        for number in (1, 2)
    ]
    results = results_by_hand(noise.EXPERIMENT, setting, case_by_hand(case, records))
    assert noise.EXPERIMENT.claims[2].judge(results).verdict is verdict
