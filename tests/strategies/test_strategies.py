"""Every strategy, under the rules that all of them keep; then what each one computes."""

import copy
import dataclasses
import inspect

import pytest
import torch
from torch import nn

from warmstart import strategies
from warmstart.basics import InputError, generator_for
from warmstart.models import MLP, ResNet18
from warmstart.strategies import (
    Cold,
    Initialization,
    KeepLayers,
    LayerEnd,
    Noise,
    NormMatched,
    RoundContext,
    Scope,
    ShrinkPerturb,
    Strategy,
    Warm,
    gaussian_like,
    keep_layers,
    layers_of,
    norm_matched,
    scale,
    shrink_perturb,
    shrink_perturb_,
    transplant,
)

# One row for each strategy, with options that differ in kind. Every exported strategy must be here.
TABLE = [
    Cold(),
    Cold(scale=0.5),
    Cold(init=Initialization.FIRST),
    Cold(scale=0.5, scope=Scope.WEIGHTS),
    Warm(),
    ShrinkPerturb(),
    ShrinkPerturb(scope=Scope.WEIGHTS, shrink=0.3, noise=Noise.GAUSSIAN),
    ShrinkPerturb(noise=Noise.FIRST, shrink=0.2),
    ShrinkPerturb(before_first_round=True),
    ShrinkPerturb(scope=Scope.HEAD),
    KeepLayers(layers=4),
    KeepLayers(LayerEnd.LAST, -1),
    NormMatched(),
    NormMatched(shrink=0.2, noise=Noise.GAUSSIAN),
]


class Model(nn.Module):
    """Tied weights, a frozen layer, BatchNorm, LayerNorm over two dimensions, and a buffer."""

    def __init__(self, width=6):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.layer_norm = nn.LayerNorm((4, 4))
        self.frozen = nn.Linear(16 * width, 16 * width).requires_grad_(False)
        self.encode = nn.Linear(16 * width, 5)
        self.first = nn.Linear(5, 5)
        self.second = nn.Linear(5, 5)
        self.second.weight = self.first.weight
        self.register_buffer("count", torch.tensor(3))

    def forward(self, inputs):
        hidden = self.layer_norm(self.norm(self.conv(inputs))).flatten(1)
        return self.second(self.first(self.encode(self.frozen(hidden))))


