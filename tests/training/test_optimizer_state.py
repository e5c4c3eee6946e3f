"""An optimizer's state moves to another model by name and shape, and the new optimizer can step with it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from small_models import TABLE, net
from warmstart.basics import InputError, copy_model
from warmstart.training import transfer_optimizer_state


def steps(model, optimizer, count):
    for _ in range(count):
        optimizer.zero_grad()
        F.cross_entropy(model(TABLE.inputs), TABLE.labels).backward()
        optimizer.step()


KINDS = {
    "adam": torch.optim.Adam,
    "adam with amsgrad": lambda parameters: torch.optim.Adam(parameters, amsgrad=True),
    "fused adam": lambda parameters: torch.optim.Adam(parameters, fused=True),
    "adamw": torch.optim.AdamW,
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "adagrad": torch.optim.Adagrad,
    "rprop": torch.optim.Rprop,
    "rmsprop": lambda parameters: torch.optim.RMSprop(parameters, momentum=0.9, centered=True),
    "adafactor": torch.optim.Adafactor,
}


@pytest.mark.parametrize("name", [name for name in KINDS if name != "sgd"])
def test_a_copy_with_the_state_transferred_steps_as_the_original_does(name):
    model = net().eval()
    optimizer = KINDS[name](model.parameters())
    steps(model, optimizer, 3)
    other = copy_model(model)
    new = KINDS[name](other.parameters())
    assert transfer_optimizer_state(optimizer, model, new, other) == [name for name, _ in model.named_parameters()]
    steps(model, optimizer, 3)
    steps(other, new, 3)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


class Named(nn.Module):
    def __init__(self, order, widths=None, tied=False):
        super().__init__()
        for key in order:
            setattr(self, key, nn.Linear(4, (widths or {}).get(key, 4)))
        if tied:
            self.b.weight = self.a.weight

    def forward(self, inputs):
        return sum(layer(inputs).sum(1, keepdim=True) for layer in self.children()).expand(-1, 3)


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        (Named("ab"), Named("ba"), {"a.weight", "a.bias", "b.weight", "b.bias"}),
        (Named("ab"), Named("cab"), {"a.weight", "a.bias", "b.weight", "b.bias"}),
        (Named("ab"), Named("acb"), {"a.weight", "a.bias", "b.weight", "b.bias"}),
        (Named("abc"), Named("ab"), {"a.weight", "a.bias", "b.weight", "b.bias"}),
        (Named("ab"), Named("ab", {"b": 5}), {"a.weight", "a.bias"}),
        (Named("ab"), nn.DataParallel(Named("ab")), {"a.weight", "a.bias", "b.weight", "b.bias"}),
        (Named("ab"), torch.compile(Named("ab"), backend="eager"), {"a.weight", "a.bias", "b.weight", "b.bias"}),
        (Named("ab", tied=True), Named("ba", tied=True), {"b.weight", "a.bias", "b.bias"}),
    ],
    ids=["reordered", "added before", "added between", "removed", "wider", "wrapped", "compiled", "tied, reordered"],
)
def test_state_follows_names_and_shapes(before, after, kept):
    optimizer, new = torch.optim.Adam(before.parameters()), torch.optim.Adam(after.parameters())
    steps(before, optimizer, 1)
    assert set(transfer_optimizer_state(optimizer, before, new, after)) == kept
    inner = getattr(after, "module", getattr(after, "_orig_mod", after))
    for name, parameter in inner.named_parameters():
        old = dict(before.named_parameters()).get(name)
        if name in kept and old is not None:
            assert torch.equal(new.state[parameter]["exp_avg"], optimizer.state[old]["exp_avg"])
        elif name not in kept:
            assert parameter not in new.state


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (KINDS["adam with amsgrad"], torch.optim.Adam),
        (KINDS["momentum"], KINDS["sgd"]),
        (KINDS["adam"], KINDS["fused adam"]),
        (KINDS["fused adam"], KINDS["adam"]),
    ],
    ids=["no amsgrad", "no momentum", "fused", "not fused"],
)
def test_an_optimizer_of_other_settings_can_step_with_the_state_that_it_got(old, new):
    model = net().eval()
    optimizer, other = old(model.parameters()), new(model.parameters())
    steps(model, optimizer, 2)
    transfer_optimizer_state(optimizer, model, other, model)
    steps(model, other, 1)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("old", "new"),
    [(torch.optim.Adam, KINDS["adam with amsgrad"]), (torch.optim.RMSprop, KINDS["rmsprop"])],
    ids=["amsgrad", "centered"],
)
def test_state_that_lacks_what_new_settings_need_is_refused_and_the_new_optimizer_can_step(old, new):
    model = net().eval()
    optimizer, other = old(model.parameters()), new(model.parameters())
    steps(model, optimizer, 2)
    with pytest.raises(InputError, match=r"old must hold state for a parameter .* got none: use the new optimizer"):
        transfer_optimizer_state(optimizer, model, other, model)
    assert not other.state
    steps(model, other, 1)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("new", [torch.optim.AdamW, torch.optim.SGD], ids=["a relative", "another one"])
def test_state_of_another_optimizer_is_refused(new):
    model = net()
    with pytest.raises(InputError, match="new must be an optimizer of the class of old, Adam, got"):
        transfer_optimizer_state(torch.optim.Adam(model.parameters()), model, new(model.parameters(), lr=0.1), model)
