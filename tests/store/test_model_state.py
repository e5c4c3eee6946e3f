"""What a checkpoint stores of a model comes back as it was, or resuming is refused."""

import collections
import dataclasses
import itertools
import random
import threading
import types

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune, weight_norm

from small_models import INPUTS, Tied, transposed
from warmstart.basics import InputError, copy_model
from warmstart.store._checkpoint import load_round_state, save_round_state
from warmstart.trial import RoundState


class Holding(nn.Module):
    """Holds something besides its parameters."""

    def __init__(self, held=None):
        super().__init__()
        self.layer, self.held = nn.Linear(4, 3), held

    def forward(self, inputs):
        return self.layer(inputs)


def resumed(make, change, folder):
    """Return a model that has changed since it was built, and what comes back of it."""
    model = make()
    built = copy_model(model)
    change(model)
    save_round_state(RoundState(1, model), folder / "round.safetensors", build=lambda: built)
    return model, load_round_state(folder / "round.safetensors", [make()]).model


def unchanged(model):
    pass


def increase(index):
    def change(model):
        model.held[index] += 1

    return change


def set_to(value):
    return lambda model: setattr(model, "held", value)


STORED = {
    "int": (lambda: 0, set_to(3)),
    "float": (lambda: 1.0, set_to(0.1)),
    "not finite": (lambda: 1.0, set_to(float("inf"))),
    "bool": (lambda: False, set_to(True)),
    "text": (lambda: "warm-up", set_to("é\n")),
    "none": (lambda: None, set_to(2)),
    "to none": (lambda: 2, set_to(None)),
    "tuple": (lambda: (0, (1, 2)), set_to((1, (2, [3])))),
    "list": (lambda: [0, [1.5, None]], increase(0)),
    "dictionary": (lambda: {"n": 0, 3: {"a": [1]}, (1, "x"): True}, increase("n")),
    "tensor": (lambda: torch.zeros(2), lambda model: model.held.add_(1)),
    "tensor of no dimension": (lambda: torch.zeros(()), lambda model: model.held.add_(1)),
    "tensor of whole numbers": (lambda: torch.zeros(2, dtype=torch.int8), lambda model: model.held.add_(1)),
    "complex tensor": (lambda: torch.zeros(2, dtype=torch.cfloat), lambda model: model.held.add_(1j)),
    "empty tensor": (lambda: torch.zeros(0), set_to(torch.zeros(0, 3))),
    "tensor of another shape": (lambda: torch.zeros(2), set_to(torch.ones(3, 2))),
    "tensors within": (lambda: {"a": [torch.zeros(2)]}, lambda model: model.held["a"][0].add_(1)),
    "grown list": (list, lambda model: model.held.append(torch.ones(1))),
    "kept activation": (lambda: None, lambda model: set_to(model(INPUTS))(model)),
}


def equal(one, other):
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("name", STORED)
def test_plain_state_comes_back_as_it_was(name, tmp_path):
    make, change = STORED[name]
    model, found = resumed(lambda: Holding(make()), change, tmp_path)
    assert equal(model.held, found.held)


class Count:
    def __init__(self):
        self.n = 0


class Locked:
    """Cannot be pickled."""

    def __init__(self):
        self.n, self.lock = 0, threading.Lock()

    def __deepcopy__(self, memo):
        copied = Locked()
        copied.n = self.n
        return copied


@dataclasses.dataclass
class Held:
    value: object


Pair = collections.namedtuple("Pair", "value n")


def set_n(model):
    model.held.n = 5


def move(found):
    return lambda model: found(model.held).add_(1)


