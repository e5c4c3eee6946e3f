import re
from collections import defaultdict
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from chapters import ACCURACY, CHAPTERS, DIFFERENCE, DRAWN, FULL, NOT_RUN, NOTE, SWEEP, WORDS
from warmstart.paper import Chapter, Finding, Table, Verdict
from warmstart.reports._html import as_html
from warmstart.reports.paper._document import paper_document, text_table

LOADING = {"src", "href", "srcset", "data", "poster", "action"}


class Reader(HTMLParser):
    """Collects what a browser would load, and the text that it would show, by section."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.sections: dict[str, str] = defaultdict(str)
        self.section = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in LOADING]
        if tag == "section":
            self.section = dict(attrs).get("id", "")

    def handle_data(self, data):
        # A script's text arrives in pieces; the parser says itself whether it is inside one.
        if self.cdata_elem is None:
            self.sections[self.section] += data


def page_of(*chapters: Chapter) -> str:
    return as_html(paper_document(chapters, "Title", NOTE))


@pytest.fixture(scope="module")
def html() -> str:
    return page_of(*CHAPTERS)


def test_the_page_loads_nothing_and_leads_to_every_chapter(html):
    reader = Reader(html)
    claims = [f"#{chapter.id}" for chapter in CHAPTERS for _ in chapter.findings]
    assert reader.loads == [*claims, *(f"#{chapter.id}" for chapter in CHAPTERS)]
    assert not {"link", "iframe", "img", "base", "i", "b"} & set(reader.tags)
    assert "default-src 'none'" in html
    assert html.count("<style>") == 1


def test_the_note_comes_before_everything_else(html):
    text = "".join(Reader(html).sections.values())
    assert text.index(NOTE) < text.index("Overview") < text.index("The setting here")


def test_every_chapter_has_its_setting_claims_and_state(html):
    sections = Reader(html).sections
    for chapter in CHAPTERS:
        text = sections[chapter.id]
        for part in (
            chapter.id,
            chapter.title,
            chapter.where,
            chapter.question,
            chapter.paper_setting,
            chapter.setting,
        ):
            assert part in text
        assert chapter.state in text
        for finding in chapter.findings:
            for part in (finding.claim, finding.published, finding.reproduction, finding.verdict, *finding.reasons):
                assert part.replace(" %", "\u00a0%") in text.replace(" %", "\u00a0%")


def test_the_overview_has_every_verdict_in_words(html):
    for verdict in ("reproduced", "not reproduced", "inconclusive", "not run"):
        name = verdict.replace(" ", "-")
        assert html.count(f'<span class="badge {name}">{verdict}</span>') == 2 * sum(
            finding.verdict == verdict for chapter in CHAPTERS for finding in chapter.findings
        )


def test_all_claims_come_first_with_what_decides_them_and_their_seeds():
    document = paper_document(CHAPTERS, "Title", NOTE)
    _, overview, *_ = document.blocks
    table = overview.blocks[1]
    assert overview.blocks[0].text == "Of 14 claims: 4 reproduced, 4 not reproduced, 5 inconclusive, 1 not run."
    assert [row[0][0].text for row in table.rows] == [f.claim for chapter in CHAPTERS for f in chapter.findings]
    texts = {(row[1].anchor, row[0][0].label): row[2:] for row in table.rows}
    assert texts["table-1", "reproduced"] == ("warm is lower by 4.5 points [3.1, 5.7]", "5 seeds")
    assert texts["table-1", "inconclusive"] == ("0.93x the steps [0.70, 1.24]", "5 seeds; about 1,400 would settle it")
    assert texts["table-1", "not reproduced"] == ("Lower by 2.2 points", "5 seeds")
    assert texts["ewc", "not run"] == ("", "")


def test_a_claim_says_how_many_seeds_are_enough(html):
    sections = Reader(html).sections
    assert "5 seeds; about 1,400 would settle it; 7 are enough if the published numbers are true" in sections["table-1"]
    assert "are enough" not in sections["ewc"]


@pytest.mark.parametrize(
    ("reasons", "deciding"),
    [
        ((), ""),
        (("No interval.", "None either."), "No interval; 1 more"),
        (("Note.", "Lower by 1 [0, 2] (n = 3)."), "Lower by 1 [0, 2] (n = 3)"),
        (("Lower by 1 [0, 2].", "Higher by 1 [0, 2].", "Cut off.", "Level [-1, 1]."), "Lower by 1 [0, 2]; 2 more"),
    ],
)
def test_what_decides_is_the_first_interval(reasons, deciding):
    assert Finding("It.", "", "", Verdict.INCONCLUSIVE, reasons).deciding == deciding


def test_a_chapter_that_is_not_run_says_so():
    absent = "Nothing of this experiment has been run yet"
    sections = Reader(page_of(NOT_RUN, WORDS)).sections
    assert absent in sections["ewc"]
    assert absent not in sections["text"]


def test_a_chapter_that_is_not_complete_says_so():
    sections = Reader(page_of(SWEEP, FULL)).sections
    assert "3 of 40 trials (not complete: what is shown may change)" in sections["sweep"]
    assert "not complete" not in sections["table-1"]


def test_every_chart_with_a_value_has_its_place_and_specification(html):
    assert tuple(re.findall(r'<figure data-chart="([\w-]+)"', html)) == DRAWN
    assert tuple(re.findall(r'<script type="application/json" id="spec-([\w-]+)">', html)) == DRAWN
    text = Reader(html).sections["table-1"]
    assert text.count("There are no values to draw yet.") == 1
    assert "Not drawn, since there is no value that the axes can show: warm at 2." in text


def test_the_library_is_there_once_or_not_at_all(html):
    scripts = re.findall(r"<script>", html)
    assert len(scripts) == 2
    assert "<script" not in page_of(WORDS, NOT_RUN)


def test_provenance_is_folded(html):
    assert html.count("<details") == sum(bool(chapter.provenance) for chapter in CHAPTERS)
    assert "machine.cores" in Reader(html).sections["table-1"]


def test_texts_cannot_break_out(html):
    sections = Reader(html).sections
    assert "</script><b>|x" in sections["odd"]
    assert "<i>claim</i> | two" in sections["odd"]


def test_every_point_is_in_the_page_once():
    text = page_of(replace(FULL, exhibits=(ACCURACY, DIFFERENCE)))
    specs = re.findall(r'<script type="application/json" id="spec-[\w-]+">(.*?)</script>', text, re.S)
    assert [spec.count('"seeds":') for spec in specs] == [len(ACCURACY.points), len(DIFFERENCE.points)]


@pytest.mark.parametrize(
    ("cells", "numeric"),
    [
        (("56.2 % ± 1.0", "-"), True),
        (("+1.3", "-2.5 [-4.0, -1.0]"), True),
        (("12,345", "4,210 (0.34x)"), True),
        (("3.1 min", "2.0 h"), True),
        (("reference", "1.0"), False),
        (("2 of 3 seeds",), False),
        ((), False),
    ],
)
def test_columns_of_numbers_are_found(cells, numeric):
    table = Table("t", "", ("value",), tuple((cell,) for cell in cells))
    assert [column.is_number for column in text_table(table).columns] == [numeric]
