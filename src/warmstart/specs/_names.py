"""What strategies, models and streams there are by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from warmstart import diagnostics, models, penalties, strategies, streams
from warmstart.basics import InputError, unknown_name
from warmstart.diagnostics import Measurement
from warmstart.models import Architecture, UserModel
from warmstart.penalties import Penalty
from warmstart.strategies import Strategy
from warmstart.streams import Stream

from ._options import build_options, kebab, split_spec, stored_options

_SPOKEN = {"res-net18": "resnet18", "m-l-p": "mlp", "logistic-regression": "logistic", "e-w-c": "ewc"}


def _exported(room: ModuleType, base: type) -> dict[str, type]:
    """Return the room's exported subclasses of ``base``, so that a new one is known as soon as it is exported."""
    found = [value for value in vars(room).values() if inspect.isclass(value) and issubclass(value, base)]
    return {kebab(value.__name__): value for value in found if not inspect.isabstract(value)}


def known_strategies() -> dict[str, type[Strategy]]:
    """Return the strategies by name."""
    return _exported(strategies, Strategy)


def known_streams() -> dict[str, type[Stream]]:
    """Return the streams by name."""
    return _exported(streams, Stream)


def known_models() -> dict[str, type[Architecture]]:
    """Return the models by name; a user's own is named by its module and function instead."""
    found = _exported(models, Architecture)
    return {_SPOKEN.get(name, name): value for name, value in found.items() if value is not UserModel}


def known_penalties() -> dict[str, type[Penalty]]:
    """Return the penalties by name; one that is bound to a round holds tensors, which no file can name."""
    found: dict[str, type[Penalty]] = _exported(penalties, Penalty)
    return {_SPOKEN.get(name, name): value for name, value in found.items() if not value.is_bound}


def known_measurements() -> dict[str, type[Measurement]]:
    """Return the measurements by name."""
    return _exported(diagnostics, Measurement)


def build_named(kind: str, known: Mapping[str, type], name: str, options: Mapping[str, Any]) -> Any:
    """Construct what is known by ``name``.

    Raises:
        InputError: If the name or an option is unknown, or an option's value is not allowed.
    """
    if name not in known:
        raise unknown_name(kind, name, known)
    return build_options(known[name], options, kind=f"{kind} {name}")


def name_of(known: Mapping[str, type], value: object) -> str:
    """Return the name by which the type of ``value`` is known.

    Raises:
        InputError: If it is not; a study must be able to say what it compares in a file.
    """
    names = [name for name, owner in known.items() if owner is type(value)]
    if not names:
        raise InputError(
            f"A study can hold what warmstart knows by name ({', '.join(known)}), got {type(value).__name__}; "
            "models of your own are UserModel('module:function'), strategies of your own work with trial.run."
        )
    return names[0]


def model_to_table(architecture: Architecture) -> dict[str, Any]:
    """Return a model's name and options as a table."""
    if isinstance(architecture, UserModel):
        return {"name": architecture.target}
    return {"name": name_of(known_models(), architecture), **stored_options(architecture)}


def model_from_spec(text: str) -> Architecture:
    """Return the model that a spec such as ``mlp:layers=3`` or ``module:function`` describes.

    Raises:
        InputError: If the name or an option is unknown, or an option's value is not allowed.

    Example:
        >>> model_from_spec("mlp:layers=3").layers
        3
    """
    if ":" in text and "=" not in text:
        return model_from_table({"name": text})
    name, options = split_spec(text)
    return model_from_table({"name": name, **options})


def model_from_table(table: Mapping[str, Any]) -> Architecture:
    """Return the model that a table describes; a name with a colon is a user's own.

    Raises:
        InputError: If the name or an option is unknown, or an option's value is not allowed.
    """
    options = {key: value for key, value in table.items() if key != "name"}
    name = str(table.get("name", "resnet18"))
    if ":" in name:
        return build_options(UserModel, {"target": name, **options}, kind="user model")
    return build_named("model", {**known_models(), "module:function": UserModel}, name, options)
