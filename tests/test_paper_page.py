"""The page on the paper's experiments says what its file of results holds, judged by today's rules."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import paper_page
from chapters import CHAPTERS, FULL, MAPS, NOT_RUN, NOTHING, ODD, TABLE, WORDS
from warmstart.basics import InputError
from warmstart.paper import Curves, HeatMap, Table, read_chapters
from warmstart.reports._markdown import escaped

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/paper.md").read_text(encoding="utf-8")
# Other files of results may be cited in words; this one the page is drawn from.
FILES, LARGER = (
    [ROOT / name for name in re.findall(r"^From `(results/[^`]+)`:", part, re.MULTILINE)]
    for part in (PAGE[: PAGE.index("<!-- end of claims -->")], PAGE[PAGE.index("<!-- larger -->") :])
)
ORIGIN = "From `results/x.json`: a setting."
BY_HAND = """# Title

<!-- claims -->
old claims
<!-- end of claims -->

Words by hand.

<!-- experiments -->
<!-- end of experiments -->

The end.
"""


@pytest.fixture(scope="module")
def page():
    return paper_page.written(BY_HAND, ORIGIN, CHAPTERS)


def test_what_is_written_by_hand_stays(page):
    for text in ("# Title", "Words by hand.", "The end."):
        assert page.count(text) == 1
    assert "old claims" not in page
    assert page.index("Words by hand.") < page.index(f"### {FULL.title}") < page.index("The end.")


def test_writing_twice_changes_nothing(page):
    assert paper_page.written(page, ORIGIN, CHAPTERS) == page


@pytest.mark.parametrize("mark", ["<!-- claims -->", "<!-- end of experiments -->"])
def test_a_page_without_a_mark_is_refused(mark):
    with pytest.raises(InputError, match="must have the marks"):
        paper_page.written(BY_HAND.replace(mark, ""), ORIGIN, CHAPTERS)


def test_every_claim_is_in_the_first_table_with_verdict_numbers_and_seeds(page):
    table = page[: page.index("<!-- end of claims -->")]
    for chapter in CHAPTERS:
        for finding in chapter.findings:
            (line, *_) = (
                line for line in table.splitlines() if f"| {escaped(finding.claim)} | {finding.verdict} |" in line
            )
            for text in (finding.published, finding.reproduction):
                assert f"| {escaped(text)} |" in line
    assert "| warm is lower by 4.5 points [3.1, 5.7] |" in table
    assert "| 5 seeds; about 1,400 would settle it |" in table
    assert "Of 14 claims: 4 reproduced, 4 not reproduced, 5 inconclusive, 1 not run." in table


def test_an_experiment_has_its_question_setting_chart_and_table(page):
    section = page[page.index('<a id="table-1">') : page.index('<a id="shrink-grid">')]
    for text in (FULL.where, FULL.question, FULL.paper_setting, FULL.setting, TABLE.caption):
        assert text in section
    assert section.count("![") == 1
    assert "(images/paper/table-1.svg)" in section
    assert "| cold | 56.2 % ± 1.0 | reference |" in section


def test_experiments_without_results_have_no_section_and_no_link(page):
    assert NOT_RUN.title not in page
    assert "| ewc | " in page
    assert "(#ewc)" not in page


def test_what_is_incomplete_or_not_to_be_judged_says_so():
    odd = replace(NOT_RUN, state="not to be judged: old.json was written otherwise")
    page = paper_page.written(BY_HAND, ORIGIN, [replace(FULL, complete=False, state="1 of 2 studies begun"), odd])
    assert "Not complete: 1 of 2 studies begun." in page
    assert f"{odd.title}: not to be judged: old.json was written otherwise." in page


def test_texts_cannot_break_a_table(page):
    assert escaped(ODD.findings[0].claim) in page
    assert "<i>claim</i> | two" not in page


@pytest.mark.parametrize(
    ("chapter", "name"),
    [(FULL, "accuracy"), (MAPS, "grid"), (WORDS, None), (replace(FULL, exhibits=(TABLE, NOTHING)), None)],
)
def test_the_chart_is_the_first_that_has_a_value(chapter, name):
    chart = paper_page.main_chart(chapter)
    assert (None if chart is None else chart.name) == name


def test_one_chart_is_drawn_per_experiment():
    drawn = paper_page.images([FULL, MAPS, WORDS])
    assert sorted(drawn) == ["shrink-grid.svg", "table-1.svg"]
    assert b"cold (paper)" in drawn["table-1.svg"]


def test_provenance_names_machine_and_dates_once():
    made = {"cpu": "X, fast", "torch": "2, 3", "created": "2026-11-26T01:00 to 2026-11-27T05:00"}
    later = {**made, "torch": "3, 4", "created": "2026-11-28T01:00"}
    page = paper_page.written(BY_HAND, ORIGIN, [replace(FULL, provenance=made), replace(MAPS, provenance=later)])
    assert "Measured with: cpu X, fast; torch 2 and 3 and 4; run 2026-11-26 to 2026-11-28." in page


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_page_agrees_with_its_file(file):
    (larger,) = LARGER
    beside = paper_page.origin_of(larger), read_chapters(larger)
    assert paper_page.written(PAGE, paper_page.origin_of(file), read_chapters(file), larger=beside) == PAGE


def arms(network, *rows):
    """Return the table of arms of a chapter, whose rows are strategy and difference."""
    header = ("model", "strategy", "accuracy %", "difference to the reference")
    return Table("accuracy", "", header, tuple((network, arm, "50", difference) for arm, difference in rows))


def test_a_small_setting_is_compared_with_a_larger_one_arm_by_arm():
    small = arms(
        "resnet8:width=16",
        ("cold", "reference"),
        ("warm", "lower by 2.0 points [1.0, 3.0]"),
        ("noise", "higher by 2.0 points [1.0, 3.0]"),
        ("shrink", "no difference detected [-1.0, 1.0]"),
        ("small only", "lower by 2.0 points [1.0, 3.0]"),
    )
    large = arms(
        "resnet18:width=16",
        ("cold", "reference"),
        ("warm", "lower by 3.0 points [1.0, 5.0]"),
        ("noise", "lower by 2.0 points [1.0, 3.0]"),
        ("shrink", "higher by 2.0 points [1.0, 3.0]"),
        ("large only", "lower by 2.0 points [1.0, 3.0]"),
    )
    chapters = [replace(FULL, exhibits=(table,)) for table in (small, large)]
    text = paper_page.agreement(chapters[:1], "From here.", chapters[1:])
    assert (
        "Of 3 differences to a cold start, 1 are detected in both with the same direction, 1 with opposite ones, and 1"
        in text
    )
    assert "| resnet, warm | lower by 2.0 points [1.0, 3.0] | lower by 3.0 points [1.0, 5.0] | same direction |" in text
    assert "| resnet, noise |" in text
    assert "| opposite direction |" in text
    assert "| resnet, shrink |" in text
    assert "only" not in text
    verdicts = [line for line in text.splitlines() if line.endswith(f"| {FULL.findings[0].verdict} |")]
    assert verdicts, "claims of both are listed with both verdicts"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_charts_of_the_page_are_there_with_every_series(file):
    for chapter in read_chapters(file):
        chart = paper_page.main_chart(chapter)
        if chart is not None:
            drawn = (ROOT / f"docs/images/paper/{chapter.id}.svg").read_text(encoding="utf-8")
            assert all(f">{name}<" in drawn for name in names_in(chart))


def names_in(chart: Curves | HeatMap) -> set[str]:
    """Names that a chart shows, as far as they are not shortened there."""
    names = {point.series for point in chart.points} if isinstance(chart, Curves) else {cell.y for cell in chart.cells}
    return {name for name in names if len(name) < 12}
