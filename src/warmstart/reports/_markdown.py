"""The report as Markdown."""

from collections.abc import Sequence

from warmstart.studies._summary import Summary

from . import _tables
from ._tables import TextTable
from ._words import how_to_read, report_title, subtitle


def markdown(summary: Summary, charts: Sequence[str] = ()) -> str:
    """Return the report as Markdown.

    Args:
        summary: What the study says.
        charts: Paths of chart images, relative to the report.
    """
    parts = [
        f"# {_escaped(report_title(summary))}",
        subtitle(summary),
        f"**{_escaped(summary.verdict)}**",
        "\n".join(f"- {_escaped(note)}" for note in summary.notes),
        f"## Results\n\n{_table(_tables.results(summary))}",
        f"## Costs\n\n{_table(_tables.costs(summary))}",
        _images(charts),
        "## How to read it\n\n" + "\n\n".join(how_to_read(summary)),
        f"## Settings\n\n{_table(_tables.settings(summary.study))}",
        f"## Data\n\n{_table(_tables.settings(summary.data))}",
        f"## Provenance\n\n{_table(_tables.settings(summary.provenance))}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _images(charts: Sequence[str]) -> str:
    images = [f"![{path.rsplit('/', 1)[-1].rsplit('.', 1)[0]}]({path})" for path in charts]
    return "## Charts\n\n" + "\n\n".join(images) if images else ""


def _table(table: TextTable) -> str:
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _escaped(text: str) -> str:
    for mark in ("\\", "|", "<", "*", "_", "`"):
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", " ")
