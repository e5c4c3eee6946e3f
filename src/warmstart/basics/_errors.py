"""One clear sentence for bad input: the parameter, the allowed range, the value got."""

import difflib
import math
import unicodedata
from collections.abc import Iterable
from numbers import Integral
from typing import Any

LARGEST_INTEGER = 2**63 - 1
"""Whole numbers are stored, and counted by PyTorch, in 64 bits."""
_SHOWN = 80
"""Characters of a value in a message; longer ones are shortened in the middle."""

_LISTED, _SEARCHED = 40, 2_000
"""Known names that a message lists, and among which it looks for a near one; a table may have 100,000 columns."""
_OBEYED = ("Cc", "Cs", "Zl", "Zp")
_TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


class InputError(ValueError):
    """Input that the user can correct; its message is one sentence, fit to be shown without a traceback."""


def printable(text: str) -> str:
    r"""Return a text with everything escaped that a terminal would obey instead of showing it.

    Control characters (but the newline), characters that change the direction of writing, and bytes that were not
    UTF-8 (surrogates) are shown as Python writes them.

    Example:
        >>> print(printable("red: \x1b[31m"))
        red: \x1b[31m
    """
    return text if text.isascii() and text.isprintable() else "".join(map(_escaped, text))


def _escaped(letter: str) -> str:
    is_harmful = unicodedata.category(letter) in _OBEYED or unicodedata.bidirectional(letter) in _TURNING
    return letter.encode("unicode_escape").decode() if is_harmful and letter != "\n" else letter


def shown(value: object, *, limit: int = _SHOWN) -> str:
    """Return a value as a message shows it: on one line, printable, and shortened in the middle where it is long.

    Args:
        value: Anything; what cannot be written as text is shown as its type.
        limit: Most characters.

    Example:
        >>> shown("a" * 3000, limit=20)
        'aaaaaaaa ... aaaaaaa'
        >>> shown(10**5000)
        'a number of more than 4000 digits'
    """
    if isinstance(value, int) and value.bit_length() > 13_288:  # Python refuses to write out more than 4300 digits
        return "a number of more than 4000 digits"
    try:
        text = str(value)
    except Exception:
        text = f"an object of type {type(value).__name__}"
    if len(text) > 4 * limit:  # first of all, as a value may have millions of characters
        text = text[: 2 * limit] + text[-2 * limit :]
    text = printable(" ".join(text.split()) if "\n" in text else text)
    if len(text) <= limit:
        return text
    end = (limit - 5) // 2
    return f"{text[: limit - 5 - end]} ... {text[len(text) - end :]}"


def _quoted(value: object) -> str:
    """Return a value that should be a number and may be a text, which is shown in quotes."""
    return repr(shown(value)) if isinstance(value, (str, bytes)) else shown(value)


def as_float(value: Any) -> float | None:
    """Return a real number as a float; None for what is none, such as a text or a truth value.

    Numbers of NumPy and tensors of one number are numbers. What is too large for a float is infinite.

    Example:
        >>> as_float(3), as_float("3"), as_float(True), as_float(10**400)
        (3.0, None, None, inf)
    """
    if isinstance(value, bool) or "bool" in str(getattr(value, "dtype", "")):
        return None
    if not hasattr(type(value), "__float__"):
        return None
    try:
        return float(value)
    except OverflowError:  # of an int or a fraction
        return math.copysign(math.inf, 1 if value > 0 else -1)
    except (TypeError, ValueError, RuntimeError):
        return None


def check_in_range(
    name: str,
    value: float,
    low: float,
    high: float,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> None:
    """Raise unless ``value`` is a number between ``low`` and ``high`` (both included unless told otherwise).

    Args:
        name: The parameter as the user knows it.
        value: The value to check; NaN, None, texts and truth values never pass, numbers of NumPy do.
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
    number = as_float(value)
    above = number is not None and (number > low if low_open else number >= low)
    below = number is not None and (number < high if high_open else number <= high)
    if not (above and below):
        left = "(" if low_open or math.isinf(low) else "["
        right = ")" if high_open or math.isinf(high) else "]"
        raise InputError(f"{name} must lie in {left}{low:g}, {high:g}{right}, got {_quoted(value)}.")


def check_at_least(name: str, value: int | None, low: int, *, most: int = LARGEST_INTEGER, why: str = "") -> None:
    """Raise unless ``value`` is a whole number from ``low`` to ``most``, or None (meaning: no limit).

    Args:
        name: The parameter as the user knows it.
        value: The value to check; whole numbers of NumPy pass, truth values never do.
        low: The least that is allowed.
        most: The most that is allowed; what computes without end, or allocates before it fails, has a limit.
        why: Added to the message where the value is above ``most``: the reason, or the way out.

    Raises:
        InputError: Naming the parameter, its range and the value.

    Example:
        >>> check_at_least("seeds", 0, 1)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: seeds must be a whole number of at least 1, got 0.
        >>> check_at_least("seeds", 10**8, 1, most=1000)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: seeds must be a whole number from 1 to 1000, got 100000000.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Integral) or value < low:
        raise InputError(f"{name} must be a whole number of at least {low}, got {_quoted(value)}.")
    if value > most:
        reason = f"; {why}" if why else ""
        raise InputError(f"{name} must be a whole number from {low} to {most}, got {shown(value)}{reason}.")


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that is not known, with the nearest known one if any is near.

    Example:
        >>> print(unknown_name("strategy", "wram", ["cold", "warm"]))
        Unknown strategy 'wram': did you mean 'warm'? Known: cold, warm.
    """
    names = [shown(one) for one in known]
    near = difflib.get_close_matches(str(name)[:_SHOWN], names[:_SEARCHED], n=1, cutoff=0.5)
    hint = f": did you mean '{near[0]}'?" if near else "."
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return InputError(f"Unknown {kind} '{shown(name)}'{hint} Known: {', '.join(names[:_LISTED])}{more}.")


class StorageError(RuntimeError):
    """A disk that is full, or a directory that cannot be written; its message is one sentence."""
