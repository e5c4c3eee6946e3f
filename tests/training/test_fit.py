import copy
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from samples import blobs, pictures
from warmstart.basics import InputError, generator_for
from warmstart.models import MLP, ResNet18
from warmstart.penalties import L2, Adversarial
from warmstart.training import (
    Measure,
    OptimizerKind,
    Recipe,
    StoppingRule,
    StopReason,
    evaluate,
    fit,
)

SGD = Recipe(optimizer=OptimizerKind.SGD, learning_rate=0.1, batch_size=16, momentum=0.9)
ADAM = Recipe(learning_rate=0.01, batch_size=16)


@pytest.fixture
def data():
    return blobs(60)


def mlp(seed=0, features=4, classes=3):
    return MLP(width=8).build((features,), classes, generator=generator_for(seed))


def parameters(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def literal_fit(model, data, recipe, epochs, seed):
    """The plainest loop: no fused update, no layout, no counting; the same order and the same batches."""
    model.train()
    if recipe.optimizer is OptimizerKind.SGD:
        optimizer = torch.optim.SGD(model.parameters(), lr=recipe.learning_rate, momentum=recipe.momentum, fused=False)
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate, foreach=False, fused=False)
    generator = generator_for(seed)
    torch.randint(2**62, (), generator=generator)  # the draw that seeds dropout
    accuracies = []
    for _ in range(epochs):
        order = torch.randperm(len(data), generator=generator).tolist()
        parts = math.ceil(len(order) / recipe.batch_size)
        right = 0
        for part in torch.tensor(order).tensor_split(parts):
            inputs = torch.stack([data.inputs[i].float() * data.scale + data.offset for i in part])
            logits = model(inputs)
            right += sum(int(row.argmax() == data.labels[i]) for row, i in zip(logits, part, strict=True))
            optimizer.zero_grad()
            F.cross_entropy(logits, data.labels[part]).backward()
            optimizer.step()
        accuracies.append(right / len(data))
    return accuracies


@pytest.mark.parametrize("recipe", [SGD, ADAM], ids=["sgd", "adam"])
def test_fit_is_the_plain_loop_on_tables(recipe, data):
    fast, plain = mlp(), mlp()
    result = fit(fast, data, recipe=recipe, stop=StoppingRule(None, max_epochs=4), generator=generator_for(5))
    accuracies = literal_fit(plain, data, recipe, 4, 5)
    torch.testing.assert_close(parameters(fast), parameters(plain), rtol=1e-5, atol=1e-6)
    assert [report.train_score for report in result.history] == pytest.approx(accuracies)


@pytest.mark.parametrize("recipe", [SGD, ADAM], ids=["sgd", "adam"])
def test_fit_is_the_plain_loop_on_images(recipe):
    data = pictures(40)
    fast, plain = (ResNet18(width=2).build((1, 8, 8), 2, generator=generator_for(0)) for _ in range(2))
    fit(fast, data, recipe=recipe, stop=StoppingRule(None, max_epochs=2), generator=generator_for(5))
    literal_fit(plain, data, recipe, 2, 5)
    torch.testing.assert_close(parameters(fast), parameters(plain), rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("untouched_globals")
def test_the_same_generator_gives_the_same_bits(data):
    models = [mlp(), mlp()]
    for model in models:
        fit(model, data, recipe=ADAM, stop=StoppingRule(None, max_epochs=3), generator=generator_for(1))
    assert torch.equal(parameters(models[0]), parameters(models[1]))


def test_dropout_is_decided_by_the_generator(data):
    first = nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3))
    second = copy.deepcopy(first)
    for model in (first, second):
        torch.rand(3)  # whatever the global generator did before
        fit(model, data, recipe=ADAM, stop=StoppingRule(None, max_epochs=2), generator=generator_for(1))
    assert torch.equal(parameters(first), parameters(second))


