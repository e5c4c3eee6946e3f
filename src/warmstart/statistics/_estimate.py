"""The mean of one quantity over seeds."""

from dataclasses import dataclass, field

import numpy as np

from ._values import Values, as_floats, student_interval


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and its confidence interval.

    Attributes:
        mean: Mean in the unit of the values; None without values.
        low: Lower end of the interval; None with fewer than two values.
        high: Upper end of the interval; None with fewer than two values.
        n: Number of values.
        confidence: Confidence of the interval.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    # Neither compared nor shown: two estimates are equal if their numbers are.
    confidence: float = field(default=0.95, kw_only=True, compare=False, repr=False)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the interval, or None if there is none."""
        return None if self.low is None or self.high is None else (self.low, self.high)


def mean_interval(values: Values, *, confidence: float = 0.95) -> Estimate:
    """Estimate a mean with Student's t interval.

    mean -+ t(n - 1, (1 + confidence) / 2) * s / sqrt(n)

    The interval is exact for normally distributed values. For accuracies of about five seeds or more it is a good
    approximation; bounds of a quantity (0 and 1 for an accuracy) are not enforced.

    Args:
        values: One value per seed, in any unit; None, NaN and infinite values are missing and left out.
        confidence: Share of such intervals that contain the true mean, in (0, 1).

    Returns:
        The estimate; ``n`` is the number of values that remained.

    Raises:
        InputError: If ``confidence`` is out of range or the values are not one-dimensional.

    Reference:
        Student, "The probable error of a mean", Biometrika 6, 1908.

    Example:
        >>> mean_interval([0.5, None, 1.0])
        Estimate(mean=0.75, low=-2.42..., high=3.92..., n=2)
        >>> mean_interval([0.9])
        Estimate(mean=0.9, low=None, high=None, n=1)
    """
    floats = as_floats("values", values)
    sample = floats[np.isfinite(floats)]
    return Estimate(*student_interval(sample, confidence), n=len(sample), confidence=confidence)
