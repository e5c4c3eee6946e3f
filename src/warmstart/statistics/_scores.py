"""Two models compared row by row: intervals for one look and for many, and what comparisons of the same rows share."""

import math
from statistics import NormalDist

import numpy as np

from warmstart.basics import InputError, check_in_range

from ._estimate import Estimate
from ._values import Values, as_floats

# Of the imaginary rows, in squares of the range; see score_interval, which says why it is 3 instead of 2.
_IMAGINARY = 3.0


def score_interval(differences: Values, *, score_range: float | None = 1.0, alpha: float = 0.05) -> Estimate:
    """Estimate the mean difference of two models' scores from the same rows, also where nearly all rows agree.

    With n differences d, the range R of a score and the normal quantile z:

        m = sum(d) / (n + 2);   v = (sum(d^2) + 3 R^2) / (n + 2) - m^2;   m -+ z(1 - alpha) * sqrt(v / (n + 2))

    A bootstrap or a t interval of a few rows that all agree has no width, as if the models were known to be equal.
    Here two imaginary rows are added, of which one model gains one and the other the other. Each end has its own
    error ``alpha``, since a decision reads one end only.

    At a true loss of exactly d, 1 - alpha = 95 % should have their lower end below -d. Of 0/1 scores 92.0 % have at
    least, for any n * d up to 30 and any share of rows that differ; the least where not one row is gained. Bonett and
    Price count 2 R^2 for the two rows, with which it is 89.8 %. Heavy tails on the losing side need more rows: of
    log-normal losses (skewness 6) it is 86 % for n = 20, 91 % for 200 and 93 % for 1,000.

    Args:
        differences: One per row, or per group of rows where rows of a group are not independent: then its mean; None,
            NaN and infinite values are missing.
        score_range: Largest minus smallest score of a row, above 0, such as 1 for right or wrong; None: without
            bounds, the 99th percentile of abs(d).
        alpha: Error of each end, in (0, 0.5).

    Returns:
        The estimate, with confidence 1 - 2 alpha. Without a difference it is 0 within the range, or without interval
        where there is no range either.

    Raises:
        InputError: If an option is out of range or the differences are not one-dimensional.

    Reference:
        Bonett and Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
        data", Journal of Educational and Behavioral Statistics 37, 2012.

    Example:
        >>> score_interval([0.0] * 98)
        Estimate(mean=0.0, low=-0.028..., high=0.028..., n=98)
        >>> score_interval([1, -1, 0, 0, 0, 0, 0, 0, 0, 1], score_range=1.0)
        Estimate(mean=0.08..., low=-0.25..., high=0.41..., n=10)
    """
    check_in_range("alpha", alpha, 0, 0.5, low_open=True, high_open=True)
    if score_range is not None:
        check_in_range("score_range", score_range, 0, math.inf, low_open=True, high_open=True)
    floats = as_floats("differences", differences) if not isinstance(differences, np.ndarray) else differences
    if floats.ndim != 1:
        raise InputError(f"differences must be one-dimensional, got shape {floats.shape}.")
    sample = floats[np.isfinite(floats)].astype(np.float64)
    count, confidence = len(sample) + 2, 1 - 2 * alpha
    if score_range is None and not len(sample):
        return Estimate(None, None, None, n=0, confidence=confidence)
    reach = float(np.quantile(abs(sample), 0.99)) if score_range is None else score_range
    mean = float(sample.sum()) / count
    variance = (float((sample**2).sum()) + _IMAGINARY * reach**2) / count - mean**2
    half = NormalDist().inv_cdf(1 - alpha) * math.sqrt(variance / count)
    return Estimate(mean, mean - half, mean + half, n=len(sample), confidence=confidence)


