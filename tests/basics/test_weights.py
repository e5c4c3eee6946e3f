"""The weights that a model computes with: each kind of reparametrization takes a value, or is refused and unchanged."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils import weight_norm as old_weight_norm

from warmstart.basics import InputError, aliases_of, copy_model, weights_of
from warmstart.strategies import scale_, shrink_perturb_, transplant

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated", "ignore:.*weight_norm.*deprecated")
INPUTS = torch.linspace(-1, 1, 12).reshape(3, 4)


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
    "older weight norm, pruned": pruned_direction,
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


def wrong(reason):
    return [pytest.mark.xfail(strict=True, reason=reason)]


OFTEN_WRONG = {
    "map with a parameter": "the parameter of the map is scaled besides the weight that it makes",
    "older weight norm of length 0": "the direction becomes 0 and the weight NaN",
    "older weight norm with a row of length 0": "the direction becomes 0 and the weight NaN",
    "weight norm with a row of length 0": "refused, though its length can be scaled",
    "older weight norm, pruned": "raises KeyError",
}
WRONG_AT_ZERO = {
    **OFTEN_WRONG,
    **dict.fromkeys((name for name in TAKE_ANY if name.startswith("older weight norm")), "the weight becomes NaN"),
    **dict.fromkeys((name for name in TAKE_ANY if name.startswith("weight norm")), "refused, though a length may be 0"),
    "older weight norm, pruned": "raises KeyError",
}
WRONG_AT_ZERO.pop("map with a parameter")


def kinds(table, failing):
    return [pytest.param(name, marks=wrong(failing[name]) if name in failing else []) for name in table]


def build(name, seed):
    torch.manual_seed(seed)
    return {**TAKE_ANY, **UNABLE}[name](nn.Linear(4, 4))


def effective(layer):
    """The weight and the bias that a pass computes with."""
    layer.eval()
    layer(INPUTS.to(next(layer.parameters()).dtype))
    return [layer.weight.detach().float().clone(), layer.bias.detach().float().clone()]


def state(layer):
    return {name: value.clone() for name, value in layer.state_dict().items()}


@pytest.mark.parametrize("name", kinds(TAKE_ANY, OFTEN_WRONG))
@pytest.mark.parametrize("run_before", [False, True])
def test_the_weight_that_a_pass_computes_with_is_scaled(name, run_before):
    layer = build(name, 1)
    before = effective(layer) if run_before else effective(build(name, 1))
    scale_(layer, 0.5)
    for found, old in zip(effective(layer), before, strict=True):
        torch.testing.assert_close(found, 0.5 * old, rtol=2e-2 if "bfloat16" in name else 1e-4, atol=1e-6)


@pytest.mark.parametrize("name", kinds(TAKE_ANY, WRONG_AT_ZERO))
def test_the_weight_becomes_zero_and_can_be_trained_from_there(name):
    layer = build(name, 1)
    scale_(layer, 0.0)
    assert not any(value.any() for value in effective(layer))


# A pruned direction cannot take noise where it is pruned.
@pytest.mark.parametrize(
    "name", [each for each in kinds(TAKE_ANY, OFTEN_WRONG) if "norm, pruned" not in each.values[0]]
)
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


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        pytest.param(name, factor, marks=wrong("the weight stays as it is") if factor == 0 and found else [])
        for name in UNABLE
        for factor in (0.5, 0.0)
        for found in [name in ("orthogonal", "cayley", "householder")]
    ],
)
def test_a_weight_that_cannot_take_the_value_is_refused_and_nothing_changes(name, factor):
    model = nn.Sequential(nn.Linear(4, 4), build(name, 1), nn.Linear(4, 2))
    before = state(model)
    with pytest.raises(InputError, match=r"model must have weights that can take any value, but '1\.weight' is"):
        scale_(model, factor)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", UNABLE)
def test_a_weight_that_cannot_take_the_value_can_be_left_out(name):
    model = nn.Sequential(nn.Linear(4, 4), build(name, 1))
    before = effective(build(name, 1))
    plain = model[0].weight.detach().clone()
    scale_(model, 0.5, include=lambda name, parameter: name.startswith("0."))
    torch.testing.assert_close(model[0].weight, 0.5 * plain)
    torch.testing.assert_close(effective(model[1]), before)


@pytest.mark.parametrize("name", TAKE_ANY)
def test_copies_of_a_model_that_has_run_compute_alike_and_apart(name):
    layer = build(name, 1)
    before = effective(layer)
    copied = copy_model(layer)
    torch.testing.assert_close(effective(copied), before)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.add_(0.5)
    torch.testing.assert_close(effective(layer), before)


@pytest.mark.parametrize("name", [name for name in TAKE_ANY if "pruned" not in name])
def test_a_transplanted_weight_is_that_of_the_previous_model(name):
    previous, fresh = build(name, 1), build(name, 2)
    wanted = effective(previous)
    torch.testing.assert_close(effective(transplant(previous, fresh)), wanted)


def test_a_weight_whose_parameters_are_frozen_in_part_is_refused():
    layer = parametrizations.weight_norm(nn.Linear(4, 4))
    layer.parametrizations.weight.original0.requires_grad_(False)
    with pytest.raises(InputError, match="model must train all parameters that 'weight' is made of, or none"):
        scale_(layer, 0.5)


def test_looking_at_the_weights_leaves_no_trace():
    for name in (*TAKE_ANY, *UNABLE):
        if "pruned" in name and "norm" in name:
            continue
        layer = build(name, 1).train()
        before = state(layer)
        for weight in (*weights_of(layer).values(), *aliases_of(layer).values()):
            weight.value()
        assert all(torch.equal(value, before[key]) for key, value in layer.state_dict().items()), name


class Adapted(nn.Module):
    """A layer with a low-rank update under the names that PEFT gives them."""

    def __init__(self, *, bias=False, names=("default",)):
        super().__init__()
        self.base_layer = nn.Linear(4, 3).requires_grad_(False)
        self.lora_A = nn.ModuleDict({name: nn.Linear(4, 2, bias=False) for name in names})
        self.lora_B = nn.ModuleDict({name: nn.Linear(2, 3, bias=bias) for name in names})

    def forward(self, inputs):
        return self.base_layer(inputs) + self.update(inputs)

    def update(self, inputs):
        return sum(self.lora_B[name](self.lora_A[name](inputs)) for name in self.lora_A)


class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.base_layer = nn.Embedding(9, 3).requires_grad_(False)
        self.lora_embedding_A = nn.ParameterDict({"default": nn.Parameter(torch.randn(2, 9))})
        self.lora_embedding_B = nn.ParameterDict({"default": nn.Parameter(torch.randn(3, 2))})

    def update(self, inputs):
        return (self.lora_embedding_B["default"] @ self.lora_embedding_A["default"]).sum() * inputs


class Loralib(nn.Linear):
    def __init__(self):
        super().__init__(4, 3)
        self.weight.requires_grad_(False)
        self.bias.requires_grad_(False)
        self.lora_A, self.lora_B = nn.Parameter(torch.randn(2, 4)), nn.Parameter(torch.randn(3, 2))

    def update(self, inputs):
        return inputs @ (self.lora_B @ self.lora_A).t()


def only_b_trained():
    layer = Adapted()
    layer.lora_A.requires_grad_(False)
    return layer


ADAPTERS = {
    "modules": Adapted,
    "several": lambda: Adapted(names=("default", "other")),
    "embedding": Embedded,
    "parameters": Loralib,
    "in a model": lambda: Adapted().to(torch.float64),
    "with a bias": lambda: Adapted(bias=True),
    "first factor frozen": only_b_trained,
}


@pytest.mark.parametrize(
    "name",
    kinds(
        ADAPTERS,
        {
            "with a bias": "the bias shrinks by the square root, too",
            "first factor frozen": "the one factor that changes shrinks by the square root",
        },
    ),
)
@pytest.mark.parametrize(
    "change",
    [lambda layer: scale_(layer, 0.25), lambda layer: shrink_perturb_(layer, layer, shrink=0.25, perturb=0.0)],
    ids=["scaled", "shrunk"],
)
def test_a_low_rank_update_shrinks_as_a_whole(name, change):
    layer = ADAPTERS[name]()
    inputs = INPUTS.to(next(layer.parameters()).dtype)
    before = layer.update(inputs).detach()
    frozen = {key: value.clone() for key, value in layer.named_parameters() if not value.requires_grad}
    change(layer)
    torch.testing.assert_close(layer.update(inputs), 0.25 * before, rtol=1e-4, atol=1e-6)
    assert all(torch.equal(dict(layer.named_parameters())[key], value) for key, value in frozen.items())


class BaseTunerLayer:
    """Has the name that marks PEFT's layers."""

    adapter_layer_names = ("turned_by",)


