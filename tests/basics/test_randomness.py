import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from warmstart.basics import derived_seed, generator_for, seeded_globals

parts = st.lists(st.one_of(st.integers(), st.text()), min_size=1, max_size=4)


@given(parts, parts)
def test_seeds_differ_exactly_where_purposes_differ(one, other):
    assert (derived_seed(*one) == derived_seed(*other)) == (one == other)


@given(parts)
def test_seeds_fit_a_generator(purpose):
    assert 0 <= derived_seed(*purpose) < 2**63


def test_text_and_number_are_different_purposes():
    assert derived_seed("1") != derived_seed(1)


def test_globals_are_decided_by_the_generator_within():
    def weights():
        with seeded_globals(generator_for(1, "fresh")):
            return nn.Linear(3, 3).weight

    assert torch.equal(weights(), weights())


def test_globals_are_put_back_even_after_an_error():
    before = torch.get_rng_state()
    try:
        with seeded_globals(generator_for(0)):
            torch.rand(5)
            raise RuntimeError
    except RuntimeError:
        pass
    assert torch.equal(torch.get_rng_state(), before)
