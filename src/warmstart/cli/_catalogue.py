"""`warmstart datasets`, `models`, `strategies`, ...: what there is by name."""

from __future__ import annotations

import json
import sys
from typing import Any, NamedTuple

import rich_click as click
from rich.table import Table
from rich.text import Text

from warmstart.basics import InputError
from warmstart.specs import summary_of, without_markup

from ._checked import CheckedCommand
from ._console import console

_NOTES = {
    "models": "Or your own: module:function, which may take input_shape and classes and returns an nn.Module.",
    "datasets": "Or a path: a table (.csv, .tsv, .txt, also compressed; .parquet, .feather, .xlsx), a folder of "
    "tables, an .npz, a folder of class folders with images, or torchvision's folders. Or your own: module:Object.",
}
_OWN = "Or your own: module:Object, a class with options, an instance, or a function that returns one."


class _Row(NamedTuple):
    """Something that has a name.

    Args:
        name: As typed.
        summary: What it is, in a line.
        origin: Where data come from, or the object in Python, as ``module:Name``.
        options: Defaults as texts by name; None: the option must be given.
    """

    name: str
    summary: str
    origin: str
    options: dict[str, str | None]


def _rows(kind: str) -> list[_Row]:
    """Return what is known of a kind, and what installed packages offer."""
    from warmstart import specs
    from warmstart.data import known_datasets

    if kind == "DATA":
        own = {True: "embedded", False: "a directory of yours"}
        # Those of other packages as well, without importing them.
        return [
            _Row(entry.name, entry.title, entry.hub_id or entry.offered_by or own[entry.embedded], {})
            for entry in known_datasets()
        ]
    found: specs.Kind = getattr(specs, kind)
    rows = [_row(name, owner, f"{found.room.__name__}:{owner.__name__}") for name, owner in found.known().items()]
    for name, entry in found.offered().items():
        try:
            rows.append(_row(name, found.target(name), entry.value))
        except InputError as error:  # somebody else's package must not hide the others
            rows.append(_Row(name, str(error), entry.value, {}))
    return rows


def _catalogue(plural: str, kind: str) -> Any:
    """Return the command that lists what is known of one kind, with options and defaults, and what packages offer."""

    @click.option(
        "--json", "as_json", is_flag=True, help="Print a JSON list of objects: name, summary, origin, options."
    )
    def list_names(as_json: bool) -> None:
        rows = _rows(kind)
        if as_json:
            print_json([row._asdict() for row in rows])
            return
        table = Table("name", "what it is", "where it comes from" if kind == "DATA" else "options = defaults")
        for name, summary, origin, options in rows:
            written = ", ".join(key if default is None else f"{key} = {default}" for key, default in options.items())
            # As texts: docstrings of others may hold what looks like markup.
            table.add_row(Text(name), Text(summary), Text(origin if kind == "DATA" else written))
        console().print(table)
        console().print(_NOTES.get(plural, _OWN), highlight=False)
        if kind == "STRATEGY":
            from warmstart.specs import kebab
            from warmstart.studies import OVERRIDES

            own = ", ".join(map(kebab, OVERRIDES))
            console().print(f"Each also takes {own}, and penalty=NAME with penalty.OPTION, which override the study's.")

    text = f"List the {plural} that are known by name, and those that installed packages offer."
    return click.command(plural, cls=CheckedCommand, help=text)(list_names)


def _row(name: str, owner: Any, origin: str) -> _Row:
    from warmstart.specs import default_texts

    return _Row(name, without_markup(summary_of(owner)), origin, default_texts(owner))


def print_json(value: Any) -> None:
    """Write a value to standard output as JSON, indented for people, for what is no line of a log."""
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


CATALOGUES = [
    _catalogue(plural, kind)
    for plural, kind in (
        ("datasets", "DATA"),
        ("models", "MODEL"),
        ("strategies", "STRATEGY"),
        ("streams", "STREAM"),
        ("penalties", "PENALTY"),
        ("queries", "QUERY"),
        ("measurements", "MEASUREMENT"),
        ("learners", "LEARNER"),
    )
]
