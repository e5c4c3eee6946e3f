"""The scores against their formulas, number by number, and where probabilities run out of digits."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from warmstart.basics import InputError
from warmstart.queries import entropy_scores, least_confidence_scores, margin_scores


def probabilities(row):
    exponentials = [math.exp(value) for value in row]
    return [value / sum(exponentials) for value in exponentials]


def literal_margin(row):
    highest, second = sorted(probabilities(row), reverse=True)[:2]
    return -(highest - second)


def literal_entropy(row):
    return -sum(p * math.log(p) for p in probabilities(row))


def literal_least_confidence(row):
    return 1 - max(probabilities(row))


# Each with its formula in plain Python and its bounds for a number of classes.
SCORES = [
    (margin_scores, literal_margin, lambda classes: (-1, 0)),
    (entropy_scores, literal_entropy, lambda classes: (0, math.log(classes))),
    (least_confidence_scores, literal_least_confidence, lambda classes: (0, 1 - 1 / classes)),
]
shapes = arrays.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=6)
pools = arrays.arrays("float64", shapes, elements=st.floats(-12, 12)).map(torch.from_numpy)


@pytest.mark.parametrize(("scores", "literal", "bounds"), SCORES)
class TestEveryScore:
    @settings(deadline=None, max_examples=50)
    @given(logits=pools)
    def test_is_its_formula(self, scores, literal, bounds, logits):
        found = scores(logits)
        assert found.dtype is torch.float64
        assert found.tolist() == pytest.approx([literal(row) for row in logits.tolist()], abs=1e-12)

    @settings(deadline=None, max_examples=50)
    @given(logits=pools)
    def test_keeps_its_bounds(self, scores, literal, bounds, logits):
        low, high = bounds(logits.shape[1])
        found = scores(logits)
        assert found.min() >= low
        assert found.max() <= high + 1e-12

    @settings(deadline=None, max_examples=50)
    @given(logits=pools, shift=st.floats(-100, 100))
    def test_does_not_change_when_all_logits_of_a_sample_shift(self, scores, literal, bounds, logits, shift):
        torch.testing.assert_close(scores(logits + shift), scores(logits), rtol=1e-9, atol=1e-12)

    @settings(deadline=None, max_examples=50)
    @given(logits=pools, data=st.data())
    def test_does_not_depend_on_the_order_of_the_classes(self, scores, literal, bounds, logits, data):
        order = data.draw(st.permutations(range(logits.shape[1])))
        torch.testing.assert_close(scores(logits[:, order]), scores(logits), rtol=1e-9, atol=1e-12)

    @settings(deadline=None, max_examples=50)
    @given(logits=pools)
    def test_of_a_sample_does_not_depend_on_the_others(self, scores, literal, bounds, logits):
        torch.testing.assert_close(scores(logits), torch.cat([scores(row[None]) for row in logits]))

    def test_is_highest_where_all_classes_are_equal(self, scores, literal, bounds):
        assert scores(torch.full((1, 5), 7.0)).item() == pytest.approx(bounds(5)[1])

    def test_is_lowest_where_one_class_is_certain(self, scores, literal, bounds):
        assert scores(torch.tensor([[5e3, 0.0, -5e3]])).item() == pytest.approx(bounds(3)[0])

    @pytest.mark.parametrize("size", [1e4, 1e30, 1.7e308])
    def test_is_finite_for_logits_of_any_size(self, scores, literal, bounds, size):
        logits = torch.tensor([[size, -size, 0.0], [-size, size, size]], dtype=torch.float64)
        assert scores(logits).isfinite().all()

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int64])
    def test_is_that_of_the_exact_numbers_in_any_dtype(self, scores, literal, bounds, dtype):
        logits = torch.tensor([[3, 1, -2], [0, 4, 4]]).to(dtype)
        torch.testing.assert_close(scores(logits), scores(logits.double()))

    def test_distinguishes_sure_samples_where_float32_cannot(self, scores, literal, bounds):
        found = scores(torch.tensor([[30.0, 0.0], [29.0, 0.0], [28.0, 0.0]]))
        assert found[0] < found[1] < found[2]

    @pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
    def test_refuses_logits_that_are_not_finite(self, scores, literal, bounds, lost):
        logits = torch.zeros(4, 3)
        logits[2, 1] = lost
        with pytest.raises(InputError, match=rf"logits must be finite, got {lost} in row 2\."):
            scores(logits)

    @pytest.mark.parametrize("shape", [(3,), (3, 2, 2)])
    def test_refuses_another_shape(self, scores, literal, bounds, shape):
        with pytest.raises(InputError, match=r"logits must have the shape \(samples, classes\), got \(3,"):
            scores(torch.zeros(shape))


def test_a_margin_needs_two_classes():
    with pytest.raises(InputError, match="logits must have at least 2 columns, one per class, got 1"):
        margin_scores(torch.zeros(4, 1))


@pytest.mark.parametrize("scores", [entropy_scores, least_confidence_scores])
def test_a_single_class_is_certain_and_none_is_refused(scores):
    assert scores(torch.tensor([[2.0], [-1.0]])).tolist() == [0, 0]
    with pytest.raises(InputError, match="at least 1 columns, one per class, got 0"):
        scores(torch.zeros(4, 0))


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 700))
def test_doubt_near_zero_keeps_its_digits(gap):
    """With two classes 1 - max p = 1 / (1 + e^gap)."""
    logits = torch.tensor([[gap, 0.0]], dtype=torch.float64)
    assert least_confidence_scores(logits).item() == pytest.approx(1 / (1 + math.exp(gap)), rel=1e-9, abs=0)
