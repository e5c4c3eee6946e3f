"""Regression trains as a plain loop does, with every loss, from tensors and loaders, and stops by its own score."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from small_models import TABLE
from warmstart.basics import InputError, generator_for
from warmstart.penalties import L2
from warmstart.training import (
    AbsoluteError,
    CrossEntropy,
    Huber,
    Measure,
    Recipe,
    SquaredError,
    StoppingRule,
    StopReason,
    TensorData,
    choose_memory_format,
    evaluate,
    evaluate_samples,
    fit,
    predict,
    recalibrate_,
)
from warmstart.training import _engine as engine

RECIPE = Recipe(optimizer="sgd", learning_rate=0.05, momentum=0.9, batch_size=16)
LOSSES = {
    "squared": (SquaredError(), F.mse_loss),
    "absolute": (AbsoluteError(), F.l1_loss),
    "huber": (Huber(0.3), lambda outputs, targets, **given: F.huber_loss(outputs, targets, delta=0.3, **given)),
}


def task(outputs, count=60):
    """A smooth function of four numbers with a little noise; targets (n,) for ``outputs`` None."""
    generator = generator_for("regression")
    inputs = torch.randn(count, 4, generator=generator)
    targets = torch.tanh(inputs @ torch.randn(4, outputs or 1, generator=generator))
    targets = targets + 0.05 * torch.randn(targets.shape, generator=generator)
    return TensorData(inputs, targets if outputs else targets[:, 0])


def net(outputs=1, *, squeezed=False):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, outputs or 1)]
        return nn.Sequential(*layers, *([nn.Flatten(0)] if squeezed else []))


def trained(model, data, **options):
    given = {"recipe": RECIPE, "stop": StoppingRule(None, max_epochs=3), "generator": generator_for(5), **options}
    return fit(model, data, **given)


def plain_loop(model, data, loss, epochs=3):
    """Return each epoch's mean loss over its samples; the same order and the same batches as ``fit``."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    generator, means = generator_for(5), []
    torch.randint(2**62, (), generator=generator)  # the draw that seeds dropout
    for _ in range(epochs):
        total = 0.0
        for part in torch.randperm(len(data), generator=generator).tensor_split(math.ceil(len(data) / 16)):
            targets = data.labels[part].reshape(len(part), -1)
            value = loss(model(data.inputs[part]).reshape(len(part), -1), targets)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            total += value.item() * len(part)
        means.append(total / len(data))
    return means


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("outputs", [None, 1, 3])
def test_fit_is_the_plain_loop(name, outputs):
    loss, plain_loss = LOSSES[name]
    data, fast, plain = task(outputs), net(outputs), net(outputs)
    result = trained(fast, data, loss=loss)
    means = plain_loop(plain, data, plain_loss)
    for one, other in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    assert [report.train_loss for report in result.history] == pytest.approx(means, rel=1e-5)
    assert [report.train_score for report in result.history] == pytest.approx([-mean for mean in means], rel=1e-5)
    assert result.cost.flops == result.cost.samples * 2 * (3 * (4 * 8 + 8 * (outputs or 1)) - 4 * 8)


