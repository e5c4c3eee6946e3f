"""Two strategies compared within each seed: the difference of a quantity, the ratio of a cost."""

import math
from dataclasses import dataclass

import numpy as np

from warmstart.basics import InputError

from ._estimate import Estimate
from ._values import Values, complete_pairs, sequential_interval, student_interval


@dataclass(frozen=True)
class PairedDifference(Estimate):
    """The mean of (value - reference) over seeds.

    Attributes:
        mean: Mean difference in the unit of the values; None without a complete pair.
        low: Lower end of the interval; None with too few pairs.
        high: Upper end of the interval; None with too few pairs.
        n: Number of complete pairs.
        detected: Whether there is an interval and it excludes zero.
    """

    detected: bool


@dataclass(frozen=True)
class PairedRatio(Estimate):
    """The geometric mean of (value / reference) over seeds.

    Attributes:
        mean: Geometric mean, above 0; None without a complete pair, or if a paired value is zero.
        low: Lower end of the interval; None with too few pairs.
        high: Upper end of the interval; None with too few pairs.
        n: Number of complete pairs.
        detected: Whether there is an interval and it excludes one.
    """

    detected: bool


def paired_difference(
    values: Values, reference: Values, *, confidence: float = 0.95, sequential: bool = False
) -> PairedDifference:
    """Estimate the mean difference of two paired samples; its test is the paired t-test.

    d_i = values_i - reference_i;   mean(d) -+ t(n - 1, (1 + confidence) / 2) * s(d) / sqrt(n)

    What both sides share by seed - split, arrivals, fresh draws - cancels within the pair, so the interval is usually
    far narrower than the two separate ones suggest. If all pairs differ by the same amount, its width is zero.

    Args:
        values: One value per seed; None, NaN and infinite values are missing.
        reference: The reference's values, in the same order of seeds and the same unit.
        confidence: Share of such intervals that contain the true mean difference, in (0, 1).
        sequential: Whether results decided when to stop adding seeds; the interval then is that of
            :func:`sequential_t_interval`, and there is none of few pairs.

    Returns:
        The difference; pairs with a missing side are dropped, and ``n`` is the number that remained.

    Raises:
        InputError: If the samples differ in length, or ``confidence`` is out of range.

    Reference:
        Student, "The probable error of a mean", Biometrika 6, 1908, whose example is a paired one.

    Example:
        >>> paired_difference([0.80, 0.82, 0.81], [0.90, 0.91, 0.92]).detected
        True
        >>> paired_difference([0.8, None], [0.9, 0.9])
        PairedDifference(mean=-0.09..., low=None, high=None, n=1, detected=False)
    """
    left, right = complete_pairs(values, reference)
    mean, low, high = (sequential_interval if sequential else student_interval)(left - right, confidence)
    return PairedDifference(mean, low, high, n=len(left), detected=_excludes(0.0, low, high), confidence=confidence)


def paired_ratio(
    values: Values, reference: Values, *, confidence: float = 0.95, sequential: bool = False
) -> PairedRatio:
    """Estimate the factor between a cost and the reference's, as the geometric mean of the ratios of the pairs.

    r_i = log(values_i / reference_i);   exp(mean(r) -+ t(n - 1, (1 + confidence) / 2) * s(r) / sqrt(n))

    On the logarithm, half the cost and twice the cost are equally far from no change, and swapping the two sides gives
    exactly the inverse. With a paired value of zero (a round that needed no step) mean and interval are None.

    Args:
        values: One cost per seed, at least 0; None, NaN and infinite values are missing.
        reference: The reference's costs, in the same order of seeds and the same unit.
        confidence: Share of such intervals that contain the true factor, in (0, 1).
        sequential: As of :func:`paired_difference`.

    Returns:
        The ratio, without unit; pairs with a missing side are dropped, and ``n`` is the number that remained.

    Raises:
        InputError: If a value is negative, the samples differ in length, or ``confidence`` is out of range.

    Reference:
        Fleming and Wallace, "How not to lie with statistics: the correct way to summarize benchmark results",
        Communications of the ACM 29, 1986.

    Example:
        >>> ratio = paired_ratio([50, 200], [100, 100])
        >>> f"{ratio.mean:.2f}"
        '1.00'
        >>> paired_ratio([50, 50], [100, 100])
        PairedRatio(mean=0.5, low=0.5, high=0.5, n=2, detected=True)
    """
    left, right = complete_pairs(values, reference)
    for name, sample in (("values", left), ("reference", right)):
        if (sample < 0).any():
            raise InputError(f"{name} of a ratio must be at least 0, got {sample.min():g}.")
    if (left == 0).any() or (right == 0).any():
        return PairedRatio(None, None, None, n=len(left), detected=False)
    logs = (sequential_interval if sequential else student_interval)(np.log(left / right), confidence)
    # exp(710) overflows, and two pairs that disagree can give an interval that reaches beyond it.
    mean, low, high = (None if log is None else math.exp(min(log, 700.0)) for log in logs)
    return PairedRatio(mean, low, high, n=len(left), detected=_excludes(1.0, low, high), confidence=confidence)


def _excludes(point: float, low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and not low <= point <= high
