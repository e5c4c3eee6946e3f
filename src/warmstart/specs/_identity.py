"""What decides the numbers of an object, for the keys of stored trials."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from warmstart.models import UserModel

from ._kinds import KINDS, MODEL, TYPED, path_of
from ._options import options_for, stored_options, to_table


def identity(value: Any) -> dict[str, Any]:
    """Return what decides what an object does: its class, its options, and its source where that is not ours.

    Objects inside its options count as well. The version of the formula is a class attribute, ``version``; 1 is left
    out, so that it can be introduced later.

    Example:
        >>> from warmstart.strategies import Cold
        >>> identity(Cold(scale=0.5))
        {'class': 'Cold', 'scale': 0.5, 'scope': 'all'}
    """
    if isinstance(value, UserModel):
        return {"class": to_table(MODEL, value), "source": _source_digest(value.function())}
    owner = type(value)
    is_ours = owner.__module__.partition(".")[0] == "warmstart"
    found: dict[str, Any] = {"class": owner.__name__ if is_ours else path_of(owner), **stored_options(value)}
    made_by = getattr(value, TYPED, ("", None))
    if made_by[1] is not None:
        found["made_by"] = made_by[0]
    if (version := getattr(owner, "version", 1)) != 1:
        found["version"] = version
    if not is_ours:
        found["source"] = _source_digest(owner)
    inner = [identity(part) for part in _objects([getattr(value, o.name, None) for o in options_for(owner).values()])]
    # The options above name what is inside; only what a name does not say is repeated.
    telling = [part for part in inner if {"version", "source", "inner"} & part.keys()]
    return found | ({"inner": telling} if telling else {})


def _objects(values: Iterable[Any]) -> list[Any]:
    """Return the objects with options among values, and inside lists and tables."""
    bases = tuple(base for kind in KINDS for base in kind.bases)
    found: list[Any] = []
    for value in values:
        if isinstance(value, Mapping):
            found += _objects(value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            found += _objects(value)
        elif not inspect.isclass(value) and (isinstance(value, bases) or dataclasses.is_dataclass(value)):
            found.append(value)
    return found


def _source_digest(value: Any) -> str:
    """Return a digest of a module's source; of the class alone where only that is found, and of its name at worst."""
    text = path_of(value)
    for holder in filter(None, (value, inspect.getmodule(value))):
        with suppress(OSError, TypeError):
            text = inspect.getsource(holder)  # the module's, which comes last, has its helpers as well
    return hashlib.sha256(text.encode()).hexdigest()[:16]
