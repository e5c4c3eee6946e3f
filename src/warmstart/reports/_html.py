"""What the pages have in common: one file that works offline, in light and dark, on wide and narrow screens."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from warmstart.basics import require

from ._export import PURPOSE, grammar
from .charts import theme


def rendered(name: str, **values: Any) -> str:
    """Return a page as HTML with its styles, scripts and data inside.

    Texts are escaped by the template; the page forbids itself every request by a content security policy.

    Args:
        name: File name of the template; it fills the blocks of ``layout.html.j2``.
        values: What the template asks for.

    Raises:
        InputError: If the extra ``report`` is not installed.
    """
    jinja = require("jinja2", extra="report", purpose=PURPOSE)
    environment = jinja.Environment(
        autoescape=True,
        undefined=jinja.StrictUndefined,
        trim_blocks=True,
        loader=jinja.FunctionLoader(_template),
    )
    return environment.get_template(name).render(
        **values,
        themes={"light": theme(dark=False), "dark": theme(dark=True)},
        style=_template("report.css"),
        script=_template("report.js"),
        library=_library(),
    )


def responsive(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chart's specification as wide as the place that it is drawn in."""
    kept = {key: value for key, value in spec.items() if key != "$schema"}
    return {**kept, "width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}


def _library() -> str:
    converter = require("vl_convert", extra="report", purpose=PURPOSE)
    # A closing tag inside a script's text would end the script.
    return converter.javascript_bundle(vl_version=grammar()).replace("</script", "<\\/script")


def _template(name: str) -> str:
    return files("warmstart.reports").joinpath("templates", name).read_text(encoding="utf-8")
