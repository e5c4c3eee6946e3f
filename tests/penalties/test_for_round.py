"""Penalties, bound to a round at its beginning."""

import copy
import dataclasses
import math

import pytest
import torch

from warmstart.basics import InputError
from warmstart.penalties import EWC, L2, Adversarial, BoundL2Init, Confidence, L2Init
from warmstart.strategies import RoundContext

SAME_IN_EVERY_ROUND = [L2(0.1), Confidence(0.1), Adversarial(0.1, epsilon=0.1)]
UNBOUND = [L2Init(strength=0.5), EWC(strength=2.0, samples=4)]


class Asked:
    """A round that notes how many samples it was asked for."""

    def __init__(self, first, previous, samples):
        self.sizes = []
        self._first, self._previous, self._samples = first, previous, samples

    def context(self):
        number = 1 if self._previous is None else 2
        return RoundContext(number, first=lambda: self._first, previous=self._previous, old=self._earlier)

    def _earlier(self, count):
        self.sizes.append(count)
        inputs, labels = self._samples
        return [(inputs[:count], labels[:count])]


@pytest.fixture
def previous(model):
    """The model after some training."""
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in moved.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return moved


@pytest.mark.parametrize("penalty", SAME_IN_EVERY_ROUND, ids=repr)
def test_a_penalty_that_is_the_same_in_every_round_is_its_own(penalty):
    assert penalty.for_round(RoundContext()) is penalty
    assert penalty.from_round == 1


@pytest.mark.parametrize("penalty", UNBOUND, ids=repr)
def test_a_bound_penalty_stays_as_it_is_and_holds_tensors(penalty, model, previous, inputs, labels):
    context = Asked(model, previous, (inputs, labels)).context()
    bound = penalty.for_round(context)
    assert bound.for_round(context) is bound
    assert (penalty.is_bound, bound.is_bound) == (False, True)


@pytest.mark.parametrize(("penalty", "maker"), [(UNBOUND[0], "L2Init.toward"), (UNBOUND[1], "EWC.after")])
def test_a_penalty_that_is_not_bound_yet_says_how(penalty, maker, model, inputs, labels):
    with pytest.raises(InputError, match=rf"must be bound to a round before it is applied: use {maker}\(model, "):
        penalty(model, inputs, labels, model(inputs))


@pytest.mark.parametrize("penalty", UNBOUND, ids=repr)
def test_options_are_plain_and_compare_by_value(penalty):
    assert dataclasses.replace(penalty) == penalty
    assert dataclasses.replace(penalty, strength=9.0) != penalty
    assert hash(dataclasses.replace(penalty)) == hash(penalty)


def test_l2_init_draws_towards_the_first_initialisation(model, previous, inputs, labels, numbers):
    asked = Asked(model, previous, (inputs, labels))
    penalty = L2Init(strength=0.5).for_round(asked.context())
    assert isinstance(penalty, BoundL2Init)
    assert penalty(model, inputs, labels, model(inputs)).item() == 0
    expected = 0.5 * sum((now - then) ** 2 for now, then in zip(numbers(previous), numbers(model), strict=True))
    assert penalty(previous, inputs, labels, previous(inputs)).item() == pytest.approx(expected, rel=1e-5)
    assert asked.sizes == []


def test_l2_init_is_there_from_the_first_round_on(model):
    assert L2Init.from_round == 1
    assert L2Init(strength=0.5).for_round(Asked(model, None, None).context()) is not None


def test_ewc_has_nothing_to_hold_in_the_first_round(model):
    asked = Asked(model, None, None)
    assert EWC.from_round == 2
    assert EWC(strength=2.0).for_round(asked.context()) is None
    assert asked.sizes == []


def test_ewc_holds_what_earlier_samples_need_of_the_previous_model(model, previous, inputs, labels):
    asked = Asked(model, previous, (inputs, labels))
    found = EWC(strength=2.0, samples=4).for_round(asked.context())
    expected = EWC.after(previous, [(inputs[:4], labels[:4])], strength=2.0)
    assert asked.sizes == [4]
    assert found.strength == 2.0
    assert found.fisher.keys() == expected.fisher.keys()
    assert all(torch.equal(found.fisher[name], value) for name, value in expected.fisher.items())
    assert all(torch.equal(found.anchor[name], value) for name, value in previous.named_parameters())


def test_ewc_needs_no_grad_mode_around_it(model, previous, inputs, labels):
    with torch.no_grad():
        found = EWC(strength=2.0, samples=4).for_round(Asked(model, previous, (inputs, labels)).context())
    assert max(value.max().item() for value in found.fisher.values()) > 0


@pytest.mark.parametrize("penalty", UNBOUND, ids=repr)
def test_binding_leaves_models_and_global_generators_as_they_are(penalty, model, previous, inputs, labels):
    before = [copy.deepcopy(one.state_dict()) for one in (model, previous)]
    modes = [module.training for one in (model, previous) for module in one.modules()]
    drawn = torch.get_rng_state()
    penalty.for_round(Asked(model, previous, (inputs, labels)).context())
    assert torch.equal(torch.get_rng_state(), drawn)
    for one, state in zip((model, previous), before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in one.state_dict().items())
    assert [module.training for one in (model, previous) for module in one.modules()] == modes


@pytest.mark.parametrize("strength", [-1, math.inf, math.nan])
@pytest.mark.parametrize("owner", [L2Init, EWC])
def test_a_strength_out_of_range_is_refused(owner, strength):
    with pytest.raises(InputError, match=r"strength must lie in \[0, inf\), got "):
        owner(strength=strength)


def test_ewc_without_samples_is_refused():
    with pytest.raises(InputError, match="samples must be a whole number of at least 1, got 0"):
        EWC(strength=1.0, samples=0)


def test_l2_init_passes_its_variants_on(model):
    penalty = L2Init(strength=0.5, halved=True, layer_norm=False).for_round(Asked(model, None, None).context())
    assert isinstance(penalty, BoundL2Init)
    assert (penalty.strength, penalty.halved, penalty.layer_norm) == (0.5, True, False)
    with pytest.raises(InputError, match="halved must be True or False, got 'false'"):
        L2Init(strength=0.5, halved="false")
