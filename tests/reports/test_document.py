"""One document, four renderings: each shows every block."""

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console

from warmstart.reports import for_terminal, study_document
from warmstart.reports._document import (
    Badge,
    Bullets,
    Chart,
    Column,
    Definitions,
    Document,
    Group,
    Link,
    Note,
    Paragraph,
    Table,
    as_json,
)
from warmstart.reports._html import as_html
from warmstart.reports._markdown import as_markdown

SPEC = {"title": "Chart", "mark": "point", "height": 10, "data": {"values": [{"x": 1}]}}
TABLE = Table(
    (Column("Name"), Column("Amount", is_number=True), Column("Claims"), Column("Long", brief=None)),
    [(Link("Cellone", "there"), "Celltwo", (Badge("labelone", "Claimone"),), "Onlywide"), ("Cellthree", "4", (), "x")],
    caption="Tablecaption",
)
CHART = Chart("chart-name", "Charttitle", "Chartcaption", SPEC, remark="Chartremark")
BLOCKS = (Paragraph("Paragraphtext"), Bullets(("Bulletone",)), Definitions((("Termone", "Meaningone"),)), TABLE, CHART)
DOCUMENT = Document(
    "Kicker",
    "Titleone",
    "Subtitleone",
    (
        Note("Verdict", "Notetext", ("Noteremark",)),
        Group(
            "section", (*BLOCKS, Group("fold", (Paragraph("Foldedtext"),), "Foldtitle")), "Grouptitle", is_brief=True
        ),
        Group("chapter", (Paragraph("Chaptertext"),), "Chaptertitle", anchor="there", kicker="Chapterkicker"),
    ),
)
BRIEF = (
    *("Paragraphtext", "Bulletone", "Termone", "Meaningone", "Tablecaption", "Cellone", "Celltwo", "labelone"),
    *("Claimone", "Cellthree", "Chartcaption", "Foldtitle", "Foldedtext", "Notetext", "Noteremark", "Name", "Amount"),
)
ALL = (
    *BRIEF,
    "Titleone",
    "Subtitleone",
    "Grouptitle",
    "Onlywide",
    "Chartremark",
    "Chaptertext",
    "Chapterkicker",
    "Long",
)


def on_terminal(document) -> str:
    console = Console(file=io.StringIO(), width=100)
    for part in for_terminal(document):
        console.print(part)
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def text_of(html) -> str:
    shown = []
    parser = HTMLParser()
    parser.handle_data = lambda data: shown.append(data) if parser.cdata_elem is None else None
    parser.feed(html)
    return " ".join(shown)


@pytest.mark.parametrize("text", ALL)
def test_every_text_is_in_the_page_the_markdown_and_the_json(text):
    assert text in text_of(as_html(DOCUMENT))
    assert text in as_markdown(DOCUMENT)
    assert text in as_json(DOCUMENT)


@pytest.mark.parametrize("text", BRIEF)
def test_the_terminal_shows_what_is_brief(text):
    assert text in on_terminal(DOCUMENT)


def test_the_terminal_leaves_out_what_there_is_no_room_for_and_ends_with_the_note():
    text = on_terminal(DOCUMENT)
    assert not any(left in text for left in ("Onlywide", "Chaptertext", "Titleone"))
    assert text.index("Foldedtext") < text.index("Notetext") < text.index("Note: Noteremark")


@pytest.mark.parametrize("place", ["in a section", "on its own"])
def test_a_table_and_a_chart_that_are_added_are_in_all_four(summary, place):
    document = study_document(summary)
    added = (replace(TABLE, caption="Addedtable"), replace(CHART, name="added", caption="Addedchart"))
    blocks = (Group("section", added, "Added", is_brief=True),) if place == "in a section" else added
    longer = replace(document, blocks=(*document.blocks, *blocks))
    assert [chart.name for chart in longer.charts()] == [*(chart.name for chart in document.charts()), "added"]
    html, kinds = as_html(longer), [block["kind"] for block in json.loads(as_json(longer))["blocks"]]
    assert 'data-chart="added"' in html
    assert 'id="spec-added"' in html
    assert "![added](charts/added.png)" in as_markdown(longer)
    assert kinds[-len(blocks) :] == (["group"] if place == "in a section" else ["table", "chart"])
    for caption in ("Addedtable", "Addedchart"):
        assert caption in text_of(html)
        assert caption in as_markdown(longer)
        assert (caption in on_terminal(longer)) == (place == "in a section")


def test_the_json_has_tables_and_charts_as_data(any_summary):
    values = json.loads(as_json(study_document(any_summary)))
    assert values["schema"] == "warmstart.report/1"
    results = next(block for block in values["blocks"] if block.get("title") == "Results")["blocks"][0]
    assert results["columns"][0]["title"] == "strategy"
    assert [row[0] for row in results["rows"]] == [arm.arm for arm in any_summary.arms]
    charts = [one for block in values["blocks"] for one in block.get("blocks", ()) if one["kind"] == "chart"]
    assert all("layer" in chart["spec"] for chart in charts)


def test_headings_of_markdown_go_down_with_their_groups():
    assert re.findall(r"^(#+) (\w+)$", as_markdown(DOCUMENT), re.M) == [
        ("#", "Titleone"),
        ("##", "Grouptitle"),
        ("###", "Foldtitle"),
        ("##", "Chaptertitle"),
    ]


def test_a_document_without_charts_has_no_script_on_its_page():
    words = replace(DOCUMENT, blocks=(Note("Verdict", "Notetext"), TABLE))
    html = as_html(words)
    assert "<script" not in html
    assert "legend" not in html
    assert '<a href="#there">Cellone</a>' in html
    assert '<td class="number">Celltwo</td>' in html


def test_numbers_stand_on_the_right_of_the_page_and_of_the_terminal():
    lines = on_terminal(DOCUMENT).splitlines()
    heading = next(line for line in lines if "Amount" in line)
    four = next(line for line in lines if "Cellthree" in line)
    assert four.index("4") == heading.index("Amount") + len("Amount") - 1
