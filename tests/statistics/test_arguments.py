"""What is no number, no sample of numbers, or no result is refused in a sentence."""

import re
from fractions import Fraction

import numpy as np
import pytest

from warmstart.basics import InputError
from warmstart.statistics import (
    PairedDifference,
    describe_difference,
    describe_ratio,
    interval_text,
    mean_interval,
    paired_difference,
    paired_ratio,
    size_interval,
    times_text,
    visible_digits,
)

DIFFERENCE = PairedDifference(0.1, 0.05, 0.2, n=3, detected=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "must be a sequence of numbers, got None"),
        ("0.5", "must be a sequence of numbers, got '0.5'"),
        ({1: 2}, "must be a sequence of numbers, got a dict"),
        (0.5, "must be a sequence of numbers, got 0.5"),
        (["0.5", 1], "must be one-dimensional, of numbers or None, got '0.5' among them"),
        ([True, 1], "must be one-dimensional, of numbers or None, got True among them"),
        ([[1], [2]], "must be one-dimensional, of numbers or None, got a list among them"),
        ([1 + 2j, 1], "must be one-dimensional, of numbers or None, got (1+2j) among them"),
        ([10**400, 1], "must be one-dimensional, of numbers or None, got "),
        (np.zeros((2, 2)), "must be one-dimensional, got shape (2, 2)"),
    ],
)
def test_what_is_no_sample_of_numbers_is_refused(values, message):
    for estimate in (mean_interval, lambda sample: paired_difference(sample, [1, 2])):
        with pytest.raises(InputError, match=re.escape(f"values {message}")):
            estimate(values)
    with pytest.raises(InputError, match=re.escape(f"reference {message}")):
        paired_ratio([1, 2], values)


def test_numbers_of_every_kind_are_taken():
    values = [np.float32(0.5), Fraction(1, 2), np.int64(1), 0, None, np.array(0.5)]
    assert mean_interval(values).mean == pytest.approx(0.5)
    assert mean_interval(value for value in values) == mean_interval(values)


@pytest.mark.parametrize(
    ("describe", "message"),
    [
        (lambda: describe_difference(None), "difference must be a PairedDifference, got None"),
        (lambda: describe_ratio(DIFFERENCE), "ratio must be a PairedRatio, got a PairedDifference"),
        (lambda: describe_difference(DIFFERENCE, unit=None), "unit must be a string, got None"),
        (lambda: describe_difference(DIFFERENCE, scale="100"), "scale must be a number, got '100'"),
        (lambda: describe_difference(DIFFERENCE, digits=-1), "digits must be a whole number of at least 0, got -1"),
        (lambda: interval_text(0, 1, digits=1000), "digits must be at most 100, got 1000"),
        (lambda: interval_text(None, 1), "low must be a number, got None"),
        (lambda: size_interval(0, [1]), "high must be a number, got a list"),
        (lambda: times_text(True), "factor must be a number, got True"),
        (lambda: times_text(10**400), "factor must be a number, got 1000"),
        (lambda: visible_digits("1", 1), "size must be a number, got '1'"),
        (lambda: visible_digits(0.1, None), "digits must be a whole number of at least 0, got None"),
    ],
)
def test_what_cannot_be_put_into_words_is_refused(describe, message):
    with pytest.raises(InputError, match=re.escape(message)):
        describe()
