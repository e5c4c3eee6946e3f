"""Confidence penalty."""

import math

import pytest
import torch

from warmstart.basics import InputError
from warmstart.penalties import confidence


def entropy(logits):
    weights = [math.exp(logit) for logit in logits]
    shares = [weight / sum(weights) for weight in weights]
    return -sum(share * math.log(share) for share in shares)


def test_is_minus_the_strength_times_the_mean_entropy():
    logits = torch.randn(5, 4)
    expected = -0.3 * sum(entropy(row) for row in logits.tolist()) / 5
    assert confidence(logits, strength=0.3).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("classes", [2, 10])
def test_is_lowest_where_all_classes_are_equal(classes):
    assert confidence(torch.zeros(3, classes), strength=2.0).item() == pytest.approx(-2 * math.log(classes))


def test_a_step_down_makes_predictions_less_sure():
    logits = torch.tensor([[2.0, 0.0, -1.0]], requires_grad=True)
    confidence(logits, strength=1.0).backward()
    softer = logits.detach() - 0.1 * logits.grad
    assert softer.softmax(1).max() < logits.softmax(1).max()


@pytest.mark.parametrize("sure", [[1000.0, 0.0], [0.0, -math.inf]])
def test_full_confidence_costs_nothing_and_stays_finite(sure):
    logits = torch.tensor([sure], requires_grad=True)
    term = confidence(logits, strength=1.0)
    term.backward()
    assert term.item() == 0
    assert logits.grad.isfinite().all()


def test_logits_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"logits must have shape \(samples, classes\), got \(3,\)"):
        confidence(torch.zeros(3), strength=1.0)