def test_it_ends_when_the_accuracy_is_reached(data):
    result = fit(mlp(), data, recipe=ADAM, stop=StoppingRule(0.9), generator=generator_for(0))
    assert result.stop_reason is StopReason.CONVERGED
    assert result.history[-1].train_score >= 0.9
    assert all(report.train_score < 0.9 for report in result.history[:-1])


def test_it_ends_on_a_plateau():
    data = blobs(40)
    hopeless = Recipe(learning_rate=1e-12)
    result = fit(mlp(), data, recipe=hopeless, stop=StoppingRule(patience=3), generator=generator_for(0))
    assert result.stop_reason is StopReason.PLATEAU
    assert len(result.history) == 4


def test_it_ends_at_the_limit_of_epochs(data):
    result = fit(mlp(), data, recipe=ADAM, stop=StoppingRule(1.0, max_epochs=2), generator=generator_for(0))
    assert (result.stop_reason, len(result.history)) == (StopReason.LIMIT, 2)


def test_it_ends_at_the_limit_of_steps_within_an_epoch(data):
    result = fit(mlp(), data, recipe=ADAM, stop=StoppingRule(1.0, max_steps=6), generator=generator_for(0))
    assert (result.stop_reason, result.cost.steps, len(result.history)) == (StopReason.LIMIT, 6, 2)
    assert result.cost.samples == 60 + 2 * 15


def test_it_ends_at_once_when_the_loss_is_not_finite(data):
    wild = Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e30)
    result = fit(mlp(), data, recipe=wild, stop=StoppingRule(1.0), generator=generator_for(0))
    assert result.stop_reason is StopReason.DIVERGED
    assert len(result.history) <= 3


def test_cost_counts_steps_samples_and_operations(data):
    model = mlp()
    cost = fit(model, data, recipe=ADAM, stop=StoppingRule(None, max_epochs=3), generator=generator_for(0)).cost
    assert (cost.steps, cost.samples) == (3 * 4, 3 * 60)
    sizes = [4 * 8, 8 * 8, 8 * 3]
    # Two operations per weight forward, four backward; the first layer needs no gradient of its inputs.
    assert cost.flops == pytest.approx(cost.samples * (6 * sum(sizes) - 2 * sizes[0]))
    assert cost.seconds > 0


def test_a_remainder_of_one_sample_trains_with_batchnorm():
    result = fit(
        ResNet18(width=2).build((1, 8, 8), 2, generator=generator_for(0)),
        pictures(33),
        recipe=Recipe(batch_size=16),
        stop=StoppingRule(None, max_epochs=1),
        generator=generator_for(0),
    )
    assert (result.cost.steps, result.cost.samples) == (3, 33)


def test_modes_are_put_back(data):
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3)).eval()
    fit(model, data, recipe=ADAM, stop=StoppingRule(None, max_epochs=1), generator=generator_for(0))
    assert not any(module.training for module in model.modules())


def test_a_given_optimizer_continues(data):
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    fit(
        model, data, recipe=ADAM, stop=StoppingRule(None, max_epochs=1), generator=generator_for(0), optimizer=optimizer
    )
    assert {int(state["step"]) for state in optimizer.state.values()} == {4}


def test_frozen_parameters_do_not_move(data):
    model = mlp()
    frozen = model[1].requires_grad_(False)
    before = frozen.weight.clone()
    fit(model, data, recipe=ADAM, stop=StoppingRule(None, max_epochs=1), generator=generator_for(0))
    assert torch.equal(frozen.weight, before)


def test_a_model_without_trainable_parameters_is_refused(data):
    with pytest.raises(InputError, match="at least one trainable parameter"):
        fit(mlp().requires_grad_(False), data, recipe=ADAM, stop=StoppingRule(), generator=generator_for(0))


def test_too_little_data_is_refused():
    with pytest.raises(InputError, match="at least 2 samples to train on, got 1"):
        fit(mlp(), blobs(1), recipe=ADAM, stop=StoppingRule(), generator=generator_for(0))


