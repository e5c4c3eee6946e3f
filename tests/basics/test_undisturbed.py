"""A pass inside the context changes nothing that a model holds, whatever holds it."""

import collections
import contextlib
import types

import pytest
import torch
from torch import nn

from small_models import INPUTS, net
from warmstart.basics import undisturbed


class Counter:
    def __init__(self):
        self.count = 0


class Counting(nn.Module):
    """Counts its passes in an object that each case chooses."""

    def __init__(self, make, count, read):
        super().__init__()
        self.layer, self.held = nn.Linear(4, 3), make()
        self.count, self.read = [count], read

    def forward(self, inputs):
        self.count[0](self)
        return self.layer(inputs)


def set_held(model):
    model.held += 1


def increase(index):
    def count(model):
        model.held[index] += 1

    return count


def in_place(model):
    with torch.no_grad():
        model.held.add_(1)


PLACES = {
    "number": (lambda: 0, set_held, lambda held: held),
    "list": (lambda: [0], increase(0), lambda held: held[0]),
    "dictionary": (lambda: {"n": 0}, increase("n"), lambda held: held["n"]),
    "counter": (collections.Counter, increase("n"), lambda held: held["n"]),
    "nested list": (
        lambda: {"n": [0]},
        lambda m: increase(0)(types.SimpleNamespace(held=m.held["n"])),
        lambda h: h["n"][0],
    ),
    "appended": (lambda: {"n": []}, lambda m: m.held["n"].append(1), lambda held: len(held["n"])),
    "deque": (collections.deque, lambda m: m.held.append(1), len),
    "bounded deque": (
        lambda: collections.deque([0], maxlen=1),
        lambda m: m.held.append(m.held[-1] + 1),
        lambda h: h[0],
    ),
    "set": (set, lambda m: m.held.add(1), len),
    "tuple": (lambda: ([0],), lambda m: m.held[0].append(1), lambda held: len(held[0])),
    "object": (Counter, lambda m: setattr(m.held, "count", m.held.count + 1), lambda held: held.count),
    "namespace": (
        lambda: types.SimpleNamespace(n=0),
        lambda m: setattr(m.held, "n", m.held.n + 1),
        lambda held: held.n,
    ),
    "tensor": (lambda: torch.zeros(1), in_place, lambda held: held.item()),
    "tensor in a list": (
        lambda: [torch.zeros(1)],
        lambda m: m.held[0].add_(1),
        lambda held: held[0].item(),
    ),
    "bytes": (lambda: bytearray(1), increase(0), lambda held: held[0]),
    "generator": (
        lambda: torch.Generator().manual_seed(0),
        lambda m: torch.rand(1, generator=m.held),
        lambda held: held.get_state().sum().item(),
    ),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fails", [False, True])
def test_state_that_a_pass_changes_is_restored(place, fails):
    make, count, read = PLACES[place]
    model = Counting(make, count, read)
    before, held = read(model.held), model.held
    with contextlib.suppress(ZeroDivisionError), undisturbed(model):
        model(INPUTS)
        assert read(model.held) != before
        if fails:
            raise ZeroDivisionError
    assert read(model.held) == before
    assert type(model.held) is type(held)


def test_requires_grad_is_restored():
    model = net()
    model[0].requires_grad_(False)
    model.register_forward_pre_hook(lambda module, inputs: module[0].requires_grad_(True) and None)
    with undisturbed(model):
        model(INPUTS)
    assert not model[0].weight.requires_grad
