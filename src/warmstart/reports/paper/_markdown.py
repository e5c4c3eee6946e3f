"""All experiments as Markdown."""

from collections.abc import Mapping, Sequence

from warmstart.paper import Chapter, Exhibit, Finding, Table
from warmstart.reports._markdown import escaped, grid, table
from warmstart.reports._tables import TextTable, settings

from ._charts import Drawing, has_values
from ._words import NOT_DRAWN, NOTHING_RUN, NOTHING_TO_DRAW, READING, is_run, setting_terms, status

OVERVIEW = ("experiment", "in the paper", "claims", "state")


def markdown(
    chapters: Sequence[Chapter],
    drawings: Mapping[str, Mapping[str, Drawing]],
    title: str,
    note: str,
) -> str:
    """Return all experiments as Markdown, with the charts as images in the folder ``charts`` beside it.

    Args:
        chapters: In their order.
        drawings: Charts that are there as images, by the chapter's id and the exhibit's name.
        title: Of the report.
        note: What holds for all of its numbers.
    """
    parts = [
        f"# {escaped(title)}",
        f"**{escaped(note)}**",
        f"## Overview\n\n{grid(OVERVIEW, list(map(_overview, chapters)))}",
        READING,
        *(part for chapter in chapters for part in _chapter(chapter, drawings.get(chapter.id, {}))),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _overview(chapter: Chapter) -> list[str]:
    claims = "<br>".join(f"**{finding.verdict}**: {escaped(finding.claim)}" for finding in chapter.findings)
    link = f"[{escaped(chapter.title)}](#{chapter.id})"
    return [link, escaped(chapter.where), claims or "none", escaped(status(chapter))]


def _chapter(chapter: Chapter, drawings: Mapping[str, Drawing]) -> list[str]:
    return [
        f'<a id="{chapter.id}"></a>',
        f"## {escaped(chapter.title)}",
        f"{escaped(chapter.where)} (`{chapter.id}`)",
        escaped(chapter.question),
        "\n".join(f"- **{term}:** {escaped(text)}" for term, text in setting_terms(chapter)),
        "" if is_run(chapter) else f"**{NOTHING_RUN}**",
        *map(_finding, chapter.findings),
        *(part for exhibit in chapter.exhibits for part in _exhibit(exhibit, drawings)),
        f"### Provenance\n\n{table(settings(chapter.provenance))}" if chapter.provenance else "",
    ]


def _finding(finding: Finding) -> str:
    published = {"Paper": finding.published, "Independent reproduction": finding.reproduction}
    lines = [
        *(f"- {name}: {escaped(text)}" for name, text in published.items() if text),
        *(f"- {escaped(reason)}" for reason in finding.reasons),
    ]
    head = f"### {str(finding.verdict).capitalize()}: {escaped(finding.claim)}"
    return "\n\n".join(part for part in (head, "\n".join(lines)) if part)


def _exhibit(exhibit: Exhibit, drawings: Mapping[str, Drawing]) -> list[str]:
    if isinstance(exhibit, Table):
        return [escaped(exhibit.caption), table(TextTable(exhibit.header, exhibit.rows))]
    drawing = drawings.get(exhibit.name)
    if drawing is None:
        return [escaped(exhibit.caption), NOT_DRAWN if has_values(exhibit) else NOTHING_TO_DRAW]
    image = f"![{exhibit.name}](charts/{drawing.name}.png)"
    return [escaped(exhibit.caption), image, escaped(drawing.remark)]
