"""`warmstart datasets`, `models`, `strategies`: what there is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import rich_click as click
from rich.table import Table

from ._checked import CheckedCommand
from ._console import console


@click.command(cls=CheckedCommand)
def datasets() -> None:
    """List the data sets that are known by name."""
    from warmstart.data import known_datasets

    rows = [
        (entry.name, entry.title, "embedded" if entry.embedded else entry.hub_id or "a directory of yours")
        for entry in known_datasets()
    ]
    _print(("name", "what it is", "where it comes from"), rows)
    console().print(
        "Or a path: .npz, .parquet, .csv, a folder of parquet files, a folder of class folders with images."
    )


@click.command(cls=CheckedCommand)
def models() -> None:
    """List the models that are known by name, with their options and defaults."""
    from warmstart.specs import known_models

    _print(("name", "what it is", "options = defaults"), _described(known_models()))
    console().print("Or your own: module:function, which may take input_shape and classes and returns an nn.Module.")


@click.command(cls=CheckedCommand)
def strategies() -> None:
    """List the strategies, with their options and defaults."""
    from warmstart.specs import kebab, known_strategies
    from warmstart.studies import OVERRIDES

    _print(("name", "what it does", "options = defaults"), _described(known_strategies()))
    own = ", ".join(map(kebab, OVERRIDES))
    console().print(f"Each also takes {own}, and penalty=NAME with penalty.OPTION, which override the study's.")


def _described(known: Mapping[str, type]) -> list[tuple[str, str, str]]:
    return [(name, _first_line(owner), _options(owner)) for name, owner in known.items()]


def _first_line(owner: type) -> str:
    return (inspect.getdoc(owner) or "").splitlines()[0]


def _options(owner: type) -> str:
    from warmstart.specs import kebab, options_of

    return ", ".join(f"{kebab(name)} = {value}" for name, value in options_of(owner()).items())


def _print(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = Table(*heads)
    for row in rows:
        table.add_row(*row)
    console().print(table)
