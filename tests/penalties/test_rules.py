"""Penalties that are made anew for every round."""

import copy
import inspect
import math

import pytest
import torch

from warmstart import penalties
from warmstart.basics import InputError
from warmstart.penalties import EWC, Before, EWCRule, L2Init, L2InitRule, PenaltyRule

RULES = [L2InitRule(strength=0.5), EWCRule(strength=2.0, samples=4)]


class Asked:
    """What a round knows of those before, which notes what it was asked for."""

    def __init__(self, first, previous, samples):
        self.sizes = []
        self._first, self._previous, self._samples = first, previous, samples

    def before(self):
        return Before(lambda: self._first, self._previous, self._earlier)

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


def test_every_exported_rule_is_tested():
    exported = {
        value for value in vars(penalties).values() if inspect.isclass(value) and issubclass(value, PenaltyRule)
    }
    assert exported - {PenaltyRule} == {type(rule) for rule in RULES}


def test_l2_init_draws_towards_the_first_initialisation(model, previous, inputs, labels, numbers):
    asked = Asked(model, previous, (inputs, labels))
    penalty = L2InitRule(strength=0.5)(asked.before())
    assert isinstance(penalty, L2Init)
    assert penalty(model, inputs, labels, model(inputs)).item() == 0
    expected = 0.5 * sum((now - then) ** 2 for now, then in zip(numbers(previous), numbers(model), strict=True))
    assert penalty(previous, inputs, labels, previous(inputs)).item() == pytest.approx(expected, rel=1e-5)
    assert asked.sizes == []


def test_l2_init_is_there_from_the_first_round_on(model):
    assert L2InitRule.from_round == 1
    assert L2InitRule(strength=0.5)(Asked(model, None, None).before()) is not None


def test_ewc_has_nothing_to_hold_in_the_first_round(model):
    asked = Asked(model, None, None)
    assert EWCRule.from_round == 2
    assert EWCRule(strength=2.0)(asked.before()) is None
    assert asked.sizes == []


def test_ewc_holds_what_earlier_samples_need_of_the_previous_model(model, previous, inputs, labels):
    asked = Asked(model, previous, (inputs, labels))
    found = EWCRule(strength=2.0, samples=4)(asked.before())
    expected = EWC.after(previous, [(inputs[:4], labels[:4])], strength=2.0)
    assert asked.sizes == [4]
    assert found.strength == 2.0
    assert found.fisher.keys() == expected.fisher.keys()
    assert all(torch.equal(found.fisher[name], value) for name, value in expected.fisher.items())
    assert all(torch.equal(found.anchor[name], value) for name, value in previous.named_parameters())


def test_ewc_needs_no_grad_mode_around_it(model, previous, inputs, labels):
    with torch.no_grad():
        found = EWCRule(strength=2.0, samples=4)(Asked(model, previous, (inputs, labels)).before())
    assert max(value.max().item() for value in found.fisher.values()) > 0


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_rule_leaves_models_and_global_generators_as_they_are(rule, model, previous, inputs, labels):
    before = [copy.deepcopy(one.state_dict()) for one in (model, previous)]
    modes = [module.training for one in (model, previous) for module in one.modules()]
    drawn = torch.get_rng_state()
    rule(Asked(model, previous, (inputs, labels)).before())
    assert torch.equal(torch.get_rng_state(), drawn)
    for one, state in zip((model, previous), before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in one.state_dict().items())
    assert [module.training for one in (model, previous) for module in one.modules()] == modes


@pytest.mark.parametrize("strength", [-1, math.inf, math.nan])
@pytest.mark.parametrize("owner", [L2InitRule, EWCRule])
def test_a_strength_out_of_range_is_refused(owner, strength):
    with pytest.raises(InputError, match=r"strength must lie in \[0, inf\), got "):
        owner(strength=strength)


def test_ewc_without_samples_is_refused():
    with pytest.raises(InputError, match="samples must be a whole number of at least 1, got 0"):
        EWCRule(strength=1.0, samples=0)


def test_l2_init_passes_its_variants_on(model):
    penalty = L2InitRule(strength=0.5, halved=True, layer_norm=False)(Asked(model, None, None).before())
    assert isinstance(penalty, L2Init)
    assert (penalty.strength, penalty.halved, penalty.layer_norm) == (0.5, True, False)
    with pytest.raises(InputError, match="halved must be True or False, got 'false'"):
        L2InitRule(strength=0.5, halved="false")


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_called_with_what_was_before(rule):
    with pytest.raises(InputError, match="before must be what a round begins from, a Before, got None"):
        rule(None)
