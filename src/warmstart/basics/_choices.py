"""Options of dataclasses, coerced to the types of their annotations: enum members, Python numbers, flags."""

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
    """Return the enum member that ``value`` is or names.

    Raises:
        InputError: If there is no such member.

    Example:
        >>> class Size(StrEnum):
        ...     SMALL = "small"
        >>> choice(Size, "small", name="size")
        <Size.SMALL: 'small'>
    """
    # Even for a StrEnum: the plain text equals its member, but `is` would silently take the other branch.
    try:
        return kind(value)
    except ValueError:
        raise unknown_name(name, str(value), [member.value for member in kind]) from None


def added_later(default: Any) -> Any:
    """Return a dataclass field for an option that was added after studies had been stored without it.

    At its default it is not stored, so that an older study is still the same study.

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
    """Coerce the options of a frozen dataclass to their annotations: names to enum members, numbers to Python's own.

    Numbers of NumPy and PyTorch become Python numbers, which files can hold. Other values are left to the checks of the
    class, except that a flag must be a boolean.

    Raises:
        InputError: If an enum has no such member, an option is None but must not be, or a flag is not a boolean.
    """
    for name, (kind, may_be_none) in _annotated_kinds(type(owner)).items():
        value = getattr(owner, name)
        if value is None:
            if not may_be_none:
                raise InputError(f"{name} must be given, got None.")
        elif issubclass(kind, StrEnum):
            object.__setattr__(owner, name, choice(kind, value, name=name))
        elif kind is bool:
            # The text "false" would be true. NumPy's boolean goes by its name in NumPy 1 and in NumPy 2.
            if not isinstance(value, bool) and type(value).__name__ not in ("bool", "bool_"):
                raise InputError(f"{name} must be true or false, got {shown(value)!r}.")
            object.__setattr__(owner, name, bool(value))
        elif isinstance(value, (bool, int)):
            pass  # booleans are left for the checks to refuse; an integer is stored as such, even for a float
        elif isinstance(value, Integral):
            object.__setattr__(owner, name, int(value))
        elif kind is float and (number := as_float(value)) is not None:
            object.__setattr__(owner, name, number)


# Cached, since evaluating annotations takes longer than everything else that happens to an instance.
@functools.cache
def _annotated_kinds(owner: type) -> dict[str, tuple[type, bool]]:
    """Return the enums and numbers among a class's options, and whether each may be None."""
    found: dict[str, tuple[type, bool]] = {}
    for name, hint in typing.get_type_hints(owner).items():
        # X | None has a type of its own: Optional[X] would be missed here.
        parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        kinds = [part for part in parts if isinstance(part, type) and issubclass(part, (StrEnum, int, float))]
        if kinds:
            found[name] = (kinds[0], type(None) in parts)
    return found