def upper_confidence_sequence(differences: Values, *, alpha: float = 0.01, rho: float = 0.05) -> np.ndarray:
    """Return an upper bound of the mean after each value, all of which hold together.

    With the mean m and the standard deviation s (divisor t) of the first t values:

        m + s * sqrt(2 (t rho^2 + 1) / (t rho)^2 * ln(1 + sqrt(t rho^2 + 1) / (2 alpha)))

    The probability that the true mean is *ever* above its bound is about ``alpha``, however long one looks: an
    asymptotic confidence sequence, valid from some hundred values on. Beside a bound for one look it is
    narrowest near t = 10 / rho^2.

    Args:
        differences: In order of time; independent, or means of groups that are.
        alpha: Probability that any bound is wrong, in (0, 0.5).
        rho: Scale of the mixture, above 0, to be chosen before any value is seen.

    Returns:
        The bounds, of shape (n,).

    Raises:
        InputError: If an option is out of range, or a difference is missing.

    Reference:
        Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
        sequences", 2021 (arXiv 2103.06476), the one-sided sequence.

    Example:
        >>> losses = [-1.0, 0.0, 0.0, 0.0] * 300
        >>> bounds = upper_confidence_sequence(losses)
        >>> f"{bounds[199]:.2f} {bounds[1199]:.2f}"
        '-0.10 -0.21'
    """
    check_in_range("alpha", alpha, 0, 0.5, low_open=True, high_open=True)
    check_in_range("rho", rho, 0, math.inf, low_open=True, high_open=True)
    values = as_floats("differences", differences) if not isinstance(differences, np.ndarray) else differences
    if values.ndim != 1 or not np.isfinite(values).all():
        raise InputError("differences must be a sequence of finite numbers: leave out rows that were not scored.")
    counts = np.arange(1, len(values) + 1)
    means = values.cumsum() / counts
    # Rounding may leave a variance of -1e-18 where all values are equal.
    deviations = np.sqrt(np.maximum((values**2).cumsum() / counts - means**2, 0))
    spread = counts * rho**2 + 1
    return means + deviations * np.sqrt(2 * spread / (counts * rho) ** 2 * np.log(1 + np.sqrt(spread) / (2 * alpha)))


def shared_variance(differences: np.ndarray) -> float:
    """Return the variance that a mean of K means has because some rows are part of several of them.

    It is the mean covariance of two of these means. With d_ik the difference of two models of comparison k on row i, of
    n_k rows, the mean m of the K means, and U rows in all:

        U / (U - 1) sum over k != l and i of (d_ik - m) (d_il - m) / (n_k n_l K (K - 1)),   at least 0

    Means of the same rows err together: with s^2 the variance of the K means, s^2 / K leaves out what the rows have in
    common. Its sum with this is the variance of a mean with clusters in two ways, by comparison and by row. Of fewer
    than about five rows in all it says little.

    Args:
        differences: Of shape (K, U); NaN: the row is no part of the comparison.

    Raises:
        InputError: If it is no table of numbers.

    Reference:
        Cameron, Gelbach and Miller, "Robust inference with multiway clustering", Journal of Business & Economic
        Statistics 29, 2011.

    Example:
        >>> rows = np.array([1.0, 0.0, 0.0, -1.0])
        >>> f"{shared_variance(np.array([rows, rows])):.4f}"
        '0.1667'
        >>> shared_variance(np.array([[*rows, *rows * np.nan], [*rows * np.nan, *rows]]))
        0.0
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 2 or np.isinf(values).any():
        raise InputError(
            f"differences must be finite numbers of shape (comparisons, rows), NaN where a row is no part of one, got "
            f"shape {values.shape}."
        )
    scored = np.isfinite(values)
    values, scored = values[scored.any(1)][:, scored.any(0)], scored[scored.any(1)][:, scored.any(0)]
    comparisons, rows = values.shape
    if min(comparisons, rows) < 2:
        return 0.0
    mean = np.nanmean(values, axis=1).mean()
    parts = np.where(scored, values - mean, 0.0) / scored.sum(1, keepdims=True)
    products = float((parts.sum(0) ** 2).sum() - (parts**2).sum())
    return max(0.0, products / (comparisons * (comparisons - 1)) * rows / (rows - 1))
