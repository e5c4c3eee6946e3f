"""The paper's experiments as a document."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from warmstart.paper import Chapter, Curves, Exhibit, Finding, HeatMap, Table, Verdict
from warmstart.reports._document import (
    Badge,
    Block,
    Bullets,
    Chart,
    Column,
    Definitions,
    Document,
    Group,
    Link,
    Note,
    Paragraph,
    settings_table,
)
from warmstart.reports._document import Table as TextTable

from ._curves import curves_chart
from ._heat_map import heat_map_chart, least_width
from ._rows import has_points, words_on_left_out

NOTHING_RUN: Final = "Nothing of this experiment has been run yet: there are no results to show."
NOT_DRAWN: Final = "This chart has not been drawn; its values are in findings.json."
NOTHING_TO_DRAW: Final = "There are no values to draw yet."
READING: Final = (
    "A verdict is what the results here say of a claim; their intervals decide. In the charts filled marks are results "
    "from here. Hollow marks are published: with a dashed line by the paper, with a dotted line by an independent "
    "reproduction. Bands and upright lines are intervals."
)

# A number with its unit, its interval and what stands in brackets; or that there is none.
_NUMERIC: Final = re.compile(r"[+-]?\d[\d.,]*( ?[%a-zA-Z]{1,3})?( ?± ?[\d.,]+)?( ?\[[^\]]*\])?( ?\([^)]*\))?|-|")


def paper_document(chapters: Sequence[Chapter], title: str, note: str, *, drawn: bool = True) -> Document:
    """Return all experiments as a document.

    Args:
        chapters: In their order.
        title: Of the report.
        note: What holds for all of its numbers.
        drawn: Whether it has charts, for which the extra ``report`` is needed.
    """
    claims = [
        (
            (Badge(finding.verdict, finding.claim),),
            Link(chapter.title, chapter.id),
            finding.deciding,
            seeds_text(chapter, finding),
        )
        for chapter in chapters
        for finding in chapter.findings
    ]
    experiments = [(Link(chapter.title, chapter.id), chapter.where, _status(chapter)) for chapter in chapters]
    overview = (
        Paragraph(counts_text(chapters)),
        TextTable(list(map(Column, ("claim", "experiment", "what decides", "seeds"))), claims, style="overview"),
        Paragraph(READING, "remark"),
        TextTable(list(map(Column, ("experiment", "in the paper", "state"))), experiments, style="overview"),
    )
    return Document(
        kicker="Report on the paper's experiments",
        title=title,
        subtitle="",
        blocks=(
            Note("Scale of the results", note),
            Group("section", overview, "Overview", is_brief=True),
            *(_chapter(chapter, drawn=drawn) for chapter in chapters),
        ),
    )


def seeds_text(chapter: Chapter, finding: Finding) -> str:
    """Return how many seeds a verdict rests on, and about how many would settle an open one; empty: not run."""
    if not chapter.seeds or finding.verdict is Verdict.NOT_RUN:
        return ""
    settled = "" if finding.needed is None else f"; about {finding.needed:,} would settle it"
    return f"{chapter.seeds} {'seed' if chapter.seeds == '1' else 'seeds'}{settled}"


def counts_text(chapters: Sequence[Chapter]) -> str:
    """Return how many claims have which verdict, in a sentence."""
    verdicts = Counter(finding.verdict for chapter in chapters for finding in chapter.findings)
    counts = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict if verdicts[verdict])
    return f"Of {verdicts.total()} claims: {counts}." if verdicts else ""


def exhibit_name(chapter: Chapter, exhibit: Exhibit) -> str:
    """Return the name of an exhibit among those of all experiments."""
    return f"{chapter.id}-{exhibit.name}"


def text_table(table: Table) -> TextTable:
    """Return a table of an experiment as a block; columns that hold numbers alone are found by their cells."""
    # Without a row no column is known to hold numbers.
    cells = zip(*table.rows, strict=True) if table.rows else [("words",) for _ in table.header]
    columns = [
        Column(title, is_number=all(map(_NUMERIC.fullmatch, column)))
        for title, column in zip(table.header, cells, strict=True)
    ]
    return TextTable(columns, table.rows, table.caption)


def _chapter(chapter: Chapter, *, drawn: bool) -> Group:
    settings = (
        ("The paper's setting", chapter.paper_setting or "not stated"),
        ("The setting here", chapter.setting or "not stated"),
        ("Deviations", chapter.deviations or "none"),
        ("State", _status(chapter)),
    )
    blocks: list[Block] = [Paragraph(chapter.question), Definitions(settings)]
    if not _is_run(chapter):
        blocks.append(Paragraph(NOTHING_RUN, "absent"))
    blocks += (_finding(chapter, finding) for finding in chapter.findings)
    blocks += (Group("exhibit", _exhibit(chapter, exhibit, drawn=drawn)) for exhibit in chapter.exhibits)
    if chapter.provenance:
        blocks.append(Group("fold", (settings_table(chapter.provenance),), "Provenance"))
    return Group("chapter", tuple(blocks), chapter.title, anchor=chapter.id, kicker=chapter.where)


def _finding(chapter: Chapter, finding: Finding) -> Group:
    seeds = seeds_text(chapter, finding)
    planned = f"{seeds}; {finding.seeds} are enough if the published numbers are true" if seeds else ""
    published = {"Paper": finding.published, "Independent reproduction": finding.reproduction, "Seeds": planned}
    terms = tuple((name, text) for name, text in published.items() if text)
    blocks: list[Block] = [Definitions(terms)] if terms else []
    if finding.reasons:
        blocks.append(Bullets(finding.reasons))
    return Group("finding", tuple(blocks), finding.claim, badge=finding.verdict)


def _exhibit(chapter: Chapter, exhibit: Exhibit, *, drawn: bool) -> tuple[Block, ...]:
    if isinstance(exhibit, Table):
        return (text_table(exhibit),)
    has_values = has_points(exhibit) if isinstance(exhibit, Curves) else bool(exhibit.cells)
    if not (drawn and has_values):
        return Paragraph(exhibit.caption, "caption"), Paragraph(NOT_DRAWN if has_values else NOTHING_TO_DRAW, "remark")
    # An image is shown apart from its page; its numbers then still come with their scale.
    scale = f"{chapter.where}. {chapter.setting}" if chapter.setting else chapter.where
    # A heat map writes its values into cells, which can only shrink so far.
    is_map = isinstance(exhibit, HeatMap)
    return (
        Chart(
            name=exhibit_name(chapter, exhibit),
            title=exhibit.caption,
            caption=exhibit.caption,
            spec=(heat_map_chart(exhibit) if is_map else curves_chart(exhibit)).to_dict(),
            remark="" if is_map else words_on_left_out(exhibit),
            least_width=least_width(exhibit) if is_map else 0,
            subtitle=(exhibit.caption, scale),
        ),
    )


def _is_run(chapter: Chapter) -> bool:
    return bool(chapter.exhibits or chapter.provenance)


def _status(chapter: Chapter) -> str:
    """Return how much of an experiment has been run; one that is not complete says so."""
    if chapter.complete or not _is_run(chapter):
        return chapter.state
    return f"{chapter.state} (not complete: what is shown may change)"
