"""Adversarial training with FGSM examples."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from warmstart.basics import InputError
from warmstart.penalties import Adversarial, adversarial, fgsm

WEIGHT = [[0.5, -1.0, 0.0], [-0.25, 2.0, 0.0]]
INPUTS = [[0.2, 0.4, 1.0], [-0.3, 0.1, 2.0]]
LABELS = [0, 1]


def moved_by_hand(epsilon):
    """On a linear model, d loss / d x_j = sum_k (p_k - [k = y]) w_kj: with two classes, p_other (w_other - w_y)."""
    examples = []
    for row, label in zip(INPUTS, LABELS, strict=True):
        slopes = [other - own for own, other in zip(WEIGHT[label], WEIGHT[1 - label], strict=True)]
        examples.append([x + epsilon * ((s > 0) - (s < 0)) for x, s in zip(row, slopes, strict=True)])
    return examples


def loss_by_hand(rows):
    losses = []
    for row, label in zip(rows, LABELS, strict=True):
        scores = [sum(w * x for w, x in zip(weights, row, strict=True)) for weights in WEIGHT]
        losses.append(math.log(sum(math.exp(score) for score in scores)) - scores[label])
    return sum(losses) / len(losses)


@pytest.fixture
def linear():
    layer = nn.Linear(3, 2, bias=False)
    layer.weight.data = torch.tensor(WEIGHT)
    return layer


def test_examples_on_a_linear_model_are_those_by_hand(linear):
    found = fgsm(linear, torch.tensor(INPUTS), labels=torch.tensor(LABELS), epsilon=0.1)
    torch.testing.assert_close(found, torch.tensor(moved_by_hand(0.1)))


def test_inputs_that_do_not_matter_stay(linear):
    found = fgsm(linear, torch.tensor(INPUTS), labels=torch.tensor(LABELS), epsilon=0.1)
    assert torch.equal(found[:, 2], torch.tensor(INPUTS)[:, 2])


def test_the_term_on_a_linear_model_is_that_by_hand(linear):
    found = Adversarial(0.7, epsilon=0.1)(linear, torch.tensor(INPUTS), torch.tensor(LABELS), torch.zeros(2, 2))
    assert found.item() == pytest.approx(0.7 * loss_by_hand(moved_by_hand(0.1)), rel=1e-5)


def test_its_gradient_takes_the_examples_as_constants(model, inputs, labels):
    examples = fgsm(model, inputs, labels=labels, epsilon=0.1)
    adversarial(model, inputs, labels=labels, strength=1.0, epsilon=0.1).backward()
    expected = torch.autograd.grad(F.cross_entropy(model(examples), labels), model.conv.weight)[0]
    torch.testing.assert_close(model.conv.weight.grad, expected)


def test_examples_mislead(model, inputs, labels):
    losses = [
        adversarial(model, inputs, labels=labels, strength=1.0, epsilon=epsilon).item() for epsilon in (0, 0.01, 0.1)
    ]
    assert losses[0] == pytest.approx(F.cross_entropy(model(inputs), labels).item())
    assert losses == sorted(losses)


def test_bounds_clip_the_examples(linear):
    found = fgsm(linear, torch.tensor(INPUTS), labels=torch.tensor(LABELS), epsilon=5.0, bounds=(-0.5, 1.5))
    assert (found.min().item(), found.max().item()) == (-0.5, 1.5)


def test_running_statistics_are_those_of_the_unmoved_inputs_alone(model, inputs, labels):
    logits = model(inputs)
    term = Adversarial(1.0, epsilon=5.0)(model, inputs, labels, logits)
    (F.cross_entropy(logits, labels) + term).backward()
    assert model.norm.num_batches_tracked.item() == 1
    expected = 0.1 * model.conv(inputs).mean((0, 2, 3))
    torch.testing.assert_close(model.norm.running_mean, expected)


def test_batch_norm_in_training_normalizes_examples_by_their_own_batch(inputs, labels):
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(16, affine=False), nn.Linear(16, 3))
    examples = fgsm(model, inputs, labels=labels, epsilon=0.5)
    flat = examples.flatten(1)
    normal = (flat - flat.mean(0)) / (flat.var(0, unbiased=False) + 1e-5).sqrt()
    expected = F.cross_entropy(model[2](normal), labels).item()
    found = adversarial(model, inputs, labels=labels, strength=1.0, epsilon=0.5)
    assert found.item() == pytest.approx(expected, rel=1e-4)


def test_earlier_gradients_are_kept(linear):
    linear.weight.grad = torch.ones(2, 3)
    fgsm(linear, torch.tensor(INPUTS), labels=torch.tensor(LABELS), epsilon=0.1)
    assert torch.equal(linear.weight.grad, torch.ones(2, 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilon": -0.1}, r"epsilon must lie in \[0, inf\), got -0.1"),
        ({"epsilon": 0.1, "bounds": (1.0, 0.0)}, r"bounds must be a lower and a higher number, got \(1.0, 0.0\)"),
        ({"epsilon": 0.1, "bounds": (0.0, math.nan)}, "bounds must be a lower and a higher number"),
    ],
)
def test_options_out_of_range_are_refused(linear, options, message):
    with pytest.raises(InputError, match=message):
        Adversarial(1.0, **options)
    with pytest.raises(InputError, match=message):
        fgsm(linear, torch.tensor(INPUTS), labels=torch.tensor(LABELS), **options)


def test_whole_numbers_as_inputs_are_refused(linear):
    with pytest.raises(InputError, match=r"inputs must be floating point .* got torch.int64"):
        fgsm(linear, torch.ones(2, 3, dtype=torch.int64), labels=torch.tensor(LABELS), epsilon=0.1)
