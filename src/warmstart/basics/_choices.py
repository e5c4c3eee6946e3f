"""Options as their annotations say: members of an enumeration, numbers of Python, None only where that is allowed."""

import dataclasses
import functools
import types
import typing
from enum import StrEnum
from numbers import Integral
from typing import Any, TypeVar

from ._errors import InputError, as_float, shown, unknown_name

Choice = TypeVar("Choice", bound=StrEnum)


def choice(kind: type[Choice], value: str, *, name: str) -> Choice:
    """Return the member that ``value`` is or names.

    A plain text equals the member of its name but is not identical to it, so that comparing by identity would silently
    take the other branch.

    Raises:
        InputError: If there is no such member.

    Example:
        >>> class Size(StrEnum):
        ...     SMALL = "small"
        >>> choice(Size, "small", name="size")
        <Size.SMALL: 'small'>
    """
    try:
        return kind(value)
    except ValueError:
        raise unknown_name(name, str(value), [member.value for member in kind]) from None


def added_later(default: Any) -> Any:
    """Return a dataclass field for an option that came after studies had been stored.

    At its default it is left out of what is stored, so that a study begun before is still the same study.

    Example:
        >>> import dataclasses
        >>> @dataclasses.dataclass
        ... class Options:
        ...     speed: float = added_later(1.0)
        >>> Options().speed
        1.0
    """
    return dataclasses.field(default=default, metadata={"later": True})


def resolve_choices(owner: Any) -> None:
    """Make every option of a frozen dataclass what its annotation says.

    A name becomes the member of the enumeration that it names, and a number of NumPy or PyTorch one of Python, which
    files can hold. Other values are left for the checks of the class, but what should be true or false must be.

    Raises:
        InputError: If there is no such member, an option is None that may not be, or no truth value where it should be.
    """
    for name, (kind, may_be_none) in _kinds_of(type(owner)).items():
        value = getattr(owner, name)
        if value is None:
            if not may_be_none:
                raise InputError(f"{name} must be given, got None.")
        elif issubclass(kind, StrEnum):
            object.__setattr__(owner, name, choice(kind, value, name=name))
        elif kind is bool:
            object.__setattr__(owner, name, _truth(value, name))
        elif isinstance(value, (bool, int)):
            pass  # truth values are for the checks to refuse; a whole number stays one where a float is meant
        elif isinstance(value, Integral):
            object.__setattr__(owner, name, int(value))
        elif kind is float and (number := as_float(value)) is not None:
            object.__setattr__(owner, name, number)


def _truth(value: Any, name: str) -> bool:
    """Return a truth value; the text "false" would be true."""
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):  # NumPy's, by its old name and its new one
        return bool(value)
    raise InputError(f"{name} must be true or false, got {shown(value)!r}.")


@functools.cache
def _kinds_of(owner: type) -> dict[str, tuple[type, bool]]:
    """Return the enumerations and numbers among a class's options, and whether each may be None.

    Kept, for reading annotations takes longer than all else about it.
    """
    found: dict[str, tuple[type, bool]] = {}
    for name, hint in typing.get_type_hints(owner).items():
        parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        kinds = [part for part in parts if isinstance(part, type) and issubclass(part, (StrEnum, int, float))]
        if kinds:
            found[name] = (kinds[0], type(None) in parts)
    return found
