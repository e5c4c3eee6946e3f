import json
import re
import sys
from dataclasses import replace

import pytest

from chapters import ACCURACY, CHAPTERS, DRAWN, FULL, NOT_RUN, NOTE, ODD, TABLE, WORDS
from rebuilding import chapters_of
from warmstart.basics import InputError
from warmstart.paper import Point
from warmstart.reports import write_paper_report
from warmstart.reports._markdown import as_markdown
from warmstart.reports.paper._document import paper_document


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_paper_report(CHAPTERS, tmp_path_factory.mktemp("report") / "deep", title="Title", note=NOTE)


@pytest.fixture
def text(report) -> str:
    return report.markdown.read_text(encoding="utf-8")


def findings_of(chapters, folder) -> dict:
    return json.loads(write_paper_report(chapters, folder, note=NOTE).data.read_text(encoding="utf-8"))


def test_every_promised_file_is_there_and_nothing_else(report):
    folder = report.data.parent
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    charts = {f"charts/{name}.{form}" for name in DRAWN for form in ("png", "svg")}
    assert names == {"findings.json", "report.md", "report.json", "report.html"} | charts
    assert {path.relative_to(folder).as_posix() for path in report.charts} == charts
    assert report.skipped is None


def test_chapters_come_back_from_the_findings(report):
    values = json.loads(report.data.read_text(encoding="utf-8"))
    assert chapters_of(values) == CHAPTERS
    assert (values["title"], values["note"]) == ("Title", NOTE)
    assert [exhibit["kind"] for exhibit in values["chapters"][0]["exhibits"]] == ["table", "curves", "curves", "curves"]


def test_the_findings_hold_what_json_knows(tmp_path):
    odd = replace(ACCURACY, points=(Point("cold", 1, float("nan")), Point("cold", 2, 0.5, high=float("inf"))))
    values = findings_of([replace(FULL, exhibits=(odd,), provenance={"path": tmp_path})], tmp_path)
    points = values["chapters"][0]["exhibits"][0]["points"]
    assert (points[0]["y"], points[1]["high"]) == (None, None)
    assert values["chapters"][0]["provenance"] == {"path": str(tmp_path)}


def test_charts_are_images_in_two_forms(report):
    for path in report.charts:
        head = path.read_bytes()[:5]
        assert head == (b"\x89PNG\r" if path.suffix == ".png" else b"<svg ")


def test_an_image_shows_published_lines_dashed_and_says_at_what_scale_it_is(report):
    svg = next(path for path in report.charts if path.name == "table-1-accuracy.svg").read_text(encoding="utf-8")
    lines = re.findall(r'<path aria-label[^>]*aria-roledescription="line mark"[^>]*>', svg)
    dashes = {re.search(r'aria-label="[^"]*label: ([^";]+)', line)[1]: "stroke-dasharray" in line for line in lines}
    assert dashes.pop("cold (paper)")
    assert dashes.pop("cold (reproduction)")
    assert set(dashes) == {"cold", "warm"}
    assert "A random 6,000 of the images, 5 seeds." in svg
    assert "Table 1" in svg


def test_an_existing_report_is_replaced(tmp_path):
    (tmp_path / "report.md").write_text("old")
    files = write_paper_report([NOT_RUN], tmp_path, note=NOTE)
    assert "old" not in files.markdown.read_text(encoding="utf-8")
    assert files.charts == ()


@pytest.mark.parametrize("missing", ["altair", "vl_convert", "jinja2"])
def test_without_the_extra_the_plain_files_are_written_with_the_reason(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    files = write_paper_report([FULL], tmp_path, note=NOTE)
    assert (files.html, files.charts) == (None, ())
    assert files.skipped is not None
    assert f"'{missing}'" in files.skipped
    assert sorted(path.name for path in tmp_path.iterdir()) == ["findings.json", "report.json", "report.md"]
    text = files.markdown.read_text(encoding="utf-8")
    assert text.count("This chart has not been drawn; its values are in findings.json.") == 2
    assert text.count("There are no values to draw yet.") == 1


@pytest.mark.parametrize(
    ("chapters", "note", "message"),
    [
        ([], NOTE, "chapters must hold at least one chapter, got none."),
        ([FULL], " ", "note must say at what scale the results were obtained, got an empty text."),
        ([FULL, FULL], NOTE, "The id of a chapter must be there once, got 'table-1' 2 times."),
        ([replace(WORDS, id="../up")], NOTE, "The id of a chapter must be made of letters, digits, '.', '_' and '-'"),
        ([replace(FULL, exhibits=(TABLE, TABLE))], NOTE, "The name of an exhibit of 'table-1' must be there once"),
        ([replace(FULL, exhibits=(replace(TABLE, name="a b"),))], NOTE, "got 'a b'."),
        (
            [replace(FULL, id=id, exhibits=(replace(TABLE, name=name),)) for id, name in (("a-b", "c"), ("a", "b-c"))],
            NOTE,
            "The name of a file must be there once, got 'a-b-c' 2 times.",
        ),
        (
            [replace(FULL, exhibits=(replace(TABLE, rows=(("cold", "1"),)),))],
            NOTE,
            "Each row of table 'numbers' must have 3 cells, got one of 2.",
        ),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, chapters, note, message):
    with pytest.raises(InputError, match=re.escape(message)):
        write_paper_report(chapters, tmp_path / "report", note=note)
    assert not (tmp_path / "report").exists()


def test_a_file_in_the_way_is_reported(tmp_path):
    (tmp_path / "report").write_text("")
    with pytest.raises(InputError, match="directory must be a folder"):
        write_paper_report([NOT_RUN], tmp_path / "report", note=NOTE)


def test_the_markdown_shows_the_charts_beside_it(report, text):
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert shown == [f"charts/{name}.png" for name in DRAWN]
    assert all((report.markdown.parent / path).is_file() for path in shown)


def test_the_markdown_begins_with_the_note_and_leads_to_every_chapter(text):
    assert text.startswith(f"# Title\n\n**{NOTE}**\n\n## Overview")
    of_claims = [chapter.id for chapter in CHAPTERS for _ in chapter.findings]
    assert re.findall(r"\]\(#([^)]+)\)", text) == [*of_claims, *(chapter.id for chapter in CHAPTERS)]
    assert re.findall(r'<a id="([^"]+)"></a>', text) == [chapter.id for chapter in CHAPTERS]


def test_the_markdown_says_setting_verdict_and_reasons(text):
    for part in (
        "- **The setting here:** A random 6,000 of the images, 5 seeds.",
        "### Reproduced: A warm start costs accuracy.",
        "- **Paper:** Cold 56.2 %, warm 51.7 %.",
        "- **Independent reproduction:** Cold 57.1 %, warm 52.0 %.",
        "- warm is lower by 4.5 points [3.1, 5.7].",
        "**not run**: Logistic regression is not harmed.",
        "**Nothing of this experiment has been run yet: there are no results to show.**",
        "| machine.cores | 2 |",
    ):
        assert part in text


def test_markdown_tables_keep_their_columns_whatever_the_texts(text):
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    for block in tables:
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in block.strip().splitlines()}) == 1
    assert any(r"warm \| \_x\_" in block for block in tables)


def test_markdown_shows_marks_of_its_own_language_as_they_are():
    text = as_markdown(paper_document([ODD], "<b>", NOTE))
    assert r"a\_b \*c\* \`d\` \~e\~ [f]\(g)" in text
    assert r"\<i>claim\</i> \| two" in text
    assert text.startswith(r"# \<b>")
