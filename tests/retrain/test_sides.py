import time

import numpy as np
import pytest

from warmstart.retrain._sides import positions, side_of, validation_mask

UNITS = [f"unit {number}" for number in range(20_000)]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_share_of_the_units_is_held_out(share):
    held_out = side_of("salt", UNITS, holdout=share) == "holdout"
    # Four standard errors of a share.
    assert abs(held_out.mean() - share) < 4 * np.sqrt(share * (1 - share) / len(UNITS))


def test_positions_are_uniform_in_every_tenth():
    counts = np.histogram(positions("salt", "side", UNITS), bins=10, range=(0, 1))[0]
    expected = len(UNITS) / 10
    assert ((counts - expected) ** 2 / expected).sum() < 27.9  # chi-squared with 9 degrees of freedom, p = 0.001


def test_sides_depend_on_salt_and_unit_alone():
    some = side_of("salt", UNITS[:200], holdout=0.5)
    assert side_of("salt", UNITS[:200][::-1], holdout=0.5).tolist() == some[::-1].tolist()
    assert side_of("other", UNITS[:200], holdout=0.5).tolist() != some.tolist()
    # A larger share holds out what a smaller one does, and more.
    assert set(np.flatnonzero(some == "holdout")) < set(
        np.flatnonzero(side_of("salt", UNITS[:200], holdout=0.6) == "holdout")
    )


def test_what_tells_when_to_stop_is_independent_of_the_sides():
    held_out = side_of("salt", UNITS, holdout=0.5) == "holdout"
    validation = validation_mask("salt", UNITS, share=0.5)
    assert abs(np.corrcoef(held_out, validation)[0, 1]) < 4 / np.sqrt(len(UNITS))


@pytest.mark.parametrize("unit", ["", "\x00", "ü", "\udcff", "x" * 100_000])
def test_any_text_is_a_unit(unit):
    assert 0 <= positions("", "side", [unit])[0] < 1


def test_fifty_thousand_units_take_a_moment():
    start = time.process_time()
    positions("salt", "side", [str(number) for number in range(50_000)])
    assert time.process_time() - start < 2
