"""Numbers as text, read exactly."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from numbers import Integral, Real
from typing import Any

from warmstart.basics import InputError, shown

# Of a number as text: a float has at most 308 before its point, and exactly written ones have 350 behind it.
_DIGITS = 400
_EXPONENT = re.compile(r"[eE]([+-]?\d+(?:_\d+)*)\s*$")
_WITHOUT_VALUE = {"inf": math.inf, "+inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def convert_number(value: Any, kind: type, name: str) -> Any:
    """Return a number of type ``kind``, int or float, exactly as it was written; 1/3 and 1e3 are numbers, too.

    Raises:
        InputError: If it is none, or beyond every float.
    """
    wanted = "a whole number" if kind is int else "a number"
    if kind is float:
        if isinstance(value, str) and value.strip().lower() in _WITHOUT_VALUE:
            return _WITHOUT_VALUE[value.strip().lower()]
        if isinstance(value, Real) and not isinstance(value, (int, Fraction)) and not math.isfinite(value):
            return float(value)  # its owner says whether it may be infinite
    number = _exact(value, name)
    if number is None or (kind is int and number.denominator != 1):
        raise InputError(f"{name} must be {wanted}, got {shown(value)}.")
    if kind is int:
        return int(number)  # how large it may be is for its owner to say
    try:
        nearest = float(number)
    except OverflowError:
        nearest = math.inf
    if math.isinf(nearest) or (nearest == 0 and number != 0):
        raise _no_float(value, name)
    return -0.0 if nearest == 0 and str(value).strip().startswith("-") else nearest


def _exact(value: Any, name: str) -> Fraction | None:
    """Return a number exactly; None for what is none.

    Raises:
        InputError: If it is beyond every float, before it is computed: of 1e-999999999 that would take half a minute.
    """
    if isinstance(value, str):
        exponent = _EXPONENT.search(value)
        if len(value) > 2 * _DIGITS or (exponent and (len(exponent[1]) > 5 or abs(int(exponent[1])) > _DIGITS)):
            mantissa = value[: exponent.start()] if exponent else value
            if re.fullmatch(r"\s*[+-]?[\d_]*\.?[\d_]*(/[\d_]+)?\s*", mantissa):
                raise _no_float(value, name)
            return None
    elif isinstance(value, bool) or not isinstance(value, Real):
        return None
    elif not isinstance(value, (int, float, Fraction)):  # of NumPy
        value = int(value) if isinstance(value, Integral) else float(value)
    try:
        return Fraction(value)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None


def _no_float(value: Any, name: str) -> InputError:
    return InputError(
        f"{name} must be a number that 64 bits can hold, 0 or from 4.9e-324 to 1.8e308, got {shown(value)}."
    )