class Turned(nn.Module, BaseTunerLayer):
    def __init__(self):
        super().__init__()
        self.base_layer = nn.Linear(4, 3)
        self.turned_by = nn.ParameterDict({"default": nn.Parameter(torch.ones(4))})


def test_an_adapter_of_another_kind_is_refused_by_name_and_can_be_left_out():
    layer = nn.Sequential(Turned())
    before = state(layer)
    with pytest.raises(
        InputError, match=r"adapters whose factors are known, as LoRA's are, but '0\.turned_by\.default'"
    ):
        scale_(layer, 0.5)
    assert all(torch.equal(value, before[key]) for key, value in layer.state_dict().items())
    scale_(layer, 0.5, include=lambda name, parameter: "turned_by" not in name)
    assert torch.equal(layer[0].turned_by["default"], torch.ones(4))


class Tied(nn.Module):
    def __init__(self, tie=lambda model: None):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        tie(self)


def shared_parameter(model):
    model.b.weight = model.a.weight


def shared_memory(model):
    model.b.weight.data = model.a.weight.data.t()


def shared_module(model):
    model.b = model.a


def parametrized_tie(model):
    model.b.weight = model.a.weight
    for layer in (model.a, model.b):
        parametrize.register_parametrization(layer, "weight", Negated())


def overlapping(model):
    whole = torch.randn(7, 4)
    model.a.weight.data, model.b.weight.data = whole[:4], whole[3:]


def in_another_type(model):
    bits = model.a.weight.data.view(torch.int32)
    model.b.weight.data = bits.view(torch.float32)


def through_a_wrapper(model):
    model.b = nn.Sequential(model.a)


TIES = [
    shared_parameter,
    shared_memory,
    shared_module,
    overlapping,
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
