"""L2-Init."""

import copy

import pytest
import torch
from torch import nn

from warmstart.basics import InputError
from warmstart.penalties import BoundL2Init, L2Init, l2, l2_init


@pytest.fixture
def moved(model):
    """The model after some training."""
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in moved.parameters():
            parameter += torch.randn(parameter.shape)
    return moved


def test_is_the_strength_times_the_squared_distance(model, moved, numbers):
    pairs = zip(numbers(moved), numbers(model), strict=True)
    expected = 0.3 * sum((now - then) ** 2 for now, then in pairs)
    found = l2_init(moved, dict(model.named_parameters()), strength=0.3)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_is_twice_l2_around_zero(model):
    zeros = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    assert l2_init(model, zeros, strength=0.1).item() == pytest.approx(l2(model, strength=0.2).item(), rel=1e-6)


def test_toward_keeps_the_parameters_of_that_moment(model, inputs, labels):
    penalty = L2Init.toward(model, strength=0.5)
    assert penalty(model, inputs, labels, model(inputs)).item() == 0
    with torch.no_grad():
        model.head.bias += 2.0
    assert penalty(model, inputs, labels, model(inputs)).item() == pytest.approx(0.5 * 3 * 4)


def test_live_parameters_as_origin_are_copied_too(model, inputs, labels):
    penalty = BoundL2Init(0.5, dict(model.named_parameters()))
    with torch.no_grad():
        model.head.bias += 2.0
    assert penalty(model, inputs, labels, model(inputs)).item() == pytest.approx(6.0)


def test_a_whole_state_dict_serves_as_origin(model, moved):
    parameters = l2_init(moved, dict(model.named_parameters()), strength=0.1)
    assert l2_init(moved, model.state_dict(), strength=0.1).item() == parameters.item()


def test_parameters_frozen_at_first_take_part_once_they_train(model, inputs, labels):
    penalty = L2Init.toward(model, strength=1.0)
    model.frozen.requires_grad_(True)
    with torch.no_grad():
        model.frozen.bias += 1.0
    assert penalty(model, inputs, labels, model(inputs)).item() == pytest.approx(5.0)


def test_tied_weights_count_once():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    model[1].weight = model[0].weight
    origin = {"0.weight": model[0].weight.detach() - 3.0}
    assert l2_init(model, origin, strength=1.0).item() == pytest.approx(9.0)


def test_an_origin_of_another_dtype_is_converted(model):
    origin = {name: parameter.double() for name, parameter in model.named_parameters()}
    assert l2_init(model, origin, strength=1.0).item() == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda origin: origin.pop("head.bias"), "origin must hold every trainable .* but 'head.bias' is missing"),
        (
            lambda origin: origin.update({"head.weight": torch.zeros(2, 5)}),
            r"origin must hold 'head.weight' in the model's shape \(3, 5\), got \(2, 5\)",
        ),
    ],
)
def test_an_origin_that_does_not_fit_is_refused(model, inputs, labels, change, message):
    origin = dict(model.named_parameters())
    change(origin)
    with pytest.raises(InputError, match=message):
        BoundL2Init(0.1, origin)(model, inputs, labels, model(inputs))


class Normalized(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.layer, self.group = nn.LayerNorm(4), nn.Linear(4, 4), nn.GroupNorm(2, 4)


@pytest.mark.parametrize("halved", [False, True])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_the_variants_are_those_of_a_literal_sum(halved, layer_norm):
    """The authors' code: half of the squared distance, without LayerNorm; other normalizations take part."""
    model, start = Normalized(), Normalized()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += torch.randn(parameter.shape)
    names = [name for name, _ in model.named_parameters() if layer_norm or not name.startswith("norm.")]
    state, first = model.state_dict(), start.state_dict()
    values = [(state[name].flatten(), first[name].flatten()) for name in names]
    distances = [
        now - then for ours, theirs in values for now, then in zip(ours.tolist(), theirs.tolist(), strict=True)
    ]
    expected = 0.3 * (0.5 if halved else 1) * sum(distance**2 for distance in distances)
    options = {"strength": 0.3, "halved": halved, "layer_norm": layer_norm}
    assert l2_init(model, first, **options).item() == pytest.approx(expected, rel=1e-5)
    penalty = L2Init.toward(start, **options)
    assert penalty(model, state, state, state).item() == pytest.approx(expected, rel=1e-5)
    assert BoundL2Init(origin=first, **options)(model, state, state, state).item() == pytest.approx(expected, rel=1e-5)


def test_layer_norms_alone_leave_nothing_to_draw_back():
    norm = nn.LayerNorm(4)
    with pytest.raises(InputError, match=r"a trainable parameter outside nn\.LayerNorm"):
        l2_init(norm, norm.state_dict(), strength=1.0, layer_norm=False)


@pytest.mark.parametrize("option", ["halved", "layer_norm"])
def test_a_text_is_no_flag(option):
    with pytest.raises(InputError, match=f"{option} must be True or False, got 'false'"):
        L2Init.toward(nn.Linear(1, 1), strength=1.0, **{option: "false"})
