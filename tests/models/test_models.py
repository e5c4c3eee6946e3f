import dataclasses
import sys

import numpy as np
import pytest
import torch
from torch import nn

from warmstart.basics import InputError, generator_for
from warmstart.models import (
    MLP,
    Activation,
    ConvNet,
    LogisticRegression,
    ResNet8,
    ResNet18,
    UserModel,
    _resnet,
    build_checked,
)

IMAGES_ONLY = [ResNet18(width=4), ResNet8(width=4), ConvNet(width=4)]
ALL = [
    *(LogisticRegression(), MLP(), MLP(layers=3, activation=Activation.TANH), MLP(bias=False)),
    *IMAGES_ONLY,
]


@pytest.mark.parametrize("architecture", ALL, ids=repr)
def test_a_model_is_decided_by_its_generator(architecture):
    one, same, other = (architecture.build((1, 8, 8), 5, generator=generator_for(seed)) for seed in (0, 0, 1))
    weights = [torch.cat([p.flatten() for p in model.parameters()]) for model in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("architecture", ALL, ids=repr)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 13), (2, 32, 32)])
def test_models_take_images_of_any_size_and_channels(architecture, shape):
    model = build_checked(architecture, shape, 7, generator=generator_for(0))
    assert model(torch.zeros(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize("architecture", ALL[:4], ids=repr)
def test_perceptrons_take_tables(architecture):
    assert build_checked(architecture, (11,), 3, generator=generator_for(0))(torch.zeros(2, 11)).shape == (2, 3)


@pytest.mark.parametrize("architecture", ALL, ids=repr)
def test_architectures_are_rebuilt_from_their_repr(architecture):
    names = {"Activation": Activation, **{type(a).__name__: type(a) for a in ALL}}
    text = repr(architecture).replace("<Activation.RELU: 'relu'>", "Activation.RELU")
    assert eval(text.replace("<Activation.TANH: 'tanh'>", "Activation.TANH"), names) == architecture


def test_the_usual_width_has_the_usual_size():
    model = ResNet18(width=64).build((3, 32, 32), 10, generator=generator_for(0))
    assert sum(p.numel() for p in model.parameters()) == 11_173_962


@pytest.mark.parametrize("architecture", IMAGES_ONLY, ids=repr)
@pytest.mark.parametrize("shape", [(5,), (3, 7, 32), (3, 32, 7)])
def test_convolutional_networks_refuse_what_is_no_image_of_8x8(architecture, shape):
    with pytest.raises(InputError, match=r"(resnet18|resnet8|convnet) needs images of at least 8x8 pixels, got inputs"):
        architecture.build(shape, 2, generator=generator_for(0))


def test_small_networks_have_as_many_layers_as_their_names_say():
    resnet, convnet = (one.build((3, 16, 16), 10, generator=generator_for(0)) for one in (ResNet8(), ConvNet()))
    # Projections of shortcuts are not counted, as in the literature.
    layers = [name for name, one in resnet.named_modules() if isinstance(one, nn.Conv2d | nn.Linear)]
    assert len([name for name in layers if "shortcut" not in name]) == 8
    channels = [one.out_channels for one in convnet.modules() if isinstance(one, nn.Conv2d)]
    assert channels == [16, 32, 64, 128]


@pytest.mark.parametrize(
    ("owner", "option"), [(ResNet18, "width"), (ResNet8, "width"), (ConvNet, "width"), (MLP, "width"), (MLP, "layers")]
)
def test_sizes_are_at_least_one(owner, option):
    with pytest.raises(InputError, match=f"{option} must be a whole number of at least 1, got 0"):
        owner(**{option: 0})


def test_a_bias_free_relu_network_classifies_alike_at_every_scale():
    model = MLP(bias=False).build((6,), 4, generator=generator_for(0))
    inputs = torch.randn(50, 6, generator=generator_for(1))
    before = model(inputs).argmax(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.3)
    assert torch.equal(model(inputs).argmax(1), before)


USER_MODULE = """
import torch
from torch import nn
def plain(): return nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
def fitted(input_shape, classes=2): return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[0], classes))
def anything(**options): return nn.Linear(4, 3)
def dropout(): return nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 3))
def greedy(input_shape, depth): return nn.Linear(4, 3)
def wrong(): return "no module"
def narrow(classes): return nn.Linear(4, classes - 1)
def two(): return Two()
class Two(nn.Module):
    def forward(self, x): return x, x
"""


@pytest.fixture
def user_module(tmp_path, monkeypatch):
    name = f"user_model_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(USER_MODULE)
    monkeypatch.chdir(tmp_path)
    yield name
    sys.modules.pop(name, None)


@pytest.mark.parametrize("function", ["plain", "fitted", "anything", "dropout"])
def test_a_users_function_gets_the_arguments_it_names(user_module, function):
    model = build_checked(UserModel(f"{user_module}:{function}"), (4,), 3, generator=generator_for(0))
    assert isinstance(model, nn.Module)


def test_checking_a_model_leaves_its_buffers_and_mode(user_module):
    model = build_checked(UserModel(f"{user_module}:dropout"), (4,), 3, generator=generator_for(0))
    assert all(module.training for module in model.modules())
    assert dict(model.named_buffers())["0.num_batches_tracked"] == 0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("greedy", "it also needs depth"),
        ("wrong", "must return a torch.nn.Module, got str"),
        ("narrow", r"logits of shape \(n, 3\), one output per class; for n = 2 it returned \(2, 2\)"),
        ("two", "for n = 2 it returned tuple"),
        ("plian", "did you mean 'plain'"),
    ],
)
def test_a_users_mistake_is_one_sentence(user_module, function, message):
    with pytest.raises(InputError, match=message):
        build_checked(UserModel(f"{user_module}:{function}"), (4,), 3, generator=generator_for(0))


