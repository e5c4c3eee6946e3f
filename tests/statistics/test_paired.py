import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from warmstart.basics import InputError
from warmstart.statistics import PairedDifference, PairedRatio, paired_difference, paired_ratio

accuracies = st.floats(0, 1)
pairs = st.lists(st.tuples(accuracies, accuracies), min_size=3, max_size=20).filter(
    lambda rows: np.std([left - right for left, right in rows]) > 1e-3
)
costs = st.lists(st.tuples(st.floats(1, 1e9), st.floats(1, 1e9)), min_size=2, max_size=20)


@settings(deadline=None, max_examples=50)
@given(rows=pairs)
def test_the_difference_is_scipys_paired_t_test(rows):
    values, reference = zip(*rows, strict=True)
    difference = paired_difference(values, reference)
    test = stats.ttest_rel(values, reference)
    expected = test.confidence_interval(0.95)
    assert difference.interval == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert difference.detected == (test.pvalue < 0.05)


@given(rows=pairs)
def test_swapping_the_sides_turns_the_sign(rows):
    values, reference = zip(*rows, strict=True)
    forth, back = paired_difference(values, reference), paired_difference(reference, values)
    assert back.interval is not None
    assert forth.interval == pytest.approx([-end for end in reversed(back.interval)])
    assert forth.detected == back.detected


@given(rows=costs)
def test_swapping_the_sides_of_a_ratio_inverts_it(rows):
    values, reference = zip(*rows, strict=True)
    forth, back = paired_ratio(values, reference), paired_ratio(reference, values)
    assert back.mean is not None
    assert forth.mean == pytest.approx(1 / back.mean)


@given(rows=costs, unit=st.floats(1e-3, 1e3))
def test_a_ratio_does_not_depend_on_the_unit(rows, unit):
    values, reference = np.array(rows).T
    assert paired_ratio(values * unit, reference * unit).mean == pytest.approx(paired_ratio(values, reference).mean)


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_pair_with_a_missing_side_is_dropped_and_not_counted(missing):
    whole = paired_difference([0.8, 0.7], [0.9, 0.85])
    assert paired_difference([0.8, missing, 0.7, 0.6], [0.9, 0.9, 0.85, missing]) == whole
    assert whole.n == 2


def test_a_seed_common_to_both_sides_cancels():
    seeds = np.random.default_rng(3).normal(0.8, 0.1, size=10)
    noise = np.random.default_rng(4).normal(0, 0.001, size=10)
    assert paired_difference(seeds - 0.01 + noise, seeds).detected


def test_a_constant_difference_is_detected_with_zero_width():
    assert paired_difference([1.5, 2.5, 3.5], [1, 2, 3]) == PairedDifference(0.5, 0.5, 0.5, n=3, detected=True)


def test_identical_samples_show_no_difference():
    assert paired_difference([0.9, 0.8], [0.9, 0.8]) == PairedDifference(0, 0, 0, n=2, detected=False)
    assert paired_ratio([7, 9], [7, 9]) == PairedRatio(1, 1, 1, n=2, detected=False)


def test_one_pair_is_a_difference_that_nothing_was_detected_in():
    assert paired_difference([0.5], [0.75]) == PairedDifference(-0.25, None, None, n=1, detected=False)
    assert paired_ratio([1], [2]).detected is False


def test_no_pair_has_no_mean():
    assert paired_difference([None], [0.75]) == PairedDifference(None, None, None, n=0, detected=False)
    assert paired_ratio([], []) == PairedRatio(None, None, None, n=0, detected=False)


def test_a_cost_of_zero_leaves_no_ratio():
    assert paired_ratio([0, 5], [5, 5]) == PairedRatio(None, None, None, n=2, detected=False)


def test_pairs_that_disagree_wildly_give_a_finite_interval():
    ratio = paired_ratio([1e200, 1], [1, 1e200])
    assert ratio.high is not None
    assert math.isfinite(ratio.high)
    assert not ratio.detected


def test_equal_means_are_called_different_in_about_five_of_a_hundred_studies():
    draws = np.random.default_rng(11).normal(0.8, 0.02, size=(2000, 2, 6))
    detected = np.mean([paired_difference(left, right).detected for left, right in draws])
    assert 0.035 < detected < 0.065


def test_samples_of_unequal_length_are_refused():
    with pytest.raises(InputError, match="equally long, got 1 and 2"):
        paired_difference([1], [1, 2])


def test_a_negative_cost_is_refused():
    with pytest.raises(InputError, match="reference of a ratio must be at least 0, got -1"):
        paired_ratio([1, 1], [1, -1])
