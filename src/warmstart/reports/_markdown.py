"""The report as Markdown."""

from collections.abc import Sequence

from warmstart.analysis import Summary

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
        f"# {escaped(report_title(summary))}",
        subtitle(summary),
        f"**{escaped(summary.verdict)}**",
        "\n".join(f"- {escaped(note)}" for note in summary.notes),
        f"## Results\n\n{table(_tables.results(summary))}",
        f"## Costs\n\n{table(_tables.costs(summary))}",
        _images(charts),
        "## How to read it\n\n" + "\n\n".join(how_to_read(summary)),
        f"## Settings\n\n{table(_tables.settings(summary.study))}",
        f"## Data\n\n{table(_tables.settings(summary.data))}",
        f"## Provenance\n\n{table(_tables.settings(summary.provenance))}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _images(charts: Sequence[str]) -> str:
    images = [f"![{path.rsplit('/', 1)[-1].rsplit('.', 1)[0]}]({path})" for path in charts]
    return "## Charts\n\n" + "\n\n".join(images) if images else ""


def table(content: TextTable) -> str:
    """Return a table of texts as Markdown."""
    return grid(content.header, [list(map(escaped, row)) for row in content.rows])


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown whose cells are Markdown already; its titles are texts."""
    lines = [list(map(escaped, header)), ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    r"""Return a text on one line, with every mark that Markdown would read as its own made literal.

    Example:
        >>> print(escaped("a_b | [1, 2](3)"))
        a\_b \| [1, 2]\(3)
    """
    for mark in ("\\", "|", "<", "*", "_", "`", "~"):
        text = text.replace(mark, f"\\{mark}")
    return text.replace("](", "]\\(").replace("\n", " ")
