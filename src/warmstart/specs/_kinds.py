"""What has a name: one row for each kind of object, wherever its classes come from."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

from warmstart import diagnostics, learners, models, penalties, queries, strategies, streams
from warmstart.basics import (
    InputError,
    described,
    import_object,
    import_offered,
    offered_objects,
    shown,
    unknown_name,
)
from warmstart.diagnostics import Measurement
from warmstart.learners import Learner, OwnLearner
from warmstart.models import Architecture, UserModel
from warmstart.penalties import Penalty
from warmstart.queries import Query
from warmstart.strategies import Strategy
from warmstart.streams import Stream

from ._text import spoken

# Attribute of objects that their class alone does not lead back to: name and options as they were typed.
TYPED = "_typed_spec"


@dataclass(frozen=True)
class Kind:
    """A kind of object that people name.

    Args:
        name: What it is called in messages.
        bases: What its objects are instances of.
        room: Exports those that are known by name.
        group: Of the entry points by which other packages offer more.
    """

    name: str
    bases: tuple[type, ...]
    room: ModuleType
    group: str

    def known(self) -> dict[str, type]:
        """Return the room's classes by name, so that a new one is known as soon as it is exported."""
        found = [
            value
            for value in vars(self.room).values()
            if inspect.isclass(value)
            and issubclass(value, self.bases)
            and value not in (*self.bases, UserModel, OwnLearner)
            # A penalty that is bound to a round holds tensors, which no file can name.
            and not getattr(value, "is_bound", False)
        ]
        return {spoken(value.__name__): value for value in found if not inspect.isabstract(value)}

    def offered(self) -> dict[str, EntryPoint]:
        """Return the entry points of other packages by name."""
        return offered_objects(self.group)

    def target(self, name: str) -> Any:
        """Return what a name leads to: a class, an instance, or a function that returns one.

        Raises:
            InputError: If it leads nowhere.
        """
        known = self.known()
        if name in known:
            return known[name]
        if ":" in name:
            module, _, path = name.partition(":")
            if module in known:
                raise InputError(f"Options follow a name as name:option=value, got '{shown(path)}' in '{shown(name)}'.")
            return import_object(name, self.name)
        offered = self.offered()
        if name not in offered:
            more = ["module:function"] if self.bases == (Architecture,) else []
            raise unknown_name(self.name, name, [*known, *offered, *more])
        return import_offered(offered[name], self.name)

    def name_of(self, value: Any) -> str:
        """Return the name that leads to the class of an object.

        Raises:
            InputError: If none does; a study must be able to say what it compares in a file.
        """
        if typed := getattr(value, TYPED, None):
            return typed[0]
        if isinstance(value, UserModel):
            return value.target
        owner = type(value)
        # By identity: a user's subclass of ours is no longer ours.
        for name, known in self.known().items():
            if known is owner:
                return name
        if owner.__module__.partition(".")[0] == "warmstart":
            raise InputError(
                f"A study can hold what warmstart knows by name ({', '.join(self.known())}), or what a module of yours "
                f"defines, got {owner.__name__}."
            )
        self.check(value, owner.__qualname__)
        return path_of(owner)

    def check(self, value: Any, name: str) -> None:
        """Raise unless an object is of this kind."""
        if not isinstance(value, self.bases):
            wanted = " or ".join(base.__name__ for base in self.bases)
            raise InputError(
                f"The {self.name} '{shown(name)}' must be a {wanted}: a class, an instance, or a function that returns "
                f"one, got {shown(described(value))}."
            )


STRATEGY = Kind("strategy", (Strategy,), strategies, "warmstart.strategies")
STREAM = Kind("stream", (Stream,), streams, "warmstart.streams")
PENALTY = Kind("penalty", (Penalty,), penalties, "warmstart.penalties")
QUERY = Kind("query", (Query,), queries, "warmstart.queries")
MEASUREMENT = Kind("measurement", (Measurement,), diagnostics, "warmstart.measurements")
MODEL = Kind("model", (Architecture,), models, "warmstart.models")
LEARNER = Kind("learner", (Learner,), learners, "warmstart.learners")
KINDS = (STRATEGY, STREAM, PENALTY, QUERY, MEASUREMENT, MODEL, LEARNER)


def path_of(value: Any) -> str:
    """Return ``module:QualName`` of a class or function.

    Raises:
        InputError: If it cannot be imported from there, as what is defined inside a function.
    """
    # Also a class of __main__ has a path: the same script, run again, finds it there.
    if "<" in value.__qualname__:
        raise InputError(
            f"{shown(value.__qualname__)} is defined inside a function, where no study file can name it: move it to "
            "the top level of its module."
        )
    found: Any = sys.modules.get(value.__module__)
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not value:
        raise InputError(
            f"{shown(value.__module__)}:{shown(value.__qualname__)} must lead to the object itself, so that a study "
            "file can name it, but there is another one or none."
        )
    module = value.__module__
    if module.startswith("warmstart."):
        # The room that exports it: files may be renamed, names in stored studies may not.
        room = ".".join(module.split(".")[:2])
        module = room if getattr(sys.modules.get(room), value.__name__, None) is value else module
    return f"{module}:{value.__qualname__}"