def make(seed, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Model(**options)


@pytest.fixture
def models():
    """A trained model, a fresh one, and the context of a round."""
    previous, fresh = make(1), make(2)
    previous(torch.randn(8, 1, 4, 4, generator=generator_for("inputs")))  # moves the running statistics
    return previous, fresh, context()


def context():
    return RoundContext(first=lambda: make(3), generator=generator_for("strategy"), another=lambda: make(4))


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_every_exported_strategy_is_in_the_table():
    exported = {value for value in vars(strategies).values() if inspect.isclass(value) and issubclass(value, Strategy)}
    assert exported - {Strategy} == {type(strategy) for strategy in TABLE}


@pytest.mark.parametrize("strategy", TABLE, ids=repr)
class TestEveryStrategy:
    def test_leaves_its_arguments_untouched(self, strategy, models):
        previous, fresh, setting = models
        before = state(previous), state(fresh)
        strategy(previous, fresh, setting)
        assert same(before[0], state(previous))
        assert same(before[1], state(fresh))

    def test_shares_no_tensor_with_its_arguments(self, strategy, models):
        previous, fresh, setting = models
        start = strategy(previous, fresh, setting)
        theirs = {tensor.data_ptr() for model in (previous, fresh) for tensor in model.state_dict().values()}
        assert not theirs & {tensor.data_ptr() for tensor in start.state_dict().values()}

    def test_keeps_tied_weights_tied(self, strategy, models):
        start = strategy(*models)
        assert start.first.weight is start.second.weight

    def test_keeps_frozen_parameters_frozen_and_as_they_are(self, strategy, models):
        previous, fresh, _ = models
        start = strategy(*models)
        source = previous if strategy.continues else fresh
        if isinstance(strategy, KeepLayers):
            return  # whose they are is decided by layer, below
        assert not start.frozen.weight.requires_grad
        assert torch.equal(start.frozen.weight, source.frozen.weight)

    def test_leaves_buffers_to_the_carry_over(self, strategy, models):
        previous, fresh, _ = models
        start, source = strategy(*models), previous if strategy.continues else fresh
        if isinstance(strategy, KeepLayers):
            return
        assert same(dict(start.named_buffers()), dict(source.named_buffers()))

    def test_starts_round_one_without_a_previous_model(self, strategy, models):
        _, fresh, setting = models
        start = strategy(None, fresh, setting)
        assert same(state(start), state(fresh)) == (
            strategy
            not in (Cold(0.5), Cold(0.5, Scope.WEIGHTS), Cold(init="first"), ShrinkPerturb(before_first_round=True))
        )

    def test_gives_the_same_start_for_the_same_generator(self, strategy, models):
        previous, fresh, _ = models
        assert same(state(strategy(previous, fresh, context())), state(strategy(previous, fresh, context())))

    @pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
    def test_keeps_the_dtype(self, strategy, models, dtype):
        previous, fresh, setting = models
        start = strategy(previous.to(dtype), fresh.to(dtype), setting)
        assert start.conv.weight.dtype is dtype

    def test_is_rebuilt_from_its_options(self, strategy, models):
        options = {field.name: getattr(strategy, field.name) for field in dataclasses.fields(strategy)}
        assert type(strategy)(**options) == strategy

    def test_gives_a_start_that_trains(self, strategy, models):
        start = strategy(*models)
        loss = start(torch.randn(8, 1, 4, 4, generator=generator_for("inputs"))).square().mean()
        loss.backward()
        assert all(p.grad is not None for p in start.parameters() if p.requires_grad)


def literal(previous, noise, shrink, perturb, names):
    """The formula, one number at a time."""
    expected = state(previous)
    other = dict(noise.state_dict())
    for name in names:
        flat, added = expected[name].flatten().tolist(), other[name].flatten().tolist()
        values = [shrink * old + perturb * new for old, new in zip(flat, added, strict=True)]
        expected[name] = torch.tensor(values).reshape(expected[name].shape)
    return expected


TRAINABLE = [name for name, parameter in Model().named_parameters() if parameter.requires_grad]
WEIGHTS = ["conv.weight", "encode.weight", "first.weight"]


def close(found, expected):
    aliases = {"second.weight": "first.weight"}
    for name, value in found.items():
        torch.testing.assert_close(value, expected[aliases.get(name, name)], rtol=1e-5, atol=1e-7)


def test_released_code_meaning(models):
    previous, fresh, setting = models
    close(state(ShrinkPerturb()(previous, fresh, setting)), literal(previous, fresh, 0.4, 0.1, TRAINABLE))


def test_paper_text_meaning_adds_gaussian_noise_of_that_deviation():
    model = nn.Linear(400, 400)
    noisy = ShrinkPerturb(shrink=0.5, perturb=0.02, noise=Noise.GAUSSIAN)(model, model, context())
    noise = (noisy.weight - 0.5 * model.weight).detach()
    assert noise.std().item() == pytest.approx(0.02, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=3e-4)


def test_dash_meaning_leaves_biases_and_normalization(models):
    previous, fresh, setting = models
    strategy = ShrinkPerturb(shrink=0.3, noise=Noise.GAUSSIAN, scope=Scope.WEIGHTS)
    noise = gaussian_like(previous, generator=generator_for("strategy"))
    close(state(strategy(previous, fresh, setting)), literal(previous, noise, 0.3, 0.01, WEIGHTS))


def test_first_initialisation_meaning_steps_back_to_it(models):
    previous, fresh, setting = models
    found = ShrinkPerturb(shrink=0.2, noise=Noise.FIRST)(previous, fresh, setting)
    close(state(found), literal(previous, make(3), 0.2, 0.8, TRAINABLE))


def test_before_the_first_round_it_shrinks_the_first_initialisation(models):
    _, fresh, setting = models
    found = ShrinkPerturb(before_first_round=True)(None, fresh, setting)
    close(state(found), literal(fresh, make(4), 0.4, 0.1, TRAINABLE))


def test_a_cold_start_may_take_the_first_initialisation_again(models):
    previous, fresh, setting = models
    close(state(Cold(init="first")(previous, fresh, setting)), literal(fresh, make(3), 0.0, 1.0, TRAINABLE))
    close(state(Cold(0.5, init="first")(previous, fresh, setting)), literal(fresh, make(3), 0.0, 0.5, TRAINABLE))
    with pytest.raises(InputError, match=r"Unknown init 'last'\. Known: fresh, first"):
        Cold(init="last")


def test_scaled_cold_is_the_fresh_model_times_the_factor(models):
    previous, fresh, setting = models
    close(state(Cold(scale=0.5)(previous, fresh, setting)), literal(fresh, fresh, 0.5, 0.0, TRAINABLE))


def test_the_limits_are_warm_and_cold(models):
    previous, fresh, setting = models
    warm = shrink_perturb(previous, fresh, shrink=1, perturb=0)
    cold = shrink_perturb(previous, fresh, shrink=0, perturb=1)
    assert same(state(warm), state(Warm()(previous, fresh, setting)))
    parameters = dict(cold.named_parameters())
    assert all(torch.equal(parameters[name], dict(fresh.named_parameters())[name]) for name in TRAINABLE)


def test_in_place_and_copied_agree(models):
    previous, fresh, _ = models
    copied = shrink_perturb(previous, fresh, shrink=0.7, perturb=0.2)
    assert shrink_perturb_(previous, fresh, shrink=0.7, perturb=0.2) is previous
    assert same(state(copied), state(previous))


def test_weights_exclude_layer_norm_gains_of_two_dimensions(models):
    previous, fresh, _ = models
    found = shrink_perturb(previous, fresh, scope=Scope.WEIGHTS)
    assert torch.equal(found.layer_norm.weight, previous.layer_norm.weight)


def test_another_shape_names_the_parameter_and_changes_nothing(models):
    previous, _, _ = models
    before = state(previous)
    with pytest.raises(InputError, match=r"parameter 'conv.weight' has shape \(6, 1, 3, 3\) in the first and \(7, 1"):
        shrink_perturb_(previous, make(0, width=7))
    assert same(before, state(previous))


def test_a_late_difference_changes_nothing_either():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    other = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))
    before = state(model)
    with pytest.raises(InputError, match=r"'1\.weight'"):
        shrink_perturb_(model, other)
    assert same(before, state(model))


