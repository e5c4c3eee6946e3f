"""A document as a page: one file that works offline, in light and dark, on wide and narrow screens."""

from importlib.resources import files
from typing import Final

from warmstart.basics import require

from ._document import Document
from ._export import PURPOSE, grammar
from .charts import theme

_AUTOSIZE: Final = {"type": "fit-x", "contains": "padding"}


def as_html(document: Document, *, has_images: bool = True) -> str:
    """Return a document as HTML with its styles, scripts and data inside.

    Texts are escaped by the template; the page forbids itself every request by a content security policy.

    Args:
        document: Any.
        has_images: Whether its charts are also images in the folder ``charts`` beside the page.

    Raises:
        InputError: If the extra ``report`` is not installed.
    """
    jinja = require("jinja2", extra="report", purpose=PURPOSE)
    converter = require("vl_convert", extra="report", purpose=PURPOSE)
    environment = jinja.Environment(
        # Labels and names of classes come from users' files.
        autoescape=True,
        undefined=jinja.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja.FunctionLoader(_template),
    )
    charts = document.charts()
    # Bundling takes a second, and a page without a chart needs no library.
    library = converter.javascript_bundle(vl_version=grammar()) if charts else ""
    return environment.get_template("document.html.j2").render(
        document=document,
        has_images=has_images,
        # As wide as the place that they are drawn in, whatever width an image has.
        specs={chart.name: {**chart.spec, "width": "container", "autosize": _AUTOSIZE} for chart in charts},
        themes={"light": theme(dark=False), "dark": theme(dark=True)},
        style=_template("report.css"),
        script=_template("report.js"),
        # A closing tag inside a script's text would end the script.
        library=library.replace("</script", "<\\/script"),
    )


def _template(name: str) -> str:
    return files("warmstart.reports").joinpath("templates", name).read_text(encoding="utf-8")
