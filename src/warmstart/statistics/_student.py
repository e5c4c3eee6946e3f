"""Quantiles of Student's t distribution."""

import math
from functools import lru_cache
from statistics import NormalDist

from warmstart.basics import check_at_least, check_in_range

# Up to so many degrees of freedom math.gamma does not overflow.
_GAMMA_UP_TO = 300
_MOST_TERMS, _MOST_STEPS = 10_000, 500
_TINY, _PRECISION = 1e-300, 1e-16


@lru_cache(maxsize=4096)
def student_quantile(degrees: int, confidence: float) -> float:
    """Return t such that P(-t < T < t) = confidence, for T with Student's t distribution.

    It is the (1 + confidence) / 2 quantile, to about 13 digits. SciPy has it as well, but is large and slow to
    import, and nothing else here needs it.

    Args:
        degrees: Degrees of freedom, at least 1.
        confidence: In (0, 1).

    Raises:
        InputError: If an argument is outside its range.

    Example:
        >>> f"{student_quantile(7, 0.95):.6f} {student_quantile(1, 0.5):.6f}"
        '2.364624 1.000000'

    Reference:
        Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964, 26.5.27 (the distribution as an incomplete
        beta function) and 26.5.8 (its continued fraction).
    """
    check_at_least("degrees", degrees, 1)
    check_in_range("confidence", confidence, 0, 1, low_open=True, high_open=True)
    outside = 1 - confidence
    constant = _density_at_zero(degrees)
    # The probability outside of (-t, t) is convex and falls with t, so that Newton's steps from the left never pass the
    # root; the normal quantile is always left of it.
    t = NormalDist().inv_cdf((1 + confidence) / 2) if (1 + confidence) / 2 < 1 else 8.0
    for _ in range(_MOST_STEPS):
        density = constant * math.exp(-(degrees + 1) / 2 * math.log1p(t * t / degrees))
        step = (_outside(t, degrees, constant) - outside) / (2 * density)
        t += step
        if step <= 4 * _PRECISION * t:
            break
    return t


def _density_at_zero(degrees: int) -> float:
    """Return Gamma((n + 1) / 2) / (sqrt(n pi) Gamma(n / 2)) for n degrees of freedom."""
    a = degrees / 2
    if degrees <= _GAMMA_UP_TO:
        ratio = math.gamma(a + 0.5) / math.gamma(a)
    else:
        # Of logarithms of large numbers the difference would lose digits; of this series 1e-17 is left out.
        terms = (1, -1 / 8, 1 / 128, 5 / 1024, -21 / 32768, -399 / 262144, 869 / 4194304)
        ratio = math.sqrt(a) * sum(term / a**power for power, term in enumerate(terms))
    return ratio / math.sqrt(math.pi * degrees)


def _outside(t: float, degrees: int, constant: float) -> float:
    """Return P(|T| > t) = I_x(n / 2, 1 / 2) with x = n / (n + t^2)."""
    squared = t * t
    x, y, a = degrees / (degrees + squared), squared / (degrees + squared), degrees / 2
    # x^a y^(1/2) / B(a, 1/2) is t times the density at t.
    front = t * constant * math.exp(-(degrees + 1) / 2 * math.log1p(squared / degrees))
    # The fraction converges fast on one side of the mean; on the other it is taken of the complement.
    if x < (a + 1) / (a + 2.5):
        return front * _fraction(a, 0.5, x) / a
    return 1 - 2 * front * _fraction(0.5, a, y)


def _fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, _MOST_TERMS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + numerator * d
            c = 1 + numerator / c
            d = 1 / (d if abs(d) > _TINY else _TINY)
            c = c if abs(c) > _TINY else _TINY
            value *= c * d
        if abs(c * d - 1) < _PRECISION * 2:
            break
    return value
