"""A strategy that would change numbers refuses a model, or a scope, that has none to change."""

import pytest
import torch
from torch import nn

from rounds import same, state
from small_models import context, net
from warmstart.basics import InputError, generator_for
from warmstart.strategies import (
    Cold,
    KeepLayers,
    Noise,
    NormMatched,
    Scope,
    ShrinkPerturb,
    Warm,
    gaussian_like,
    norm_matched,
    scale,
    scale_,
    shrink_perturb,
    shrink_perturb_,
)


def frozen():
    return net().requires_grad_(False)


def buffers_only():
    model = nn.Module()
    model.register_buffer("table", torch.ones(3))
    return model


def quantized():
    return torch.ao.quantization.quantize_dynamic(net(), {nn.Linear}, dtype=torch.qint8)


INERT = {
    "frozen copy": frozen,
    "buffers only": buffers_only,
    "normalization without gains": lambda: nn.BatchNorm1d(3, affine=False),
    "frozen, wrapped": lambda: nn.DataParallel(frozen()),
}
CHANGES = {
    "scale_": lambda model, fresh: scale_(model, 0.5),
    "scale": lambda model, fresh: scale(model, 0.5),
    "shrink_perturb_": lambda model, fresh: shrink_perturb_(model, fresh),
    "shrink_perturb": lambda model, fresh: shrink_perturb(model, fresh),
    "gaussian_like": lambda model, fresh: gaussian_like(model, generator=generator_for(0)),
    "norm_matched": lambda model, fresh: norm_matched(model, fresh, generator=generator_for(0)),
    "Cold": lambda model, fresh: Cold(scale=0.5)(None, model, None),
    **{
        f"ShrinkPerturb {noise}": lambda model, fresh, noise=noise: ShrinkPerturb(noise=noise)(
            model, fresh, context(fresh)
        )
        for noise in Noise
    },
    "NormMatched": lambda model, fresh: NormMatched()(model, model, context(model)),
    "before the first round": lambda model, fresh: ShrinkPerturb(before_first_round=True)(None, model, context(model)),
}


@pytest.mark.parametrize("kind", INERT)
@pytest.mark.parametrize("change", CHANGES)
def test_a_model_without_anything_to_change_is_refused(kind, change):
    model = INERT[kind]()
    before = state(model)
    with pytest.raises(InputError, match=r"model must have at least one trainable parameter, got none"):
        CHANGES[change](model, INERT[kind]())
    assert same(before, model.state_dict())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", ["scale_", "shrink_perturb_"])
def test_a_quantized_layer_without_parameters_is_refused(change):
    model = quantized()[:1]
    with pytest.raises(InputError, match="model must have at least one trainable parameter"):
        CHANGES[change](model, quantized()[:1])


@pytest.mark.parametrize("scope", [Scope.WEIGHTS, Scope.LAYERS])
def test_a_scope_without_anything_to_change_is_refused(scope):
    with pytest.raises(InputError, match="scope must hold at least one trainable parameter of the model"):
        scale_(nn.BatchNorm1d(3), 0.5, scope=scope)
    with pytest.raises(InputError, match="scope must hold at least one trainable parameter of the model"):
        scale_(net(), 0.5, include=lambda name, parameter: False)


@pytest.mark.parametrize("strategy", [Warm(), Cold(), KeepLayers()])
def test_what_changes_no_number_takes_frozen_models(strategy):
    found = strategy(frozen(), frozen(), context(frozen()))
    assert not any(parameter.requires_grad for parameter in found.parameters())