def test_on_epoch_sees_every_epoch(data):
    seen = []
    result = fit(
        mlp(),
        data,
        recipe=ADAM,
        stop=StoppingRule(None, max_epochs=3),
        generator=generator_for(0),
        on_epoch=seen.append,
    )
    assert tuple(seen) == result.history


def test_the_measure_by_evaluation_is_a_pass_after_the_epoch(data):
    model = mlp()
    stop = StoppingRule(None, max_epochs=2, measure=Measure.EVALUATION)
    result = fit(model, data, recipe=ADAM, stop=stop, generator=generator_for(0))
    assert result.history[-1].train_score == evaluate(model, data).accuracy  # no statistics to recalibrate


def literal_released_code(correct, sizes):
    """The accounting of the paper's released script, as a loop."""
    all_right = all_samples = right = samples = 0
    for index, (hit, size) in enumerate(zip(correct, sizes, strict=True)):
        right += hit
        samples += size
        all_right += right
        all_samples += samples
        if index % 10 == 0 and index != 0:
            right = samples = 0
    return all_right / all_samples


@pytest.mark.parametrize("count", [1, 2, 10, 11, 12, 21, 22, 47])
def test_the_released_codes_accounting_is_reproduced(count):
    from warmstart.training._released_code import released_code_score

    correct = torch.randint(0, 17, (count,), generator=generator_for(count)).tolist()
    sizes = [16] * (count - 1) + [9]
    assert released_code_score(correct, sizes) == pytest.approx(literal_released_code(correct, sizes))


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("kind", OptimizerKind)
def test_state_in_another_memory_format_continues_alike(kind, fused):
    """Moments come back from a file with other strides than convolutions have while they train."""
    data, recipe = pictures(48), Recipe(optimizer=kind, learning_rate=0.01, batch_size=16)

    def trained(relay):
        model = ResNet18(width=4).build((1, 8, 8), 2, generator=generator_for(0))
        options = {"momentum": 0.9} if kind is OptimizerKind.SGD else {}
        optimizer = getattr(torch.optim, "SGD" if options else "Adam")(model.parameters(), 0.01, fused=fused, **options)
        for number in range(2):
            fit(model, data, recipe=recipe, stop=StoppingRule(None, max_epochs=1), generator=generator_for(number),
                optimizer=optimizer)  # fmt: skip
            for entries in optimizer.state.values() if relay else ():
                entries |= {name: value.contiguous() for name, value in entries.items() if value is not None}
        return parameters(model)

    assert torch.equal(trained(relay=True), trained(relay=False))


def test_the_target_is_not_tested_on_a_part_of_an_epoch(data):
    easy = StoppingRule(0.01, max_steps=2)
    result = fit(mlp(), data, recipe=ADAM, stop=easy, generator=generator_for(0))
    assert (result.stop_reason, result.history[-1].is_whole) == (StopReason.LIMIT, False)


def test_a_frozen_normalization_layer_stays_frozen(data):
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8).eval(), nn.Linear(8, 3))
    model[1].running_mean.fill_(5.0)
    fit(model, data, recipe=ADAM, stop=StoppingRule(None, max_epochs=1), generator=generator_for(0))
    assert model[1].running_mean.eq(5.0).all()