def test_a_model_that_returns_one_number_per_sample_trains_alike():
    column, flat, data = net(), net(squeezed=True), task(None)
    trained(column, data, loss=SquaredError())
    trained(flat, data, loss=SquaredError())
    for one, other in zip(column.parameters(), flat.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    assert evaluate_samples(flat, data, loss=SquaredError()).losses.shape == (60,)


@pytest.mark.parametrize("outputs", [None, 3])
def test_a_loader_of_targets_trains(outputs):
    data, fast, plain = task(outputs), net(outputs), net(outputs)
    loader = DataLoader(TensorDataset(data.inputs, data.labels.double()), 15)
    trained(fast, loader, loss=SquaredError())
    optimizer = RECIPE.build_optimizer(plain)
    for _ in range(3):
        for inputs, targets in loader:
            optimizer.zero_grad()
            F.mse_loss(plain(inputs), targets.float().reshape(len(inputs), -1)).backward()
            optimizer.step()
    for one, other in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    from_loader, from_tensors = (evaluate_samples(fast, each, loss=SquaredError()) for each in (loader, data))
    torch.testing.assert_close(from_loader.losses, from_tensors.losses)
    torch.testing.assert_close(predict(fast, loader), predict(fast, data))


@pytest.mark.parametrize("name", LOSSES)
def test_each_sample_has_its_loss_score_and_output(name):
    loss, plain_loss = LOSSES[name]
    data, model = task(3), net(3)
    found = evaluate_samples(model, data, loss=loss, batch_size=7)
    outputs = model(data.inputs).detach()
    torch.testing.assert_close(found.outputs, outputs)
    assert torch.equal(found.targets, data.labels)
    torch.testing.assert_close(found.losses, plain_loss(outputs, data.labels, reduction="none").mean(1))
    assert torch.equal(found.scores, -found.losses)
    assert not found.losses.requires_grad


def test_samples_of_a_classifier_have_their_hits():
    model = nn.Linear(4, 3)
    found, whole = evaluate_samples(model, TABLE, loss=CrossEntropy()), evaluate(model, TABLE)
    assert found.scores.double().mean().item() == whole.accuracy
    assert found.losses.mean().item() == pytest.approx(whole.loss, rel=1e-5)
    assert torch.equal(found.outputs.argmax(1) == TABLE.labels, found.scores)


def test_a_target_in_the_unit_of_the_score_ends_the_round():
    result = trained(net(), task(None), loss=SquaredError(), stop=StoppingRule(train_score=-0.1))
    assert result.stop_reason is StopReason.CONVERGED
    assert result.history[-1].train_score >= -0.1 > result.history[-2].train_score


def test_a_plateau_of_the_training_loss_ends_the_round():
    still = Recipe(optimizer="sgd", learning_rate=1e-30, batch_size=60)
    result = trained(net(), task(None), loss=AbsoluteError(), recipe=still, stop=StoppingRule(patience=3))
    assert result.stop_reason is StopReason.PLATEAU
    assert 4 <= len(result.history) < 40  # sums in another order differ in the last bits


def test_the_score_by_evaluation_is_minus_the_mean_loss_of_a_pass():
    data, model = task(3), nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    stop = StoppingRule(None, max_epochs=2, measure=Measure.EVALUATION)
    result = trained(model, data, loss=SquaredError(), stop=stop)
    recalibrate_(model, data, generator=generator_for(0))
    mean = evaluate_samples(model, data, loss=SquaredError()).losses.mean().item()
    assert result.history[-1].train_score == pytest.approx(-mean, rel=1e-3)


def test_a_penalty_is_part_of_the_loss_and_not_of_the_score():
    still = Recipe(optimizer="sgd", learning_rate=1e-30, batch_size=60)
    stop, data, model = StoppingRule(None, max_epochs=1), task(None), net()
    plain, penalized = (
        trained(model, data, loss=SquaredError(), recipe=still, stop=stop, penalty=penalty).history[0]
        for penalty in (None, L2(0.3))
    )
    assert penalized.train_score == pytest.approx(plain.train_score, rel=1e-5)
    assert penalized.train_loss > plain.train_loss


def test_a_diverging_regression_ends_at_once():
    wild = Recipe(optimizer="sgd", learning_rate=1e30, batch_size=16)
    result = trained(net(), task(None), loss=SquaredError(), recipe=wild, stop=StoppingRule())
    assert (result.stop_reason, len(result.history) <= 3) == (StopReason.DIVERGED, True)


def test_recorded_steps_give_the_plain_loops_bits(monkeypatch):
    data, recorded, plain = task(3, 61), net(3), net(3)
    recordings = []
    monkeypatch.setattr(engine, "recorder", lambda *_: lambda step: recordings.append(step) or step)
    found = trained(recorded, data, loss=Huber(), graphs=True)
    wanted = trained(plain, data, loss=Huber())
    assert recordings
    assert found.notes == ()
    assert found.history == wanted.history
    assert all(torch.equal(a, b) for a, b in zip(recorded.parameters(), plain.parameters(), strict=True))


def test_images_are_tried_in_both_memory_formats():
    images = TensorData(torch.randn(20, 3, 6, 6), torch.randn(20, 2))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(64, 2))
    flops, channels_last = choose_memory_format(model, images, 8, None, loss=SquaredError())
    assert flops is not None
    assert channels_last
    assert trained(model, images, loss=SquaredError()).cost.flops == flops * 60


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_a_model_of_another_precision_gets_targets_of_its_own(dtype):
    data, model = task(3), net(3).to(dtype)
    outputs = model(data.inputs.to(dtype)).detach()
    found = evaluate_samples(model, data, loss=SquaredError())
    wanted = (outputs.to(torch.promote_types(dtype, torch.float32)) - data.labels).square().mean(1)
    torch.testing.assert_close(found.losses, wanted.to(found.losses.dtype), rtol=1e-3, atol=1e-5)
    trained(model.double(), data, loss=SquaredError())


