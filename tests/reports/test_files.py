import json
import re
import sys

import jsonschema
import pytest

from warmstart.analysis._summary import Summary, summary_schema
from warmstart.basics import InputError
from warmstart.reports import _files, study_document, write_report
from warmstart.reports._html import as_html
from warmstart.reports._markdown import as_markdown


@pytest.fixture(scope="module")
def report(summary, tmp_path_factory):
    return write_report(summary, tmp_path_factory.mktemp("report") / "deep" / "er")


def test_every_promised_file_is_there_and_nothing_else(report):
    folder = report.data.parent
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    charts = {path.relative_to(folder).as_posix() for path in report.charts}
    assert names == {"summary.json", "report.md", "report.json", "report.html"} | charts
    assert report.skipped is None


def test_the_summary_obeys_the_schema_and_comes_back(report, summary):
    values = json.loads(report.data.read_text(encoding="utf-8"))
    jsonschema.validate(values, summary_schema())
    assert Summary.from_dict(values) == summary


def test_charts_are_images_in_two_forms(report):
    forms = {path.suffix: path.read_bytes() for path in report.charts if path.stem == "score"}
    assert forms[".png"].startswith(b"\x89PNG")
    assert b"cold" in forms[".svg"]
    assert len(report.charts) == 2 * 5


def test_the_svg_draws_two_lines_and_a_band_per_strategy(report):
    svg = next(path for path in report.charts if path.name == "score.svg").read_text(encoding="utf-8")
    assert len(re.findall(r'aria-roledescription="line mark"', svg)) == 3 + 3
    assert len(re.findall(r'aria-roledescription="area mark"', svg)) == 3


def test_the_markdown_shows_the_charts_beside_it(report):
    text = report.markdown.read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert len(shown) == 5
    assert all((report.markdown.parent / path).is_file() for path in shown)


def test_an_existing_report_is_replaced(summary_of, tmp_path):
    (tmp_path / "summary.json").write_text("old")
    files = write_report(summary_of("nothing yet"), tmp_path)
    assert json.loads(files.data.read_text(encoding="utf-8"))["rounds_finished"] == 0


@pytest.mark.parametrize("missing", ["altair", "vl_convert", "jinja2"])
def test_without_the_extra_the_plain_files_are_written_with_the_reason(summary, tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    files = write_report(summary, tmp_path)
    assert (files.html, files.charts) == (None, ())
    assert files.skipped is not None
    assert f"'{missing}'" in files.skipped
    assert "warmstart[report]" in files.skipped
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json", "report.md", "summary.json"]


def test_a_file_in_the_way_is_reported(summary, tmp_path):
    (tmp_path / "report").write_text("")
    with pytest.raises(InputError, match="directory must be a folder"):
        write_report(summary, tmp_path / "report")


def test_the_markdown_begins_with_the_verdict(summary):
    lines = as_markdown(study_document(summary, drawn=False)).split("\n\n")
    assert lines[0].startswith("# cold, warm and")
    assert lines[2] == f"**{summary.verdict}**"


def test_markdown_tables_keep_their_columns_whatever_the_labels(any_summary):
    for block in as_markdown(study_document(any_summary, drawn=False)).split("\n\n"):
        if block.startswith("|"):
            columns = {len(re.split(r"(?<!\\)\|", line)) for line in block.strip().splitlines()}
            assert len(columns) == 1


def test_markdown_shows_marks_of_its_own_language_as_they_are(summary_of):
    text = as_markdown(study_document(summary_of("odd labels"), drawn=False))
    assert r"\</script>\<b>\|x" in text
    assert r"warm [bold]\*\_\`" in text


@pytest.mark.parametrize("place", ["", "file/inside", 256 * "n", "~nosuchuser/x", "/proc/x"])
def test_places_without_a_folder_are_one_sentence(place, summary, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"^directory must be a [^\n]*\.$"):
        write_report(summary, place)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def drawings(monkeypatch):
    """How often a page was drawn."""
    count = []
    monkeypatch.setattr(_files, "as_html", lambda document: count.append(document) or as_html(document))
    return count


def test_what_shows_the_same_is_not_drawn_again(summary_of, tmp_path, drawings):
    first = write_report(summary_of("one seed"), tmp_path)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (first.html, *first.charts)}
    again = write_report(summary_of("one seed"), tmp_path)
    assert again == first
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (first.html, *first.charts)} == before
    assert len(drawings) == 1


def test_other_results_are_drawn(summary_of, tmp_path, drawings):
    before = write_report(summary_of("one seed"), tmp_path).html.read_bytes()
    assert write_report(summary_of("unfinished"), tmp_path).html.read_bytes() != before
    assert len(drawings) == 2


@pytest.mark.parametrize("name", ["report.html", "charts/score.png", "charts/score.svg"])
@pytest.mark.parametrize(
    "damage", [lambda path: path.write_bytes(path.read_bytes()[:-100]), lambda path: path.unlink()]
)
def test_a_file_that_was_changed_or_lost_is_drawn_again(summary_of, tmp_path, drawings, name, damage):
    write_report(summary_of("one seed"), tmp_path)
    whole = (tmp_path / name).read_bytes()
    damage(tmp_path / name)
    write_report(summary_of("one seed"), tmp_path)
    assert len(drawings) == 2
    assert (tmp_path / name).read_bytes() == whole


def test_another_version_of_what_draws_draws_again(summary_of, tmp_path, drawings, monkeypatch):
    write_report(summary_of("one seed"), tmp_path)
    monkeypatch.setattr(_files, "_program", lambda: b"newer")
    write_report(summary_of("one seed"), tmp_path)
    assert len(drawings) == 2
