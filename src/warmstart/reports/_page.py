"""The page: one file that works offline, in light and dark, on wide and narrow screens."""

from importlib.resources import files
from typing import Any

from warmstart.basics import require
from warmstart.studies._summary import Summary

from . import _tables
from ._export import PURPOSE, grammar
from ._words import how_to_read, report_title, subtitle
from .charts import captions, charts_of, theme


def page(summary: Summary) -> str:
    """Return the report as HTML with its styles, scripts and data inside.

    Labels and settings are escaped by the template; the page forbids itself every request by a content security policy.

    Raises:
        InputError: If the extra ``report`` is not installed.
    """
    jinja = require("jinja2", extra="report", purpose=PURPOSE)
    environment = jinja.Environment(autoescape=True, undefined=jinja.StrictUndefined, trim_blocks=True)
    template = environment.from_string(_template("report.html.j2"))
    return template.render(
        summary=summary,
        title=report_title(summary),
        subtitle=subtitle(summary),
        tables={name: getattr(_tables, name)(summary) for name in ("results", "costs", "rounds")},
        details={name: _tables.settings(getattr(summary, name)) for name in ("study", "data", "provenance")},
        reading=how_to_read(summary),
        charts=_charts(summary),
        themes={"light": theme(dark=False), "dark": theme(dark=True)},
        style=_template("report.css"),
        script=_template("report.js"),
        library=_library(),
    )


def _charts(summary: Summary) -> list[dict[str, Any]]:
    words = captions(summary)
    return [
        {"name": name, "title": words[name][0], "caption": words[name][1], "spec": _responsive(chart.to_dict())}
        for name, chart in charts_of(summary).items()
    ]


def _responsive(spec: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in spec.items() if key != "$schema"}
    return {**kept, "width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}


def _library() -> str:
    converter = require("vl_convert", extra="report", purpose=PURPOSE)
    # A closing tag inside a script's text would end the script.
    return converter.javascript_bundle(vl_version=grammar()).replace("</script", "<\\/script")


def _template(name: str) -> str:
    return files("warmstart.reports").joinpath("templates", name).read_text(encoding="utf-8")
