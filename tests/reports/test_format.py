import pytest

from warmstart.analysis._summary import CostSummary
from warmstart.basics import ACCURACY
from warmstart.reports._format import (
    cost_text,
    cost_with_factor,
    count_text,
    difference_text,
    duration_text,
    prefixed,
    ratio_text,
    score_text,
    stop_reasons_text,
)
from warmstart.statistics import Estimate, PairedDifference, PairedRatio

STEPS = Estimate(1234.0, 1200.0, 1268.0, n=8)


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.9, 0.88, 0.92, n=4), "90.0 ± 2.0 %"),
        (Estimate(0.9, None, None, n=1), "90.0 %"),
        (Estimate(-0.0001, -0.01, 0.0098, n=4), "0.0 ± 1.0 %"),
        (Estimate(None, None, None, n=0), "-"),
    ],
)
def test_an_accuracy_has_the_precision_that_its_seeds_allow(estimate, text):
    assert score_text(ACCURACY, estimate) == text


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (None, "reference"),
        (PairedDifference(-0.03, -0.04, -0.02, n=8, detected=True), "-3.0 [-4.0, -2.0] points"),
        (PairedDifference(0.001, -0.004, 0.006, n=8, detected=False), "no difference detected [-0.4, +0.6] points"),
        (PairedDifference(0.0, 0.0, 0.0, n=8, detected=False), "the same"),
        (PairedDifference(0.012, None, None, n=1, detected=False), "+1.2 points (one seed: no interval)"),
        (PairedDifference(None, None, None, n=0, detected=False), "no pair to compare"),
    ],
)
def test_a_difference_claims_only_what_was_detected(difference, text):
    assert difference_text(ACCURACY, difference) == text


@pytest.mark.parametrize(
    ("ratio", "long", "short"),
    [
        (None, "reference", "1,234"),
        (PairedRatio(0.5, 0.4, 0.6, n=8, detected=True), "0.50x [0.40x, 0.60x]", "1,234 (0.50x)"),
        (
            PairedRatio(1.1, 0.9, 1.3, n=8, detected=False),
            "no difference detected [0.90x, 1.30x]",
            "1,234 (no difference detected)",
        ),
        (PairedRatio(1.0, 1.0, 1.0, n=8, detected=False), "the same", "1,234 (the same)"),
        (PairedRatio(0.5, None, None, n=1, detected=False), "0.50x (one seed: no interval)", "1,234 (0.50x)"),
        (PairedRatio(None, None, None, n=8, detected=False), "-", "1,234"),
    ],
)
def test_a_ratio_claims_only_what_was_detected(ratio, long, short):
    assert ratio_text(ratio) == long
    assert cost_with_factor("steps", CostSummary(STEPS, None, ratio)) == short


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("steps", 12.0, "12"), ("samples", 2e7, "20 M"), ("flops", 6.1e12, "6.1 T"), ("seconds", 90.0, "1.5 min")],
)
def test_each_cost_has_its_unit(name, value, text):
    assert cost_text(name, Estimate(value, None, None, n=1)) == text


def test_a_missing_cost_is_a_dash():
    assert cost_text("flops", Estimate(None, None, None, n=0)) == "-"


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "0 s"), (5.04, "5.0 s"), (59.0, "59 s"), (5400.0, "1.5 h")])
def test_durations_have_their_natural_unit(seconds, text):
    assert duration_text(seconds) == text


def test_counts_keep_a_fraction_only_where_it_matters():
    assert [count_text(count) for count in (0, 2.5, 9.0, 1234.5)] == ["0", "2.5", "9", "1,234"]


def test_prefixes_cover_small_and_huge_numbers():
    assert [prefixed(value) for value in (0, 1500, 2e18)] == ["0", "1.5 k", "2e+18"]


def test_stop_reasons_that_did_not_happen_are_left_out():
    assert stop_reasons_text({"converged": 0, "plateau": 3, "limit": 0, "diverged": 1}) == "3 plateau, 1 diverged"
    assert stop_reasons_text({"converged": 0}) == "-"
