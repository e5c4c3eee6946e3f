"""Every option of a recipe does what the plain loop does that people write for it."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from samples import blobs, pictures
from small_models import net
from warmstart.basics import InputError, generator_for
from warmstart.learners import Classifier, Regressor
from warmstart.models import MLP
from warmstart.training import (
    ClassWeights,
    Measure,
    OptimizerKind,
    Recipe,
    Schedule,
    StoppingRule,
    TensorData,
    fit,
)
from warmstart.training import _engine as engine
from warmstart.training._loss import CROSS_ENTROPY, Objective, SquaredError, balanced_weights
from warmstart.training._schedule import rate_factor

DATA = blobs(60)
EPOCHS = 4
STEPS = EPOCHS * 4
STOP = StoppingRule(None, patience=None, max_epochs=EPOCHS)
SGD = {"optimizer": OptimizerKind.SGD, "learning_rate": 0.1, "momentum": 0.9, "batch_size": 16}
ADAMW = {"optimizer": OptimizerKind.ADAMW, "learning_rate": 0.02, "weight_decay": 0.3, "batch_size": 16}


def batches_of(data, seed, epochs=EPOCHS, size=16):
    """The batches that fit draws."""
    generator = generator_for(seed)
    torch.randint(2**62, (), generator=generator)  # the draw that seeds dropout
    for _ in range(epochs):
        order = torch.randperm(len(data), generator=generator)
        yield from order.tensor_split(math.ceil(len(data) / size))


def literal(model, data, optimizer, *, loss=F.cross_entropy, before=lambda: None, after=lambda: None):
    """The plainest loop."""
    model.train()
    for part in batches_of(data, 5):
        value = loss(model(data.inputs[part]), data.labels[part])
        optimizer.zero_grad()
        value.backward()
        before()
        optimizer.step()
        after()


def fitted(recipe, data=DATA, stop=STOP, seed=0, **options):
    model = net(seed)
    return model, fit(model, data, recipe=recipe, stop=stop, generator=generator_for(5), **options)


def assert_close(one, other, **options):
    for (name, value), other_value in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(
            value, other_value, msg=lambda text, name=name: f"{name}: {text}", rtol=1e-4, atol=1e-5, **options
        )


def test_adamw_is_pytorchs():
    # Without normalization: a bias before it has a gradient of rounding errors, which Adam brings to full size.
    fast, plain = (MLP(width=8).build((4,), 3, generator=generator_for(0)) for _ in range(2))
    literal(plain, DATA, torch.optim.AdamW(plain.parameters(), lr=0.02, weight_decay=0.3))
    fit(fast, DATA, recipe=Recipe(**ADAMW), stop=STOP, generator=generator_for(5))
    assert_close(fast, plain)


def test_decoupled_weight_decay_is_not_the_l2_term():
    coupled, _ = fitted(Recipe(**{**ADAMW, "optimizer": "adam"}))
    assert not torch.allclose(coupled[0].weight, fitted(Recipe(**ADAMW))[0][0].weight, atol=1e-3)


def test_nesterov_is_pytorchs():
    plain = net()
    literal(plain, DATA, torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9, nesterov=True))
    assert_close(fitted(Recipe(**SGD, nesterov=True))[0], plain)


def cosine(optimizer):
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS)


def one_cycle(optimizer, **options):
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=STEPS, cycle_momentum=False, **options)


def warmed_up(optimizer):
    rising = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / 4, total_iters=3)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS - 4)
    return torch.optim.lr_scheduler.SequentialLR(optimizer, [rising, falling], milestones=[4])


SCHEDULES = {
    "cosine": ({"schedule": "cosine"}, cosine),
    "one-cycle": ({"schedule": "one-cycle"}, one_cycle),
    "one-cycle, rising half": ({"schedule": "one-cycle", "warm_up": 0.5}, lambda o: one_cycle(o, pct_start=0.5)),
    "warm-up and cosine": ({"schedule": "cosine", "warm_up": 0.25}, warmed_up),
    "warm-up": (
        {"warm_up": 0.5},
        lambda o: torch.optim.lr_scheduler.LinearLR(o, start_factor=1 / 8, total_iters=7),
    ),
}


@pytest.mark.filterwarnings("ignore:Detected call of:UserWarning", "ignore:The epoch parameter:UserWarning")
@pytest.mark.parametrize("case", SCHEDULES)
def test_schedules_are_pytorchs(case):
    options, scheduler_of = SCHEDULES[case]
    plain = net()
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9)
    scheduler = scheduler_of(optimizer)
    rates = []
    literal(plain, DATA, optimizer, before=lambda: rates.append(optimizer.param_groups[0]["lr"]), after=scheduler.step)
    recipe = Recipe(**SGD, **options)
    factors = [rate_factor(recipe.schedule, step, STEPS, warm_up=recipe.warm_up) for step in range(STEPS)]
    assert [0.1 * factor for factor in factors] == pytest.approx(rates, rel=1e-6)
    assert_close(fitted(recipe)[0], plain)


def test_the_limit_on_steps_is_the_budget_where_it_is_less():
    seen = []

    class Noting(torch.optim.SGD):
        def step(self, closure=None):
            seen.append(self.param_groups[0]["lr"])
            return super().step(closure)

    model = net()
    recipe, stop = Recipe(**SGD, schedule="cosine"), StoppingRule(None, max_epochs=100, max_steps=6)
    fit(model, DATA, recipe=recipe, stop=stop, generator=generator_for(5), optimizer=Noting(model.parameters(), lr=0.2))
    assert seen == pytest.approx([0.1 * (1 + math.cos(math.pi * step / 6)) for step in range(6)])


def test_the_full_rate_is_back_after_every_epoch_and_a_callback_may_change_it():
    model = net()
    optimizer, rates = torch.optim.SGD(model.parameters(), lr=0.2), []

    def halve(_):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.param_groups[0]["lr"] /= 2

    fit(model, DATA, recipe=Recipe(**SGD, schedule="cosine"), stop=STOP, generator=generator_for(0),
        optimizer=optimizer, on_epoch=halve)  # fmt: skip
    assert rates == [0.2, 0.1, 0.05, 0.025]


def test_a_schedule_needs_to_know_how_long_a_loader_is():
    batches = [(DATA.inputs, DATA.labels)]

    class Endless:
        def __iter__(self):
            return iter(batches)

    recipe = Recipe(**SGD, schedule="cosine")
    with pytest.raises(InputError, match="max_steps must be given for the schedule cosine"):
        fitted(recipe, Endless())
    _, result = fitted(recipe, Endless(), StoppingRule(None, max_epochs=9, max_steps=3))
    assert result.cost.steps == 3
    assert fitted(recipe, batches)[1].cost.steps == EPOCHS


@pytest.mark.parametrize("norm", [0.05, 0.5, 1e9])
def test_gradients_are_clipped_as_pytorch_does(norm):
    plain = net()
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9)
    literal(plain, DATA, optimizer, before=lambda: nn.utils.clip_grad_norm_(plain.parameters(), norm))
    assert_close(fitted(Recipe(**SGD, clip_norm=norm))[0], plain)


UNEVEN = DATA.take(torch.cat([torch.arange(0, 60, 3), torch.arange(1, 60, 3)[:9], torch.arange(2, 60, 3)[:3]]))


def test_balanced_weights_are_scikit_learns():
    labels = UNEVEN.labels
    found = balanced_weights(labels)
    classes = labels.unique().numpy()
    assert found.tolist() == pytest.approx(compute_class_weight("balanced", classes=classes, y=labels.numpy()).tolist())
    assert found[labels].mean().item() == pytest.approx(1.0)
    assert balanced_weights(torch.tensor([0, 0, 3])).tolist() == pytest.approx([0.75, 0, 0, 1.5])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_weights_and_smoothing_are_those_of_the_plain_loop(smoothing):
    data = TensorData(UNEVEN.inputs, UNEVEN.labels, scale=1.0, offset=0.0)
    weights = torch.tensor(compute_class_weight("balanced", classes=np.arange(3), y=data.labels.numpy())).float()

    def loss(logits, labels):
        each = F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
        return (weights[labels] * each).mean()

    plain = net()
    literal(plain, data, torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9), loss=loss)
    recipe = Recipe(**SGD, class_weights="balanced", label_smoothing=smoothing)
    assert_close(fitted(recipe, data)[0], plain)


def test_balanced_gradients_are_those_of_repeated_samples():
    """A class of a third of the samples of another, at three times the weight, pulls as if each were there thrice."""
    labels = torch.tensor([0] * 6 + [1] * 2)
    inputs = torch.randn(8, 4, generator=generator_for(0))
    logits = nn.Linear(4, 2)
    weighted = Objective(CROSS_ENTROPY, weights=balanced_weights(labels))(logits(inputs), labels)
    found = torch.autograd.grad(weighted, logits.weight)[0]
    repeated = torch.cat([torch.arange(6), torch.arange(6, 8).repeat(3)])
    by_hand = torch.autograd.grad(F.cross_entropy(logits(inputs[repeated]), labels[repeated]), logits.weight)[0]
    torch.testing.assert_close(found, by_hand)


def test_smoothing_spreads_its_share_evenly():
    logits, labels = torch.randn(5, 3, generator=generator_for(1)), torch.tensor([0, 1, 2, 0, 1])
    target = 0.8 * F.one_hot(labels, 3) + 0.2 / 3
    by_hand = -(target * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(Objective(CROSS_ENTROPY, label_smoothing=0.2)(logits, labels), by_hand)


@pytest.mark.parametrize("options", [{}, {"step_shrink": 0.99}, {"clip_norm": 0.5}], ids=repr)
def test_averaged_weights_are_pytorchs(options):
    plain, recipe = net(), Recipe(**SGD, ema=0.8, **options)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9)
    average = AveragedModel(plain, multi_avg_fn=get_ema_multi_avg_fn(0.8), use_buffers=True)

    def after():
        recipe.after_step_(plain)
        average.update_parameters(plain)

    literal(plain, DATA, optimizer, before=lambda: recipe.clip_(plain), after=after)
    model, _ = fitted(recipe)
    for (name, value), by_hand in zip(model.state_dict().items(), average.module.state_dict().values(), strict=True):
        if value.is_floating_point():  # the counter of batches keeps its last value
            torch.testing.assert_close(value, by_hand, msg=name, rtol=1e-4, atol=1e-5)
    assert int(model[1].num_batches_tracked) == STEPS


def test_callbacks_and_measured_scores_see_the_average_and_training_goes_on_without_it():
    recipe, seen = Recipe(**SGD, ema=0.9), []
    model = net()
    stop = StoppingRule(None, max_epochs=3, measure=Measure.EVALUATION)
    result = fit(model, DATA, recipe=recipe, stop=stop, generator=generator_for(5),
                 on_epoch=lambda report: seen.append(model[0].weight.detach().clone()))  # fmt: skip
    # What an uninterrupted average of as many epochs comes to.
    for epochs, weight in enumerate(seen, 1):
        other, _ = fitted(recipe, stop=StoppingRule(None, max_epochs=epochs))
        torch.testing.assert_close(weight, other[0].weight)
    assert torch.equal(model[0].weight, seen[-1])
    assert len(result.history) == 3


def test_one_step_of_an_average_is_the_step():
    stop = StoppingRule(None, max_steps=1)
    averaged, _ = fitted(Recipe(**SGD, ema=0.999), stop=stop)
    assert_close(averaged, fitted(Recipe(**SGD), stop=stop)[0])


def test_options_at_their_defaults_change_no_bit():
    before, _ = fitted(Recipe(**SGD))
    given = Recipe(
        **SGD, nesterov=False, schedule="constant", warm_up=0, clip_norm=None, class_weights="none",
        label_smoothing=0, augmentation=(), ema=0,
    )  # fmt: skip
    after, result = fitted(given)
    assert all(torch.equal(one, other) for one, other in zip(before.parameters(), after.parameters(), strict=True))
    assert result.notes == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warm_up": 1}, r"warm_up must lie in \[0, 1\), got 1"),
        ({"clip_norm": 0}, r"clip_norm must lie in \(0, inf\), got 0"),
        ({"label_smoothing": 1}, r"label_smoothing must lie in \[0, 1\), got 1"),
        ({"ema": 1}, r"ema must lie in \[0, 1\), got 1"),
        ({"schedule": "linear"}, "Unknown schedule 'linear'"),
        ({"class_weights": "even"}, "Unknown class_weights 'even'"),
        ({"augmentation": ("flap",)}, "Unknown augmentation 'flap': did you mean 'flip'"),
        ({"augmentation": ("flip", "flip")}, "augmentation must name each change once, got flip,flip"),
        ({"augmentation": "flip"}, "augmentation must be a list of flip, crop and cutout, got flip"),
        ({"nesterov": True}, "nesterov must be false without momentum"),
        ({"momentum": 0.9, "optimizer": "adamw"}, "momentum must be 0 with adamw"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Recipe(**options)


NUMBERS = TensorData(torch.randn(30, 4, generator=generator_for(0)), torch.randn(30, generator=generator_for(1)))


@pytest.mark.parametrize(
    ("options", "data", "message"),
    [
        ({"class_weights": "balanced"}, NUMBERS, "class_weights must be none for numbers as targets"),
        ({"label_smoothing": 0.1}, NUMBERS, r"label_smoothing must be 0 for numbers as targets.* got 0\.1"),
        ({"class_weights": "balanced"}, [(DATA.inputs, DATA.labels)], "class_weights must be none for a loader"),
        ({"augmentation": ("flip",)}, DATA, r"augmentation must be empty for samples of shape \(4,\), got flip"),
        ({"augmentation": ("flip",)}, [(DATA.inputs, DATA.labels)], "augmentation must be empty for samples of shape"),
    ],
)
def test_options_that_do_not_fit_the_data_are_refused(options, data, message):
    loss = SquaredError() if data is NUMBERS else CROSS_ENTROPY
    with pytest.raises(InputError, match=message):
        fitted(Recipe(**options), data, loss=loss)


def test_a_regressor_refuses_what_needs_classes_when_it_is_made():
    with pytest.raises(InputError, match="class_weights must be none for numbers as targets"):
        Regressor(MLP(), Recipe(class_weights=ClassWeights.BALANCED))
    assert Classifier(MLP(), Recipe(class_weights=ClassWeights.BALANCED)).recipe.class_weights == "balanced"


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_sparse_gradients_are_refused_where_they_cannot_be_used(kind):
    model = nn.Sequential(nn.EmbeddingBag(9, 3, sparse=True))
    options = {"clip_norm": 1.0} if kind == "sgd" else {}
    with pytest.raises(InputError, match="model must have dense gradients"):
        Recipe(optimizer=kind, **options).build_optimizer(model)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"schedule": Schedule.COSINE, "ema": 0.5}, "schedule, ema"),
        ({"warm_up": 0.5, "clip_norm": 1.0}, "warm_up, clip_norm"),
        ({"augmentation": ("flip",)}, "augmentation"),
    ],
)
def test_with_these_options_steps_are_plain_and_a_note_says_so(options, names, monkeypatch):
    monkeypatch.setattr(engine, "recorder", lambda *_: pytest.fail)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    result = fit(model, pictures(40), recipe=Recipe(batch_size=8, **options), stop=STOP, generator=generator_for(0),
                 graphs=True)  # fmt: skip
    assert result.notes == (f"Steps are not recorded: {names} of the recipe need the host.",)


def test_weights_and_smoothing_can_be_recorded(monkeypatch):
    recorded = []
    monkeypatch.setattr(engine, "recorder", lambda *_: lambda function: recorded.append(1) or function)
    recipe = Recipe(**SGD, class_weights="balanced", label_smoothing=0.1)
    found, result = fitted(recipe, graphs=True)
    monkeypatch.setattr(engine, "recorder", lambda *_: None)
    assert recorded
    assert result.notes == ()
    assert_close(found, fitted(recipe)[0])
