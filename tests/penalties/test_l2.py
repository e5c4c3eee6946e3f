"""L2."""

import copy

import pytest
import torch
from torch import nn

from warmstart.penalties import L2, l2


def test_is_half_the_strength_times_the_sum_of_squares(model, numbers):
    expected = 0.3 / 2 * sum(number**2 for number in numbers(model))
    assert l2(model, strength=0.3).item() == pytest.approx(expected, rel=1e-5)


def test_tied_weights_count_once():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    nn.init.constant_(model[0].weight, 3.0)
    assert l2(model, strength=2.0).item() == 36.0


def test_a_step_of_plain_sgd_is_that_of_its_weight_decay(model, inputs, labels):
    twin = copy.deepcopy(model)
    plain = torch.optim.SGD(model.parameters(), lr=0.1)
    decaying = torch.optim.SGD(twin.parameters(), lr=0.1, weight_decay=0.05)
    logits = model(inputs)
    (nn.functional.cross_entropy(logits, labels) + L2(0.05)(model, inputs, labels, logits)).backward()
    nn.functional.cross_entropy(twin(inputs), labels).backward()
    plain.step()
    decaying.step()
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_large_parameters_of_half_precision_do_not_overflow():
    model = nn.Linear(1, 1, bias=False).half()
    nn.init.constant_(model.weight, 1000.0)
    assert l2(model, strength=1.0).item() == 500_000.0
