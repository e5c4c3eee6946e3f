import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmstart.statistics import (
    PairedDifference,
    PairedRatio,
    describe_difference,
    describe_ratio,
    interval_text,
    paired_difference,
    times_text,
)

samples = st.lists(st.floats(0, 1), min_size=2, max_size=8)


@given(samples=samples)
def test_a_difference_is_claimed_exactly_when_it_is_detected(samples):
    difference = paired_difference(samples, [0.5] * len(samples))
    assert ("no difference detected" in describe_difference(difference)) != difference.detected


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-0.046, -0.012, "lower by 2.9 points [1.2, 4.6]"),
        (0.012, 0.046, "higher by 2.9 points [1.2, 4.6]"),
        (0.0004, 0.0576, "higher by 2.90 points [0.04, 5.76]"),
    ],
)
def test_a_detected_difference_is_reported_with_direction_and_size(low, high, words):
    assert describe_difference(PairedDifference((low + high) / 2, low, high, n=8, detected=True)) == words


def test_an_interval_around_zero_is_no_difference_whatever_its_mean():
    difference = PairedDifference(0.05, -0.001, 0.101, n=4, detected=False)
    assert describe_difference(difference) == "no difference detected [-0.1, 10.1]"


def test_unit_and_scale_are_the_callers():
    difference = PairedDifference(3.0, 2.0, 4.0, n=5, detected=True)
    assert describe_difference(difference, unit="s", scale=1, digits=0) == "higher by 3 s [2, 4]"


@pytest.mark.parametrize(("n", "mean", "words"), [(1, 0.1, "one seed: no interval"), (0, None, "no pair to compare")])
def test_without_an_interval_nothing_is_claimed(n, mean, words):
    assert describe_difference(PairedDifference(mean, None, None, n=n, detected=False)) == words


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (PairedRatio(0.34, 0.31, 0.38, n=8, detected=True), "0.34 times [0.31, 0.38]"),
        (PairedRatio(1.0, 1.0, 1.0, n=8, detected=False), "the same"),
        (PairedRatio(None, None, None, n=8, detected=False), "no ratio"),
        (PairedRatio(None, None, None, n=0, detected=False), "no pair to compare"),
    ],
)
def test_a_ratio_is_reported_as_its_factor(ratio, words):
    assert describe_ratio(ratio) == words


@pytest.mark.parametrize(("factor", "text"), [(1, "1.00"), (1234.5, "1,234.5"), (3e8, "3.0e+08"), (0.001, "0.001")])
def test_factors_keep_their_leading_digits(factor, text):
    assert times_text(factor) == text


def test_an_interval_shows_no_negative_zero():
    assert interval_text(-0.04, -0.01) == "[0.0, 0.0]"
