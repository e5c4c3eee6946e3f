"""Objects from options, and options from objects.

Options are the parameters of a class's or a function's signature, of any type. They are *plain* where they are stored
or typed: numbers, texts, lists and tables, as TOML and JSON hold them. :func:`convert` and :func:`plain` are each
other's inverse, given the annotation. This is the edge at which names become objects; nothing below it looks at names.
"""

from __future__ import annotations

import ast
import collections.abc
import dataclasses
import functools
import inspect
import json
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from enum import Enum, StrEnum
from numbers import Integral, Real
from typing import Any, NamedTuple

from warmstart.basics import InputError, choice, described, import_object, reason_of, shown, unknown_name
from warmstart.models import UserModel

from ._kinds import KINDS, MODEL, TYPED, Kind, path_of
from ._numbers import convert_number
from ._text import Literal, Nested, as_text, check_once, format_spec, kebab, split_spec

NONE = "none"
_TO = ".."
# Parameters of a function that returns a model which are no options: they follow from the data.
_OF_BUILD = ("input_shape", "classes")
# Key of a table that stands for an object where an annotation says nothing about its kind.
_OBJECT = "object"
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SEQUENCES = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: tuple,
    collections.abc.Iterable: tuple,
    collections.abc.Collection: tuple,
}
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


class Option(NamedTuple):
    """An option of a class or function."""

    name: str
    kind: Any
    default: Any
    is_later: bool = False

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is inspect.Parameter.empty


@functools.lru_cache(maxsize=1024)
def options_for(owner: Callable[..., Any]) -> dict[str, Option]:
    """Return the options of a class or function by kebab-case name."""
    try:
        parameters = list(inspect.signature(owner).parameters.values())
    except (TypeError, ValueError):  # of C, which may not say which it has
        return {}
    # A class may inherit fields from a dataclass and have an __init__ of its own.
    is_function = not inspect.isclass(owner) or "__dataclass_fields__" in vars(owner)
    hints: dict[str, Any] = {}
    with suppress(Exception):  # names that only a type checker imports: such options are of any type
        hints = typing.get_type_hints(owner if is_function else owner.__init__)
    fields = dataclasses.fields(owner) if dataclasses.is_dataclass(owner) else ()
    factories = {field.name: field.default_factory for field in fields if callable(field.default_factory)}
    later = {field.name for field in fields if field.metadata.get("later")}
    found: dict[str, Option] = {}
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        kind = hints.get(parameter.name, Any)
        if parameter.default is None and kind is not Any:
            kind = kind | None  # as many write it
        default = factories[parameter.name]() if parameter.name in factories else parameter.default
        found[kebab(parameter.name)] = Option(parameter.name, kind, default, parameter.name in later)
    return found


def default_texts(owner: Any) -> dict[str, str | None]:
    """Return the defaults of an object's options as they are typed, by name; None: the option must be given.

    Example:
        >>> from warmstart.strategies import Cold
        >>> default_texts(Cold)["scale"]
        '1'
    """
    options = options_for(owner) if callable(owner) else {}
    return {
        name: None if option.is_required else as_text(plain(option.default, option.kind))
        for name, option in options.items()
    }


def build_options(owner: Callable[..., Any], options: Mapping[str, Any], *, kind: str, prefix: str = "") -> Any:
    """Call a class or function with options given as text or as values.

    Args:
        owner: Its parameters are the options.
        options: By kebab- or snake-case name; ``a.b`` is the option ``b`` of the object that the option ``a`` names.
        kind: What the owner is called in messages, such as "strategy warm".
        prefix: What stands before an option's name in messages, such as "stop.".

    Raises:
        InputError: If an option is unknown, has a value of another type, or is out of range.
    """
    values, typed = read_options(owner, options, kind=kind, prefix=prefix)
    try:
        return owner(**values)
    except InputError as error:
        word, _, rest = str(error).partition(" ")
        is_parameter = word.islower() and kebab(word) in typed
        raise InputError(f"{typed[kebab(word)]} {rest}" if is_parameter else str(error)) from error
    except (Exception, SystemExit) as error:  # whatever a user's class does
        raise InputError(f"The {kind} cannot be made: {reason_of(error)}.") from error


