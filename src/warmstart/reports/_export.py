"""Charts as images: the same specifications as on the page, in light colours on white."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from warmstart.basics import require

from ._document import Chart
from .charts import theme

PURPOSE = "A report with charts"

_QUIET = "#5c6670"
_COLUMNS = 95


def chart_images(charts: Iterable[Chart]) -> dict[str, bytes]:
    """Return charts as PNG and SVG, by file name; an image has its chart's subtitle inside."""
    specs: dict[str, Mapping[str, Any]] = {}
    for chart in charts:
        lines = [line for text in chart.subtitle for line in textwrap.wrap(text, _COLUMNS)]
        words = {"subtitle": lines, "subtitleColor": _QUIET, "subtitlePadding": 6}
        # A title of its own object only where there is more to say: an expression as title must stay one.
        title = {"text": chart.spec["title"], **words} if lines else chart.spec["title"]
        specs[chart.name] = {**chart.spec, "title": title}
    return images_of(specs)


def images_of(specs: Mapping[str, Mapping[str, Any]]) -> dict[str, bytes]:
    """Return Vega-Lite specifications, given by name, as PNG (at twice the size) and SVG, by file name.

    Raises:
        InputError: If the extra ``report`` is not installed.
    """
    converter = require("vl_convert", extra="report", purpose=PURPOSE)
    on_white = {**theme(dark=False), "background": "white", "padding": 16}
    images: dict[str, bytes] = {}
    for name, spec in specs.items():
        drawn = converter.vegalite_to_svg(vl_spec=spec, vl_version=grammar(), config=on_white)
        # From the drawing, which takes half the time that drawing it twice would.
        images[f"{name}.png"] = converter.svg_to_png(drawn, scale=2)
        images[f"{name}.svg"] = drawn.encode()
    return images


def grammar() -> str:
    """Return the version of Vega-Lite that altair writes, as vl-convert names it."""
    altair = require("altair", extra="report", purpose=PURPOSE)
    return ".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2])
