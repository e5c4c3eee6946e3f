"""Each bad argument of a strategy is refused in one sentence."""

import pytest
import torch
from torch import nn

from small_models import net
from warmstart.basics import InputError, generator_for
from warmstart.strategies import (
    Cold,
    KeepLayers,
    NormMatched,
    Scope,
    ShrinkPerturb,
    gaussian_like,
    head_of,
    keep_layers,
    layers_of,
    norm_matched,
    scale,
    scale_,
    shrink_perturb,
    shrink_perturb_,
    transplant,
)

BAD = [None, "false", -1, float("nan"), [1], {}, torch.zeros(2), nn.Linear]
MODELS = {
    "scale_": lambda value: scale_(value, 0.5),
    "scale": lambda value: scale(value, 0.5),
    "shrink_perturb_": lambda value: shrink_perturb_(value, net()),
    "fresh of shrink_perturb_": lambda value: shrink_perturb_(net(), value),
    "shrink_perturb": lambda value: shrink_perturb(value, net()),
    "gaussian_like": lambda value: gaussian_like(value, generator=generator_for(0)),
    "norm_matched": lambda value: norm_matched(value, net(), generator=generator_for(0)),
    "like of norm_matched": lambda value: norm_matched(net(), value, generator=generator_for(0)),
    "transplant": lambda value: transplant(value, net()),
    "fresh of transplant": lambda value: transplant(net(), value),
    "keep_layers": lambda value: keep_layers(value, net()),
    "fresh of keep_layers": lambda value: keep_layers(net(), value),
    "layers_of": layers_of,
    "head_of": head_of,
}
OTHERS = {
    "generator of gaussian_like": (lambda value: gaussian_like(net(), generator=value), BAD),
    "generator of norm_matched": (lambda value: norm_matched(net(), net(), generator=value), BAD),
    "partial": (lambda value: transplant(net(), net(), partial=value), [None, "false", 1, [1]]),
    "include": (lambda value: scale_(net(), 0.5, include=value), ["x", 1, [1], {}]),
    "head": (lambda value: scale_(net(), 0.5, scope=Scope.HEAD, head=value), ["x", -1, 1.5, ["3"], {}]),
    "scope": (lambda value: scale_(net(), 0.5, scope=value), BAD),
    "before_first_round": (lambda value: ShrinkPerturb(before_first_round=value), [None, "false", 1, [1]]),
    "noise": (lambda value: ShrinkPerturb(noise=value), [None, "x", 1, [1]]),
    "which": (lambda value: KeepLayers(which=value), [None, "x", 1, [1]]),
    "layers": (lambda value: KeepLayers(layers=value), [None, "x", 0, 1.5, [1], True]),
}
NUMBERS = {
    "shrink": (lambda value: shrink_perturb_(net(), net(), shrink=value), [None, "0.4", -1, 2, float("nan"), [1]]),
    "perturb": (lambda value: shrink_perturb_(net(), net(), perturb=value), [None, "0.1", -1, float("inf"), [1]]),
    "scale": (lambda value: scale_(net(), value), [None, "0.1", -1, float("inf"), float("nan"), {}]),
    "scale of Cold": (lambda value: Cold(scale=value), [None, "0.1", -1, float("inf"), [1]]),
    "shrink of ShrinkPerturb": (lambda value: ShrinkPerturb(shrink=value), [None, "0.4", -1, 2, [1]]),
    "shrink of NormMatched": (lambda value: NormMatched(shrink=value), [None, "0.4", -1, 2, [1]]),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_no_model_is_refused_in_one_sentence(name):
    for value in BAD:
        with pytest.raises(InputError, match=r"must be a torch\.nn\.Module"):
            MODELS[name](value)


@pytest.mark.parametrize("name", OTHERS)
def test_an_option_of_another_kind_is_refused(name):
    call, given = OTHERS[name]
    for value in given:
        with pytest.raises(InputError):
            call(value)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_factor_of_another_kind_is_refused_by_its_name(name):
    call, given = NUMBERS[name]
    for value in given:
        with pytest.raises(InputError, match=name.split()[0]):
            call(value)
