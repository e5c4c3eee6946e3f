import math

import numpy as np
import pytest
from scipy import integrate, stats

from warmstart.basics import InputError
from warmstart.statistics import mean_interval, paired_difference, paired_ratio, sequential_t_interval

ALPHA, LOOKS, SEQUENCES = 0.05, 40, 20_000


def ends(values, **options):
    estimate = sequential_t_interval(values, **options)
    assert estimate.interval is not None
    return estimate.interval


def half_widths(interval, looks=LOOKS):
    """Return an interval's half-width after 1, 2, ... values, in deviations; infinite where there is none."""
    found = []
    for count in range(1, looks + 1):
        values = np.resize([-1.0, 1.0], count)
        estimate = interval(values)
        found.append(math.inf if estimate.high is None else (estimate.high - estimate.mean) / np.std(values, ddof=1))
    return np.array(found)


def share_wrong(draws, widths):
    """Return the share of sequences of which any interval misses their true mean, which is zero."""
    counts = np.arange(1, draws.shape[1] + 1)
    means = draws.cumsum(1) / counts
    variances = ((draws**2).cumsum(1) - counts * means**2) / np.maximum(counts - 1, 1)
    deviations = np.sqrt(np.maximum(variances, 0))
    # Of equal values rounding leaves a deviation of 1e-9, and infinity times zero is no number.
    reach = np.where(np.isinf(widths), np.inf, deviations * np.where(np.isinf(widths), 0, widths) + 1e-7)
    return (abs(means) > reach).any(1).mean()


def distributions():
    generator, size = np.random.default_rng(7), (SEQUENCES, LOOKS)
    return {
        "normal": generator.standard_normal(size),
        "heavy-tailed": generator.standard_t(3, size),
        "skewed": generator.gamma(4, size=size) - 4,  # skewness 1
        "two-valued": generator.choice([-1.0, 1.0], size),
        "three-valued": generator.choice([-1.0, 0.0, 1.0], size),
    }


@pytest.mark.parametrize("name", ["normal", "heavy-tailed", "skewed", "two-valued", "three-valued"])
def test_at_most_five_per_cent_of_sequences_are_ever_wrong_and_far_more_with_a_t_interval(name):
    draws = distributions()[name]
    sequential = share_wrong(draws, half_widths(sequential_t_interval))
    nightly = share_wrong(draws, half_widths(mean_interval))
    assert sequential <= ALPHA
    assert nightly > 0.2
    assert nightly > 4 * sequential


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.99])
def test_other_confidences_hold_as_well(confidence):
    draws = distributions()["normal"]
    wrong = share_wrong(draws, half_widths(lambda values: sequential_t_interval(values, confidence=confidence)))
    assert 0.1 * (1 - confidence) < wrong <= 1 - confidence


def ratio(t, count, g):
    """Return the mixed likelihood of Student's t by its definition: a mean over standardized means."""

    def weighted(effect):
        shifted = stats.nct.pdf(t, count - 1, effect * math.sqrt(count))
        return shifted * stats.norm.pdf(effect, scale=math.sqrt(g))

    mixed, _ = integrate.quad(weighted, -8 * math.sqrt(g), 8 * math.sqrt(g), limit=200, points=[0.0])
    return mixed / stats.t.pdf(t, count - 1)


@pytest.mark.parametrize(("count", "g"), [(7, 0.25), (8, 0.25), (12, 0.25), (6, 1.0), (20, 0.5), (40, 0.25)])
def test_its_ends_are_where_the_mixture_of_t_likelihoods_is_one_over_alpha(count, g):
    values = np.random.default_rng(count).normal(0.3, 2.0, count)
    error = np.std(values, ddof=1) / math.sqrt(count)
    for end in ends(values, g=g):
        assert ratio((np.mean(values) - end) / error, count, g) == pytest.approx(1 / ALPHA, rel=1e-3)


