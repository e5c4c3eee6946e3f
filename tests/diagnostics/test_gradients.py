"""Gradient norms against a sum by hand, sample by sample, and independence from how they are computed."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from samples import blobs, pictures
from warmstart.basics import InputError, generator_for
from warmstart.diagnostics import gradient_norm, gradient_norms
from warmstart.models import ResNet18
from warmstart.training import Recipe, StopRule, TensorData, fit

SIZES = [1, 3, 10, 1024]


def by_hand(model, data):
    """The norm of the mean of the samples' gradients, each from a backward pass of its own, number by number."""
    sums: list[float] = []
    for index in range(len(data)):
        inputs, labels = data.batch(torch.tensor([index]))
        model.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        flat = [value for grad in grads for value in grad.flatten().tolist()]
        sums = [one + other for one, other in zip(sums or [0.0] * len(flat), flat, strict=True)]
    model.zero_grad()
    return math.sqrt(sum((value / len(data)) ** 2 for value in sums))


@pytest.mark.parametrize("batch_size", SIZES)
def test_the_norm_is_that_of_the_samples_mean_gradient(make, batch_size):
    model = make().eval()
    assert gradient_norm(model, blobs(10), batch_size=batch_size) == pytest.approx(by_hand(model, blobs(10)), rel=1e-5)


@pytest.mark.parametrize("batch_size", SIZES)
@pytest.mark.parametrize("training", [False, True])
def test_the_batch_size_does_not_matter_without_normalization_by_batch(batch_size, training):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 2))
    expected = gradient_norm(model, pictures(10), batch_size=10, training=training)
    assert gradient_norm(model, pictures(10), batch_size=batch_size, training=training) == pytest.approx(expected)


def test_training_mode_normalizes_by_the_batch():
    model, data = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3)).eval(), blobs(12)
    normal = (data.inputs - data.inputs.mean(0)) / (data.inputs.var(0, correction=0) + 1e-5).sqrt()
    loss = F.cross_entropy(model[1](normal * model[0].weight + model[0].bias), data.labels)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    expected = math.hypot(*(gradient.norm().item() for gradient in gradients))
    assert gradient_norm(model, data, training=True) == pytest.approx(expected, rel=1e-5)
    assert gradient_norm(model, data) != pytest.approx(expected, rel=1e-2)


def test_layers_in_evaluation_mode_of_a_training_model_stay_so():
    model, data = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3)), blobs(12)
    model[0].eval()
    assert gradient_norm(model, data, training=True) == gradient_norm(model, data)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.usefixtures("untouched_globals")
def test_the_model_and_the_global_generator_are_left_as_they_were(make, training):
    model, data = make().eval(), blobs(10)
    F.cross_entropy(model(data.inputs), data.labels).backward()
    model.train().frozen.eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    grads = {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()}
    modes = [module.training for module in model.modules()]
    gradient_norm(model, data, batch_size=4, training=training)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(p.grad is grads[name] or torch.equal(p.grad, grads[name]) for name, p in model.named_parameters())
    assert [module.training for module in model.modules()] == modes


def test_dropout_is_decided_by_the_generator_alone():
    model, data = nn.Sequential(nn.Linear(4, 3), nn.Dropout()), blobs(10)
    norms = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(norms))
        norms.append(gradient_norm(model, data, training=True, generator=generator_for(seed)))
    assert norms[0] == norms[1] != norms[2]
    assert gradient_norm(model, data, training=True) == gradient_norm(model, data, training=True)


def test_dropout_is_off_in_evaluation_mode():
    linear = nn.Linear(4, 3)
    assert gradient_norm(nn.Sequential(linear, nn.Dropout()), blobs(10)) == gradient_norm(linear, blobs(10))


def test_only_trainable_parameters_count(make):
    model, data = make().eval(), blobs(10)
    model.requires_grad_(False)
    model.head.bias.requires_grad_(True)
    wrong = model(data.inputs).softmax(1) - F.one_hot(data.labels, 3)
    assert gradient_norm(model, data) == pytest.approx(wrong.mean(0).norm().item(), rel=1e-5)


def test_no_gradient_context_is_needed(make):
    model = make()
    expected = gradient_norm(model, blobs(10))
    with torch.no_grad():
        assert gradient_norm(model, blobs(10)) == expected


def test_a_lost_model_has_no_finite_gradient():
    model = nn.Linear(4, 3)
    nn.init.constant_(model.weight, math.nan)
    assert not math.isfinite(gradient_norm(model, blobs(6)))


def test_parts_stand_side_by_side_each_as_alone(make):
    model, parts = make(), {"new": blobs(6, seed=1), "old": blobs(10)}
    options = {"batch_size": 4, "training": True}
    found = gradient_norms(model, parts, **options)
    assert list(found.items()) == [(name, gradient_norm(model, data, **options)) for name, data in parts.items()]


def test_parts_draw_from_the_generator_one_after_the_other():
    model, data = nn.Sequential(nn.Linear(4, 3), nn.Dropout()), blobs(10)
    found = gradient_norms(model, {"one": data, "same": data}, training=True, generator=generator_for(0))
    assert found["one"] != found["same"]


def test_a_trained_model_is_pulled_harder_by_what_it_has_not_seen():
    """The claim that the function is for: after a first round, new data pull harder than old ones."""
    old, new = blobs(60), blobs(60, seed=1)
    unlike_old = TensorData(new.inputs, (new.labels + 1) % 3)
    model = nn.Linear(4, 3)
    fit(model, old, recipe=Recipe(learning_rate=0.1), stop=StopRule(max_epochs=50), generator=generator_for(0))
    norms = gradient_norms(model, {"old": old, "new": unlike_old})
    assert norms["new"] > 10 * norms["old"]


@pytest.mark.parametrize("training", [False, True])
def test_a_residual_network_on_pictures_gives_a_finite_norm(training):
    model = ResNet18(width=2).build((1, 8, 8), 2, generator=generator_for(0))
    assert 0 < gradient_norm(model, pictures(8), batch_size=3, training=training) < math.inf


@pytest.mark.parametrize("measure", [gradient_norm, lambda model, data: gradient_norms(model, {"a": data})])
def test_nothing_to_measure_is_refused(measure):
    with pytest.raises(InputError, match="data must hold at least one sample to take a gradient on, got 0"):
        measure(nn.Linear(4, 3), blobs(6).take(torch.tensor([], dtype=torch.int64)))
    with pytest.raises(InputError, match="model must have at least one trainable parameter, got none"):
        measure(nn.Linear(4, 3).requires_grad_(False), blobs(6))


def test_a_batch_size_of_nothing_is_refused():
    with pytest.raises(InputError, match="batch_size must be a whole number of at least 1, got 0"):
        gradient_norm(nn.Linear(4, 3), blobs(6), batch_size=0)
