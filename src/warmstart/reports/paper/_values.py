"""Values of the paper's charts as a reader wants them."""

import textwrap
from math import floor, isfinite, log10
from typing import Any, Final, TypeGuard

from warmstart.paper import Axis, Format
from warmstart.reports.charts._choices import LABELS

NO_VALUE: Final = "-"

# Small numbers as powers of ten; the others as in the charts of a study.
_NUMBER_LABELS: Final = f"datum.value !== 0 && abs(datum.value) < 0.001 ? format(datum.value, '~e') : {LABELS}"
_POINT_LABELS: Final = "datum.value === 0 ? '0' : format(datum.value, '+.3~f')"


def is_value(value: float | None) -> TypeGuard[float]:
    """Return whether there is a value; a number that is not finite is none."""
    return value is not None and isfinite(value)


def value_text(value: float | None, form: Format, *, decimals: int = 1) -> str:
    """Return a value as it is written: a share in per cent, points with their sign, a number with four digits.

    Args:
        value: A share in [0, 1], a number, or points; None: there is none.
        form: Which of the three.
        decimals: Of a share and of points.

    Example:
        >>> value_text(0.562, Format.SHARE), value_text(-1.84, Format.POINTS), value_text(None, Format.SHARE)
        ('56.2%', '-1.8', '-')
        >>> [value_text(number, Format.NUMBER) for number in (12345.6, 350, 0.5, 0.01234567, 3e-7, 2e9)]
        ['12,346', '350', '0.5', '0.01235', '3e-07', '2e+09']
    """
    if not is_value(value):
        return NO_VALUE
    if form is Format.SHARE:
        return f"{100 * value:.{decimals}f}%"
    if form is Format.NUMBER:
        return _number(value)
    # What rounds to zero has no sign.
    text = f"{value:+.{decimals}f}"
    return text if float(text) else text[1:]


def interval_text(low: float | None, high: float | None, form: Format) -> str:
    """Return an interval as it is written.

    Example:
        >>> interval_text(0.551, 0.5732, Format.SHARE), interval_text(None, None, Format.NUMBER)
        ('[55.10%, 57.32%]', 'none')
    """
    if not (is_value(low) and is_value(high)):
        return "none"
    return f"[{value_text(low, form, decimals=2)}, {value_text(high, form, decimals=2)}]"


def seeds_text(n: int) -> str:
    """Return of how many seeds a value is the mean.

    Example:
        >>> seeds_text(5), seeds_text(0)
        ('5', 'not known')
    """
    return str(n) if n else "not known"


def title_lines(title: str) -> list[str]:
    """Return a title of a chart or of an axis on as many lines as a narrow screen needs.

    Example:
        >>> title_lines("accuracy")
        ['accuracy']
    """
    return textwrap.wrap(title, 44) or [""]


def axis_labels(axis: Axis) -> dict[str, Any]:
    """Return the options of an altair axis by which its values are written as its format says."""
    if axis.format is Format.NUMBER:
        return {"labelExpr": _NUMBER_LABELS}
    return {"format": ".3~%"} if axis.format is Format.SHARE else {"labelExpr": _POINT_LABELS}


def log_ticks(low: float, high: float) -> list[float]:
    """Return ticks of a logarithmic axis: powers of ten, and over less than three decades twice and five times these.

    Left to itself the axis labels any digit, and drops the powers of ten first where labels are dense.

    Example:
        >>> log_ticks(0.02, 3000), log_ticks(30, 250)
        ([0.1, 1.0, 10.0, 100.0, 1000.0], [50.0, 100.0, 200.0])
    """
    powers = range(floor(log10(low)), floor(log10(high)) + 1)
    digits = (1,) if log10(high) - log10(low) >= 3 else (1, 2, 5)
    # Read from text, since 10 ** -3 is not quite the number that 1e-3 is.
    ticks = [float(f"{digit}e{power}") for power in powers for digit in digits]
    return [tick for tick in ticks if low <= tick <= high]


def _number(value: float) -> str:
    # Outside of this zeros are hard to count.
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.4g}"
    decimals = max(0, 3 - floor(log10(abs(value)))) if value else 0
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
