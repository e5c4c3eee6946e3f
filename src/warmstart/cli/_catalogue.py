"""`warmstart datasets`, `models`, `strategies`, ...: what there is by name."""

from __future__ import annotations

import inspect
from typing import Any

import rich_click as click
from rich.table import Table
from rich.text import Text

from warmstart.basics import InputError

from ._checked import CheckedCommand
from ._console import console
from ._described import without_markup

_NOTES = {
    "models": "Or your own: module:function, which may take input_shape and classes and returns an nn.Module.",
    "datasets": "Or a path: a table (.csv, .tsv, .txt, also compressed; .parquet, .feather, .xlsx), a folder of "
    "tables, an .npz, a folder of class folders with images, or torchvision's folders. Or your own: module:Object.",
}
_OWN = "Or your own: module:Object, a class with options, an instance, or a function that returns one."


def _catalogue(plural: str, kind: str) -> Any:
    """Return the command that lists what is known of one kind, with options and defaults, and what packages offer."""

    def list_names() -> None:
        from warmstart import specs
        from warmstart.data import known_datasets

        if kind == "DATA":
            own = {True: "embedded", False: "a directory of yours"}
            known = known_datasets()  # those of other packages as well, without importing them
            rows = [
                (entry.name, entry.title, entry.hub_id or entry.offered_by or own[entry.embedded]) for entry in known
            ]
        else:
            found: specs.Kind = getattr(specs, kind)
            rows = [_row(name, owner) for name, owner in found.known().items()]
            for name, entry in found.offered().items():
                try:
                    rows.append(_row(name, found.target(name)))
                except InputError as error:  # somebody else's package must not hide the others
                    rows.append((name, str(error), entry.value))
        heads = ("name", "what it is", "where it comes from" if kind == "DATA" else "options = defaults")
        table = Table(*heads)
        for row in rows:
            table.add_row(*map(Text, row))  # docstrings of others may hold what looks like markup
        console().print(table)
        console().print(_NOTES.get(plural, _OWN), highlight=False)
        if kind == "STRATEGY":
            from warmstart.studies import OVERRIDES

            own = ", ".join(map(specs.kebab, OVERRIDES))
            console().print(f"Each also takes {own}, and penalty=NAME with penalty.OPTION, which override the study's.")

    text = f"List the {plural} that are known by name, and those that installed packages offer."
    return click.command(plural, cls=CheckedCommand, help=text)(list_names)


def _row(name: str, owner: Any) -> tuple[str, str, str]:
    from warmstart.specs import as_text, options_for, plain

    options = []
    for key, option in options_for(owner).items() if callable(owner) else ():
        options.append(key if option.is_required else f"{key} = {as_text(plain(option.default, option.kind))}")
    return name, without_markup((inspect.getdoc(owner) or "").split("\n")[0]), ", ".join(options)


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
