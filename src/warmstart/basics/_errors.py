"""Errors that state in one sentence the parameter, the allowed range and the value got."""

import difflib
import math
import unicodedata
from collections.abc import Iterable
from numbers import Integral
from typing import Any

# Integers are stored, and counted by PyTorch, in 64 bits.
LARGEST_INTEGER = 2**63 - 1
# Characters of a value in a message; longer ones are shortened in the middle.
_MAX_LENGTH = 80
# Known names that a message lists, and among which it searches for a near one: a table may have 100,000 columns, and
# the search takes time that grows with the number of names.
_LISTED, _SEARCHED = 40, 2_000
# Unicode categories that a terminal obeys: control characters, surrogates, separators of lines and of paragraphs.
_OBEYED = ("Cc", "Cs", "Zl", "Zp")
# Bidirectional controls: they can make a message read as another one than it is.
_DIRECTIONS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


class InputError(ValueError):
    """Input that the user can correct; its message is one sentence that can be shown without a traceback."""


def printable(text: str) -> str:
    r"""Return a text with everything escaped that a terminal would obey instead of displaying it.

    Escaped are control characters except the newline, characters that change the direction of writing, and bytes that
    were not UTF-8 (surrogates).

    Example:
        >>> print(printable("red: \x1b[31m"))
        red: \x1b[31m
    """
    if text.isascii() and text.isprintable():  # nearly all of them
        return text
    harmful = [
        letter
        for letter in set(text) - {"\n"}
        if unicodedata.category(letter) in _OBEYED or unicodedata.bidirectional(letter) in _DIRECTIONS
    ]
    return text.translate({ord(letter): letter.encode("unicode_escape").decode() for letter in harmful})


def shown(value: object, *, limit: int = _MAX_LENGTH) -> str:
    """Return a value as a message shows it: on one line, printable, and shortened in the middle if it is long.

    Args:
        value: Anything; if it cannot be converted to text, its type is shown.
        limit: Maximum number of characters.

    Example:
        >>> shown("a" * 3000, limit=20)
        'aaaaaaaa ... aaaaaaa'
        >>> shown(10**5000)
        'a number of more than 4000 digits'
    """
    # Python refuses to write out more than 4,300 digits; 13,288 bits are 4,000.
    if isinstance(value, int) and value.bit_length() > 13_288:
        return "a number of more than 4000 digits"
    try:
        text = str(value)
    except Exception:  # a user's class may raise anything
        text = f"an object of type {type(value).__name__}"
    if len(text) > 4 * limit:  # before anything that reads it all: a value may have millions of characters
        text = text[: 2 * limit] + text[-2 * limit :]
    text = printable(" ".join(text.split()) if "\n" in text else text)
    if len(text) <= limit:
        return text
    end = (limit - 5) // 2
    return f"{text[: limit - 5 - end]} ... {text[len(text) - end :]}"


def _quoted(value: object) -> str:
    """Return a value that should be a number as a message shows it: a text in quotes, since '3' is not 3."""
    return repr(shown(value)) if isinstance(value, (str, bytes)) else shown(value)


def as_float(value: Any) -> float | None:
    """Return a real number as a float; None if ``value`` is not one, such as a text or a boolean.

    NumPy numbers and tensors of one number are numbers. What is too large for a float becomes infinite.

    Example:
        >>> as_float(3), as_float("3"), as_float(True), as_float(10**400)
        (3.0, None, None, inf)
    """
    # The dtype by its name, so that neither NumPy nor PyTorch has to be imported. Texts have no __float__.
    is_boolean = isinstance(value, bool) or "bool" in str(getattr(value, "dtype", ""))
    if is_boolean or not hasattr(type(value), "__float__"):
        return None
    try:
        return float(value)
    except OverflowError:  # raised for integers and fractions
        return math.copysign(math.inf, 1 if value > 0 else -1)
    except (TypeError, ValueError, RuntimeError):  # arrays and tensors of several numbers
        return None


def check_in_range(
    name: str, value: float, low: float, high: float, *, low_open: bool = False, high_open: bool = False
) -> None:
    """Raise an :class:`InputError` unless ``value`` is a number between ``low`` and ``high``, both included by default.

    Args:
        name: The parameter as the user typed it.
        value: The value to check; NumPy numbers pass; NaN, None, texts and booleans never do.
        low: Lower bound, may be ``-inf``.
        high: Upper bound, may be ``inf``.
        low_open: Exclude the lower bound.
        high_open: Exclude the upper bound.

    Example:
        >>> check_in_range("fraction", 1.5, 0, 1)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: fraction must lie in [0, 1], got 1.5.
    """
    number = as_float(value)
    # Written so that NaN, which compares false with everything, fails.
    above = number is not None and (number > low if low_open else number >= low)
    below = number is not None and (number < high if high_open else number <= high)
    if not (above and below):
        left = "(" if low_open or math.isinf(low) else "["
        right = ")" if high_open or math.isinf(high) else "]"
        raise InputError(f"{name} must lie in {left}{low:g}, {high:g}{right}, got {_quoted(value)}.")


def check_at_least(name: str, value: int | None, low: int, *, most: int = LARGEST_INTEGER, why: str = "") -> None:
    """Raise an :class:`InputError` unless ``value`` is a whole number from ``low`` to ``most``, or None (no limit).

    Args:
        name: The parameter as the user typed it.
        value: The value to check; NumPy integers pass, booleans never do.
        low: Smallest allowed value.
        most: Largest allowed value; give one where more would run forever, or use up the memory before it fails.
        why: Appended to the message if the value is above ``most``: the reason, or the way out.

    Example:
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


def unknown_name(kind: str, name: str, known: Iterable[str], *, place: str = "") -> InputError:
    """Return the error for an unknown name, with the closest known one if any is close.

    Example:
        >>> print(unknown_name("strategy", "wram", ["cold", "warm"]))
        Unknown strategy 'wram': did you mean 'warm'? Known: cold, warm.
        >>> print(unknown_name("label column", "x", ["sold"], place="t.csv"))
        Unknown label column 'x' of t.csv. Known: sold.
    """
    names = [shown(one) for one in known]
    near = difflib.get_close_matches(str(name)[:_MAX_LENGTH], names[:_SEARCHED], n=1, cutoff=0.5)
    hint = f": did you mean '{near[0]}'?" if near else "."
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    of_place = f" of {place}" if place else ""
    return InputError(f"Unknown {kind} '{shown(name)}'{of_place}{hint} Known: {', '.join(names[:_LISTED])}{more}.")


class StorageError(RuntimeError):
    """A disk that is full, or a directory that cannot be written; its message is one sentence."""
