"""Verdicts on the mean of several comparisons, and on the best of them."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmstart.paper import Verdict
from warmstart.paper.kit.judge import better, cheaper, not_better, not_worse, worse
from warmstart.paper.kit.pooled import (
    Comparison,
    best_judged,
    by_halves,
    chosen_by_halves,
    chosen_text,
    mean_judged,
    mean_ratio_judged,
)

YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE
NOISE = [0.001, -0.002, 0.002, -0.001]


def comparison(points, *, noise=1.0, name="it", **options):
    """A comparison in which the values of four seeds are higher by about so many points."""
    values = [0.5 + points / 100 + noise * extra for extra in NOISE]
    return Comparison(name, values, [0.5] * 4, **options)


judged = partial(mean_judged, what="Warm against cold", confidence=0.95)


@pytest.mark.parametrize(
    ("points", "verdict"),
    [((-3, -3), YES), ((-6, -0.1), YES), ((-6, 0), YES), ((3, 3), NO), ((0, 0), NO), ((-0.5, -0.4), YES)],
)
def test_the_mean_decides(points, verdict):
    assert judged([comparison(value) for value in points], worse, single=not_better).verdict is verdict


@pytest.mark.parametrize(
    ("single", "other", "verdict"), [(not_better, 1, NO), (not_better, 0, YES), (worse, 0, NO), (None, 0, NO)]
)
def test_a_single_comparison_can_contradict(single, other, verdict):
    found = judged([comparison(-6), comparison(-6), comparison(other)], worse, single=single)
    assert found.verdict is verdict
    # First comes what the verdict rests on.
    place = 1 if verdict is NO else 0
    assert found.reasons[place].startswith("Warm against cold, mean over 3 comparisons: lower by")
    assert len(found.reasons) == 5


def test_one_that_may_not_contradict_does_not():
    found = judged([comparison(-6), comparison(1, may_contradict=False)], worse)
    assert found.verdict is YES


def test_where_none_may_contradict_their_intervals_have_full_confidence():
    parts = [comparison(value, may_contradict=False) for value in (-6, 1)]
    mean, one, other = judged(parts, worse).reasons
    assert "confidence" not in mean + one + other
    assert judged(parts[:1], worse).reasons == (one,)


@pytest.mark.parametrize(("count", "confidence"), [(2, "97.5 %"), (5, "99 %"), (20, "99.75 %")])
def test_comparisons_that_can_contradict_share_the_chance_of_a_false_alarm(count, confidence):
    found = judged([comparison(-3)] * count, worse)
    assert f"each of their intervals has a confidence of {confidence}." in found.reasons[1]
    assert len(found.reasons) == 2 + count


def test_a_contradiction_at_full_confidence_alone_is_none():
    # At 95 % its interval is above zero, at 97.5 % it is not.
    noisy = comparison(0.7, noise=2.2)
    assert judged([noisy], not_better).verdict is NO
    assert judged([noisy, comparison(-9)], worse, single=not_better).verdict is YES


@pytest.mark.parametrize(("untrained", "verdict"), [(0, YES), (1, YES), (2, OPEN), (3, OPEN), (4, OPEN)])
def test_comparisons_that_were_not_trained_are_left_out_unless_they_are_half(untrained, verdict):
    parts = [comparison(-3)] * (4 - untrained) + [comparison(-3, problem="It was cut off.")] * untrained
    found = judged(parts, worse)
    assert found.verdict is verdict
    assert sum(reason == "It was cut off." for reason in found.reasons) == untrained
    assert (found.reasons[-1] == f"{untrained} of 4 comparisons are left out.") is (verdict is YES and untrained > 0)


def test_one_that_was_not_trained_contradicts_nothing():
    parts = [comparison(-3), comparison(-3), comparison(5, problem="It was cut off.")]
    assert judged(parts, worse).verdict is YES


def test_a_single_comparison_is_judged_as_it_is():
    found = judged([comparison(-3, name="The only one")], worse)
    assert found.reasons[0].startswith("The only one: lower by")
    assert judged([comparison(-3, problem="It was cut off.")], worse).verdict is OPEN


def test_seeds_that_one_of_the_studies_lacks_are_left_out():
    short = Comparison("short", [0.4, 0.41, None], [0.5] * 3)
    assert "(n = 2)" in judged([comparison(-3), short], worse).reasons[0]


def test_an_open_mean_says_how_many_seeds_it_needs():
    assert judged([comparison(-1, noise=15)] * 2, worse).needed > 4
    assert judged([comparison(-1)] * 2, worse).needed is None


def test_costs_are_pooled_by_their_geometric_mean():
    parts = [Comparison("a", [100, 110, 90], [400, 440, 360]), Comparison("b", [100, 90, 110], [100, 90, 110])]
    found = mean_ratio_judged(parts, cheaper, what="Steps", confidence=0.95)
    assert found.reasons[0].startswith("b: the same")
    assert found.reasons[1].startswith("Steps, mean over 2 comparisons: 0.50 times [0.50, 0.50]")
    assert found.verdict is NO  # since b saves nothing


@pytest.mark.parametrize(
    "judge", [partial(judged, judge=worse), partial(best_judged, judge=better, what="", confidence=0.9)]
)
def test_no_comparisons_mean_not_run(judge):
    assert judge([]).verdict is Verdict.NOT_RUN


@given(st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), min_size=1, max_size=4))
def test_each_half_is_judged_by_what_is_best_on_the_other(columns):
    named = {str(place): column for place, column in enumerate(columns)}
    even, odd = chosen_by_halves(named)
    assert sum(named[even][1::2]) == max(sum(column[1::2]) for column in columns)
    assert sum(named[odd][0::2]) == max(sum(column[0::2]) for column in columns)
    found = by_halves(named, (even, odd))
    assert found[0::2] == named[even][0::2]
    assert found[1::2] == named[odd][1::2]


def test_a_column_with_missing_seeds_is_chosen_last():
    assert chosen_by_halves({"short": [9, None, 9, None], "whole": [1, 1, 1, 1]}) == ("whole", "short")
    assert chosen_by_halves({"a": [1.0], "b": [2.0]})[1] == "b"


def test_the_best_of_many_equal_ones_is_not_ahead_by_luck():
    generator, found = np.random.default_rng(1), 0
    for _ in range(200):
        reference = generator.normal(0.5, 0.01, 6)
        parts = [Comparison(str(k), generator.normal(0.5, 0.01, 6).tolist(), reference.tolist()) for k in range(12)]
        found += best_judged(parts, better, what="Best", confidence=0.95).verdict is YES
    # Chosen and judged on the same seeds, the best of twelve would be ahead in more than a third.
    assert found <= 14


@pytest.mark.parametrize(("points", "verdict"), [(2, YES), (0, NO), (-2, NO)])
def test_the_best_is_judged(points, verdict):
    parts = [comparison(-5, name="bad"), comparison(points, name="good"), comparison(-9, name="worst")]
    found = best_judged(parts, better, what="Some against none", confidence=0.95)
    assert found.verdict is verdict
    assert found.reasons[0].startswith(
        "Some against none, the best of 3 chosen on one half of the seeds and judged on the other (good): "
    )


def test_candidates_that_were_not_trained_are_not_chosen():
    cut_off = comparison(9, name="cut off", problem="It was cut off.")
    found = best_judged([cut_off, comparison(0)], not_worse, what="Some", confidence=0.95)
    assert found.verdict is YES
    assert "the best of 1 " in found.reasons[0]
    assert found.reasons[-1] == "1 of 2 were not trained to the end, and are left out."
    assert best_judged([cut_off], better, what="Some", confidence=0.95).verdict is OPEN


def test_both_choices_are_named():
    assert chosen_text(("a", "b"), 5).endswith("(a and b)")
    assert chosen_text(("a", "a"), 5).endswith("(a)")
