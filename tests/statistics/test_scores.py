import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from warmstart.basics import InputError
from warmstart.statistics import mean_interval, score_interval, shared_variance, upper_confidence_sequence

Z = NormalDist().inv_cdf(0.95)


def ends(values, **options):
    interval = score_interval(values, **options).interval
    assert interval is not None
    return interval


def counted(wins, losses, rows):
    return np.repeat([1.0, -1.0, 0.0], [wins, losses, rows - wins - losses])


def share_passing(rows, loss, wins, *, imaginary=3):
    """Return the exact probability that the lower end is at -loss or above, where that is the true difference."""
    gained, lost = np.meshgrid(np.arange(rows + 1), np.arange(rows + 1), indexing="ij")
    mean = (gained - lost) / (rows + 2)
    variance = (gained + lost + imaginary) / (rows + 2) - mean**2
    passes = mean - Z * np.sqrt(np.maximum(variance, 0) / (rows + 2)) >= -loss
    counts = np.stack([gained, lost, rows - gained - lost], axis=-1)
    chance = stats.multinomial(rows, [wins, wins + loss, 1 - 2 * wins - loss]).pmf(counts)
    return float(chance[passes & (gained + lost <= rows)].sum())


def test_it_is_the_formula():
    differences = np.array([0.5, -0.25, 0.0, 1.0])
    mean = 1.25 / 6
    half = Z * math.sqrt(((0.25 + 0.0625 + 1 + 3 * 4) / 6 - mean**2) / 6)
    found = score_interval(differences, score_range=2)
    assert (found.mean, found.low, found.high) == pytest.approx((mean, mean - half, mean + half))
    assert (found.n, found.confidence) == (4, 0.9)


@pytest.mark.parametrize(("rows", "loss"), [(50, 0.05), (100, 0.05), (150, 0.05), (150, 0.1), (160, 0.02)])
@pytest.mark.parametrize("wins", [0.0, 0.005, 0.05])
def test_a_model_worse_by_the_tolerance_passes_in_eight_per_cent_at_most(rows, loss, wins):
    assert share_passing(rows, loss, wins) <= 0.08


def test_with_two_squares_for_the_imaginary_rows_a_tenth_would_pass():
    # The reason for the third: a candidate that loses rows and gains none.
    assert share_passing(106, 0.05, 0.0, imaginary=2) > 0.09
    assert share_passing(106, 0.05, 0.0) <= 0.08


def test_its_exact_level_is_that_of_the_function():
    for wins, losses in [(0, 0), (0, 3), (7, 2), (1, 9)]:
        low = score_interval(counted(wins, losses, 60)).low
        mean = (wins - losses) / 62
        assert low == pytest.approx(mean - Z * math.sqrt(((wins + losses + 3) / 62 - mean**2) / 62))


def test_rows_that_all_agree_are_no_proof_of_equality():
    low, high = ends(np.zeros(50))
    assert low == -high < -0.04
    assert mean_interval(np.zeros(50)).interval == (0.0, 0.0)


def test_many_rows_approach_the_usual_interval():
    differences = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], 20_000, p=[0.1, 0.85, 0.05])
    found, usual = score_interval(differences), mean_interval(differences, confidence=0.9)
    assert found.interval == pytest.approx(usual.interval, abs=1e-4)


@pytest.mark.parametrize(("draw", "most"), [("standard_normal", 0.06), ("standard_cauchy", 0.06), ("laplace", 0.06)])
def test_scores_without_bounds_keep_the_level(draw, most):
    differences = getattr(np.random.default_rng(1), draw)(size=(2_000, 200))
    assert np.mean([score_interval(row, score_range=None).low >= 0 for row in differences]) <= most


def test_it_follows_unit_and_sign():
    differences = np.random.default_rng(2).normal(size=40)
    low, high = ends(differences, score_range=None)
    assert score_interval(10 * differences, score_range=None).interval == pytest.approx((10 * low, 10 * high))
    assert score_interval(-differences, score_range=None).interval == pytest.approx((-high, -low))
    assert np.ptp(score_interval(differences, alpha=0.01).interval) > np.ptp(score_interval(differences).interval)