OTHER = {
    "object": (Count, set_n),
    "namespace": (lambda: types.SimpleNamespace(n=0), set_n),
    "dataclass": (lambda: Held(0), lambda model: setattr(model.held, "value", 1)),
    "set": (lambda: {1}, lambda model: model.held.add(2)),
    "set within": (lambda: {"a": [{1}]}, lambda model: model.held["a"][0].add(2)),
    "counter": (lambda: collections.Counter(a=1), increase("a")),
    "default dictionary": (lambda: collections.defaultdict(int), increase("a")),
    "ordered dictionary": (lambda: collections.OrderedDict(a=0), increase("a")),
    "deque": (lambda: collections.deque([0], maxlen=2), lambda model: model.held.append(1)),
    "bytes": (lambda: b"a", set_to(b"b")),
    "complex number": (lambda: 1j, set_to(2j)),
    "array": (lambda: np.zeros(2), increase(0)),
    "number of NumPy": (lambda: np.int64(0), set_to(np.int64(1))),
    "iterator": (lambda: iter([1, 2]), lambda model: next(model.held)),
    "endless iterator": (itertools.count, lambda model: next(model.held)),
    "generator": (
        lambda: torch.Generator().manual_seed(0),
        lambda model: torch.rand(1, generator=model.held),
    ),
    "generator of Python": (lambda: random.Random(0), lambda model: model.held.random()),
    "generator of NumPy": (lambda: np.random.default_rng(0), lambda model: model.held.random()),
    "generator in a list": (
        lambda: [torch.Generator().manual_seed(0)],
        lambda model: torch.rand(1, generator=model.held[0]),
    ),
    "tensor in a dataclass": (lambda: Held(torch.zeros(1)), move(lambda held: held.value)),
    "tensor in a namespace": (lambda: types.SimpleNamespace(n=torch.zeros(1)), move(lambda held: held.n)),
    "tensor in a deque": (lambda: collections.deque([torch.zeros(1)]), move(lambda held: held[0])),
    "tensor in an ordered dictionary": (
        lambda: collections.OrderedDict(a=torch.zeros(1)),
        move(lambda held: held["a"]),
    ),
    "tensor in a named tuple": (lambda: Pair(torch.zeros(1), 0), move(lambda held: held.value)),
    "sparse tensor": (lambda: torch.eye(2).to_sparse(), lambda model: model.held.mul_(2)),
    "list of modules": (lambda: [nn.Linear(2, 2)], move(lambda held: held[0].weight.data)),
    "statistics of an unregistered layer": (lambda: [nn.BatchNorm1d(2)], lambda model: model.held[0](torch.eye(2))),
    "what cannot be pickled": (Locked, set_n),
}


@pytest.mark.parametrize("name", OTHER)
def test_other_state_that_has_changed_is_refused_by_its_name(name, tmp_path):
    make, change = OTHER[name]
    with pytest.raises(InputError, match=r"cannot be resumed bit for bit .* cannot be stored, held \("):
        resumed(lambda: Holding(make()), change, tmp_path)


@pytest.mark.parametrize("name", OTHER)
def test_other_state_that_has_not_changed_is_no_reason_to_refuse(name, tmp_path):
    resumed(lambda: Holding(OTHER[name][0]()), unchanged, tmp_path)


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.cell, self.head = kind(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, inputs):
        return self.head(self.cell(inputs[:, None])[0][:, -1])


class Aliased(nn.Module):
    """Computes with its parameters by another attribute than the one that they are registered under."""

    def __init__(self, hold):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.held = hold(self.layer.weight)

    def forward(self, inputs):
        weight = self.held["a"] if isinstance(self.held, dict) else self.held[0]
        return inputs @ weight.t() + self.layer.bias


def compiled():
    return torch.compile(nn.Sequential(nn.Linear(4, 3)), backend="eager")


def traced_by_fx():
    return torch.fx.symbolic_trace(nn.Sequential(nn.Linear(4, 3)))


def scripted():
    return torch.jit.script(nn.Sequential(nn.Linear(4, 3)))


def pruned():
    return nn.Sequential(prune.l1_unstructured(nn.Linear(4, 3), "weight", 0.3))


def normed():
    return nn.Sequential(weight_norm(nn.Linear(4, 3)))


