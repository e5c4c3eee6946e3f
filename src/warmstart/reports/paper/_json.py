"""Chapters as JSON and back: enough to draw every table and chart again."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from warmstart.analysis import plain
from warmstart.basics import InputError
from warmstart.paper import (
    Axis,
    Cell,
    Chapter,
    Curves,
    Exhibit,
    Finding,
    Format,
    HeatMap,
    Point,
    Source,
    Table,
    Verdict,
)

SCHEMA: Final = "warmstart.findings/1"
"""Name and version of the JSON form."""

_KINDS: Final[Mapping[type[Exhibit], str]] = {Table: "table", Curves: "curves", HeatMap: "heat map"}


def findings_text(chapters: Sequence[Chapter], title: str, note: str) -> str:
    """Return the chapters as JSON, as they stand in ``findings.json``.

    Each exhibit has its ``kind``: ``table``, ``curves`` or ``heat map``. A number that is not finite is null.
    """
    values = {"schema": SCHEMA, "title": title, "note": note, "chapters": list(map(_plain_chapter, chapters))}
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def chapters_of(findings: Mapping[str, Any]) -> tuple[Chapter, ...]:
    """Rebuild the chapters from the values of ``findings.json``.

    Args:
        findings: The whole of the file, parsed.

    Returns:
        The chapters, equal to those that were written where all their numbers were finite and their provenance made of
        what JSON knows.

    Raises:
        InputError: If the values are of another schema.

    Example:
        >>> chapters_of({"schema": "warmstart.findings/1", "title": "", "note": "", "chapters": []})
        ()
        >>> chapters_of({"schema": "warmstart.findings/2"})
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: Findings must have schema 'warmstart.findings/1', got ...
    """
    if findings.get("schema") != SCHEMA:
        raise InputError(f"Findings must have schema '{SCHEMA}', got {findings.get('schema')!r}.")
    return tuple(map(_chapter, findings["chapters"]))


def _plain_chapter(chapter: Chapter) -> dict[str, Any]:
    exhibits = [{"kind": _KINDS[type(exhibit)], **plain(exhibit)} for exhibit in chapter.exhibits]
    return {**plain(chapter), "exhibits": exhibits}


def _chapter(values: Mapping[str, Any]) -> Chapter:
    parts = {
        "findings": tuple(map(_finding, values["findings"])),
        "exhibits": tuple(map(_exhibit, values["exhibits"])),
    }
    return Chapter(**{**values, **parts})


def _finding(values: Mapping[str, Any]) -> Finding:
    return Finding(**{**values, "verdict": Verdict(values["verdict"]), "reasons": tuple(values["reasons"])})


def _exhibit(values: Mapping[str, Any]) -> Exhibit:
    read = {"table": _table, "curves": _curves, "heat map": _heat_map}[values["kind"]]
    return read({name: value for name, value in values.items() if name != "kind"})


def _table(values: Mapping[str, Any]) -> Table:
    return Table(**{**values, "header": tuple(values["header"]), "rows": tuple(map(tuple, values["rows"]))})


def _curves(values: Mapping[str, Any]) -> Curves:
    points = tuple(Point(**{**point, "by": Source(point["by"])}) for point in values["points"])
    return Curves(**{**values, "x": _axis(values["x"]), "y": _axis(values["y"]), "points": points})


def _heat_map(values: Mapping[str, Any]) -> HeatMap:
    cells = tuple(Cell(**cell) for cell in values["cells"])
    return HeatMap(**{**values, "value": _axis(values["value"]), "cells": cells})


def _axis(values: Mapping[str, Any]) -> Axis:
    return Axis(**{**values, "format": Format(values["format"])})
