"""Weights that share memory share it after every strategy, and expanded weights are refused or get memory."""

import pytest
import torch

from small_models import Tied, context, expanded, overlapping, same_parameter, trained, transposed
from warmstart.basics import InputError, generator_for, unwrapped
from warmstart.strategies import (
    Cold,
    Warm,
    gaussian_like,
    keep_layers,
    norm_matched,
    scale_,
    shrink_perturb,
    shrink_perturb_,
    transplant,
)

pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute")


def fitted(model):
    trained(model)
    return model


KEEPING = {
    "warm": lambda model, other: Warm()(model, other, context(other)),
    "cold": lambda model, other: Cold(scale=0.5)(None, model, context(model)),
    "shrink_perturb": lambda model, other: shrink_perturb(model, other),
    "keep_layers": lambda model, other: keep_layers(model, other, layers=2),
    "transplant": lambda model, other: transplant(model, other),
    "norm_matched": lambda model, other: norm_matched(model, other, generator=generator_for(0)),
    "gaussian_like": lambda model, other: gaussian_like(model, generator=generator_for(0)),
    "fit": lambda model, other: fitted(model),
    "fit compiled": lambda model, other: unwrapped(fitted(torch.compile(model, backend="eager"))),
}


@pytest.mark.parametrize("tie", [same_parameter, transposed, overlapping], ids=lambda tie: tie.__name__)
@pytest.mark.parametrize("keeping", KEEPING)
def test_weights_that_share_memory_share_it_afterwards(keeping, tie):
    found = KEEPING[keeping](Tied(tie), Tied(tie))
    before = found.b.weight.detach().clone()
    with torch.no_grad():
        found.a.weight.fill_(7.0)
    assert (found.b.weight == 7.0).sum() >= 8
    assert not torch.equal(found.b.weight, before)


@pytest.mark.parametrize(
    "change",
    [lambda model: scale_(model, 0.5), lambda model: shrink_perturb_(model, Tied(expanded))],
    ids=["scale_", "shrink_perturb_"],
)
def test_changing_an_expanded_weight_in_place_is_refused_in_one_sentence(change):
    with pytest.raises(InputError, match=r"'b\.weight', which is expanded"):
        change(Tied(expanded))


@pytest.mark.parametrize("keeping", ["gaussian_like", "norm_matched", "transplant", "keep_layers"])
def test_a_copy_of_an_expanded_weight_has_memory_for_each_number(keeping):
    found = KEEPING[keeping](Tied(expanded), Tied(expanded))
    assert found.b.weight.isfinite().all()
    assert 0 not in found.b.weight.stride()
