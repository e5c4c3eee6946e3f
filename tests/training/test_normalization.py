"""The trap of running statistics, and the default that avoids it."""

import pytest
import torch
from torch import nn

from samples import blobs
from warmstart.basics import generator_for
from warmstart.models import ResNet18
from warmstart.strategies import shrink_perturb
from warmstart.training import (
    Recipe,
    StoppingRule,
    TensorData,
    evaluate,
    fit,
    recalibrate_,
    reset_statistics_,
)


def digits():
    datasets = pytest.importorskip("sklearn.datasets")
    bunch = datasets.load_digits()
    images = torch.from_numpy(bunch.images * (255 / 16)).to(torch.uint8)[:, None]
    return TensorData(images, torch.from_numpy(bunch.target))


def test_recalibration_is_the_mean_of_the_batches_statistics():
    data, norm = blobs(64), nn.BatchNorm1d(4)
    norm.running_mean.fill_(99.0)
    recalibrate_(norm, data, generator=generator_for(0), batch_size=16)
    torch.testing.assert_close(norm.running_mean, data.inputs.mean(0))
    order = torch.randperm(64, generator=generator_for(0))
    variances = torch.stack([data.inputs[part].var(0) for part in order.split(16)])
    torch.testing.assert_close(norm.running_var, variances.mean(0))


def test_recalibration_leaves_parameters_momentum_and_mode():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, momentum=0.3)).eval()
    before = [p.clone() for p in model.parameters()]
    recalibrate_(model, blobs(64), generator=generator_for(0))
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))
    assert model[1].momentum == 0.3
    assert not model.training


def test_recalibration_uses_no_more_samples_than_requested():
    seen = []
    model = nn.Sequential(nn.BatchNorm1d(4))
    model.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    recalibrate_(model, blobs(64), generator=generator_for(0), samples=20, batch_size=8)
    assert sum(seen) == 20


@pytest.mark.usefixtures("untouched_globals")
def test_recalibration_with_dropout_leaves_the_global_generator():
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout())
    recalibrate_(model, blobs(64), generator=generator_for(0))


def test_models_without_running_statistics_are_left_alone():
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.BatchNorm1d(4, track_running_stats=False))
    model.register_forward_hook(lambda *_: pytest.fail("there was nothing to estimate"))
    recalibrate_(model, blobs(64), generator=generator_for(0))


def test_reset_makes_statistics_those_of_a_new_layer():
    norm = nn.BatchNorm1d(4)
    norm(blobs(8).inputs)
    reset_statistics_(norm)
    assert all(
        torch.equal(value, dict(nn.BatchNorm1d(4).named_buffers())[name]) for name, value in norm.named_buffers()
    )


@pytest.mark.slow
def test_a_good_model_looks_useless_after_shrinking_until_it_is_recalibrated():
    """On digits: a short round after shrink-perturb fits the data, and evaluation mode does not show it."""
    data = digits()
    training, held_out = data.take(torch.arange(1198)), data.take(torch.arange(1198, 1797))
    architecture, recipe = ResNet18(width=8), Recipe()
    trained = architecture.build((1, 8, 8), 10, generator=generator_for(0))
    fit(trained, training, recipe=recipe, stop=StoppingRule(), generator=generator_for(1))
    fresh = architecture.build((1, 8, 8), 10, generator=generator_for(2))
    model = reset_statistics_(shrink_perturb(trained, fresh))
    result = fit(model, training, recipe=recipe, stop=StoppingRule(), generator=generator_for(3))
    assert result.history[-1].train_score >= 0.99
    assert evaluate(model, held_out).accuracy < 0.8
    recalibrate_(model, training, generator=generator_for(4))
    assert evaluate(model, held_out).accuracy > 0.9