def test_missing_differences_are_left_out():
    assert score_interval([1.0, None, math.nan, 0.0]) == score_interval([1.0, 0.0])
    assert score_interval(np.array([1.0, math.nan, 0.0])) == score_interval([1.0, 0.0])
    assert score_interval([], score_range=None).interval is None
    assert score_interval([]).low < -1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: score_interval([1.0], alpha=0.5), "alpha must lie in "),
        (lambda: score_interval([1.0], score_range=0), "score_range must lie in "),
        (lambda: score_interval(np.zeros((2, 2))), "differences must be one-dimensional"),
        (lambda: score_interval(["1"]), "differences must be one-dimensional, of numbers"),
        (lambda: upper_confidence_sequence([1.0], alpha=0), "alpha must lie in "),
        (lambda: upper_confidence_sequence([1.0], rho=0), "rho must lie in "),
        (lambda: upper_confidence_sequence([1.0, None]), "differences must be a sequence of finite numbers"),
    ],
)
def test_what_is_out_of_range_is_refused(call, words):
    with pytest.raises(InputError, match=f"^{words}"):
        call()


def share_ever_below(draws, mean, *, alpha, least):
    return np.mean([(upper_confidence_sequence(row, alpha=alpha)[least - 1 :] < mean).any() for row in draws])


@pytest.mark.parametrize("differing", [0.0, 0.02, 0.2])
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_bounds_hold_together_however_long_one_looks(differing, alpha):
    loss = 0.02
    chances = [loss + differing / 2, 1 - loss - differing, differing / 2]
    draws = np.random.default_rng(3).choice([-1.0, 0.0, 1.0], (600, 5_000), p=chances)
    assert share_ever_below(draws, -loss, alpha=alpha, least=200) <= alpha


def test_one_bound_per_look_does_not():
    draws = np.random.default_rng(4).normal(size=(600, 5_000))
    counts = np.arange(1, 5_001)
    nightly = draws.cumsum(1) / counts + NormalDist().inv_cdf(0.99) / np.sqrt(counts)
    assert (nightly[:, 199:] < 0).any(1).mean() > 0.04
    assert share_ever_below(draws, 0, alpha=0.01, least=200) <= 0.01


def test_bounds_narrow_and_move_with_the_values():
    values = np.random.default_rng(5).normal(size=4_000)
    bounds = upper_confidence_sequence(values)
    assert bounds.shape == values.shape
    assert bounds[3_999] - values.mean() < bounds[399] - values[:400].mean()
    assert upper_confidence_sequence(2 * values + 1) == pytest.approx(2 * bounds + 1)
    assert upper_confidence_sequence(values[:100]) == pytest.approx(bounds[:100])
    assert upper_confidence_sequence([0.25] * 5) == pytest.approx([0.25] * 5)
    assert upper_confidence_sequence([]).shape == (0,)


@pytest.mark.parametrize(("by_row", "by_night"), [(0.3, 0.0), (0.1, 0.02), (0.0, 0.02), (0.2, 0.0)])
@pytest.mark.parametrize(("common", "own"), [(40, 20), (200, 0), (6, 0)])
def test_the_variance_of_a_mean_is_that_between_comparisons_and_what_their_rows_share(by_row, by_night, common, own):
    # Eight comparisons; some rows judge in all of them, and each has some of its own.
    draw = np.random.default_rng(0)
    means, expected = [], []
    for _ in range(2_000):
        table = np.full((8, common + 8 * own), np.nan)
        table[:, :common] = draw.normal(0, by_row, common)
        for number, row in enumerate(table):
            row[common + own * number : common + own * (number + 1)] = draw.normal(0, by_row, own)
            row += draw.normal(0, by_night) + draw.normal(0, 0.1, len(row))
        each = np.nanmean(table, axis=1)
        means.append(each.mean())
        expected.append(each.var(ddof=1) / 8 + shared_variance(table))
    # It is never below zero, which makes it too large where rows have next to nothing in common.
    assert 0.9 <= np.mean(expected) / np.var(means) <= (1.12 if by_row else 1.3)


def test_rows_of_a_single_comparison_share_nothing():
    draw = np.random.default_rng(1).normal(size=(3, 12))
    apart = np.where(np.arange(12) // 4 == np.arange(3)[:, None], draw, np.nan)
    assert shared_variance(apart) == 0.0
    assert shared_variance(draw[:1]) == 0.0
    assert shared_variance(draw[:, :1]) == 0.0  # one row says nothing of others
    # A row that is part of nothing, and a comparison without rows, change nothing.
    more = np.full((4, 13), np.nan)
    more[:3, :12] = draw
    assert shared_variance(more) == pytest.approx(shared_variance(draw))


@pytest.mark.parametrize("differences", [np.ones(3), np.ones((2, 3, 1)), np.array([[1.0, math.inf]])])
def test_what_is_no_table_of_differences_is_refused(differences):
    with pytest.raises(InputError, match=r"^differences must be finite numbers of shape \(comparisons, rows\)"):
        shared_variance(differences)
