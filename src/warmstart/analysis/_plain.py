"""Frozen values as JSON knows them, and back."""

import dataclasses
import math
from collections.abc import Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints


def plain(value: Any) -> Any:
    """Return nested values as JSON knows them: lists for tuples, None for NaN and infinity, text for anything else.

    Example:
        >>> plain({"shape": (1, 8), "limit": float("inf")})
        {'shape': [1, 8], 'limit': None}
    """
    # Enums of texts are texts, which JSON writes by their value.
    if value is None or isinstance(value, bool | int | str):
        return value
    # float(): NumPy's scalars are floats, too, and print as something else.
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        # What is not compared is no part of the value, such as the confidence of an interval, which the whole has in
        # common.
        parts = [field.name for field in dataclasses.fields(value) if field.compare]
        return {name: plain(getattr(value, name)) for name in parts}
    return str(value)


def rebuilt(kind: Any, value: Any) -> Any:
    """Return what :func:`plain` was given, from the annotation that it had.

    Args:
        kind: A dataclass, an enum, a tuple or a mapping of any of them, one of them or None, or anything else, whose
            values stay as they are.
        value: As JSON knows it.

    Example:
        >>> from warmstart.statistics import Estimate
        >>> rebuilt(tuple[Estimate, ...], [{"mean": 0.5, "low": None, "high": None, "n": 1}])
        (Estimate(mean=0.5, low=None, high=None, n=1),)
    """
    if value is None:
        return None
    origin, parts = get_origin(kind), get_args(kind)
    if origin is UnionType:
        # None is done with; of a union of two others the first is meant.
        return rebuilt(next(part for part in parts if part is not NoneType), value)
    if origin is tuple:
        return tuple(rebuilt(parts[0], item) for item in value)
    if origin is Mapping:
        return {key: rebuilt(parts[1], item) for key, item in value.items()}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return kind(**{name: rebuilt(_hints(kind).get(name), item) for name, item in value.items()})
    return kind(value) if isinstance(kind, type) and issubclass(kind, Enum) else value


# Reading annotations takes longer than building the value, and a summary has thousands of values of a few kinds.
_hints = cache(get_type_hints)
