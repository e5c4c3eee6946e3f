"""Elastic weight consolidation."""

import math

import pytest
import torch
from torch import nn

from warmstart.basics import InputError
from warmstart.penalties import EWC, BoundEWC, ewc, fisher_diagonal


def random_like(model):
    return {name: torch.rand(parameter.shape) for name, parameter in model.named_parameters()}


def test_is_half_the_strength_times_the_weighted_squared_distance(model, numbers):
    fisher, anchor = random_like(model), random_like(model)
    triples = zip(numbers(model), numbers(model, fisher), numbers(model, anchor), strict=True)
    expected = 0.3 / 2 * sum(weight * (now - then) ** 2 for now, weight, then in triples)
    assert ewc(model, fisher, anchor=anchor, strength=0.3).item() == pytest.approx(expected, rel=1e-5)


def test_after_holds_what_the_batches_need(model, inputs, labels):
    penalty = EWC.after(model, [(inputs, labels)], strength=4.0)
    fisher = fisher_diagonal(model, [(inputs, labels)])
    assert penalty(model, inputs, labels, model(inputs)).item() == 0
    with torch.no_grad():
        model.head.bias += 2.0
    expected = 4.0 / 2 * fisher["head.bias"].sum().item() * 4
    assert penalty(model, inputs, labels, model(inputs)).item() == pytest.approx(expected, rel=1e-5)


def test_the_minimum_with_a_quadratic_loss_is_the_mean_weighted_by_information():
    """Of (theta - goal)^2 / 2 + strength F (theta - anchor)^2 / 2: (goal + strength F anchor) / (1 + strength F)."""
    model, goal = nn.Linear(2, 1, bias=False), torch.tensor([[1.0, 1.0]])
    penalty = BoundEWC(2.0, {"weight": torch.tensor([[0.0, 1.5]])}, {"weight": torch.tensor([[-1.0, -1.0]])})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    for _ in range(200):
        optimizer.zero_grad()
        distance = (model.weight - goal).square().sum() / 2
        (distance + penalty(model, goal, goal, goal)).backward()
        optimizer.step()
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[1.0, -0.5]]))


def test_live_parameters_as_anchor_are_copied(model, inputs, labels):
    ones = {name: torch.ones_like(parameter) for name, parameter in model.named_parameters()}
    penalty = BoundEWC(1.0, ones, dict(model.named_parameters()))
    with torch.no_grad():
        model.head.bias += 2.0
    assert penalty(model, inputs, labels, model(inputs)).item() == pytest.approx(3 * 4 / 2)


@pytest.mark.parametrize("owner", ["fisher", "anchor"])
def test_a_missing_parameter_is_named_with_its_owner(model, owner):
    stored = {"fisher": random_like(model), "anchor": random_like(model)}
    del stored[owner]["conv.weight"]
    with pytest.raises(InputError, match=f"{owner} must hold every trainable parameter .* 'conv.weight' is missing"):
        ewc(model, stored["fisher"], anchor=stored["anchor"], strength=1.0)


def test_parameters_that_were_frozen_then_are_missing_once_they_train(model, inputs, labels):
    penalty = EWC.after(model, [(inputs, labels)], strength=1.0)
    model.frozen.requires_grad_(True)
    with pytest.raises(InputError, match=r"fisher must hold .* 'frozen.weight' is missing"):
        penalty(model, inputs, labels, model(inputs))


def test_another_head_is_refused(model, inputs, labels):
    penalty = EWC.after(model, [(inputs, labels)], strength=1.0)
    model.head = nn.Linear(5, 7)
    with pytest.raises(InputError, match=r"'head.weight' in the model's shape \(7, 5\), got \(3, 5\)"):
        penalty(model, inputs, labels, model(inputs))


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_information_out_of_range_is_refused(value):
    with pytest.raises(InputError, match=r"fisher of 'weight' must lie in \[0, inf\), got "):
        BoundEWC(1.0, {"weight": torch.tensor([0.5, value])}, {"weight": torch.zeros(2)})


def test_a_model_that_diverged_is_refused(labels):
    layer = nn.Linear(4, 3)
    nn.init.constant_(layer.weight, math.nan)
    with pytest.raises(InputError, match="fisher of 'weight' must lie in"):
        EWC.after(layer, [(torch.ones(6, 4), labels)], strength=1.0)
