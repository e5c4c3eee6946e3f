"""The charts of an experiment as specifications, for the page and for image files."""

import textwrap
from dataclasses import dataclass
from typing import Any, Final

from warmstart.paper import Chapter, Curves, Exhibit, HeatMap, Table

from ._curves import curves_chart
from ._heat_map import heat_map_chart, least_width
from ._rows import has_points, left_out
from ._words import remark

_QUIET: Final = "#5c6670"
_IMAGE_COLUMNS: Final = 95


@dataclass(frozen=True)
class Drawing:
    """A chart that can be drawn.

    Attributes:
        name: Of its files and of its place on the page.
        caption: What it shows.
        remark: What it leaves out; empty: nothing.
        least_width: In pixels, below which its texts overlap; 0: it fits any screen.
        spec: Vega-Lite specification.
    """

    name: str
    caption: str
    remark: str
    least_width: int
    spec: dict[str, Any]


def exhibit_name(chapter: Chapter, exhibit: Exhibit) -> str:
    """Return the name of an exhibit among those of all experiments."""
    return f"{chapter.id}-{exhibit.name}"


def drawings_of(chapter: Chapter) -> dict[str, Drawing]:
    """Return the charts of an experiment that have something to show, by the name of the exhibit.

    Raises:
        InputError: If the extra ``report`` is not installed.
    """
    charts = {exhibit.name: exhibit for exhibit in chapter.exhibits if not isinstance(exhibit, Table)}
    return {name: _drawing(chapter, chart) for name, chart in charts.items() if has_values(chart)}


def has_values(exhibit: Curves | HeatMap) -> bool:
    """Return whether there is anything to draw."""
    return has_points(exhibit) if isinstance(exhibit, Curves) else bool(exhibit.cells)


def image_spec(chapter: Chapter, drawing: Drawing) -> dict[str, Any]:
    """Return the specification of an image file: the page's, with the caption and the setting in the image.

    An image is shown apart from its page; its numbers then still come with their scale.
    """
    lines = [*textwrap.wrap(drawing.caption, _IMAGE_COLUMNS), *textwrap.wrap(_scale(chapter), _IMAGE_COLUMNS)]
    title = {"text": drawing.spec["title"], "subtitle": lines, "subtitleColor": _QUIET, "subtitlePadding": 6}
    return {**drawing.spec, "title": title}


def _scale(chapter: Chapter) -> str:
    return f"{chapter.where}. {chapter.setting}" if chapter.setting else chapter.where


def _drawing(chapter: Chapter, exhibit: Curves | HeatMap) -> Drawing:
    name = exhibit_name(chapter, exhibit)
    if isinstance(exhibit, Curves):
        return Drawing(name, exhibit.caption, remark(left_out(exhibit)), 0, curves_chart(exhibit).to_dict())
    return Drawing(name, exhibit.caption, "", least_width(exhibit), heat_map_chart(exhibit).to_dict())
