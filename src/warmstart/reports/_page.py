"""The page of a study."""

from collections.abc import Mapping
from typing import Any

from warmstart.analysis import Summary

from . import _tables
from ._html import rendered, responsive
from ._words import how_to_read, report_title, subtitle
from .charts import captions


def page(summary: Summary, specs: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the report of a study as one page of HTML that needs nothing else.

    Args:
        summary: What the study says.
        specs: Its charts, as :func:`warmstart.reports.charts.chart_specs` returns them.

    Raises:
        InputError: If the extra ``report`` is not installed.
    """
    return rendered(
        "report.html.j2",
        summary=summary,
        title=report_title(summary),
        subtitle=subtitle(summary),
        tables={name: getattr(_tables, name)(summary) for name in ("results", "costs", "rounds")},
        details={name: _tables.settings(getattr(summary, name)) for name in ("study", "data", "provenance")},
        reading=how_to_read(summary),
        charts=_charts(summary, specs),
    )


def _charts(summary: Summary, specs: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    words = captions(summary)
    return [
        {"name": name, "title": words[name][0], "caption": words[name][1], "spec": responsive(spec)}
        for name, spec in specs.items()
    ]
