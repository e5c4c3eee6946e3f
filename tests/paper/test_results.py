"""What is read out of stored results: costs, and whether they can be judged."""

from dataclasses import replace

import pytest

from results_by_hand import case_by_hand, record, results_by_hand
from warmstart.paper import Judgement, Setting, Verdict
from warmstart.paper._report import chapter_of
from warmstart.paper.experiments import two_phase
from warmstart.paper.kit.judge import better, compare, if_trained, worse
from warmstart.paper.kit.points import gap_points, level_points, round_points
from warmstart.penalties import L2
from warmstart.strategies import Cold, Warm
from warmstart.studies import Arm
from warmstart.training import StoppingRule

SETTING = Setting(seeds=4)
(CASE,) = two_phase.EXPERIMENT.cases(SETTING)


def found(cold, warm, **settings):
    """A study whose last rounds ended like this, seed by seed."""
    records = [
        record(
            arm, seed, number, 0.5 if arm == "cold" else 0.4, stop_reason=stop_reason if number == 2 else "converged"
        )
        for arm, stop_reasons in (("cold", cold), ("warm", warm))
        for seed, stop_reason in enumerate(stop_reasons)
        for number in (1, 2)
    ]
    case = case_by_hand(CASE, records)
    return replace(case, study=replace(case.study, **settings)) if settings else case


@pytest.mark.parametrize(
    ("cold", "warm", "words"),
    [
        (["converged"] * 4, ["converged"] * 4, None),
        (["limit"] * 2 + ["converged"] * 2, ["converged"] * 4, None),
        # One arm alone is enough, however well the other has trained.
        (
            ["limit"] * 3 + ["converged"],
            ["converged"] * 4,
            "3 of 4 last rounds of cold ended at the limit of 350 epochs",
        ),
        (["converged"] * 4, ["converged"] * 3 + ["diverged"], "Training diverged in 1 of 4 last rounds of warm."),
    ],
)
def test_every_compared_arm_must_have_trained(cold, warm, words):
    case = found(cold, warm)
    judgement = if_trained(case, ["cold", "warm"], Judgement(Verdict.REPRODUCED, ("It is lower.",)))
    assert judgement.verdict is (Verdict.REPRODUCED if words is None else Verdict.INCONCLUSIVE)
    assert words is None or words in judgement.reasons[-1]


@pytest.mark.parametrize(
    ("arm", "stop_reason", "words"),
    [
        (Warm(), "converged", None),
        (Warm(), "limit", "4 of 4 first rounds of warm ended at the limit of 350 epochs"),
        (Warm(), "diverged", "Training diverged in 4 of 4 first rounds of warm."),
        # Nothing of a cold start's first round is left in its last one.
        (Cold(), "limit", None),
        # It is meant to be short.
        (Arm(Warm(), first_epochs=1), "limit", None),
    ],
)
def test_what_an_arm_continues_from_must_have_trained_as_well(arm, stop_reason, words):
    arm = arm if isinstance(arm, Arm) else Arm(arm)
    study = replace(CASE.study, arms=[arm])
    stop_reasons = {1: stop_reason, 2: "converged"}
    records = [
        record(arm.label, seed, number, 0.5, stop_reason=how)
        for seed in range(4)
        for number, how in stop_reasons.items()
    ]
    found = case_by_hand(replace(CASE, study=study), records).training_problem([arm.label])
    assert found is None if words is None else words in found


def test_a_model_that_waits_for_a_plateau_must_reach_it():
    case = found(["limit"] * 4, ["plateau"] * 4, stop=StoppingRule(patience=10, max_epochs=7))
    assert "before training accuracy stopped improving" in case.training_problem(["cold"])
    assert case.training_problem(["warm"]) is None


def test_rounds_that_diverged_cost_nothing_that_could_be_compared():
    case = found(["converged"] * 4, ["diverged", "converged", "converged", "converged"])
    assert case.costs("warm") == [None, 10, 10, 10]
    assert case.costs("warm", total=True) == [None, 20, 20, 20]
    assert case.cost_ratio("warm").n == 3


def test_columns_hold_every_planned_seed():
    case = found(["converged"] * 2, ["converged"])
    assert case.accuracies("cold") == [0.5, 0.5, None, None]
    assert case.accuracies("warm") == [0.4, None, None, None]
    assert case.mean_accuracies("cold", [1, 2]) == [0.5, 0.5, None, None]


