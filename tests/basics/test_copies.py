"""Copies of models whose methods and hooks refer to their modules compute with their own parameters."""

import collections
import dataclasses
import functools
import types
import weakref

import pytest
import torch
from torch import nn

from small_models import INPUTS
from warmstart.basics import InputError, copy_model


class Net(nn.Module):
    """Two layers; each case replaces how they are called."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, inputs):
        return self.last(torch.relu(self.first(inputs)))


def patched(patch):
    model = Net()
    patch(model)
    return model


def over_module(model):
    first, last = model.first, model.last
    model.forward = lambda inputs: last(torch.relu(first(inputs)))


def over_parameter(model):
    weight, bias, first = model.last.weight, model.last.bias, model.first
    model.forward = lambda inputs: torch.relu(first(inputs)) @ weight.t() + bias


def over_the_model_itself(model):
    model.forward = lambda inputs: model.last(torch.relu(model.first(inputs)))


def over_original_forward(model):
    before = model.forward
    model.forward = lambda inputs: before(inputs) * 2


def nested(model):
    first, last = model.first, model.last

    def outer(inputs):
        def inner(hidden):
            return last(torch.relu(hidden))

        return inner(first(inputs))

    model.forward = outer


def closure_of_closure(model):
    last = model.last

    def end(hidden):
        return last(torch.relu(hidden))

    first = model.first
    model.forward = lambda inputs: end(first(inputs))


def default_argument(model):
    model.forward = lambda inputs, first=model.first, last=model.last: last(torch.relu(first(inputs)))


def keyword_default(model):
    def forward(inputs, *, layers=(model.first, model.last)):
        return layers[1](torch.relu(layers[0](inputs)))

    model.forward = forward


def called_with(layers, inputs):
    first, last = layers.values() if isinstance(layers, dict) else layers
    return last(torch.relu(first(inputs)))


def partial(model):
    model.forward = functools.partial(called_with, (model.first, model.last))


def partial_of_keywords(model):
    model.forward = functools.partial(called_with, layers={"a": model.first, "b": model.last})
    model.forward = functools.partial(lambda inputs, function: function(inputs=inputs), function=model.forward)


def method_of_another_module(model):
    model.joined = nn.Sequential(model.first, nn.ReLU(), model.last)
    model.forward = model.joined.forward


def listed(model):
    layers = [model.first, nn.ReLU(), model.last]
    model.forward = lambda inputs: functools.reduce(lambda value, layer: layer(value), layers, inputs)


def in_dictionary(model):
    layers = {"a": model.first, "b": {"c": model.last}}
    model.forward = lambda inputs: layers["b"]["c"](torch.relu(layers["a"](inputs)))


def in_ordered_dictionary(model):
    layers = collections.OrderedDict(a=model.first, b=model.last)
    model.forward = lambda inputs: layers["b"](torch.relu(layers["a"](inputs)))


Pair = collections.namedtuple("Pair", "first last")


def in_named_tuple(model):
    layers = Pair(model.first, model.last)
    model.forward = lambda inputs: layers.last(torch.relu(layers.first(inputs)))


@dataclasses.dataclass
class Layers:
    first: nn.Module
    last: nn.Module

    def __call__(self, inputs):
        return self.last(torch.relu(self.first(inputs)))


def in_object(model):
    layers = Layers(model.first, model.last)
    model.forward = lambda inputs: layers(inputs)


def in_namespace(model):
    layers = types.SimpleNamespace(first=model.first, last=model.last)
    model.forward = lambda inputs: layers.last(torch.relu(layers.first(inputs)))


def callable_object(model):
    model.forward = Layers(model.first, model.last)


def in_module_list_elsewhere(model):
    layers = nn.ModuleList([model.first, model.last])
    model.forward = lambda inputs: layers[1](torch.relu(layers[0](inputs)))


def in_sequential_elsewhere(model):
    whole = nn.Sequential(model.first, nn.ReLU(), model.last)
    model.forward = lambda inputs: whole(inputs)


def method_of_module_elsewhere(model):
    model.forward = nn.Sequential(model.first, nn.ReLU(), model.last).forward


def wrapped_function(model):
    before = model.forward

    @functools.wraps(before)
    def forward(inputs):
        return before(inputs)

    model.forward = forward


def of_a_part(model):
    last = model.last
    model.first.forward = lambda inputs: (inputs @ last.weight[:, :4].t()) @ last.weight


def function_attribute(model):
    first, last = model.first, model.last
    model.act = lambda hidden: last(torch.relu(hidden))
    model.forward = lambda inputs: model.act(first(inputs))


def function_in_tuple(model):
    last = model.last
    model.acts = (torch.relu, lambda hidden: last(hidden))
    model.forward = types.MethodType(lambda self, x: self.acts[1](self.acts[0](self.first(x))), model)


def function_in_object(model):
    last = model.last
    model.config = types.SimpleNamespace(act=lambda hidden: last(torch.relu(hidden)))
    model.forward = types.MethodType(lambda self, x: self.config.act(self.first(x)), model)


def recursive(model):
    layers = [model.first, nn.ReLU(), model.last]

    def run(inputs, depth=0):
        return inputs if depth == len(layers) else run(layers[depth](inputs), depth + 1)

    model.forward = run


def hook(model):
    last = model.last
    model.first.register_forward_hook(lambda module, inputs, output: output + last.weight.sum())


def pre_hook(model):
    weight = model.last.weight
    model.register_forward_pre_hook(lambda module, inputs: (inputs[0] * weight.mean(),))


def hook_by_partial(model):
    def add(layer, module, inputs, output):
        return output + layer.weight.sum()

    model.first.register_forward_hook(functools.partial(add, model.last))


def hook_by_method(model):
    model.extra = Adder(model.last)
    model.first.register_forward_hook(model.extra.add)


class Adder:
    def __init__(self, layer):
        self.layer = layer

    def add(self, module, inputs, output):
        return output + self.layer.weight.sum()


def with_parent(self, inputs):
    return inputs @ self.weight.t() + self.parent().last.bias.sum()


def weak_reference(model):
    model.first.parent = weakref.ref(model)
    model.first.forward = types.MethodType(with_parent, model.first)


def weak_reference_in_closure(model):
    held = weakref.ref(model)
    model.forward = lambda inputs: held().last(torch.relu(held().first(inputs)))


def compiled_forward(model):
    model.forward = torch.compile(model.forward, backend="eager")


def compiled_in_place(model):
    model.compile(backend="eager")


def compiled_part(model):
    model.last = torch.compile(model.last, backend="eager")


PATCHES = [
    over_module,
    over_parameter,
    over_the_model_itself,
    over_original_forward,
    nested,
    closure_of_closure,
    default_argument,
    keyword_default,
    partial,
    partial_of_keywords,
    method_of_another_module,
    listed,
    in_dictionary,
    in_ordered_dictionary,
    in_named_tuple,
    in_object,
    in_namespace,
    callable_object,
    in_module_list_elsewhere,
    in_sequential_elsewhere,
    method_of_module_elsewhere,
    wrapped_function,
    of_a_part,
    function_attribute,
    function_in_tuple,
    function_in_object,
    recursive,
    hook,
    pre_hook,
    hook_by_partial,
    hook_by_method,
    weak_reference,
    weak_reference_in_closure,
    compiled_forward,
    compiled_in_place,
    compiled_part,
]


def zero_(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()


@pytest.mark.filterwarnings("ignore:The .grad attribute")
@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.__name__)
def test_a_copy_computes_with_its_own_parameters(patch):
    model = patched(patch)
    before = model(INPUTS).detach()
    copied, other = copy_model(model), copy_model(model)
    torch.testing.assert_close(copied(INPUTS), before)
    zero_(other)
    assert not other(INPUTS).any()
    torch.testing.assert_close(model(INPUTS), before)
    zero_(model)
    torch.testing.assert_close(copied(INPUTS), before)


@pytest.mark.filterwarnings("ignore:The .grad attribute")
@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.__name__)
def test_a_copy_of_a_copy_is_independent(patch):
    first = copy_model(patched(patch))
    before = first(INPUTS).detach()
    second = copy_model(first)
    zero_(first)
    torch.testing.assert_close(second(INPUTS), before)


def test_a_model_whose_class_refers_to_its_modules_is_refused():
    model = Net()
    first, last = model.first, model.last

    class Own(Net):
        def forward(self, inputs):
            return last(torch.relu(first(inputs)))

    model.__class__ = Own
    before = model(INPUTS)
    with pytest.raises(InputError, match="model must hold what it computes with, but the 'forward' of Own refers to"):
        copy_model(model)
    torch.testing.assert_close(model(INPUTS), before)


LAYER = nn.Linear(4, 4)
LAYERS = [LAYER]


def through_a_helper(inputs):
    return LAYER(inputs)


def global_name(model):
    model.forward = lambda inputs: LAYER(inputs)


def global_in_nested_function(model):
    model.forward = lambda inputs: (lambda value: LAYER(value))(inputs)


def global_in_container(model):
    model.forward = lambda inputs: LAYERS[0](inputs)


def global_through_helper(model):
    model.forward = lambda inputs: through_a_helper(inputs)


def global_function_itself(model):
    model.forward = through_a_helper


def global_in_hook(model):
    model.register_forward_hook(lambda module, inputs, output: LAYER(inputs[0]))


def global_in_attribute(model):
    model.act = lambda inputs: LAYER(inputs)
    model.forward = types.MethodType(lambda self, inputs: self.act(inputs), model)


GLOBALS = [
    global_name,
    global_in_nested_function,
    global_in_container,
    global_through_helper,
    global_function_itself,
    global_in_hook,
    global_in_attribute,
]


@pytest.mark.parametrize("patch", GLOBALS, ids=lambda patch: patch.__name__)
def test_a_model_that_refers_to_itself_through_a_global_name_is_refused(patch):
    model = nn.Sequential(LAYER)
    patch(model)
    with pytest.raises(InputError, match=r"global name 'LAYERS?'"):
        copy_model(model)
