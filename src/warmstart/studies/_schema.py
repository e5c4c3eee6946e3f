"""The JSON Schema of study files, by which editors complete and check them."""

from __future__ import annotations

import inspect
import itertools
import re
import types
import typing
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

from warmstart.basics import InputError
from warmstart.data import DataSource, known_datasets
from warmstart.specs import (
    KINDS,
    MEASUREMENT,
    STRATEGY,
    Kind,
    Option,
    argument_texts,
    as_text,
    options_for,
    plain,
    summary_of,
)
from warmstart.trial import TrainOn

from ._study import KINDS_OF_KEYS, MOST_SEEDS, PARTS, Study

STUDY_SCHEMA = "urn:warmstart:study:1"
_NONE = {"const": "none"}
_INTERVAL = re.compile(r"must lie in ([\[(])(\S+), (\S+?)([\])]),")
_AT_LEAST = re.compile(r"must be a whole number of at least (-?\d+),")
_UP_TO = re.compile(r"must be a whole number from -?\d+ to (\d+),")
# Tried for options that must be given, where another one is measured.
_TRIED = (0.5, 1, [[0], [1]])
# What a table without a name may stand for, which the data decide.
_UNNAMED = {"model": ("resnet18", "mlp"), "stream": ("growing", "time-ordered")}


def study_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a study file.

    It has a property for each option, with type, choices, range, default and text, all taken from the classes
    themselves. A file may be valid and still be refused, as options may not fit each other or the data.

    Example:
        >>> batch_size = study_schema()["properties"]["recipe"]["properties"]["batch_size"]
        >>> batch_size["type"], batch_size["minimum"], batch_size["default"]
        ('integer', 1, 128)
    """
    texts = argument_texts(inspect.getdoc(Study) or "")
    seeds = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MOST_SEEDS}, _text(pattern="^auto(:|$)")]}
    properties: dict[str, Any] = {
        "strategies": {**_list_of_specs(STRATEGY), "minItems": 1, "description": texts["arms"]},
        "seeds": {**seeds, "default": Study.seeds, "description": texts["seeds"]},
        "train_on": {**_choice(TrainOn), "default": str(Study.train_on), "description": texts["train_on"]},
        "measurements": {**_list_of_specs(MEASUREMENT), "description": texts["measurements"]},
        "data": {**_data(), "description": texts["data"]},
        "source": {**_data(), "description": texts["source"]},
    }
    for key, owner in PARTS.items():
        properties[key] = {**_table(owner), "description": texts[key]}
    fields = {"model": "architecture"}
    for key, kind in KINDS_OF_KEYS.items():
        properties[key] = {**_named_table(kind, key), "description": texts[fields.get(key, key)]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": STUDY_SCHEMA,
        "title": "Study of warmstart",
        "description": "Strategies compared on a stream of arriving data; what is missing has its default.",
        **_closed(properties),
    }


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    """Return a table with these keys, whose words may also be joined by hyphens."""
    joined = {f"^{key.replace('_', '-')}$": value for key, value in properties.items() if "_" in key}
    found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return found | ({"patternProperties": joined} if joined else {})


def _text(**more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, **more}


def _choice(owner: type[StrEnum]) -> dict[str, Any]:
    return {"enum": [str(member) for member in owner]}


def _list_of_specs(kind: Kind) -> dict[str, Any]:
    """Return a list of names with options; the names alone are what an editor completes."""
    return {"type": "array", "items": {"anyOf": [{"enum": sorted(kind.known())}, _text()]}}


def _table(owner: type, *, without: Iterable[str] = ()) -> dict[str, Any]:
    """Return the table of a class's options."""
    texts: dict[str, str] = {}
    for part in reversed(owner.__mro__):
        texts |= argument_texts(inspect.getdoc(part) or "")
    properties = {}
    for option in options_for(owner).values():
        if option.name in without:
            continue
        found = _value(option.kind, _range(owner, option))
        if not option.is_required:
            default = plain(option.default, option.kind)
            found["default"] = default if isinstance(default, (bool, int, float, list)) else as_text(default)
        properties[option.name] = {**found, "description": texts.get(option.name, "")}
    return _closed(properties)


