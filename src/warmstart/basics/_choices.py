"""Options that are one of a few: members of an enumeration, or their names."""

import dataclasses
import functools
import types
import typing
from enum import StrEnum
from typing import Any, TypeVar

from ._errors import unknown_name

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


def later(default: Any) -> Any:
    """Return a dataclass field for an option that came after studies had been stored.

    At its default it is left out of what is stored, so that a study begun before is still the same study.

    Example:
        >>> import dataclasses
        >>> @dataclasses.dataclass
        ... class Options:
        ...     speed: float = later(1.0)
        >>> Options().speed
        1.0
    """
    return dataclasses.field(default=default, metadata={"later": True})


def settle_choices(owner: Any) -> None:
    """Make every option of a frozen dataclass that is one of a few the member that it names; None stays None."""
    for name, kind in _choices_of(type(owner)).items():
        if (value := getattr(owner, name)) is not None:
            object.__setattr__(owner, name, choice(kind, value, name=name))


@functools.cache
def _choices_of(owner: type) -> dict[str, type[StrEnum]]:
    """Return the enumerations among a class's options; reading annotations takes longer than all else about it."""
    found: dict[str, type[StrEnum]] = {}
    for name, hint in typing.get_type_hints(owner).items():
        parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        kinds = [part for part in parts if isinstance(part, type) and issubclass(part, StrEnum)]
        if kinds:
            found[name] = kinds[0]
    return found
