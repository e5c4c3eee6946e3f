"""Norms and correlations of the weights that models compute with, whatever parameters those are made of."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune
from torch.optim.swa_utils import AveragedModel

from warmstart.basics import InputError
from warmstart.diagnostics import weight_correlation, weight_correlations, weight_norm, weight_norms
from warmstart.strategies import Scope

FORMS = {
    "weight norm": parametrizations.weight_norm,
    "spectral norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
    "householder": lambda layer: parametrizations.orthogonal(layer, orthogonal_map="householder"),
    "older weight norm": nn.utils.weight_norm,
    "older spectral norm": nn.utils.spectral_norm,
    "pruned": lambda layer: prune.random_unstructured(layer, "weight", amount=0.5),
}
pytestmark = pytest.mark.filterwarnings("ignore:.torch.nn.utils.weight_norm:FutureWarning")


def net(wrap=lambda layer: layer):
    return nn.Sequential(wrap(nn.Linear(30, 40)), nn.ReLU(), wrap(nn.Linear(40, 30)))


def effective(model):
    """Every weight as a forward pass of a model in evaluation mode computes it."""
    model(torch.zeros(2, 30))
    found = [getattr(layer, key).detach().flatten() for layer in (model[0], model[2]) for key in ("weight", "bias")]
    return torch.cat(found).double().numpy()


@pytest.mark.parametrize("wrap", FORMS.values(), ids=FORMS)
def test_norms_are_those_of_the_effective_weights(wrap):
    model = net(wrap).eval()
    assert weight_norm(model) == pytest.approx(np.linalg.norm(effective(model)), rel=1e-5)
    found = weight_norms(model)
    assert set(found) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert found["0.weight"] == pytest.approx(model[0].weight.detach().norm().item(), rel=1e-5)


@pytest.mark.parametrize("wrap", FORMS.values(), ids=FORMS)
def test_independent_reparametrized_nets_do_not_correlate(wrap):
    one, other = net(wrap).eval(), net(wrap).eval()
    assert weight_correlation(one, other) == pytest.approx(0, abs=0.08)
    assert weight_correlation(one, one) == pytest.approx(1)


@pytest.mark.parametrize("wrap", FORMS.values(), ids=FORMS)
def test_looking_leaves_the_model_as_it_is(wrap):
    model = net(wrap).train()
    model(torch.randn(4, 30))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    held = [vars(module).get("weight") for module in model.modules()]
    for look in (weight_norm, weight_norms):
        look(model)
    for compare in (weight_correlation, weight_correlations):
        compare(model, model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(now is then for now, then in zip((vars(m).get("weight") for m in model.modules()), held, strict=True))
    assert all(module.training for module in model.modules())


def test_a_reparametrized_model_is_compared_with_a_plain_one_of_the_same_weights():
    plain = net()
    wrapped = net(parametrizations.weight_norm)
    for one, other in ((plain[0], wrapped[0]), (plain[2], wrapped[2])):
        other.weight = one.weight.detach()
    assert weight_correlation(wrapped, plain) == pytest.approx(1)
    assert weight_correlation(plain, wrapped) == pytest.approx(1)


class Autoencoder(nn.Module):
    def __init__(self, tie):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False)
        tie(self)


def by_transpose(model):
    model.decoder.weight.data = model.encoder.weight.data.t()


def by_view(model):
    model.decoder.weight = nn.Parameter(model.encoder.weight.data.view(6, 6))


def by_part(model):
    model.decoder = nn.Linear(6, 3, bias=False)
    model.decoder.weight.data = model.encoder.weight.data[3:]


@pytest.mark.parametrize("tie", [by_transpose, by_view, by_part])
def test_memory_that_weights_share_counts_once(tie):
    model, other = Autoencoder(tie), Autoencoder(tie)
    encoder = model.encoder.weight.detach()
    assert weight_norm(model) == pytest.approx(encoder.norm().item())
    assert weight_norms(model) == {"encoder.weight": pytest.approx(encoder.norm().item())}
    expected = np.corrcoef(encoder.flatten(), other.encoder.weight.detach().flatten())[0, 1]
    assert weight_correlation(model, other) == pytest.approx(expected)
    assert set(weight_correlations(model, other)) == {"encoder.weight"}


def test_of_weights_that_overlap_the_later_one_counts_with_the_rest():
    whole = torch.arange(1.0, 7.0)
    model = nn.Module()
    model.first, model.second = nn.Parameter(whole[:4]), nn.Parameter(whole[2:])
    assert weight_norm(model) == pytest.approx(whole.norm().item())
    assert weight_norms(model) == {
        "first": pytest.approx(math.hypot(1, 2, 3, 4)),
        "second": pytest.approx(math.hypot(5, 6)),
    }


def complex_model(values):
    model = nn.Module()
    model.weight = nn.Parameter(torch.tensor(values, dtype=torch.complex64).reshape(2, 2))
    return model


def test_of_complex_weights_both_parts_count():
    one, other = [1 + 2j, -1j, 0.5, 2 - 1j], [2 + 1j, 1 - 1j, 1j, -1 + 0.5j]
    model = complex_model(one)
    assert weight_norm(model) == pytest.approx(np.linalg.norm(one))
    assert weight_norms(model) == {"weight": pytest.approx(np.linalg.norm(one))}
    parts = [[part for value in values for part in (value.real, value.imag)] for values in (one, other)]
    assert weight_correlation(model, complex_model(other)) == pytest.approx(np.corrcoef(*parts)[0, 1], rel=1e-5)
    conjugate = [complex(value).conjugate() for value in one]
    found = weight_correlation(model, complex_model(conjugate))
    assert found is not None
    assert found < 0.9
    assert weight_correlation(model, model) == pytest.approx(1)


def test_a_complex_model_and_a_real_one_are_refused():
    real = nn.Module()
    real.weight = nn.Parameter(torch.zeros(2, 2))
    with pytest.raises(InputError, match="parameter 'weight' is complex in the first and real in the second one"):
        weight_correlation(complex_model([1, 2, 3, 4]), real)


@pytest.mark.parametrize("wrap", [nn.DataParallel, AveragedModel, lambda model: torch.compile(model, backend="eager")])
def test_wrappers_are_looked_through(wrap):
    one, other = net(), net()
    wrapped = wrap(one)
    assert weight_correlation(wrapped, other) == weight_correlation(one, other)
    assert weight_correlation(other, wrapped) == weight_correlation(other, one)
    assert weight_correlations(wrapped, other) == weight_correlations(one, other)
    assert weight_norms(wrapped) == weight_norms(one)


def test_a_predicate_or_a_head_by_name_chooses_what_counts():
    one, other = net(), net()
    by_name = weight_correlations(one, other)
    assert weight_correlation(one, other, include=lambda name, _: name.startswith("2.")) == by_name["2.weight"]
    biases = {"scope": Scope.ALL, "include": lambda name, parameter: parameter.ndim == 1}
    pairs = [np.concatenate([m[0].bias.detach().numpy(), m[2].bias.detach().numpy()]) for m in (one, other)]
    assert weight_correlation(one, other, **biases) == pytest.approx(np.corrcoef(*pairs)[0, 1])
    of_first = {"scope": Scope.HEAD, "head": "0", "include": lambda _, parameter: parameter.ndim == 2}
    assert weight_correlation(one, other, **of_first) == by_name["0.weight"]
    assert weight_correlation(one, other, include=lambda *_: False) is None


def test_one_byte_weights_have_a_norm():
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.data.fill_(2.0)
    assert weight_norm(layer.to(torch.float8_e4m3fn)) == 4.0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: None, r"must be a torch\.nn\.Module, got None"),
        (lambda: nn.Linear, r"must be a torch\.nn\.Module, got the class Linear: create an instance"),
        (lambda: nn.LazyLinear(3), "'weight' belongs to a lazy layer"),
        (lambda: nn.Linear(4, 3, device="meta"), "'weight' is on the meta device"),
    ],
)
def test_what_is_no_model_with_weights_is_refused(build, message):
    wrong = build()
    for look in (
        lambda: weight_norm(wrong),
        lambda: weight_norms(wrong),
        lambda: weight_correlation(wrong, nn.Linear(4, 3)),
        lambda: weight_correlation(nn.Linear(4, 3), wrong),
        lambda: weight_correlations(nn.Linear(4, 3), wrong),
    ):
        with pytest.raises(InputError, match=message):
            look()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include": "weight"}, "include must be a function of a name and a parameter, got 'weight'"),
        ({"head": 3}, "head must be the name of a module, got 3"),
        ({"scope": "bodies"}, "Unknown scope 'bodies'"),
    ],
)
def test_options_of_another_kind_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        weight_correlation(nn.Linear(4, 3), nn.Linear(4, 3), **options)