@pytest.mark.parametrize("count", [3, 8, 30])
def test_the_mixture_is_one_on_average_at_the_true_mean(count):
    # The closed form of ratio(); were its mean above 1, it would be no fair bet against the true mean.
    g, nu = 0.25, count - 1

    def weighted(t):
        u, spread = t * t / nu, 1 + g * count
        return stats.t.pdf(t, nu) * ((1 + u) / (1 + u / spread)) ** (count / 2) / math.sqrt(spread)

    mean, _ = integrate.quad(weighted, -np.inf, np.inf, limit=500)
    assert mean == pytest.approx(1, abs=1e-6)
    assert ratio(1.5, count, g) == pytest.approx(weighted(1.5) / stats.t.pdf(1.5, nu), rel=1e-6)


def test_it_follows_the_unit_and_the_origin_of_the_values():
    values = np.random.default_rng(0).normal(size=12)
    low, high = ends(values)
    assert ends(100 * values) == pytest.approx((100 * low, 100 * high))
    assert ends(values + 5) == pytest.approx((low + 5, high + 5))
    assert ends(-values) == pytest.approx((-high, -low))
    assert ends(values[::-1]) == pytest.approx((low, high))


def test_more_confidence_is_wider_and_more_values_are_narrower():
    values = np.resize([-1.0, 1.0], 12)
    widths = [np.ptp(ends(values, confidence=confidence)) for confidence in (0.8, 0.9, 0.95, 0.99)]
    assert widths == sorted(widths)
    narrowing = half_widths(sequential_t_interval)
    assert np.isinf(narrowing[:6]).all()
    assert (np.diff(narrowing[6:]) < 0).all()


def test_it_is_wider_than_one_look_needs():
    values = np.random.default_rng(1).normal(size=20)
    once = mean_interval(values).interval
    assert once is not None
    assert 1.5 < np.ptp(ends(values)) / np.ptp(once) < 1.8


@pytest.mark.parametrize(
    ("values", "mean", "n"), [([], None, 0), ([2.0], 2.0, 1), ([1.0, None, 2.0, math.nan], 1.5, 2)]
)
def test_of_too_few_values_there_is_no_interval(values, mean, n):
    estimate = sequential_t_interval(values)
    assert (estimate.mean, estimate.interval, estimate.n) == (mean, None, n)


def test_equal_values_have_an_interval_without_width_once_there_is_one():
    assert sequential_t_interval([0.5] * 6).interval is None
    assert ends([0.5] * 7) == (0.5, 0.5)


def test_a_paired_difference_can_be_sequential():
    values, reference = np.random.default_rng(2).normal(size=(2, 10))
    difference = paired_difference(values, reference, sequential=True)
    assert difference.interval == ends(values - reference)
    assert not difference.detected
    assert paired_difference(values + 10, reference, sequential=True).detected
    assert not paired_difference(values[:6] + 10, reference[:6], sequential=True).detected
    assert paired_difference([*values, None], [*reference, 1.0], sequential=True) == difference


def test_a_paired_ratio_can_be_sequential():
    values, reference = np.exp(np.random.default_rng(3).normal(size=(2, 10)))
    found = paired_ratio(values, reference, sequential=True)
    assert found.interval == pytest.approx(np.exp(ends(np.log(values / reference))))
    assert paired_ratio([2] * 3, [1] * 3, sequential=True).interval is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"confidence": 1.0}, "confidence must lie in "),
        ({"g": 0}, "g must lie in "),
        ({"g": math.inf}, "g must lie in "),
    ],
)
def test_an_option_out_of_range_is_refused(options, words):
    with pytest.raises(InputError, match=f"^{words}"):
        sequential_t_interval([1.0, 2.0], **options)


def test_a_least_deviation_keeps_equal_values_from_being_proof():
    half = half_widths(sequential_t_interval)[9]
    low, high = ends([0.5] * 10, least_deviation=2.0)
    assert (low, high) == pytest.approx((0.5 - 2 * half, 0.5 + 2 * half))
    values = np.random.default_rng(4).normal(size=10)
    assert ends(values, least_deviation=0.1) == ends(values)
    with pytest.raises(InputError, match=r"^least_deviation must lie in "):
        ends(values, least_deviation=-1)
