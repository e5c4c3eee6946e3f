"""The page of a study."""

from typing import Any

from warmstart.studies._summary import Summary

from . import _tables
from ._html import rendered, responsive
from ._words import how_to_read, report_title, subtitle
from .charts import captions, charts_of


def page(summary: Summary) -> str:
    """Return the report of a study as one page of HTML that needs nothing else.

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
        charts=_charts(summary),
    )


def _charts(summary: Summary) -> list[dict[str, Any]]:
    words = captions(summary)
    return [
        {"name": name, "title": words[name][0], "caption": words[name][1], "spec": responsive(chart.to_dict())}
        for name, chart in charts_of(summary).items()
    ]
