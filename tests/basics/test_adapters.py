"""Low-rank adapters are scaled by their update, the product of their factors; other kinds of adapters are refused."""

import pytest
import torch
from torch import nn

from rounds import same, state
from small_models import INPUTS
from warmstart.basics import InputError
from warmstart.strategies import scale_, shrink_perturb_


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


@pytest.mark.parametrize("name", ADAPTERS)
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


def test_an_unknown_adapter_is_refused_by_name_and_can_be_excluded():
    layer = nn.Sequential(Turned())
    before = state(layer)
    with pytest.raises(
        InputError, match=r"adapters whose factors are known, as LoRA's are, but '0\.turned_by\.default'"
    ):
        scale_(layer, 0.5)
    assert same(before, layer.state_dict())
    scale_(layer, 0.5, include=lambda name, parameter: "turned_by" not in name)
    assert torch.equal(layer[0].turned_by["default"], torch.ones(4))
