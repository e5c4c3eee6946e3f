"""Data as tables and specs; those of the user's own have the options of their function."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from warmstart.basics import InputError, shown
from warmstart.data import DataSource, is_own, own_target, takes_options

from ._options import build_options, options_for, plain_options, read_options, stored_options
from ._text import kebab, split_spec


def data_from_table(table: Any, *, key: str) -> DataSource:
    """Return the data that a table describes: a known name, a path, ``module:Object`` or another package's name.

    Args:
        table: As read from a file. For data of the user's own it has the options of the function; an option of
            :class:`DataSource` counts where the function has none of that name.
        key: Of the table in a study file.

    Raises:
        InputError: If it is no table, or an option is not allowed.
    """
    if not isinstance(table, Mapping):
        raise InputError(f"{key} must be a table of options, got {shown(table)}.")
    name = table.get("name", "")
    if not isinstance(name, str) or not is_own(name):
        return build_options(DataSource, table, kind=key, prefix=f"{key}.")
    target = own_target(name)
    known = options_for(DataSource).keys() - {"name", "options"} - _options_for(target).keys()
    of_source = {option: value for option, value in table.items() if kebab(str(option)) in known}
    source = build_options(DataSource, {"name": name, **of_source}, kind=key, prefix=f"{key}.")
    options = {option: value for option, value in table.items() if option not in {"name", *of_source}}
    return replace(source, options=_checked(target, name, options))


def data_to_table(data: DataSource) -> dict[str, Any]:
    """Return the table that describes data.

    Raises:
        InputError: If an option of the user's own is not allowed, or has the name of another that is set as well.
    """
    if not is_own(data.name):
        return stored_options(data)
    target = own_target(data.name)
    options = plain_options(target, _checked(target, data.name, data.options))
    bare = stored_options(DataSource(data.name))
    given = stored_options(replace(data, options={})).items() - bare.items()
    if twice := [option for option, _ in given if kebab(option) in _options_for(target)]:
        raise InputError(f"{', '.join(twice)} must be left out for '{data.name}', which has such an option itself.")
    return {"name": data.name, **options, **dict(sorted(given))}


def split_data(text: str) -> tuple[str, dict[str, str]]:
    """Split a spec of data into name and options; a path, which may hold anything, has none."""
    with suppress(InputError):
        name, options = split_spec(text)
        if is_own(name):
            return name, options
    return text, {}


def _options_for(target: Any) -> Mapping[str, Any]:
    return options_for(target) if takes_options(target) else {}


def _checked(target: Any, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    # Also where nothing is loaded yet: a slip is reported when the study is made, not when it runs.
    if takes_options(target):
        return read_options(target, options, kind=f"data {name}")[0]
    if options:
        raise InputError(f"options must be left out for '{name}', which is no function, got {', '.join(options)}.")
    return {}