def test_a_missing_parameter_is_named():
    with pytest.raises(InputError, match=r"parameter 'bias' is missing in the second one"):
        shrink_perturb(nn.Linear(2, 2), nn.Linear(2, 2, bias=False))


def test_noise_tied_in_the_other_model_alone_is_found():
    one, other = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    other[1].weight = other[0].weight
    found = shrink_perturb(one, other, shrink=0, perturb=1)
    assert torch.equal(found[1].weight, other[0].weight)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shrink": 1.1}, r"shrink must lie in \[0, 1\], got 1.1"),
        ({"shrink": float("nan")}, "shrink must lie in"),
        ({"perturb": -0.1}, r"perturb must lie in \[0, inf\), got -0.1"),
        ({"perturb": float("inf")}, "perturb must lie in"),
    ],
)
def test_factors_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        ShrinkPerturb(**options)
    with pytest.raises(InputError, match=message):
        shrink_perturb(nn.Linear(1, 1), nn.Linear(1, 1), **options)


@pytest.mark.parametrize("factor", [-1.0, float("nan"), float("inf")])
def test_scales_out_of_range_are_refused(factor):
    with pytest.raises(InputError, match=r"scale must lie in \[0, inf\)"):
        scale(nn.Linear(1, 1), factor)
    with pytest.raises(InputError, match=r"scale must lie in"):
        Cold(scale=factor)


def test_noise_comes_to_the_models_dtype():
    model, fresh = nn.Linear(2, 2).to(torch.bfloat16), nn.Linear(2, 2)
    assert shrink_perturb(model, fresh).weight.dtype is torch.bfloat16


