"""Options as text: between frozen dataclasses and what people type or store.

``shrink-perturb:shrink=0.6:noise=gaussian`` is a *spec*: a name and options, in the words of the dataclass's fields.
This is the edge at which names become objects; nothing below it looks at names.
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from enum import StrEnum
from fractions import Fraction
from numbers import Integral, Real
from typing import Any

from warmstart import queries
from warmstart.basics import InputError, choice, shown, unknown_name
from warmstart.queries import Query

NONE = "none"
_TO = ".."
_DIGITS = 400
"""Of a number as text: a float has at most 308 before its point, and exactly written ones have 350 behind it."""
_EXPONENT = re.compile(r"[eE]([+-]?[\d_]+)\s*$")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def kebab(name: str) -> str:
    """Return the spelling for people: words joined by hyphens.

    Example:
        >>> kebab("ShrinkPerturb"), kebab("arrival_size")
        ('shrink-perturb', 'arrival-size')
    """
    parts = ["-" + letter.lower() if letter.isupper() else letter for letter in name]
    return "".join(parts).strip("-").replace("_", "-")


def split_spec(text: str) -> tuple[str, dict[str, str]]:
    """Split a spec into its name and its options.

    Raises:
        InputError: If an option has no value, or two.

    Example:
        >>> split_spec("cold:scale=0.5")
        ('cold', {'scale': '0.5'})
    """
    name, *parts = [part.strip() for part in text.split(":")]
    options: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not (key and equals and value):
            raise InputError(f"Options follow a name as name:option=value, got '{shown(part)}' in '{shown(text)}'.")
        options[_once(key.strip(), options, f"'{shown(text)}'")] = value.strip()
    return name, options


def _once(key: str, given: Mapping[str, Any], where: str) -> str:
    """Return an option's name in kebab case; raise if it is given already, in this spelling or another."""
    name = key.replace("_", "-")
    if name in given:
        raise InputError(f"{shown(name)} must be given once, got it twice in {where}.")
    return name


def fields_of(owner: type) -> dict[str, Any]:
    """Return the options of a dataclass: kebab-case name and type."""
    hints = typing.get_type_hints(owner)
    return {kebab(field.name): hints[field.name] for field in dataclasses.fields(owner) if field.init}


def build_options(owner: type, options: Mapping[str, Any], *, kind: str) -> Any:
    """Construct a dataclass from options given as text or as values.

    Args:
        owner: A dataclass.
        options: By kebab- or snake-case name.
        kind: What the owner is called in messages, such as "strategy warm".

    Raises:
        InputError: If an option is unknown, has a value of another type, or is out of range.
    """
    types_of = fields_of(owner)
    values: dict[str, Any] = {}
    for key, value in options.items():
        name = _once(key, values, f"the options of {kind}")
        if name not in types_of:
            raise _unknown_option(name, kind, types_of)
        values[name] = convert(value, types_of[name], name=name)
    values = {name.replace("-", "_"): value for name, value in values.items()}
    _check_complete(owner, values, kind)
    return owner(**values)


def _check_complete(owner: type, values: Mapping[str, Any], kind: str) -> None:
    missing = dataclasses.MISSING
    for field in dataclasses.fields(owner):
        has_default = field.default is not missing or field.default_factory is not missing
        if field.init and not has_default and field.name not in values:
            raise InputError(f"The {kind} needs the option {kebab(field.name)}, got none.")


def _unknown_option(name: str, kind: str, known: Iterable[str]) -> InputError:
    names = list(known)
    if not names:
        return InputError(f"The {kind} has no options, got '{shown(name)}'.")
    return unknown_name(f"option of {kind}", name, names)


def convert(value: Any, kind: Any, *, name: str) -> Any:
    """Return ``value``, text or already of its type, as the annotated type ``kind``.

    Example:
        >>> convert("0.5", float, name="scale"), convert("none", int | None, name="patience")
        (0.5, None)
    """
    if isinstance(kind, types.UnionType):
        return _convert_optional(value, kind, name)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return choice(kind, value, name=name)
    if kind is Query:
        return _convert_query(value, name)
    if kind is bool:
        return _convert_truth(value, name)
    if kind in (int, float):
        return _convert_number(value, kind, name)
    if typing.get_origin(kind) is tuple:
        return _convert_range(value, name)
    return _convert_text(value, name)


def _convert_optional(value: Any, kind: types.UnionType, name: str) -> Any:
    if value is None or str(value).lower() == NONE:
        return None
    (inner,) = (part for part in typing.get_args(kind) if part is not type(None))
    return convert(value, inner, name=name)


def _convert_query(value: Any, name: str) -> Query:
    """Return a query by its name; queries have no options of their own."""
    if isinstance(value, Query):
        return value
    known = {kebab(kind.__name__): kind for kind in Query.__subclasses__() if hasattr(queries, kind.__name__)}
    if not isinstance(value, str) or value not in known:
        raise unknown_name(name, str(value), known)
    return known[value]()


def _convert_truth(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() not in _TRUTH:
        raise InputError(f"{name} must be true or false, got {shown(value)}.")
    return _TRUTH[str(value).lower()]


def _convert_range(value: Any, name: str) -> tuple[float, float]:
    parts = value if isinstance(value, (tuple, list)) else str(value).split(_TO)
    if len(parts) != 2:
        raise InputError(f"{name} must be two numbers as 0{_TO}1, got {shown(value)}.")
    low, high = (_convert_number(part, float, name) for part in parts)
    return low, high


def _convert_text(value: Any, name: str) -> str:
    """Return a text; a number is one as well, for columns may be named so."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
        raise InputError(f"{name} must be a text that is not empty, got {shown(value)!r}.")
    if any("\ud800" <= letter <= "\udfff" for letter in str(value)):  # bytes of the command line that are no UTF-8
        raise InputError(f"{name} must be a text in UTF-8, which study files are written in, got {shown(value)}.")
    return str(value)


def _convert_number(value: Any, kind: type, name: str) -> Any:
    """Read a number exactly; 1/3 and 1e3 are numbers, too."""
    wanted = "a whole number" if kind is int else "a number"
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
    return nearest


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


def plain(value: Any) -> Any:
    """Return a value as TOML and JSON can hold it."""
    if value is None:
        return NONE
    if isinstance(value, Query):
        return kebab(type(value).__name__)
    if isinstance(value, tuple):
        return _TO.join(map(_text, value))
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Real):  # of NumPy, which neither TOML nor JSON knows
        return int(value) if isinstance(value, Integral) else float(value)
    return str(value) if isinstance(value, StrEnum) else value


def options_of(owner: Any) -> dict[str, Any]:
    """Return every option of a dataclass instance as plain values, by snake-case name."""
    return {field.name: plain(getattr(owner, field.name)) for field in dataclasses.fields(owner) if field.init}


def stored_options(owner: Any) -> dict[str, Any]:
    """Return a dataclass instance's options as a study stores them: :func:`added_later` ones only if not at default."""
    later = {field.name: field.default for field in dataclasses.fields(owner) if field.metadata.get("later")}
    return {
        name: value for name, value in options_of(owner).items() if name not in later or value != plain(later[name])
    }


def format_spec(name: str, options: Mapping[str, Any]) -> str:
    """Return the spec of a name with options.

    Example:
        >>> format_spec("cold", {"scale": 0.5})
        'cold:scale=0.5'
    """
    return ":".join([name, *(f"{kebab(key)}={_text(value)}" for key, value in options.items())])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:.12g}"
        return short if float(short) == value else repr(value)
    return str(value)
