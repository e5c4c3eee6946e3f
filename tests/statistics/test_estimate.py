import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from warmstart.basics import InputError
from warmstart.statistics import Estimate, mean_interval

numbers = st.floats(-1e6, 1e6, allow_nan=False)
samples = st.lists(numbers, min_size=2, max_size=30).filter(lambda values: np.std(values) > 1e-3)


@settings(deadline=None, max_examples=50)
@given(values=samples, confidence=st.floats(0.5, 0.999))
def test_the_interval_is_that_of_scipys_t_test(values, confidence):
    estimate = mean_interval(values, confidence=confidence)
    expected = stats.ttest_1samp(values, popmean=0).confidence_interval(confidence)
    # An end next to zero has the rounding of the largest value.
    tiny = 1e-6 + 1e-9 * max(map(abs, values))
    assert estimate.interval == pytest.approx((expected.low, expected.high), rel=1e-6, abs=tiny)


@given(values=samples, shift=numbers)
def test_shifting_the_values_shifts_the_interval(values, shift):
    before, after = mean_interval(values), mean_interval([value + shift for value in values])
    assert before.interval is not None
    assert after.interval == pytest.approx([end + shift for end in before.interval], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_missing_values_are_left_out_and_not_counted(missing):
    assert mean_interval([0.5, missing, 0.7]) == mean_interval([0.5, 0.7])


def test_one_value_has_a_mean_and_no_interval():
    assert mean_interval([0.9]) == Estimate(0.9, None, None, n=1)


@pytest.mark.parametrize("values", [[], [None, math.nan]])
def test_without_values_there_is_no_mean(values):
    assert mean_interval(values) == Estimate(None, None, None, n=0)


def test_equal_values_give_an_interval_of_zero_width():
    assert mean_interval([0.75] * 4) == Estimate(0.75, 0.75, 0.75, n=4)


def test_about_ninety_of_a_hundred_intervals_hold_the_true_mean():
    draws = np.random.default_rng(7).normal(3.0, 2.0, size=(2000, 5))
    intervals = np.array([mean_interval(draw, confidence=0.9).interval for draw in draws])
    covered = np.mean((intervals[:, 0] <= 3.0) & (intervals[:, 1] >= 3.0))
    assert 0.88 < covered < 0.92


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 95])
def test_a_confidence_outside_its_range_is_refused(confidence):
    with pytest.raises(InputError, match=r"confidence must lie in \(0, 1\)"):
        mean_interval([1, 2], confidence=confidence)


def test_a_table_of_values_is_refused():
    with pytest.raises(InputError, match="one-dimensional"):
        mean_interval(np.zeros((2, 2)))
