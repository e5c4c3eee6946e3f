"""Intervals in words."""

from typing import Any

from warmstart.basics import InputError, check_integer, described

from ._paired import PairedDifference, PairedRatio
from ._values import check_number


def describe_difference(
    difference: PairedDifference,
    *,
    unit: str = "points",
    scale: float = 100.0,
    digits: int = 1,
) -> str:
    """Say what a paired difference shows, and no more than its interval supports.

    Args:
        difference: The difference to describe.
        unit: What the scaled numbers count; "points" are percentage points; empty: no unit.
        scale: Factor from the difference's own unit to ``unit``.
        digits: Decimal places; up to two more are used if the interval would otherwise seem to touch zero.

    Returns:
        A phrase. A detected difference is given by direction and size, and its interval by size as well.

    Example:
        >>> describe_difference(PairedDifference(-0.029, -0.046, -0.012, n=8, detected=True))
        'lower by 2.9 points [1.2, 4.6]'
        >>> describe_difference(PairedDifference(0.002, -0.006, 0.009, n=8, detected=False))
        'no difference detected [-0.6, 0.9]'
        >>> describe_difference(PairedDifference(-0.03, None, None, n=1, detected=False))
        'one seed: no interval'
    """
    _check_kind("difference", difference, PairedDifference)
    if not isinstance(unit, str):
        raise InputError(f"unit must be a string, got {described(unit)}.")
    check_number("scale", scale)
    _check_digits(digits)
    if difference.mean is None:
        return "no pair to compare"
    if difference.interval is None:
        return f"{_seeds(difference.n)}: no interval"
    low, high = (end * scale for end in difference.interval)
    if not difference.detected:
        return f"no difference detected {interval_text(low, high, digits=digits)}"
    direction, size = ("lower" if high < 0 else "higher"), abs(difference.mean * scale)
    # Detected means that the interval excludes zero, so neither end may be printed as 0.0.
    digits = visible_digits(min(abs(low), abs(high)), digits)
    amount = f"{size:.{digits}f} {unit}".rstrip()
    return f"{direction} by {amount} {size_interval(low, high, digits=digits)}"


def describe_ratio(ratio: PairedRatio) -> str:
    """Say what a paired ratio shows.

    Example:
        >>> describe_ratio(PairedRatio(0.34, 0.31, 0.38, n=8, detected=True))
        '0.34 times [0.31, 0.38]'
        >>> describe_ratio(PairedRatio(1.02, 0.95, 1.09, n=8, detected=False))
        'no difference detected: 1.02 times [0.95, 1.09]'
        >>> describe_ratio(PairedRatio(0.34, None, None, n=1, detected=False))
        '0.34 times (one seed: no interval)'
    """
    _check_kind("ratio", ratio, PairedRatio)
    if ratio.mean is None:
        return "no ratio" if ratio.n else "no pair to compare"
    times = f"{times_text(ratio.mean)} times"
    if ratio.interval is None:
        return f"{times} ({_seeds(ratio.n)}: no interval)"
    # All pairs equal: "1.00 times [1.00, 1.00], no difference detected" would sound uncertain.
    if ratio.interval == (1.0, 1.0):
        return "the same"
    interval = f"[{', '.join(map(times_text, ratio.interval))}]"
    return f"{'' if ratio.detected else 'no difference detected: '}{times} {interval}"


def times_text(factor: float) -> str:
    """Return a factor with about three significant digits.

    Example:
        >>> times_text(0.342), times_text(0.0421), times_text(13.37)
        ('0.34', '0.042', '13.4')
    """
    check_number("factor", factor)
    if factor >= 1e6:
        return f"{factor:.1e}"
    if factor >= 10:
        return f"{factor:,.1f}"
    return f"{factor:.2f}" if factor >= 0.1 else f"{factor:.2g}"


def interval_text(low: float, high: float, *, digits: int = 1) -> str:
    """Return an interval in square brackets, never with a negative zero.

    Example:
        >>> interval_text(-0.04, 2.96)
        '[0.0, 3.0]'
    """
    check_number("low", low)
    check_number("high", high)
    _check_digits(digits)
    # Rounding -0.04 gives -0.0, which would print as a negative zero; adding 0.0 makes it a plain one.
    return f"[{round(low, digits) + 0.0:.{digits}f}, {round(high, digits) + 0.0:.{digits}f}]"


def size_interval(low: float, high: float, *, digits: int = 1) -> str:
    """Return an interval on one side of zero by its absolute ends, the smaller first.

    Example:
        >>> size_interval(-4.6, -1.2)
        '[1.2, 4.6]'
    """
    check_number("low", low)
    check_number("high", high)
    return interval_text(*sorted((abs(low), abs(high))), digits=digits)


def visible_digits(size: float, digits: int) -> int:
    """Return the number of decimal places, from ``digits`` to two more, that show that ``size`` is not zero.

    Example:
        >>> visible_digits(0.04, 1), visible_digits(1.2, 1), visible_digits(0, 1)
        (2, 1, 1)
    """
    check_number("size", size)
    _check_digits(digits)
    if not size:
        return digits
    return next((places for places in (digits, digits + 1) if round(size, places) > 0), digits + 2)


def _seeds(number: int) -> str:
    # A sequential interval takes more than two.
    return "one seed" if number == 1 else f"{number} seeds"


def _check_digits(digits: int) -> None:
    check_integer("digits", digits, 0)
    if digits > 100:
        raise InputError(f"digits must be at most 100, got {described(digits)}.")


def _check_kind(name: str, value: Any, kind: type) -> None:
    if not isinstance(value, kind):
        raise InputError(f"{name} must be a {kind.__name__}, got {described(value)}.")