def test_inputs_that_do_not_fit_are_one_sentence(user_module):
    with pytest.raises(InputError, match=r"does not accept inputs of shape \(n, \*\(9,\)\)"):
        build_checked(UserModel(f"{user_module}:plain"), (9,), 3, generator=generator_for(0))


def test_a_missing_module_is_one_sentence():
    with pytest.raises(InputError, match=r"The model 'no_such_module:f' cannot be imported"):
        UserModel("no_such_module:f").build((4,), 3, generator=generator_for(0))


def test_a_target_has_two_parts():
    with pytest.raises(InputError, match=r"module:Object, got 'resnet'"):
        UserModel("resnet")


def test_architectures_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ResNet18().width = 3  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: MLP(layers=10**9),
            r"layers must be a whole number from 1 to 1000, got 1000000000; .* \(module:function\)",
        ),
        (lambda: MLP(width=10**9), "width must be a whole number from 1 to 1000000, got 1000000000"),
        (lambda: MLP(layers=3, width=10**5), "at most 1,000,000,000 parameters, got 20,000,000,000"),
        (lambda: MLP(1, 10**6).build((3, 32, 32), 10, generator=generator_for(0)), "at most 1,000,000,000 parameters"),
        (lambda: ResNet18(10**9), "width must be a whole number from 1 to 600, got 1000000000"),
        (lambda: ResNet18(10**400), "width must be a whole number from 1 to 600"),
        (lambda: MLP(layers=2.0), "layers must be a whole number of at least 1, got 2.0"),
        (lambda: ResNet18("64"), "width must be a whole number of at least 1, got '64'"),
    ],
)
def test_models_that_no_memory_holds_are_refused_before_they_are_made(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_the_widest_resnet_has_nearly_a_billion_parameters():
    # The number is a polynomial of the width of degree two, so three small networks decide it.
    widths = (2, 4, 8)
    models = [ResNet18(width).build((3, 8, 8), 10, generator=generator_for(0)) for width in widths]
    sizes = [sum(p.numel() for p in model.parameters()) for model in models]
    assert 0.9e9 < np.polyval(np.polyfit(widths, sizes, 2), _resnet.WIDEST) < 1e9


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("builtins:int", "does not say which it has"),
        ("sys:exit", "cannot be built: SystemExit"),
        ("builtins:exit", "cannot be built: SystemExit"),
        ("leaves:f", "cannot be imported: SystemExit: 3"),
        ("shouts:f", r"cannot be imported: ValueError: one two x+ \.\.\. x+\.$"),
        ("wanders:f", "cannot be imported: RuntimeError\\."),
        ("builtins:True", "model 'builtins:True' must be a function, got True"),
        ("builtins:len", "it also needs obj"),
        ("math:nan", "model 'math:nan' must be a function, got .*nan"),
    ],
)
def test_what_is_no_model_is_one_sentence(target, message, tmp_path, monkeypatch):
    (tmp_path / "leaves.py").write_text("import sys; sys.exit(3)")
    (tmp_path / "shouts.py").write_text("raise ValueError('one\\ntwo ' + 5000 * 'x')")
    (tmp_path / "wanders.py").write_text("import sys; sys.path.clear(); raise RuntimeError")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(InputError, match=message) as caught:
        UserModel(target).build((4,), 3, generator=generator_for(0))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("target", ["", ":", "a:", ":b", "a..b:c", ".a:c"])
def test_a_target_without_its_parts_is_one_sentence(target):
    with pytest.raises(InputError, match=r"module:Object, got '"):
        UserModel(target)
