import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from warmstart.basics import InputError, derived_seed, generator_for, seeded_globals

parts = st.lists(st.one_of(st.integers(), st.text()), min_size=1, max_size=4)


@given(parts, parts)
def test_seeds_differ_exactly_if_purposes_differ(one, other):
    assert (derived_seed(*one) == derived_seed(*other)) == (one == other)


@given(parts)
def test_seeds_fit_a_generator(purpose):
    assert 0 <= derived_seed(*purpose) < 2**63


def test_text_and_number_are_different_purposes():
    assert derived_seed("1") != derived_seed(1)


def test_global_draws_inside_depend_on_the_generator_alone():
    def weights():
        with seeded_globals(generator_for(1, "fresh")):
            return nn.Linear(3, 3).weight

    assert torch.equal(weights(), weights())


def test_global_states_are_restored_even_after_an_error():
    before = torch.get_rng_state()
    try:
        with seeded_globals(generator_for(0)):
            torch.rand(5)
            raise RuntimeError
    except RuntimeError:
        pass
    assert torch.equal(torch.get_rng_state(), before)


def test_two_contexts_in_a_row_draw_different_numbers():
    generator, draws = generator_for(1), []
    for _ in range(2):
        with seeded_globals(generator):
            draws.append(torch.rand(3))
    assert not torch.equal(*draws)


@pytest.mark.parametrize("wrong", [None, 0])
def test_without_a_generator_the_global_one_is_not_drawn_from(wrong):
    before = torch.get_rng_state()
    with (
        pytest.raises(InputError, match=r"generator must be a torch\.Generator on the CPU, got"),
        seeded_globals(wrong),
    ):
        pass
    assert torch.equal(torch.get_rng_state(), before)
