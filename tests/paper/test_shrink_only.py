"""Shrinking without retraining, of readings by hand."""

import pytest

from results_by_hand import case_by_hand, reading, record, results_by_hand
from warmstart.diagnostics import ShrinkCurve
from warmstart.paper import Setting, Verdict
from warmstart.paper.experiments import shrink_only
from warmstart.paper.experiments.shrink_only import FACTORS, FITTING, UNSHRUNK

SETTING = Setting(seeds=3)
YES, NO = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED


def flat(factor):
    return 0.0


def from_below(end):
    """Return a loss of 30 points below a factor."""
    return lambda factor: 0.3 if factor < end else 0.0


def results_of(**losses):
    """Results where models lose accuracy by factor; BatchNorm with its old statistics is at chance at every factor."""
    cases = []
    for case in shrink_only.EXPERIMENT.cases(SETTING):
        loss = losses.get(case.facets["model"].split()[-1], flat)
        readings = {}
        for seed in range(3):
            found = [reading(f"{FITTING} {f:g}", 0.8 - loss(f) * (1 + 0.01 * seed)) for f in FACTORS]
            if len(case.study.measurements) == 2:
                found += [reading(f"{UNSHRUNK} {f:g}", 0.8 if f == 1 else 0.1) for f in FACTORS]
            readings["cold", seed, 1] = found
        records = [record("cold", seed, 1, 0.8) for seed in range(3)]
        cases.append(case_by_hand(case, records, readings=readings, rounds=1))
    return results_by_hand(shrink_only.EXPERIMENT, SETTING, *cases)


@pytest.mark.parametrize(
    ("losses", "verdicts"),
    [
        ({"resnet18": from_below(0.25), "mlp": from_below(0.7)}, [YES, YES, YES]),
        ({}, [YES, YES, NO]),  # nothing is lost, however small the factor
        ({"resnet18": from_below(0.35), "mlp": from_below(0.7)}, [YES, NO, YES]),  # at 0.3, where ResNets survive
        ({"resnet18": from_below(0.25), "mlp": from_below(0.85)}, [YES, NO, YES]),
        ({"biases": from_below(0.15)}, [NO, YES, NO]),
    ],
)
def test_claims_are_judged_with_statistics_that_fit(losses, verdicts):
    results = results_of(**losses)
    assert [claim.judge(results).verdict for claim in shrink_only.EXPERIMENT.claims] == verdicts


def test_statistics_of_the_unshrunk_model_are_shown_beside():
    chart, table = shrink_only.EXPERIMENT.exhibits(results_of())
    names = ["mlp without biases", "mlp", "resnet18", "resnet18, statistics of the unshrunk model"]
    assert [row[0] for row in table.rows] == names
    assert list(dict.fromkeys(point.series for point in chart.points)) == names
    of_old = {point.x: point.y for point in chart.points if point.series == names[-1]}
    assert of_old[1.0] == pytest.approx(0.8)
    assert of_old[0.9] == pytest.approx(0.1)


def test_perceptrons_have_nothing_to_recalibrate_and_are_measured_once():
    measured = {case.facets["model"]: case.study.measurements for case in shrink_only.EXPERIMENT.cases(SETTING)}
    judged, old = ShrinkCurve(10, recalibrate=True), ShrinkCurve(10)
    assert measured == {"mlp without biases": (judged,), "mlp": (judged,), "resnet18": (judged, old)}
