"""Weights of every kind of reparametrization take a new value, or are refused and stay unchanged."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils import weight_norm as old_weight_norm

from rounds import same, state
from small_models import INPUTS, Tied, overlapping, same_parameter, transposed
from warmstart.basics import InputError, aliases_of, copy_model, weights_of
from warmstart.strategies import scale_, shrink_perturb_, transplant

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated", "ignore:.*weight_norm.*deprecated")


class Negated(nn.Module):
    def forward(self, weight):
        return -weight

    def right_inverse(self, weight):
        return -weight


class Halved(nn.Module):
    def forward(self, weight):
        return weight / 2

    def right_inverse(self, weight):
        return weight * 2


class Symmetric(nn.Module):
    """Without a right inverse, but linear."""

    def forward(self, weight):
        return weight.triu() + weight.triu(1).t()


class Exponential(nn.Module):
    """Without a right inverse."""

    def forward(self, weight):
        return weight.exp()


class Product(nn.Module):
    """One weight of two parameters."""

    def forward(self, left, right):
        return left @ right

    def right_inverse(self, weight):
        left, values, right = torch.linalg.svd(weight, full_matrices=False)
        return left * values, right


class Scaled(nn.Module):
    """A map with a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))

    def forward(self, weight):
        return self.factor * weight

    def right_inverse(self, weight):
        return weight / self.factor.detach()