@pytest.mark.parametrize("kind", ["float64", "float16", "longdouble", ">f4"])
def test_targets_of_every_type_become_float32(kind):
    data = TensorData(np.zeros((3, 2), "float32"), np.array([0.5, 1.0, -2.0]).astype(kind))
    assert data.labels.dtype is torch.float32
    assert data.labels.tolist() == [0.5, 1.0, -2.0]
    assert data.take(torch.tensor([2, 0])).batch(torch.tensor([1]))[1].tolist() == [0.5]


@pytest.mark.parametrize(
    ("targets", "outputs", "loss", "message"),
    [
        (torch.randn(20), 2, SquaredError(), r"one output for each target, for targets of shape \(16?0?,\)"),
        (torch.randn(20, 3), 2, SquaredError(), "one output for each target"),
        (torch.randn(20), 2, CrossEntropy(), r"whole numbers.*pass a regression loss such as SquaredError\(\)"),
        (torch.full((20,), math.nan), 1, SquaredError(), r"targets must be finite, got nan in row 0"),
        (torch.arange(20.0).index_fill_(0, torch.tensor([7]), math.inf), 1, Huber(), "got inf in row 7"),
    ],
)
@pytest.mark.parametrize("call", ["fit", "evaluate"])
def test_targets_that_do_not_fit_are_refused(targets, outputs, loss, message, call):
    data, model = TensorData(torch.randn(20, 4), targets), net(outputs)
    before = model[0].weight.detach().clone()
    with pytest.raises(InputError, match=message):
        trained(model, data, loss=loss) if call == "fit" else evaluate_samples(model, data, loss=loss, batch_size=10)
    assert torch.equal(model[0].weight, before)


def test_a_later_batch_of_a_loader_with_a_bad_target_is_refused():
    good, bad = (torch.randn(8, 4), torch.zeros(8)), (torch.randn(8, 4), torch.full((8,), math.nan))
    with pytest.raises(InputError, match="targets must be finite, got nan in row 0"):
        trained(net(), [good, bad], loss=SquaredError())


@pytest.mark.parametrize("shape", [(3, 2, 2), (2,), ()])
def test_targets_of_other_shapes_are_no_targets(shape):
    with pytest.raises(InputError, match="labels must be one for each input"):
        TensorData(torch.zeros(3, 4), torch.zeros(shape))


@pytest.mark.parametrize("delta", [0, -1.0, math.inf, math.nan, "wide", None])
def test_a_delta_out_of_range_is_refused(delta):
    with pytest.raises(InputError, match="delta"):
        Huber(delta)


@pytest.mark.parametrize("value", [math.inf, math.nan, "low"])
def test_a_target_that_is_no_number_is_refused(value):
    with pytest.raises(InputError, match="train_score"):
        StoppingRule(train_score=value)


@pytest.mark.parametrize("value", ["mse", None, F.mse_loss, SquaredError])
def test_a_loss_of_another_kind_is_refused(value):
    with pytest.raises(InputError, match="loss must be a Loss"):
        trained(net(), task(None), loss=value)


class Averaging(nn.Linear):
    """Returns one number for the whole batch."""

    def forward(self, input):
        return super().forward(input).mean()


def test_a_model_without_an_output_per_sample_is_refused():
    with pytest.raises(InputError, match=r"one output for each target.* of shape \(\)"):
        evaluate_samples(Averaging(4, 1), task(None), loss=SquaredError())