WHOLE = {
    "lstm": lambda: Recurrent(nn.LSTM),
    "gru": lambda: Recurrent(nn.GRU),
    "rnn": lambda: Recurrent(nn.RNN),
    "parameter in a list": lambda: Aliased(lambda weight: [weight]),
    "parameter in a dictionary": lambda: Aliased(lambda weight: {"a": weight}),
    "view of a parameter": lambda: Aliased(lambda weight: [weight.detach()]),
    "compiled": compiled,
    "traced by fx": traced_by_fx,
    "scripted": scripted,
    "pruned": pruned,
    "weight norm": normed,
    "no attributes": lambda: nn.Sequential(nn.Linear(4, 3)),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*", "ignore:.*torch.jit.script.*")
@pytest.mark.parametrize("name", WHOLE)
def test_a_model_that_comes_back_computes_with_its_parameters(name, tmp_path):
    def train(model):
        torch.manual_seed(1)
        model(INPUTS)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))

    torch.manual_seed(0)
    model, found = resumed(WHOLE[name], train, tmp_path)
    assert torch.equal(model(INPUTS), found(INPUTS))
    for each in (model, found):
        with torch.no_grad():
            for key, parameter in each.named_parameters():
                if "head" not in key:
                    parameter.mul_(0.5)
    assert torch.equal(model(INPUTS), found(INPUTS))


class Buffered(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.register_buffer("hidden", torch.zeros(2), persistent=False)
        self.register_buffer("later", None)


def test_hidden_buffers_modes_and_what_is_frozen_come_back(tmp_path):
    def change(model):
        model.hidden += 2
        model.layer.weight.requires_grad_(False)
        model.layer.eval()

    _, found = resumed(Buffered, change, tmp_path)
    assert found.hidden.tolist() == [2, 2]
    assert [p.requires_grad for p in found.parameters()] == [False, True]
    assert (found.training, found.layer.training) == (True, False)


@pytest.mark.parametrize(
    "change",
    [lambda model: setattr(model, "hidden", torch.ones(5)), lambda model: setattr(model, "later", torch.ones(2))],
    ids=["another shape", "none before"],
)
def test_a_buffer_that_has_grown_is_refused(change, tmp_path):
    with pytest.raises(InputError, match=r"The checkpoint .* cannot be read"):
        resumed(Buffered, change, tmp_path)


def test_memory_that_weights_share_is_shared_after_resuming(tmp_path):
    model, found = resumed(lambda: Tied(transposed), lambda model: nn.init.normal_(model.a.weight), tmp_path)
    assert torch.equal(model.b.weight, found.b.weight)
    nn.init.ones_(found.a.weight)
    assert (found.b.weight == 1).all()


def test_an_object_that_modules_share_is_shared_after_resuming(tmp_path):
    def make():
        model = nn.Sequential(Holding({"n": 0}), Holding())
        model[1].held = model[0].held
        return model

    _, found = resumed(make, lambda model: model[0].held.update(n=2), tmp_path)
    assert found[0].held == {"n": 2}
    assert found[0].held is found[1].held


def test_a_leaf_outside_of_the_parameters_stays_one(tmp_path):
    _, found = resumed(lambda: Holding(torch.ones(1, requires_grad=True)), unchanged, tmp_path)
    assert found.held.requires_grad


class Extra(nn.Linear):
    def __init__(self, value):
        super().__init__(4, 3)
        self.value = value

    def get_extra_state(self):
        return self.value

    def set_extra_state(self, state):
        self.value = state


@pytest.mark.parametrize("value", [{"v": 1}, torch.ones(2), {"a": [torch.ones(2)]}, (1, 2), "text", None, 3])
def test_an_extra_state_comes_back(value, tmp_path):
    _, found = resumed(lambda: Extra(value), unchanged, tmp_path)
    assert equal(found.value, value)


def test_an_extra_state_that_cannot_be_stored_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"state must be tensors or plain values to be stored, but _extra_state is not"
    ):
        resumed(lambda: Extra({1}), unchanged, tmp_path)