def _named_table(kind: Kind, key: str) -> dict[str, Any]:
    """Return a table with a name, and the options of what has that name; of others, such as module:Object, any."""
    known = kind.known()
    tables: list[dict[str, Any]] = []
    for name, owner in known.items():
        # What a built-in learner shares with the study stands in the study's own tables.
        table = _table(owner, without=("architecture", *PARTS, "penalty") if key == "learner" else ())
        table["properties"] = {"name": {"const": name}, **table["properties"]}
        needed = [option.name for option in options_for(owner).values() if option.is_required]
        table["required"] = [*([] if name in _UNNAMED.get(key, ()) else ["name"]), *needed]
        tables.append({"title": name, "description": summary_of(owner), **table})
    other = {"name": _text(**{"not": {"enum": list(known)}})}
    tables.append({"title": "module:Object", "type": "object", "properties": other, "required": ["name"]})
    return {"type": "object", "anyOf": tables}


def _data() -> dict[str, Any]:
    """Return the table of data; those of the user's own have the options of their function besides."""
    table = _table(DataSource, without=("options",))
    known = known_datasets()
    table["properties"]["name"] = {
        **table["properties"]["name"],
        "anyOf": [{"enum": [one.name for one in known]}, _text()],
    }
    closed = {
        "properties": dict.fromkeys(table["properties"], True),
        "additionalProperties": table.pop("additionalProperties"),
    }
    closed["patternProperties"] = dict.fromkeys(table["patternProperties"], True)
    own = {"anyOf": [{"pattern": ":"}, {"enum": [one.name for one in known if one.offered_by]}]}
    # Only the list of keys depends on the name: editors look for keys among the properties in front.
    return {**table, "if": {"required": ["name"], "properties": {"name": own}}, "else": closed}


def _value(kind: Any, bounds: dict[str, Any]) -> dict[str, Any]:
    """Return what a value of an annotated type may be in a file."""
    is_union = isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union
    parts = typing.get_args(kind) if is_union else (kind,)
    of_kind = next((known for known in KINDS if any(part in known.bases for part in parts)), None)
    if of_kind is not None:
        forms = [{"enum": sorted(of_kind.known())}, _text(), {"type": "object", "required": ["name"]}]
    else:
        forms = [_simple(part, bounds) for part in parts if part is not types.NoneType]
    if types.NoneType in parts:
        forms.append(_NONE)
    return dict(forms[0]) if len(forms) == 1 else {"anyOf": forms}


def _simple(kind: Any, bounds: dict[str, Any]) -> dict[str, Any]:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _choice(kind)
    if kind is bool:
        return {"type": "boolean"}
    if kind in (int, float):
        return {"type": "integer" if kind is int else "number", **bounds}
    if kind is str:
        return _text()
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin is tuple and arguments[-1:] == (...,):
        return {"type": "array", "items": _value(arguments[0], {})}
    return {}  # anything: its class reads it


def _range(owner: Callable[..., Any], option: Option) -> dict[str, Any]:
    """Return the limits of a number, as the class itself states them when it refuses one that lies outside.

    So the schema cannot differ from what is checked, and an option that is added needs no entry anywhere.
    """
    others = [one.name for one in options_for(owner).values() if one.is_required and one.name != option.name]
    found: dict[str, Any] = {}
    for probe, values in itertools.product((-(10**15), 10**15), itertools.product(_TRIED, repeat=len(others))):
        try:
            owner(**{option.name: probe}, **dict(zip(others, values, strict=True)))
        except InputError as error:
            if not str(error).startswith(f"{option.name} must"):
                continue
            if interval := _INTERVAL.search(str(error)):
                left, low, high, right = interval.groups()
                found |= _limit("inimum", low, is_open=left == "(") | _limit("aximum", high, is_open=right == ")")
            if lowest := _AT_LEAST.search(str(error)):
                found["minimum"] = int(lowest[1])
            if highest := _UP_TO.search(str(error)):
                found["maximum"] = int(highest[1])
        except (TypeError, ValueError, ArithmeticError):  # no number, or not one of these
            continue
    return found


def _limit(side: str, text: str, *, is_open: bool) -> dict[str, float]:
    if "inf" in text:
        return {}
    number = float(text)
    return {f"exclusiveM{side}" if is_open else f"m{side}": int(number) if number.is_integer() else number}