def test_an_optimizer_continues_with_a_model_changed_in_place():
    model, fresh = nn.Linear(2, 2), nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    before = copy.deepcopy(shrink_perturb_(model, fresh).weight)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert not torch.equal(model.weight, before)


def test_a_model_may_be_its_own_noise():
    model = nn.Linear(2, 2)
    expected = 0.5 * model.weight.detach().clone()
    torch.testing.assert_close(shrink_perturb_(model, model, shrink=0.4, perturb=0.1).weight.detach(), expected)


LAYERS = [
    ["conv.weight", "conv.bias", "norm.weight", "norm.bias", "layer_norm.weight", "layer_norm.bias"],
    ["frozen.weight", "frozen.bias"],
    ["encode.weight", "encode.bias"],
    ["first.weight", "first.bias"],
    ["second.bias"],
]


def test_layers_are_modules_with_parameters_and_the_normalization_after_them():
    parameters = dict(Model().named_parameters())
    assert [sorted(set(layer) & set(parameters)) for layer in layers_of(Model())] == [sorted(names) for names in LAYERS]
    assert "norm.running_mean" in layers_of(Model())[0]


def test_a_normalization_layer_that_comes_first_is_a_layer():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert [layer[0] for layer in layers_of(model)] == ["0.weight", "1.weight"]


def test_a_perceptron_has_a_layer_for_each_of_its_matrices():
    model = MLP().build((4,), 3, generator=generator_for(0))
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    assert layers_of(model) == [[f"{name}.weight", f"{name}.bias"] for name in linear]


def test_a_layer_of_tied_parameters_alone_is_none():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    assert layers_of(model) == [["0.weight"]]


def test_a_model_without_parameters_has_neither_layers_nor_head():
    assert layers_of(nn.ReLU()) == []
    for scope in Scope:
        assert list(scale(nn.ReLU(), 0.5, scope=scope).parameters()) == []


def test_resnet18_has_a_stem_sixteen_convolutions_three_shortcuts_and_a_head():
    model = ResNet18(width=4).build((3, 8, 8), 10, generator=generator_for(0))
    assert len(layers_of(model)) == 1 + 16 + 3 + 1
    assert layers_of(model)[-1] == ["head.weight", "head.bias"]


@pytest.mark.parametrize(
    ("which", "layers", "kept"),
    [("first", 1, [0]), ("first", 3, [0, 1, 2]), ("first", -1, [0, 1, 2, 3]), ("last", 2, [3, 4]), ("last", -4, [4])],
)
def test_kept_layers_come_from_the_previous_model_and_the_others_from_the_fresh_one(models, which, layers, kept):
    previous, fresh, _ = models
    found = dict(keep_layers(previous, fresh, which=which, layers=layers).named_parameters())
    for index, names in enumerate(LAYERS):
        source = dict((previous if index in kept else fresh).named_parameters())
        assert all(torch.equal(found[name], source[name]) for name in names)


def test_kept_layers_bring_their_buffers(models):
    previous, fresh, _ = models
    first, last = keep_layers(previous, fresh, which="first"), keep_layers(previous, fresh, which="last")
    assert torch.equal(first.norm.running_mean, previous.norm.running_mean)
    assert torch.equal(last.norm.running_mean, fresh.norm.running_mean)
    assert not torch.equal(previous.norm.running_mean, fresh.norm.running_mean)


def test_a_frozen_layer_of_another_shape_is_named_too():
    one, other = nn.Linear(2, 3).requires_grad_(False), nn.Linear(2, 4).requires_grad_(False)
    with pytest.raises(InputError, match=r"parameter 'weight' has shape \(4, 2\) in the first and \(3, 2\)"):
        keep_layers(one, other)


def test_too_many_layers_are_refused_with_the_number_of_those_there(models):
    previous, fresh, _ = models
    with pytest.raises(InputError, match="of the 5 layers of the model and at most all, got 6"):
        keep_layers(previous, fresh, layers=6)


