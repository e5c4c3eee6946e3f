"""Changes of weights: of every type, after a divergence, and cut short by an error."""

import dataclasses

import pytest
import torch
from torch import nn

from rounds import same, state
from small_models import net
from warmstart.strategies import scale_, shrink_perturb_


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.bfloat16, torch.float64, torch.cfloat])
def test_weights_of_each_type_are_shrunk_and_keep_their_type(dtype):
    model = nn.ParameterDict({"weight": nn.Parameter(torch.tensor([2.0, -4.0]).to(dtype))})
    scale_(model, 0.5)
    assert model["weight"].dtype is dtype
    torch.testing.assert_close(model["weight"].to(torch.cfloat), torch.tensor([1.0, -2.0]).to(torch.cfloat))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_factor_of_zero_leaves_nothing_of_a_model_that_diverged(value):
    model, fresh = net(0), net(1)
    nn.init.constant_(model[0].weight, value)
    shrink_perturb_(model, fresh, shrink=0.0, perturb=1.0)
    assert torch.equal(model[0].weight, fresh[0].weight)


@dataclasses.dataclass
class Late:
    """Fails after so many weights."""

    count: int

    def __call__(self, name, parameter):
        self.count -= 1
        if self.count < 0:
            raise ZeroDivisionError
        return True


@pytest.mark.parametrize("count", range(6))
def test_a_change_that_fails_changes_nothing(count):
    model = net()
    before = state(model)
    with pytest.raises(ZeroDivisionError):
        shrink_perturb_(model, net(1), include=Late(count))
    assert same(before, model.state_dict())
