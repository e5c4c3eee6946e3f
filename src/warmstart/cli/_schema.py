"""`warmstart schema`: the JSON Schemas of what is written and read."""

from __future__ import annotations

import rich_click as click

from warmstart.basics import unknown_name

from ._catalogue import print_json
from ._checked import CheckedCommand

_WHICH = ("study", "summary")


@click.command(cls=CheckedCommand)
@click.argument("which", metavar="|".join(_WHICH))
def schema(which: str) -> None:
    """Print a JSON Schema: of study files, or of the summary that --json and summary.json have.

    Editors complete and check study.toml by it, such as Even Better TOML and taplo: write it to a file, and begin the
    study file with the line #:schema study.schema.json.

    Examples:
      warmstart schema study > study.schema.json
      warmstart schema summary > summary.schema.json
    """
    if which not in _WHICH:
        raise unknown_name("schema", which, _WHICH)
    if which == "summary":
        from warmstart.analysis import summary_schema

        print_json(summary_schema())
    else:
        from warmstart.studies import study_schema

        print_json(study_schema())
