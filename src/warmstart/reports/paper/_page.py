"""The page of all experiments."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from warmstart.paper import Chapter, Exhibit, Table
from warmstart.reports._html import rendered, responsive
from warmstart.reports._tables import settings

from ._charts import Drawing
from ._words import NOTHING_RUN, NOTHING_TO_DRAW, READING, is_run, setting_terms, status

# A number with its unit, its interval and what stands in brackets; or that there is none.
_NUMERIC: Final = re.compile(r"[+-]?\d[\d.,]*( ?[%a-zA-Z]{1,3})?( ?± ?[\d.,]+)?( ?\[[^\]]*\])?( ?\([^)]*\))?|-|")


def page(chapters: Sequence[Chapter], drawings: Mapping[str, Mapping[str, Drawing]], title: str, note: str) -> str:
    """Return all experiments as one page of HTML that needs nothing else.

    Args:
        chapters: In their order on the page.
        drawings: Charts of each chapter, by its id and the exhibit's name.
        title: Of the page.
        note: What holds for all of its numbers.

    Raises:
        InputError: If the extra ``report`` is not installed.
    """
    return rendered(
        "paper.html.j2",
        title=title,
        note=note,
        sections=[_section(chapter, drawings[chapter.id]) for chapter in chapters],
        charts=any(drawings.values()),
        reading=READING,
        nothing_run=NOTHING_RUN,
        nothing_to_draw=NOTHING_TO_DRAW,
    )


def numeric_columns(table: Table) -> list[int]:
    """Return the columns that hold numbers alone, which are read best when they stand below each other.

    Example:
        >>> numeric_columns(Table("t", "", ("arm", "accuracy"), (("cold", "56.2 % ± 1.0"), ("warm", "-"))))
        [1]
    """
    if not table.rows:
        return []
    return [index for index, column in enumerate(zip(*table.rows, strict=True)) if all(map(_NUMERIC.fullmatch, column))]


def _section(chapter: Chapter, drawings: Mapping[str, Drawing]) -> dict[str, Any]:
    return {
        "chapter": chapter,
        "status": status(chapter),
        "run": is_run(chapter),
        "terms": setting_terms(chapter),
        "exhibits": [_exhibit(exhibit, drawings) for exhibit in chapter.exhibits],
        "provenance": settings(chapter.provenance) if chapter.provenance else None,
    }


def _exhibit(exhibit: Exhibit, drawings: Mapping[str, Drawing]) -> dict[str, Any]:
    if isinstance(exhibit, Table):
        return {"caption": exhibit.caption, "table": exhibit, "numbers": numeric_columns(exhibit), "drawing": None}
    drawing = drawings.get(exhibit.name)
    spec = responsive(drawing.spec) if drawing else None
    return {"caption": exhibit.caption, "table": None, "numbers": [], "drawing": drawing, "spec": spec}
