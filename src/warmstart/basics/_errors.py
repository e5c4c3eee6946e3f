"""One clear sentence for bad input: the parameter, the allowed range, the value got."""

import difflib
import math
from collections.abc import Iterable


class InputError(ValueError):
    """Input that the user can correct; its message is one sentence, fit to be shown without a traceback."""


def check_in_range(
    name: str,
    value: float,
    low: float,
    high: float,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> None:
    """Raise unless ``value`` lies between ``low`` and ``high`` (both included unless told otherwise).

    Args:
        name: The parameter as the user knows it.
        value: The value to check; NaN never passes.
        low: Lower bound, may be ``-inf``.
        high: Upper bound, may be ``inf``.
        low_open: Exclude the lower bound.
        high_open: Exclude the upper bound.

    Raises:
        InputError: Naming the parameter, its range and the value.

    Example:
        >>> check_in_range("fraction", 0.5, 0, 1)
        >>> check_in_range("fraction", 1.5, 0, 1)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: fraction must lie in [0, 1], got 1.5.
    """
    above = value > low if low_open else value >= low
    below = value < high if high_open else value <= high
    if not (above and below):
        left = "(" if low_open or math.isinf(low) else "["
        right = ")" if high_open or math.isinf(high) else "]"
        raise InputError(f"{name} must lie in {left}{low:g}, {high:g}{right}, got {value}.")


def check_at_least(name: str, value: int | None, low: int) -> None:
    """Raise unless ``value`` is a whole number of at least ``low``, or None (meaning: no limit).

    Example:
        >>> check_at_least("seeds", 0, 1)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: seeds must be a whole number of at least 1, got 0.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise InputError(f"{name} must be a whole number of at least {low}, got {value}.")


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that is not known, with the nearest known one if any is near.

    Example:
        >>> print(unknown_name("strategy", "wram", ["cold", "warm"]))
        Unknown strategy 'wram': did you mean 'warm'? Known: cold, warm.
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f": did you mean '{near[0]}'?" if near else "."
    return InputError(f"Unknown {kind} '{name}'{hint} Known: {', '.join(names)}.")


class StorageError(RuntimeError):
    """A disk that is full, or a directory that cannot be written; its message is one sentence."""