def test_counting_operations_leaves_the_model_alone(data):
    from warmstart.training._flops import flops_per_sample

    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3))
    before = copy.deepcopy(model.state_dict())
    assert flops_per_sample(model, *data.batch(torch.arange(2)), None) == 6 * (4 * 8 + 8 * 3) - 2 * 4 * 8
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_measuring_by_evaluation_sees_no_stale_statistics():
    """Right after the weights shrank, running statistics are wrong; the measure must not be."""
    data, model = pictures(64), ResNet18(width=4).build((1, 8, 8), 2, generator=generator_for(0))
    recipe = Recipe(learning_rate=0.01, batch_size=16)
    fit(model, data, recipe=recipe, stop=StoppingRule(), generator=generator_for(0))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.2)
    still = Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e-30, batch_size=16)
    stop = StoppingRule(None, max_epochs=1, measure=Measure.EVALUATION)
    result = fit(model, data, recipe=still, stop=stop, generator=generator_for(1))
    assert result.history[-1].train_score > 0.9


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_l2_as_a_penalty_is_the_weight_decay_of_sgd(momentum, data):
    recipe = replace(SGD, momentum=momentum)
    decayed, penalized, plain = mlp(), mlp(), mlp()
    stop = StoppingRule(None, max_epochs=4)
    fit(decayed, data, recipe=replace(recipe, weight_decay=0.05), stop=stop, generator=generator_for(5))
    fit(penalized, data, recipe=recipe, stop=stop, generator=generator_for(5), penalty=L2(0.05))
    fit(plain, data, recipe=recipe, stop=stop, generator=generator_for(5))
    torch.testing.assert_close(parameters(penalized), parameters(decayed), rtol=1e-4, atol=1e-5)
    assert (parameters(penalized) - parameters(plain)).abs().max() > 0.01


def test_the_train_loss_includes_the_penalty(data):
    still = Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e-30, batch_size=16)
    model, stop = mlp(), StoppingRule(None, max_epochs=1)
    plain, penalized = (
        fit(model, data, recipe=still, stop=stop, generator=generator_for(0), penalty=penalty).history[0].train_loss
        for penalty in (None, L2(0.3))
    )
    assert plain == pytest.approx(evaluate(model, data).loss, rel=1e-5)
    assert penalized - plain == pytest.approx(0.3 / 2 * float(parameters(model).square().sum()), rel=1e-4)


def test_a_penalty_of_no_strength_changes_nothing(data):
    one, other = mlp(), mlp()
    stop = StoppingRule(None, max_epochs=2)
    first = fit(one, data, recipe=ADAM, stop=stop, generator=generator_for(0), penalty=L2(0.0))
    second = fit(other, data, recipe=ADAM, stop=stop, generator=generator_for(0))
    assert first.history == second.history
    assert torch.equal(parameters(one), parameters(other))


def test_a_penalty_that_is_not_finite_is_a_divergence(data):
    with torch.no_grad():
        (model := mlp())[1].weight.fill_(1e15)
    huge = fit(model, data, recipe=SGD, stop=StoppingRule(None), generator=generator_for(0), penalty=L2(1e30))
    assert (huge.stop_reason, len(huge.history)) == (StopReason.DIVERGED, 1)


def test_the_passes_of_a_penalty_are_counted(data):
    def flops(penalty):
        stop = StoppingRule(None, max_epochs=2)
        cost = fit(mlp(), data, recipe=ADAM, stop=stop, generator=generator_for(0), penalty=penalty).cost
        return cost.flops / cost.samples

    first, total = 4 * 8, 4 * 8 + 8 * 8 + 8 * 3
    plain = 6 * total - 2 * first
    # The examples cost a pass forward and one back to the inputs, first layer included; the loss on them a whole step.
    assert flops(Adversarial(1.0, epsilon=0.1)) == plain + 4 * total + plain
    assert 2.5 < flops(Adversarial(1.0, epsilon=0.1)) / plain < 3
    assert flops(L2(0.1)) == flops(None) == plain


def literal_step_shrink(model, data, recipe, seed):
    """Two steps of SGD by hand, each followed by theta <- step_shrink * theta."""
    generator = generator_for(seed)
    torch.randint(2**62, (), generator=generator)  # the draw that seeds dropout
    order = torch.randperm(len(data), generator=generator)
    for part in order.tensor_split(2):
        loss = F.cross_entropy(model(data.inputs[part]), data.labels[part])
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter.copy_(recipe.step_shrink * (parameter - recipe.learning_rate * gradient))