class Counted(nn.Module):
    """Counts its passes in a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, weight):
        self.passes += 1
        return weight

    def right_inverse(self, weight):
        return weight


def mapped(*kinds, key="weight"):
    def wrap(layer):
        for kind in kinds:
            parametrize.register_parametrization(layer, key, kind())
        return layer

    return wrap


def zero_length(layer):
    layer = old_weight_norm(layer)
    nn.init.zeros_(layer.weight_g)
    return layer


def zero_row(layer):
    layer = old_weight_norm(layer)
    with torch.no_grad():
        layer.weight_g[0] = 0.0
    return layer


def new_zero_row(layer):
    layer = parametrizations.weight_norm(layer)
    with torch.no_grad():
        layer.parametrizations.weight.original0[0] = 0.0
    return layer


def pruned_direction(layer):
    return prune.l1_unstructured(old_weight_norm(layer), "weight_v", 0.1)


def pruned_original(layer):
    parametrizations.weight_norm(layer)
    prune.l1_unstructured(layer.parametrizations.weight, "original1", 0.1)
    return layer


def orthogonal(**options):
    return lambda layer: parametrizations.orthogonal(layer, **options)


TAKE_ANY = {
    "plain": lambda layer: layer,
    "weight norm": parametrizations.weight_norm,
    "weight norm as a whole": lambda layer: parametrizations.weight_norm(layer, dim=None),
    "weight norm of columns": lambda layer: parametrizations.weight_norm(layer, dim=1),
    "weight norm of the bias": lambda layer: parametrizations.weight_norm(layer, "bias"),
    "weight norm in bfloat16": lambda layer: parametrizations.weight_norm(layer.bfloat16()),
    "older weight norm": old_weight_norm,
    "older weight norm as a whole": lambda layer: old_weight_norm(layer, dim=None),
    "older weight norm of columns": lambda layer: old_weight_norm(layer, dim=1),
    "older weight norm of both": lambda layer: old_weight_norm(old_weight_norm(layer), "bias"),
    "negated": mapped(Negated),
    "negated and halved": mapped(Negated, Halved),
    "symmetric": mapped(Symmetric),
    "two factors": mapped(Product),
    "counted": mapped(Counted),
    "bias": mapped(Negated, key="bias"),
    "pruned": lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
    "pruned by rows": lambda layer: prune.ln_structured(layer, "weight", 0.5, 2, 0),
    "pruned twice": lambda layer: prune.l1_unstructured(prune.l1_unstructured(layer, "weight", 0.3), "weight", 0.3),
    "pruned bias": lambda layer: prune.l1_unstructured(layer, "bias", 0.5),
    "map with a parameter": mapped(Scaled),
    "older weight norm of length 0": zero_length,
    "older weight norm with a row of length 0": zero_row,
    "weight norm with a row of length 0": new_zero_row,
    "weight norm, pruned": pruned_original,
}
UNABLE = {
    "spectral norm": parametrizations.spectral_norm,
    "older spectral norm": old_spectral_norm,
    "orthogonal": orthogonal(),
    "cayley": orthogonal(orthogonal_map="cayley"),
    "householder": orthogonal(orthogonal_map="householder"),
    "exponential": mapped(Exponential),
    "spectral after weight norm": lambda layer: parametrizations.spectral_norm(parametrizations.weight_norm(layer)),
}


MIXED = {"older weight norm, pruned": pruned_direction}


def build(name, seed):
    torch.manual_seed(seed)
    return {**TAKE_ANY, **UNABLE, **MIXED}[name](nn.Linear(4, 4))


def effective(layer):
    """The weight and the bias that a pass computes with."""
    layer.eval()
    layer(INPUTS.to(next(layer.parameters()).dtype))
    return [layer.weight.detach().float().clone(), layer.bias.detach().float().clone()]


@pytest.mark.parametrize("name", TAKE_ANY)
@pytest.mark.parametrize("run_before", [False, True])
def test_the_weight_that_a_pass_computes_with_is_scaled(name, run_before):
    layer = build(name, 1)
    before = effective(layer) if run_before else effective(build(name, 1))
    scale_(layer, 0.5)
    for found, old in zip(effective(layer), before, strict=True):
        torch.testing.assert_close(found, 0.5 * old, rtol=2e-2 if "bfloat16" in name else 1e-4, atol=1e-6)


@pytest.mark.parametrize("name", TAKE_ANY)
def test_the_weight_becomes_zero(name):
    layer = build(name, 1)
    scale_(layer, 0.0)
    assert not any(value.any() for value in effective(layer))


# A pruned direction cannot take noise where it is pruned.
@pytest.mark.parametrize("name", [name for name in TAKE_ANY if name != "weight norm, pruned"])
def test_the_weight_is_shrunk_and_perturbed(name):
    layer, fresh = build(name, 1), build(name, 2)
    before, noise = effective(build(name, 1)), effective(build(name, 2))
    keeps = [torch.ones(()), torch.ones(())]
    for index, key in enumerate(("weight", "bias")):
        keeps[index] = getattr(layer, f"{key}_mask", keeps[index])
    shrink_perturb_(layer, fresh, shrink=0.4, perturb=0.1)
    for found, old, new, keep in zip(effective(layer), before, noise, keeps, strict=True):
        wanted = (0.4 * old + 0.1 * new) * keep
        torch.testing.assert_close(found, wanted, rtol=2e-2, atol=2e-3 if "bfloat16" in name else 1e-6)


@pytest.mark.parametrize("name", UNABLE)
@pytest.mark.parametrize("factor", [0.5, 0.0])
def test_a_weight_that_cannot_take_the_value_is_refused_and_nothing_changes(name, factor):
    model = nn.Sequential(nn.Linear(4, 4), build(name, 1), nn.Linear(4, 2))
    before = state(model)
    with pytest.raises(InputError, match=r"model must have weights that can take any value, but '1\.weight' is"):
        scale_(model, factor)
    assert same(before, model.state_dict())


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize(
    "change",
    [lambda layer: scale_(layer, 0.5), lambda layer: scale_(layer, 0.0), lambda layer: shrink_perturb_(layer, layer)],
    ids=["scaled", "zero", "shrunk and perturbed"],
)
def test_a_weight_of_two_kinds_of_reparametrization_is_refused_and_nothing_changes(name, change):
    layer = build(name, 1)
    before = state(layer)
    with pytest.raises(InputError, match="model must have one kind of reparametrization for a weight"):
        change(layer)
    assert same(before, layer.state_dict())


@pytest.mark.parametrize("name", UNABLE)
def test_a_weight_that_cannot_take_the_value_can_be_left_out(name):
    model = nn.Sequential(nn.Linear(4, 4), build(name, 1))
    before = effective(build(name, 1))
    plain = model[0].weight.detach().clone()
    scale_(model, 0.5, include=lambda name, parameter: name.startswith("0."))
    torch.testing.assert_close(model[0].weight, 0.5 * plain)
    torch.testing.assert_close(effective(model[1]), before)


@pytest.mark.parametrize("name", [*TAKE_ANY, *MIXED])
def test_copies_of_a_model_that_has_run_compute_the_same_and_are_independent(name):
    layer = build(name, 1)
    before = effective(layer)
    copied = copy_model(layer)
    torch.testing.assert_close(effective(copied), before)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.add_(0.5)
    torch.testing.assert_close(effective(layer), before)


@pytest.mark.parametrize("name", [name for name in TAKE_ANY if "pruned" not in name])
def test_a_transplanted_weight_equals_that_of_the_previous_model(name):
    previous, fresh = build(name, 1), build(name, 2)
    wanted = effective(previous)
    torch.testing.assert_close(effective(transplant(previous, fresh)), wanted)


def test_a_weight_whose_parameters_are_frozen_in_part_is_refused():
    layer = parametrizations.weight_norm(nn.Linear(4, 4))
    layer.parametrizations.weight.original0.requires_grad_(False)
    with pytest.raises(InputError, match="model must train all parameters that 'weight' is made of, or none"):
        scale_(layer, 0.5)


@pytest.mark.parametrize("name", [*TAKE_ANY, *UNABLE])
def test_reading_the_weights_changes_nothing(name):
    layer = build(name, 1).train()
    before = state(layer)
    for weight in (*weights_of(layer).values(), *aliases_of(layer).values()):
        weight.value()
    assert same(before, layer.state_dict())


def shared_module(model):
    model.b = model.a


def parametrized_tie(model):
    model.b.weight = model.a.weight
    for layer in (model.a, model.b):
        parametrize.register_parametrization(layer, "weight", Negated())


def in_another_type(model):
    bits = model.a.weight.data.view(torch.int32)
    model.b.weight.data = bits.view(torch.float32)


def through_a_wrapper(model):
    model.b = nn.Sequential(model.a)


TIES = [
    same_parameter,
    transposed,
    overlapping,
    shared_module,
    in_another_type,
    through_a_wrapper,
    parametrized_tie,
]


@pytest.mark.parametrize("tie", TIES, ids=lambda tie: tie.__name__)
def test_memory_that_weights_share_changes_once(tie):
    torch.manual_seed(1)
    model = Tied(tie)
    before = state(model)
    scale_(model, 0.5)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, 0.5 * before[name])


def test_disjoint_parts_of_one_buffer_all_change_once_and_stay_parts_of_it():
    model, flat = Tied(), torch.randn(32)
    model.a.weight.data, model.b.weight.data = flat[:16].view(4, 4), flat[16:].view(4, 4)
    before = flat.clone()
    scale_(model, 0.5)
    torch.testing.assert_close(flat, 0.5 * before)