def read_options(
    owner: Callable[..., Any],
    options: Mapping[str, Any],
    *,
    kind: str,
    prefix: str = "",
    without: tuple[str, ...] = (),
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return options as :func:`build_options` passes them on, and the name of each as it was typed."""
    known = {name: option for name, option in options_for(owner).items() if option.name not in without}
    values: dict[str, Any] = {}
    typed: dict[str, str] = {}
    for key, value in _grouped(options).items():
        name = check_once(key, typed, f"the options of {kind}")
        if name not in known:
            if not known:
                raise InputError(f"The {kind} has no options, got '{shown(name)}'.")
            raise unknown_name(f"option of {kind}", name, known)
        typed[name] = f"{prefix}{key}"
        values[known[name].name] = convert(value, known[name].kind, name=typed[name])
    for name, option in known.items():
        if option.is_required and name not in typed:
            raise InputError(f"The {kind} needs the option {name}, got none.")
    return values, typed


def plain_options(owner: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a call, by parameter name, as plain values."""
    return {
        option.name: plain(values[option.name], option.kind)
        for option in options_for(owner).values()
        if option.name in values
    }


def _grouped(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with ``a`` and ``a.b`` put together as one table."""
    grouped: dict[str, Any] = {}
    for typed, value in options.items():
        key, dot, inner = str(typed).partition(".")
        if not dot:
            known = grouped.get(key)
            grouped[key] = {**known, "name": value} if isinstance(known, Nested) else value
            continue
        before = grouped.get(key, Nested())
        table = Nested(before) if isinstance(before, Mapping) else Nested(name=before)
        grouped[key] = Nested({**table, check_once(inner, table, f"the options of {key}"): value})
    for key, table in grouped.items():
        if isinstance(table, Nested) and "name" not in table:
            raise InputError(f"{', '.join(f'{key}.{inner}' for inner in table)} must come with a {key}=NAME, got none.")
    return grouped


def build_named(kind: Kind, name: str, options: Mapping[str, Any], *, prefix: str = "") -> Any:
    """Return the object that a name and options describe.

    Raises:
        InputError: If the name or an option is unknown, an option's value is not allowed, or what the name leads to is
            of another kind.
    """
    target = kind.target(name)
    what, is_class = f"{kind.name} {name}", inspect.isclass(target)
    is_kind = inspect.isclass(target) and issubclass(target, kind.bases)
    if is_class and not is_kind and kind is not MODEL:
        kind.check(target, name)
    if is_kind or (callable(target) and (is_class or not isinstance(target, kind.bases))):
        if kind is MODEL and not is_kind:
            place = name if ":" in name else kind.offered()[name].value
            values, _ = read_options(target, options, kind=what, prefix=prefix, without=_OF_BUILD)
            return UserModel(place, options=tuple(values.items()))
        value = build_options(target, options, kind=what, prefix=prefix)
    elif options:
        raise InputError(f"The {what} is an object already and takes no options, got '{shown(next(iter(options)))}'.")
    else:
        value = target
    kind.check(value, name)
    # The class alone does not lead back to what a function or another package's name stands for.
    if not (is_class and type(value) is target and (":" in name or name in kind.known())):
        typed = None
        if not is_class:
            typed = plain_options(target, read_options(target, options, kind=what)[0]) if options else {}
        with suppress(AttributeError):  # of a class with slots; it is then named by its class
            object.__setattr__(value, TYPED, (name, typed))
    return value


def from_table(kind: Kind, table: Any, *, key: str = "", default: str = "") -> Any:
    """Return the object that a table with a ``name`` and options describes.

    Args:
        kind: Of the object.
        table: As read from a file; only the name is a text.
        key: Of the table in a study file, for messages.
        default: The name of a table without one.

    Raises:
        InputError: As :func:`build_named`; also if this is no table, or its name no text.
    """
    place = key or kind.name
    if not isinstance(table, Mapping):
        raise InputError(f"{place} must be a table of options, got {shown(table)}.")
    name = table.get("name", default)
    if not isinstance(name, str):
        raise InputError(f"{place}.name must be a text, got {shown(name)}.")
    name = _convert_text(name, place) if name.startswith('"') else name  # it comes from a spec
    options = {option: value for option, value in table.items() if option != "name"}
    return build_named(kind, name, options, prefix=f"{key}." if key else "")


def from_spec(kind: Kind, text: str) -> Any:
    """Return the object that a spec such as ``mlp:layers=3`` or ``module:Object`` describes.

    Raises:
        InputError: As :func:`build_named`.

    Example:
        >>> from_spec(MODEL, "mlp:layers=3").layers
        3
    """
    name, options = split_spec(text)
    return build_named(kind, name, options)


def to_table(kind: Kind, value: Any) -> dict[str, Any]:
    """Return an object's name and options as a table."""
    if isinstance(value, UserModel):
        return {"name": value.target, **(plain_options(value.function(), dict(value.options)) if value.options else {})}
    return {"name": kind.name_of(value), **stored_options(value)}


def to_spec(kind: Kind, value: Any) -> str:
    """Return the complete spec of an object."""
    table = to_table(kind, value)
    return format_spec(table.pop("name"), table)


def shortest(kind: Kind, value: Any) -> dict[str, Any]:
    """Return an object's options without those at their defaults."""
    name, options = kind.name_of(value), stored_options(value)
    complete = options_of(value)
    for key in list(options):
        # One option's default may depend on another's value, so what is left out is tried, not looked up.
        fewer = {other: given for other, given in options.items() if other != key}
        with suppress(InputError):  # an option without a default
            if options_of(build_named(kind, name, fewer)) == complete:
                options = fewer
    return options


def options_of(owner: Any) -> dict[str, Any]:
    """Return every option of an object as plain values, by snake-case name.

    Raises:
        InputError: If an object keeps an option under another name than its parameter has, or it cannot be stored.
    """
    return {option.name: plain_value for option, plain_value in _values(owner)}


def stored_options(owner: Any) -> dict[str, Any]:
    """Return an object's options as a study stores them: :func:`added_later` ones only if not at default."""
    return {
        option.name: value
        for option, value in _values(owner)
        if not option.is_later or value != plain(option.default, option.kind)
    }


def _values(owner: Any) -> Iterable[tuple[Option, Any]]:
    typed = getattr(owner, TYPED, None)
    if typed is not None and typed[1] is not None:
        return [(Option(name, Any, None), value) for name, value in typed[1].items()]
    values: list[tuple[Option, Any]] = []
    for option in options_for(type(owner)).values():
        held = [name for name in (option.name, f"_{option.name}") if hasattr(owner, name)]
        if not held:
            raise InputError(
                f"{type(owner).__name__} must keep its option {option.name} as an attribute of that name, which a "
                "study stores; a dataclass does so by itself."
            )
        try:
            values.append((option, plain(getattr(owner, held[0]), option.kind)))
        except InputError as error:
            raise InputError(f"The option {option.name} of {type(owner).__name__} cannot be stored: {error}") from error
    return values


def _parts(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the one type."""
    is_union = isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union
    return typing.get_args(kind) if is_union else (kind,)


def _kind_of(kind: Any) -> Kind | None:
    """Return the kind of object that an annotation names by its bases."""
    parts = [part for part in _parts(kind) if part is not types.NoneType]
    if not parts:
        return None
    return next((known for known in KINDS if all(part in known.bases for part in parts)), None)


def _unwrapped(kind: Any) -> Any:
    while typing.get_origin(kind) is typing.Annotated or hasattr(kind, "__supertype__"):
        kind = kind.__supertype__ if hasattr(kind, "__supertype__") else typing.get_args(kind)[0]
    return kind


def convert(value: Any, kind: Any, *, name: str) -> Any:
    """Return ``value``, plain or already of its type, as the annotated type ``kind``.

    Raises:
        InputError: If it is no such value; the message begins with ``name``.

    Example:
        >>> convert("0.5", float, name="scale"), convert("none", int | None, name="patience")
        (0.5, None)
        >>> convert([1, 3], tuple[int, ...], name="sizes"), convert('"none"', str | None, name="label")
        ((1, 3), 'none')
    """
    kind = _unwrapped(kind)
    parts = _parts(kind)
    if types.NoneType in parts and (value is None or (isinstance(value, str) and value.lower() == NONE)):
        return None
    if known := _kind_of(kind):
        return _convert_object(value, known, name)
    parts = tuple(part for part in parts if part is not types.NoneType)
    if len(parts) > 1:
        return _convert_union(value, parts, name)
    kind = _unwrapped(parts[0]) if parts else kind
    # Generic types are known by their origin: list[int] is no type that a value could be an instance of.
    origin, arguments = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin in _SEQUENCES:
        return _convert_sequence(value, origin, arguments, name)
    if origin in _MAPPINGS:
        table = _parsed(value, dict, name)
        keys, values = arguments or (Any, Any)
        return {convert(key, keys, name=name): convert(part, values, name=name) for key, part in table.items()}
    if origin is typing.Literal:
        text = value if isinstance(value, str) else as_text(value)
        for spell in (lambda one: as_text(plain(one)), str):  # first as it is stored: "1" in quotes is no number
            if found := [one for one in arguments if spell(one) == text]:
                return found[0]
        raise unknown_name(name, str(value), map(str, arguments))
    if origin in (collections.abc.Callable, type):
        return value if callable(value) else import_object(_convert_text(value, name), name)
    if kind in (Any, object) or not isinstance(kind, type):
        return _inferred(value, name)
    if issubclass(kind, StrEnum):
        return choice(kind, value, name=name)
    if issubclass(kind, Enum):
        found = [one for one in kind if value is one or value == one.name]
        if not found:
            raise unknown_name(name, str(value), [one.name for one in kind])
        return found[0]
    if kind is bool:
        if isinstance(value, bool):
            return value
        if str(value).lower() not in _TRUTH:
            raise InputError(f"{name} must be true or false, got {shown(value)}.")
        return _TRUTH[str(value).lower()]
    if kind in (int, float):
        return convert_number(value, kind, name)
    return _convert_text(value, name) if kind is str else _convert_instance(value, kind, name)


def _convert_object(value: Any, kind: Kind, name: str) -> Any:
    """Return an object inside another one's options: by its name, its spec or its table."""
    if isinstance(value, kind.bases) and not inspect.isclass(value):
        return value
    if isinstance(value, Mapping):
        return from_table(kind, value, key=name)
    if not isinstance(value, str):
        raise InputError(f"{name} must be the name of a {kind.name}, got {shown(value)}.")
    text = _convert_text(value, name)
    return from_spec(kind, text)


def _convert_union(value: Any, parts: tuple[Any, ...], name: str) -> Any:
    """Return the value as the first type that fits it exactly, else that can read it; a text last, for it fits all."""
    for part in parts:
        if type(value) is part and not isinstance(value, str):
            return value
    # "1" is an integer rather than true, and "0.5" a number rather than a text; plain() puts a text in quotes where
    # that would be wrong.
    ranks = {int: 0, float: 1, str: 3}
    for part in sorted(parts, key=lambda part: ranks.get(part, 2)):
        with suppress(InputError):
            return convert(value, part, name=name)
    wanted = " or ".join(getattr(part, "__name__", str(part)) for part in parts)
    raise InputError(f"{name} must be {wanted}, got {shown(value)}.")


def _convert_sequence(value: Any, origin: type, kinds: tuple[Any, ...], name: str) -> Any:
    is_range = kinds in ((float, float), (int, int))
    if is_range and isinstance(value, str) and not value.startswith(("(", "[")):
        parts: Any = value.split(_TO)
    else:
        parts = _parsed(value, list, name)
    if origin is tuple and kinds and kinds[-1] is not ...:
        if len(parts) != len(kinds if kinds != ((),) else ()):
            form = f"two numbers as 0{_TO}1" if is_range else f"{len(kinds)} values"
            raise InputError(f"{name} must be {form}, got {shown(value)}.")
        return tuple(convert(part, kind, name=name) for part, kind in zip(parts, kinds, strict=True))
    return _SEQUENCES[origin](convert(part, kinds[0] if kinds else Any, name=name) for part in parts)


def _parsed(value: Any, kind: type, name: str) -> Any:
    """Return a list or a table that may be a text: JSON, a Python literal, or values with commas between them."""
    found = value
    if isinstance(value, str):
        found = _literal(value)
        if kind is list and not isinstance(found, (list, tuple, set)):
            # Also in brackets, which keep the commas of a list within a list of specs: warm:augmentation=[flip,crop].
            bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
            found = [part.strip() for part in bare.split(",")] if bare.strip() else []
    if kind is list and isinstance(found, (list, tuple, set, frozenset)):
        return list(found)
    if kind is dict and isinstance(found, Mapping):
        return found
    raise InputError(f"{name} must be a {'list' if kind is list else 'table'}, got {shown(value)}.")


def _literal(text: str) -> Any:
    """Return what a text in brackets spells, as JSON or as Python; else the text itself."""
    if text.startswith(("[", "{", "(", "set(", "frozenset(", "b'", 'b"')):
        for read in (json.loads, ast.literal_eval):
            with suppress(ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
                return read(text)
    return text


def _inferred(value: Any, name: str) -> Any:
    """Return a value of which no annotation says what it is: what it looks like."""
    if isinstance(value, Mapping) and set(value) >= {_OBJECT}:
        owner = import_object(_convert_text(value[_OBJECT], name), name)
        options = {key: part for key, part in value.items() if key != _OBJECT}
        return build_options(owner, options, kind=f"object {value[_OBJECT]}", prefix=f"{name}.")
    if not isinstance(value, str):
        return value
    lowered = value.lower()
    if lowered in (NONE, "true", "false"):
        return {NONE: None, "true": True, "false": False}[lowered]
    if value.startswith('"'):
        return _convert_text(value, name)
    for kind in (int, float):
        with suppress(InputError):
            if kind is float or re.fullmatch(r"[+-]?[\d_]+", value):
                return convert_number(value, kind, name)
    return _literal(value)


def _convert_text(value: Any, name: str) -> str:
    # A number is a text as well: columns may be named so.
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
        raise InputError(f"{name} must be a text that is not empty, got {shown(value)!r}.")
    text = str(value)
    if text.startswith('"') and len(text) > 1:
        with suppress(ValueError):
            text = json.loads(text)
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # bytes of the command line that are no UTF-8
        raise InputError(f"{name} must be a text in UTF-8, which study files are written in, got {shown(value)}.")
    return text


def _convert_instance(value: Any, kind: type, name: str) -> Any:
    """Return an instance of some other class: from a table of its options, or from the text that it is written as."""
    if isinstance(value, kind):
        return value
    table = _literal(value) if isinstance(value, str) else value
    if isinstance(table, Mapping):
        if _OBJECT in table:
            return _inferred(table, name)
        return build_options(kind, table, kind=f"{name} ({kind.__name__})", prefix=f"{name}.")
    # Dates and times are written otherwise than they are constructed; paths, fractions and devices are not.
    read: Any = getattr(kind, "fromisoformat", kind)
    try:
        return read(_convert_text(value, name))
    except (Exception, SystemExit):
        raise InputError(f"{name} must be a {kind.__name__}, got {shown(value)}.") from None


def plain(value: Any, kind: Any = Any) -> Any:
    """Return a value as TOML and JSON can hold it, so that :func:`convert` reads it back.

    Raises:
        InputError: If there is no such form.
    """
    kind = _unwrapped(kind)
    if value is None:
        return NONE
    if (known := _kind_of(kind)) and isinstance(value, known.bases):
        # A name alone stays a text, as it was stored before objects inside options could have options of their own.
        table = Nested(to_table(known, value))
        return table if len(table) > 1 else table["name"]
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, Enum):
        return value.name  # its value may be anything
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Real) and hasattr(value, "dtype"):  # of NumPy, which neither TOML nor JSON knows
        return int(value) if isinstance(value, Integral) else float(value)
    for part in _parts(kind):
        origin, arguments = typing.get_origin(part) or part, typing.get_args(part)
        if origin in _SEQUENCES and isinstance(value, origin) and isinstance(value, (list, tuple, set, frozenset)):
            if arguments == (float, float) and len(value) == 2:
                return _TO.join(as_text(plain(item)) for item in value)
            # Sets have no order, and an equal study must have an equal file.
            items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else list(value)
            is_fixed = origin is tuple and len(arguments) == len(items) and arguments[-1:] != (...,)
            inner = arguments if is_fixed else (arguments[0] if arguments else Any,) * len(items)
            return [plain(item, one) for item, one in zip(items, inner, strict=True)]
        if origin in _MAPPINGS and isinstance(value, Mapping):
            keys, values = arguments or (Any, Any)
            return {str(plain(key, keys)): plain(one, values) for key, one in value.items()}
        if dataclasses.is_dataclass(part) and type(value) is part:
            return options_of(value)
    if isinstance(value, str):
        # In quotes where it would be read as something else: a number, none, or a text in quotes.
        with suppress(InputError):
            if convert(value, kind, name="") == value:
                return value
        return Literal(json.dumps(value, ensure_ascii=False))
    return _plain_of_any(value)


def _plain_of_any(value: Any) -> Any:
    """Return the form of a value of which no annotation says how it is written."""
    spelled = _spelled(value)
    literal = _literal(spelled)
    if type(literal) is type(value) and (repr(literal) == repr(value) or literal == value):
        return Literal(spelled)
    if inspect.isroutine(value) or inspect.isclass(value):
        return path_of(value)
    for read in (getattr(type(value), "fromisoformat", None), type(value)):
        with suppress(Exception):
            if read is not None and not dataclasses.is_dataclass(value) and read(str(value)) == value:
                return str(value)
    owner = type(value)
    # Of a class written in C, nothing says which options lead to the same object again.
    if not (inspect.isfunction(owner.__init__) or owner.__new__ is object.__new__):
        raise InputError(f"there is no way to write {shown(described(value))} into a study file.")
    return {_OBJECT: path_of(owner), **options_of(value)}


def _spelled(value: Any) -> str:
    if type(value) in (list, tuple):
        inner = ", ".join(map(_spelled, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    if type(value) is dict:
        return "{" + ", ".join(f"{_spelled(key)}: {_spelled(one)}" for key, one in value.items()) + "}"
    # Of an infinite number repr() gives no literal.
    is_infinite = isinstance(value, float) and math.isinf(value)
    return ("1e999" if value > 0 else "-1e999") if is_infinite else repr(value)