def test_weights_shrink_after_every_step(data):
    recipe = Recipe(optimizer=OptimizerKind.SGD, learning_rate=0.1, batch_size=30, step_shrink=0.7)
    fast, plain = mlp(), mlp()
    result = fit(fast, data, recipe=recipe, stop=StoppingRule(None, max_epochs=1), generator=generator_for(5))
    literal_step_shrink(plain, data, recipe, 5)
    assert result.cost.steps == 2
    torch.testing.assert_close(parameters(fast), parameters(plain), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("shrink", "variance"), [(1.0, 2.0), (0.5, 1.25)])
def test_noise_after_every_step_has_the_deviation_asked_for(shrink, variance, data):
    """Of two steps, the first one's noise shrinks in the second: shrink^2 + 1 times the variance of one."""
    recipe = Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e-30, batch_size=30, step_shrink=shrink, step_noise=0.1)
    model = MLP(width=100).build((4,), 3, generator=generator_for(0))
    before = parameters(model)
    fit(model, data, recipe=recipe, stop=StoppingRule(None, max_epochs=1), generator=generator_for(0))
    noise = (parameters(model) - shrink**2 * before) / 0.1
    assert len(noise) > 10_000
    assert noise.mean().item() == pytest.approx(0, abs=0.05)
    assert noise.var().item() == pytest.approx(variance, rel=0.05)


def test_frozen_parameters_neither_shrink_nor_shake(data):
    model = mlp()
    frozen = model[1].requires_grad_(False)
    before = frozen.weight.clone()
    recipe = replace(ADAM, step_shrink=0.5, step_noise=0.1)
    fit(model, data, recipe=recipe, stop=StoppingRule(None, max_epochs=1), generator=generator_for(0))
    assert torch.equal(frozen.weight, before)


@pytest.mark.usefixtures("untouched_globals")
def test_the_noise_of_steps_is_decided_by_the_generator(data):
    recipe = replace(ADAM, step_noise=0.01)
    models = [mlp(), mlp(), mlp()]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        fit(model, data, recipe=recipe, stop=StoppingRule(None, max_epochs=2), generator=generator_for(seed))
    one, same, other = map(parameters, models)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_without_noise_nothing_is_drawn_for_it(data):
    """Dropout meets the same draws with and without a factor that changes no weight."""
    states = []
    for recipe in (ADAM, replace(ADAM, step_shrink=1.0, step_noise=0.0), replace(ADAM, step_shrink=1 - 1e-12)):
        model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3))
        with torch.no_grad():
            for index, parameter in enumerate(model.parameters()):
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).reshape(parameter.shape) * (index + 1) / 4)
        fit(model, data, recipe=recipe, stop=StoppingRule(None, max_epochs=2), generator=generator_for(1))
        states.append(parameters(model))
    assert torch.equal(states[0], states[1])
    torch.testing.assert_close(states[2], states[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step_shrink": 1.5}, r"step_shrink must lie in \[0, 1\], got 1.5"),
        ({"step_shrink": -0.1}, r"step_shrink must lie in \[0, 1\], got -0.1"),
        ({"step_noise": -1}, r"step_noise must lie in \[0, inf\), got -1"),
    ],
)
def test_steps_that_shrink_or_shake_too_much_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Recipe(**options)


def test_a_model_made_in_inference_mode_is_refused():
    with torch.inference_mode():
        model = nn.Linear(4, 2)
    with pytest.raises(
        InputError, match="model must not be made in inference mode, which forbids changing its 'weight'"
    ):
        fit(model, blobs(20), recipe=Recipe(), stop=StoppingRule(max_epochs=1), generator=generator_for(0))


@pytest.mark.parametrize("tie", [lambda weight: weight, lambda weight: weight.t()])
def test_what_is_tied_by_memory_shrinks_once_a_step(tie):
    first, second = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    second.weight.data = tie(first.weight.data)
    before = first.weight.detach().clone()
    Recipe(step_shrink=0.5).after_step_(nn.Sequential(first, second))
    assert torch.equal(first.weight, before / 2)