def test_nothing_is_decided_before_all_is_in():
    whole = found(["converged"] * 4, ["converged"] * 4)
    part = found(["converged"] * 3, ["converged"] * 3)
    verdicts = {}
    for name, case in (("whole", whole), ("part", part)):
        chapter = chapter_of(results_by_hand(two_phase.EXPERIMENT, SETTING, case))
        verdicts[name] = (chapter.findings[0].verdict, chapter.findings[0].reasons[-1])
    assert worse(part.difference("warm"), "it").verdict is Verdict.REPRODUCED
    assert verdicts["whole"][0] is Verdict.REPRODUCED
    assert verdicts["part"] == (Verdict.INCONCLUSIVE, "Preliminary: 1 of 1 studies begun, 0 finished.")


@pytest.mark.parametrize(
    ("cold", "warm", "verdict"),
    [
        ("converged", "converged", Verdict.REPRODUCED),
        ("limit", "converged", Verdict.INCONCLUSIVE),
        ("converged", "limit", Verdict.INCONCLUSIVE),
    ],
)
def test_arms_are_compared_only_if_both_were_trained_to_the_end(cold, warm, verdict):
    case = found([cold] * 4, [warm] * 4)
    judgement = compare(worse, case, "warm", what="warm against cold")
    assert judgement.verdict is verdict
    assert judgement.reasons[0] == "warm against cold: lower by 10.0 points [10.0, 10.0] (n = 4)."
    assert compare(better, case, "cold", "warm", what="cold against warm").verdict is verdict


LEVEL = [0.1 + 0.03 * epoch for epoch in range(15)] + [0.55] * 35
RISING = [0.02 * epoch for epoch in range(50)]


@pytest.mark.parametrize(
    ("arm", "patience", "scores", "is_trained"),
    [
        (Arm(Cold(), penalty=L2(0.1)), None, LEVEL, True),
        (Arm(Cold(), penalty=L2(0.1)), None, RISING, False),
        (Arm(Cold(), penalty=L2(0.1)), None, LEVEL[:10], False),  # too short to say
        (Arm(Cold(), step_shrink=0.999), None, LEVEL, True),
        (Arm(Cold()), 10, LEVEL, True),
        (Arm(Cold()), 10, RISING, False),
        (Arm(Cold()), 10, None, False),
        (Arm(Cold()), None, LEVEL, False),  # what could fit the data, and has not, has not learned
    ],
)
def test_a_round_at_the_limit_counts_where_it_need_not_fit_and_was_level(arm, patience, scores, is_trained):
    study = replace(CASE.study, arms=(arm,), stop=StoppingRule(patience=patience, max_epochs=50))
    records = [record(arm.label, seed, 2, 0.5, stop_reason="limit") for seed in range(4)]
    histories = {
        (arm.label, seed, 2): {"columns": ["loss", "train_score"], "epochs": [[1.0, score] for score in scores or ()]}
        for seed in range(4)
    }
    case = replace(case_by_hand(CASE, records), study=study, histories=histories)
    assert (case.training_problem([arm.label]) is None) is is_trained


def test_arms_without_the_option_are_level_lines():
    case = found(["converged"] * 4, ["converged"] * 4)
    points = level_points(case, {"cold": "cold", "warm": "no penalty"}, [0.1, 0.01, 1.0])
    assert [(point.series, point.x, point.y) for point in points] == [
        ("cold", 0.01, 0.5),
        ("cold", 1.0, 0.5),
        ("no penalty", 0.01, pytest.approx(0.4)),
        ("no penalty", 1.0, pytest.approx(0.4)),
    ]
    assert len(level_points(case, {"cold": "cold"}, [0.1])) == 1
    assert level_points(case, {"cold": "cold"}, []) == []


def test_curves_over_rounds_leave_out_rounds_that_no_trial_has_finished():
    case = case_by_hand(CASE, [record(arm, 0, 1, 0.5, samples_seen=50) for arm in ("cold", "warm")])
    assert [(point.series, point.x) for point in round_points(case, ["warm"], names={"warm": "it"})] == [("it", 50)]
    case = found(["converged"] * 4, ["converged"] * 4)
    assert [point.y for point in gap_points(case, ["warm"])] == [pytest.approx(-10)] * 2