@pytest.mark.parametrize("layers", [0, 6, -5, 1.5, True])
def test_layers_that_are_not_there_are_refused(models, layers):
    previous, fresh, _ = models
    with pytest.raises(InputError, match=r"layers must .*, got"):
        keep_layers(previous, fresh, layers=layers)


def test_head_and_body_share_all_parameters(models):
    previous, fresh, _ = models
    before = state(previous)
    head = state(shrink_perturb(previous, fresh, scope=Scope.HEAD))
    body = state(shrink_perturb(previous, fresh, scope=Scope.BODY))
    changed = {
        scope: {n for n in TRAINABLE if not torch.equal(found[n], before[n])}
        for scope, found in (("head", head), ("body", body))
    }
    zero = {"norm.bias", "layer_norm.bias"}
    assert changed == {"head": {"second.bias"}, "body": set(TRAINABLE) - {"second.bias"} - zero}


def test_norm_matched_keeps_the_direction_of_the_fresh_model_and_takes_the_norms_of_the_other(models):
    previous, fresh, _ = models
    found = dict(norm_matched(fresh, previous, generator=torch.Generator()).named_parameters())
    theirs, directions = dict(previous.named_parameters()), dict(fresh.named_parameters())
    for name in TRAINABLE:
        if not directions[name].any():
            torch.testing.assert_close(found[name].norm(), theirs[name].norm())
            continue
        flat = directions[name].flatten().tolist()
        size = sum(value * value for value in flat) ** 0.5
        wanted = sum(value * value for value in theirs[name].flatten().tolist()) ** 0.5
        expected = torch.tensor([value * wanted / size for value in flat])
        torch.testing.assert_close(found[name].flatten(), expected)


def test_norm_matched_has_the_norms_of_shrink_perturb_with_noise_of_its_own(models):
    previous, fresh, _ = models
    found = NormMatched(shrink=0.3)(previous, fresh, context())
    start = ShrinkPerturb(shrink=0.3)(previous, make(4), context())
    for name in TRAINABLE:
        one, other = dict(found.named_parameters())[name], dict(start.named_parameters())[name]
        torch.testing.assert_close(one.norm(), other.norm())


def test_norm_matched_gives_what_starts_at_zero_a_direction_of_its_own():
    fresh, like = nn.BatchNorm1d(50), nn.BatchNorm1d(50)
    nn.init.normal_(like.bias)
    found, again = (norm_matched(fresh, like, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert found.bias.norm().item() == pytest.approx(like.bias.norm().item())
    assert torch.equal(found.bias, again.bias)
    assert abs(torch.nn.functional.cosine_similarity(found.bias, like.bias, dim=0).item()) < 0.5
    nn.init.zeros_(like.bias)
    assert not norm_matched(fresh, like, generator=torch.Generator()).bias.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_norms_are_matched_in_half_precision_as_far_as_it_goes(dtype):
    fresh, like = nn.Linear(50, 50).to(dtype), nn.Linear(50, 50).to(dtype)
    scaled = scale(fresh, 1e-4)
    for model in (fresh, scaled):
        found = norm_matched(model, like, generator=torch.Generator()).weight.float()
        assert found.norm().item() == pytest.approx(like.weight.float().norm().item(), rel=1e-3)


def test_a_transplant_keeps_what_fits_and_leaves_the_new_head():
    previous, fresh = (nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, n)) for n in (4, 5))
    previous[1].running_mean += 1
    model = transplant(previous, fresh)
    assert torch.equal(model[0].weight, previous[0].weight)
    assert torch.equal(model[1].running_mean, previous[1].running_mean)
    assert torch.equal(model[2].weight, fresh[2].weight)


def test_a_transplant_of_nothing_is_refused():
    with pytest.raises(InputError, match="previous must share a parameter's name and shape"):
        transplant(nn.Linear(2, 3), nn.Linear(4, 5))


def test_a_counter_of_batches_that_fits_is_not_a_transplant():
    previous, fresh = (nn.Sequential(nn.Linear(2, n), nn.BatchNorm1d(n)) for n in (3, 4))
    with pytest.raises(InputError, match="previous must share a parameter's name and shape"):
        transplant(previous, fresh)
