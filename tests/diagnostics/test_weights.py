"""Norms and correlations of weights against NumPy, and what counts as a weight."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from warmstart.basics import InputError, generator_for
from warmstart.diagnostics import weight_correlation, weight_correlations, weight_norm, weight_norms
from warmstart.models import ResNet18
from warmstart.strategies import Scope

TRAINABLE = ["unused", "norm.weight", "norm.bias", "first.weight", "first.bias", "second.bias"]
TRAINABLE += ["head.weight", "head.bias"]
MATRICES = ["first.weight", "head.weight"]
weights = arrays.arrays("float64", 6, elements=st.floats(-10, 10)).filter(lambda values: np.std(values) > 1e-3)


def numbers(model, names=TRAINABLE):
    """Every trainable number of the fixture's model, one after the other."""
    state = model.state_dict()
    return np.array([value for name in names for value in state[name].double().flatten().tolist()])


def layer(values):
    """A model of these weights."""
    built = nn.Linear(3, 2, bias=False, dtype=torch.float64)
    built.weight.data = torch.tensor(values, dtype=torch.float64).reshape(2, 3)
    return built


def test_the_norm_is_that_of_all_trainable_numbers(make):
    model = make()
    assert weight_norm(model) == pytest.approx(math.sqrt(sum(value**2 for value in numbers(model))))


def test_norms_are_those_of_each_trainable_parameter(make):
    model = make()
    found = weight_norms(model)
    assert found == pytest.approx({name: np.linalg.norm(numbers(model, [name])) for name in TRAINABLE})
    assert weight_norm(model) == pytest.approx(math.hypot(*found.values()))


def test_norms_are_summed_in_float64():
    """Ones beside 2^24 change nothing in float32, however many there are."""
    model = nn.Linear(1, 1 + 2**16, bias=False)
    nn.init.ones_(model.weight).data[0] = 2.0**13
    assert weight_norm(model) ** 2 == pytest.approx(2**26 + 2**16, rel=1e-12)


@settings(deadline=None, max_examples=50)
@given(values=weights, factor=st.floats(-10, 10))
def test_a_norm_scales_with_the_weights(values, factor):
    assert weight_norm(layer(factor * values)) == pytest.approx(abs(factor) * weight_norm(layer(values)), abs=1e-12)


def test_a_lost_weight_is_seen_in_the_norm():
    assert math.isnan(weight_norm(layer([1, 2, 3, math.nan, 5, 6])))


def test_the_correlation_is_numpys(make):
    one, other = make(1), make(2)
    for scope, names in ((Scope.ALL, TRAINABLE), (Scope.WEIGHTS, MATRICES)):
        expected = np.corrcoef(numbers(one, names), numbers(other, names))[0, 1]
        assert weight_correlation(one, other, scope=scope) == pytest.approx(expected)
    assert weight_correlation(one, other) == weight_correlation(one, other, scope=Scope.WEIGHTS)


def test_nothing_is_left_of_an_independent_model():
    one, other = (ResNet18(width=8).build((3, 8, 8), 10, generator=generator_for(seed)) for seed in (1, 2))
    assert weight_correlation(one, other) == pytest.approx(0, abs=0.02)
    # The gains of normalization, all 1, would make any two models look alike.
    assert weight_correlation(one, other, scope=Scope.ALL) == pytest.approx(0.75, abs=0.05)


def test_models_without_such_weights_have_no_correlation():
    assert weight_correlation(nn.BatchNorm1d(3), nn.BatchNorm1d(3)) is None


def test_correlations_are_numpys_for_each_parameter(make):
    one, other = make(1), make(2)
    found = weight_correlations(one, other)
    assert list(found) == list(weight_norms(one))
    for name in ("first.weight", "second.bias", "head.weight"):
        assert found[name] == pytest.approx(np.corrcoef(numbers(one, [name]), numbers(other, [name]))[0, 1])


def test_constant_parameters_have_no_correlation(make):
    found = weight_correlations(make(1), make(2))
    assert [name for name, value in found.items() if value is None] == ["unused", "norm.weight", "norm.bias"]


@settings(deadline=None, max_examples=50)
@given(one=weights, other=weights)
def test_a_correlation_is_symmetric_and_bounded(one, other):
    found = weight_correlation(layer(one), layer(other))
    assert found == pytest.approx(weight_correlation(layer(other), layer(one)), abs=1e-12)
    assert found is not None
    assert -1 <= found <= 1


@settings(deadline=None, max_examples=50)
@given(values=weights, factor=st.floats(0.1, 10), shift=st.floats(-10, 10), sign=st.sampled_from([1, -1]))
def test_a_correlation_sees_neither_scale_nor_shift(values, factor, shift, sign):
    moved = layer(sign * factor * values + shift)
    assert weight_correlation(layer(values), moved) == pytest.approx(sign)


@settings(deadline=None, max_examples=50)
@given(st.floats(-10, 10), weights)
def test_weights_that_are_all_equal_have_no_correlation(value, others):
    assert weight_correlation(layer([value] * 6), layer(others)) is None
    assert weight_correlation(layer(others), layer([value] * 6)) is None


@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_weights_that_are_not_finite_have_no_correlation(lost):
    assert weight_correlation(layer([1, 2, 3, lost, 5, 6]), layer([1, 2, 3, 4, 5, 7])) is None


def test_a_single_weight_has_no_correlation():
    assert weight_correlation(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)) is None


def test_a_model_correlates_fully_with_itself_whatever_its_memory_layout():
    model = nn.Conv2d(3, 4, 3)
    laid_out = copy.deepcopy(model).to(memory_format=torch.channels_last)
    assert weight_correlation(model, laid_out) == pytest.approx(1)
    assert weight_correlation(model, copy.deepcopy(model).to(torch.bfloat16)) == pytest.approx(1, abs=1e-4)


def test_only_what_the_first_model_trains_counts(make):
    one, other = make(1), make(2)
    expected = weight_correlation(one, other)
    other.frozen.weight.data.mul_(100)
    assert weight_correlation(one, other.requires_grad_(False)) == expected


def test_weights_tied_in_the_second_model_alone_are_found():
    one, other = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    other[1].weight = other[0].weight
    expected = np.corrcoef(one[1].weight.detach().flatten(), other[0].weight.detach().flatten())[0, 1]
    assert weight_correlations(one, other)["1.weight"] == pytest.approx(expected)


@pytest.mark.parametrize("compare", [weight_correlation, weight_correlations])
def test_models_of_another_shape_are_refused(compare):
    with pytest.raises(InputError, match=r"'weight' has shape \(2, 3\) in the first and \(2, 4\) in the second one"):
        compare(nn.Linear(3, 2), nn.Linear(4, 2))
    with pytest.raises(InputError, match="parameter 'bias' is missing in the second one"):
        compare(nn.Linear(3, 2), nn.Linear(3, 2, bias=False))
    with pytest.raises(InputError, match="parameter 'bias' is missing in the first one"):
        compare(nn.Linear(3, 2, bias=False), nn.Linear(3, 2))
