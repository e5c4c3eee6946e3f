"""Chapters as JSON: enough to draw every table and chart again."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from warmstart.analysis import plain
from warmstart.paper import Chapter, Curves, Exhibit, HeatMap, Table

SCHEMA: Final = "warmstart.findings/1"
"""Name and version of the JSON form."""

_KINDS: Final[Mapping[type[Exhibit], str]] = {Table: "table", Curves: "curves", HeatMap: "heat map"}


def findings_text(chapters: Sequence[Chapter], title: str, note: str) -> str:
    """Return the chapters as JSON, as they stand in ``findings.json``.

    Each exhibit has its ``kind``: ``table``, ``curves`` or ``heat map``. A number that is not finite is null.
    """
    # An exhibit's class is lost in its plain form, and its fields do not always tell it.
    plain_chapters = plain(list(chapters))
    for chapter, values in zip(chapters, plain_chapters, strict=True):
        kinds = [_KINDS[type(exhibit)] for exhibit in chapter.exhibits]
        values["exhibits"] = [{"kind": kind, **one} for kind, one in zip(kinds, values["exhibits"], strict=True)]
    values = {"schema": SCHEMA, "title": title, "note": note, "chapters": plain_chapters}
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
