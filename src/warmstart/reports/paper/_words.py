"""Words around the paper's charts: titles that fit a narrow screen, and what a chart leaves out."""

import textwrap
from collections.abc import Sequence
from typing import Final

from warmstart.paper import Chapter, Point

from ._looks import label_of

NOTHING_RUN: Final = "Nothing of this experiment has been run yet: there are no results to show."
NOT_DRAWN: Final = "This chart has not been drawn; its values are in findings.json."
NOTHING_TO_DRAW: Final = "There are no values to draw yet."

READING: Final = (
    "A verdict is what the results here say of a claim; their intervals decide. In the charts filled marks are results "
    "from here. Hollow marks are published: with a dashed line by the paper, with a dotted line by an independent "
    "reproduction. Bands and upright lines are intervals."
)

# What a narrow screen has room for.
_COLUMNS: Final = 44
_NAMED: Final = 5


def title_lines(title: str) -> list[str]:
    """Return a title of a chart or of an axis on as many lines as a narrow screen needs.

    Example:
        >>> title_lines("accuracy")
        ['accuracy']
    """
    return textwrap.wrap(title, _COLUMNS) or [""]


def remark(points: Sequence[Point]) -> str:
    """Return a sentence on points that a chart leaves out; empty if there are none.

    Example:
        >>> remark([Point("warm", 0.1, None), Point("warm", 0.2, None)])
        'Not drawn, since there is no value that the axes can show: warm at 0.1, warm at 0.2.'
    """
    if not points:
        return ""
    named = [f"{label_of(point)} at {point.x:g}" for point in points[:_NAMED]]
    more = f" and {len(points) - _NAMED} more" if len(points) > _NAMED else ""
    return f"Not drawn, since there is no value that the axes can show: {', '.join(named)}{more}."


def is_run(chapter: Chapter) -> bool:
    """Return whether there is any result of an experiment."""
    return bool(chapter.exhibits or chapter.provenance)


def status(chapter: Chapter) -> str:
    """Return how much of an experiment has been run; one that is not complete says so."""
    if chapter.complete or not is_run(chapter):
        return chapter.state
    return f"{chapter.state} (not complete: what is shown may change)"


def setting_terms(chapter: Chapter) -> list[tuple[str, str]]:
    """Return the settings of an experiment as terms and what they say, always all of them."""
    return [
        ("The paper's setting", chapter.paper_setting or "not stated"),
        ("The setting here", chapter.setting or "not stated"),
        ("Deviations", chapter.deviations or "none"),
        ("State", status(chapter)),
    ]
