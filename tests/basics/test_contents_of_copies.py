"""Copies of what a model holds: results of a pass, lists that hooks record into, memory that tensors share."""

import collections
import dataclasses
import functools
import threading

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad

from small_models import INPUTS, HeadFirst, Tied, expanded, overlapping, same_parameter, transposed
from warmstart.basics import InputError, copy_model


def record(seen, module, inputs, output):
    seen.append(output.shape)


@pytest.mark.parametrize(
    "hook_for",
    [
        lambda seen: lambda module, inputs, output: seen.append(output.shape),
        lambda seen: lambda module, inputs, output, to=seen: to.append(output.shape),
        lambda seen: functools.partial(record, seen),
    ],
    ids=["closure", "default", "partial"],
)
def test_the_list_that_a_hook_records_into_is_not_copied(hook_for):
    model, seen = HeadFirst(), []
    model.head.register_forward_hook(hook_for(seen))
    copied = copy_model(model)
    copied(INPUTS)
    assert seen == [(3, 3)]


@dataclasses.dataclass
class Kept:
    output: object = None


Pair = collections.namedtuple("Pair", "output total")


class Slotted:
    __slots__ = ("output",)


def keep_attribute(model, output):
    model.kept = output


def keep_in_list(model, output):
    model.kept = [output, [output * 2]]


def keep_in_dictionary(model, output):
    model.kept = {"a": {"b": (output,)}}


def keep_in_dataclass(model, output):
    model.kept = Kept(output)


def keep_in_named_tuple(model, output):
    model.kept = Pair(output, output.sum())


def keep_in_deque(model, output):
    model.kept = collections.deque([output], maxlen=2)


def keep_in_slots(model, output):
    model.kept = Slotted()
    model.kept.output = output


def keep_in_closure(model, output):
    model.kept = lambda: output


def keep_in_partial(model, output):
    model.kept = functools.partial(torch.add, output)


def keep_as_buffer(model, output):
    model.register_buffer("kept", output)


KEEPERS = [
    keep_attribute,
    keep_in_list,
    keep_in_dictionary,
    keep_in_dataclass,
    keep_in_named_tuple,
    keep_in_deque,
    keep_in_slots,
    keep_in_closure,
    keep_in_partial,
    keep_as_buffer,
]


@pytest.mark.parametrize("keep", KEEPERS, ids=lambda keep: keep.__name__)
def test_a_model_that_stores_results_of_a_pass_can_be_copied(keep):
    model = HeadFirst()
    keep(model, model(INPUTS))
    copied = copy_model(model)
    torch.testing.assert_close(copied(INPUTS), model(INPUTS))


def test_leftovers_of_a_functional_transform_can_be_copied():
    model = HeadFirst()
    model.head.register_forward_hook(lambda module, inputs, output: setattr(module, "kept", output))
    values = {name: value.detach() for name, value in model.named_parameters()}
    grad(lambda given: functional_call(model, given, (INPUTS,)).sum())(values)
    copied = copy_model(model)
    torch.testing.assert_close(copied(INPUTS), model(INPUTS))


@pytest.mark.parametrize("held", [threading.Lock(), (part for part in ())], ids=["lock", "generator"])
def test_a_model_that_deepcopy_refuses_is_reported(held):
    model = HeadFirst()
    model.held = held
    with pytest.raises(InputError, match=r"model must support copy\.deepcopy, but HeadFirst fails with"):
        copy_model(model)


def data_of_another(model):
    model.b.weight.data = model.a.weight.data


def view_as_parameter(model):
    model.b.weight = nn.Parameter(model.a.weight.detach())


def buffer_on_a_parameter(model):
    model.register_buffer("seen", model.a.weight.detach()[0])


TIES = [
    same_parameter,
    data_of_another,
    transposed,
    view_as_parameter,
    overlapping,
    buffer_on_a_parameter,
    expanded,
]


@pytest.mark.parametrize("tie", TIES, ids=lambda tie: tie.__name__)
def test_tensors_that_share_memory_share_it_in_the_copy(tie):
    model = Tied(tie)
    copied = copy_model(model)
    with torch.no_grad():
        values = [tensor.clone() for tensor in model.state_dict().values()]
        copied.a.weight.fill_(7.0)
        expected = [tensor.clone() for tensor in copied.state_dict().values()]
        assert all(torch.equal(a, b) for a, b in zip(values, model.state_dict().values(), strict=True))
        model.a.weight.fill_(7.0)
    for found, wanted in zip(expected, model.state_dict().values(), strict=True):
        torch.testing.assert_close(found, wanted)


def test_a_copy_of_disjoint_parts_of_one_buffer_leaves_the_buffer_alone():
    flat, model = torch.randn(32), Tied()
    model.a.weight.data, model.b.weight.data = flat[:16].view(4, 4), flat[16:].view(4, 4)
    copied = copy_model(model)
    before = flat.clone()
    with torch.no_grad():
        copied.a.weight.zero_()
        copied.b.weight.zero_()
    assert torch.equal(flat, before)
    assert not copied.a.weight.any()
    assert not copied.b.weight.any()
