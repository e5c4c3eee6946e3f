"""Charts as images: the same specifications as on the page, in light colours on white."""

from collections.abc import Mapping
from typing import Any

from warmstart.basics import require

from .charts import theme

PURPOSE = "A report with charts"


def images_of(specs: Mapping[str, Mapping[str, Any]]) -> dict[str, bytes]:
    """Return Vega-Lite specifications, given by name, as PNG (at twice the size) and SVG, by file name.

    Raises:
        InputError: If the extra ``report`` is not installed.
    """
    converter = require("vl_convert", extra="report", purpose=PURPOSE)
    images: dict[str, bytes] = {}
    for name, spec in specs.items():
        options: dict[str, Any] = {"vl_spec": spec, "vl_version": grammar(), "config": _on_white()}
        drawn = converter.vegalite_to_svg(**options)
        # From the drawing, which takes half the time that drawing it twice would.
        images[f"{name}.png"] = converter.svg_to_png(drawn, scale=2)
        images[f"{name}.svg"] = drawn.encode()
    return images


def grammar() -> str:
    """Return the version of Vega-Lite that altair writes, as vl-convert names it."""
    altair = require("altair", extra="report", purpose=PURPOSE)
    return ".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2])


def _on_white() -> dict[str, Any]:
    return {**theme(dark=False), "background": "white", "padding": 16}
