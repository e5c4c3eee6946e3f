"""Lists with missing values as arrays, and intervals of an array."""

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from warmstart.basics import InputError, check_in_range, described

from ._student import student_quantile

Values = Iterable[float | None]


def as_floats(name: str, values: Values) -> np.ndarray:
    """Return ``values`` as a float64 array of shape (n,), NaN where a value is missing (None, NaN or infinite).

    Raises:
        InputError: If the values are not one-dimensional, or one is not a number.

    Example:
        >>> as_floats("values", [1, None, 2.5]).tolist()
        [1.0, nan, 2.5]
    """
    if not isinstance(values, Iterable) or isinstance(values, str | bytes | Mapping):
        raise InputError(f"{name} must be a sequence of numbers, got {described(values)}.")
    if getattr(values, "ndim", 1) != 1:
        raise InputError(f"{name} must be one-dimensional, got shape {tuple(getattr(values, 'shape', ()))}.")
    floats = []
    for value in values:
        number: Any = math.nan if value is None else value
        try:
            # float() would also take strings, bools and arrays of one element.
            if np.ndim(number) or isinstance(number, str | bytes | bool):
                raise TypeError
            floats.append(float(number))
        except (TypeError, ValueError, OverflowError, RuntimeError):
            raise InputError(
                f"{name} must be one-dimensional, of numbers or None, got {described(value)} among them."
            ) from None
    array = np.array(floats, dtype=np.float64)
    return np.where(np.isfinite(array), array, np.nan)


def check_number(name: str, value: Any) -> None:
    """Raise unless ``value`` is a real number, which may be infinite or NaN.

    Example:
        >>> check_number("low", "1")
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: low must be a number, got '1'.
    """
    # An integer beyond 1e308 is a Real, but can be neither scaled nor formatted as a float.
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    try:
        float(value if is_number else 0)
    except OverflowError:
        is_number = False
    if not is_number:
        raise InputError(f"{name} must be a number, got {described(value)}.")


def complete_pairs(values: Values, reference: Values) -> tuple[np.ndarray, np.ndarray]:
    """Return both arrays without the pairs in which either side is missing.

    Raises:
        InputError: If the two differ in length, or are not one-dimensional.

    Example:
        >>> left, right = complete_pairs([1, None, 3], [4, 5, 6])
        >>> left.tolist(), right.tolist()
        ([1.0, 3.0], [4.0, 6.0])
    """
    left, right = as_floats("values", values), as_floats("reference", reference)
    if len(left) != len(right):
        raise InputError(f"values and reference must be equally long, got {len(left)} and {len(right)}.")
    both = np.isfinite(left) & np.isfinite(right)
    return left[both], right[both]


def student_interval(sample: np.ndarray, confidence: float) -> tuple[float | None, float | None, float | None]:
    """Return mean, low and high of a sample without missing values.

    mean -+ t(df = n - 1, (1 + confidence) / 2) * s / sqrt(n), with s the sample's standard deviation (divisor n - 1)

    The mean of no values is None, and so is the interval of a single one.

    Raises:
        InputError: If ``confidence`` is outside (0, 1).

    Reference:
        Student, "The probable error of a mean", Biometrika 6, 1908.

    Example:
        >>> mean, low, high = student_interval(np.array([1.0, 2.0, 3.0]), 0.95)
        >>> f"{mean:.1f} [{low:.2f}, {high:.2f}]"
        '2.0 [-0.48, 4.48]'
    """
    check_in_range("confidence", confidence, 0, 1, low_open=True, high_open=True)
    if len(sample) == 0:
        return None, None, None
    mean = float(np.mean(sample))
    if len(sample) == 1:
        return mean, None, None
    half = student_quantile(len(sample) - 1, confidence) * float(np.std(sample, ddof=1)) / math.sqrt(len(sample))
    return mean, mean - half, mean + half


# Chosen for the lab; see sequential_t_interval, which says why.
DEFAULT_G = 0.25


def sequential_interval(
    sample: np.ndarray, confidence: float, g: float = DEFAULT_G, least_deviation: float = 0.0
) -> tuple[float | None, float | None, float | None]:
    """Return mean, low and high of a sample without missing values; see :func:`sequential_t_interval`.

    Raises:
        InputError: If ``confidence`` is outside (0, 1).

    Example:
        >>> sequential_interval(np.array([1.0, 2.0, 3.0]), 0.95)
        (2.0, None, None)
    """
    check_in_range("confidence", confidence, 0, 1, low_open=True, high_open=True)
    count = len(sample)
    if count == 0:
        return None, None, None
    mean, spread = float(np.mean(sample)), 1 + g * count
    # By its logarithm: the base may be huge, and is raised to 2 where there is one value.
    log_kappa = (math.log(spread) - 2 * math.log(1 - confidence)) / count
    if log_kappa >= math.log(spread):
        return mean, None, None
    kappa = math.exp(log_kappa)
    factor = math.sqrt((count - 1) * (kappa - 1) / (1 - kappa / spread))
    half = factor * max(float(np.std(sample, ddof=1)), least_deviation) / math.sqrt(count)
    return mean, mean - half, mean + half
