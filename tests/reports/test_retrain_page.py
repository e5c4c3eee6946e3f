import functools
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from simulated_projects import ODD, PROJECTS, made
from warmstart.basics import InputError, StorageError
from warmstart.reports import write_retrain_report
from warmstart.reports._document import Chart, Group, Paragraph, Table, as_json
from warmstart.reports._markdown import as_markdown
from warmstart.reports.retrain._charts import MOST_DRAWN, drawn, words_on_drawn
from warmstart.reports.retrain._document import retrain_document
from warmstart.retrain import read_report_data
from warmstart.retrain._ledger import LEDGER

CHARTS = {
    "empty": set(),
    "waiting": set(),
    "nothing served": {"cost"},
    "one round": {"held-out", "cost", "licences"},
    "nine rounds": {"held-out", "arrivals", "cost", "audits", "licences", "churn"},
    "refused": {"held-out", "arrivals", "cost", "audits", "licences"},
    "watched": {"held-out", "arrivals", "cost", "audits", "licences", "watch"},
    "errors": {"held-out", "arrivals", "cost", "audits", "licences"},
    "fixed": {"held-out", "arrivals", "cost", "churn"},
}


class Texts(HTMLParser):
    """Tags of a page, and the text that a reader sees."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.loads = [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [name for name, _ in attrs if name in ("src", "href", "srcset", "data", "action")]

    def handle_data(self, data):
        if self.cdata_elem not in ("script", "style"):
            self.text += data


@pytest.fixture(scope="module")
def document_of(project_of):
    return functools.cache(lambda name: retrain_document(read_report_data(project_of(name))))


def blocks_of(blocks):
    for block in blocks:
        yield block
        if isinstance(block, Group):
            yield from blocks_of(block.blocks)


def section(document, title):
    found = next(block for block in document.blocks if isinstance(block, Group) and block.title == title)
    return list(blocks_of(found.blocks))


def table_of(document, title):
    return next(block for block in section(document, title) if isinstance(block, Table))


def column(table, title):
    place = table.header.index(title)
    return [row[place] for row in table.rows]


@pytest.mark.parametrize("name", [name for name in PROJECTS if name != "300 rounds"])
def test_every_project_has_a_page_that_loads_nothing(project_page, name):
    page = project_page(name)
    found = Texts(page)
    assert found.loads == []
    assert not {"link", "iframe", "img", "base", "b", "i"} & set(found.tags)
    specs = re.findall(r'<script type="application/json" id="spec-([\w-]+)">(.*?)</script>', page, re.S)
    assert all(json.loads(spec)["width"] == "container" for _, spec in specs)
    assert "None" not in found.text
    assert "nan" not in found.text
    assert "images in the folder" not in found.text


@pytest.mark.parametrize("name", list(CHARTS))
def test_a_chart_is_there_where_there_is_something_to_draw(document_of, name):
    assert {chart.name for chart in document_of(name).charts()} == CHARTS[name]


@pytest.mark.parametrize("name", [name for name in PROJECTS if name != "300 rounds"])
def test_every_other_form_can_hold_it(document_of, name):
    document = document_of(name)
    assert json.loads(as_json(document))["title"] == document.title
    assert as_markdown(document).startswith("# ")


@pytest.mark.parametrize("name", ["nine rounds", "errors", "watched", "groups", "own metric", "fixed"])
def test_every_caption_says_of_how_many(document_of, name):
    charts = document_of(name).charts()
    assert all(re.search(r"\d+ (rows|rounds|groups|round|changes|audits)", chart.caption) for chart in charts)
    assert all(chart.title and chart.spec["title"] for chart in charts)


@pytest.mark.parametrize(
    ("name", "unit"), [("nine rounds", "Accuracy in %"), ("own metric", "Profit in €"), ("errors", "Rmse of the")]
)
def test_captions_name_the_metric_with_its_unit(document_of, name, unit):
    captions = {chart.name: chart.caption for chart in document_of(name).charts()}
    assert captions["held-out"].startswith(unit)
    assert "training steps" in captions["cost"]
    assert ("in points" in captions["audits"]) == (name == "nine rounds")


def test_the_headline_says_what_serves_since_when_and_why(document_of, project_of):
    note, status = document_of("nine rounds").blocks[0], read_report_data(project_of("nine rounds")).status
    assert note.text.startswith(f"Model {status.champion.id[:12]} (warm, round 9) serves since 20")
    assert "Promoted: +0.9 [-1.0, 2.0] points" in note.text
    assert note.context[0].startswith("Last round, 9 (2026-01-01 00:00): Promoted: +0.9")
    assert note.remarks == ("Waiting for the next round: 1 arrival with 24 rows.",)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", ["No model serves yet.", "No arrival waits."]),
        ("waiting", ["No model serves yet.", "1 arrival with 24 rows"]),
        ("nothing served", ["No model serves yet.", "Last round, 1", "Kept: no better."]),
        ("rolled back", [", and is pinned. Rolled back: ", "3 keys must be forgotten by 2026-02-01 00:00."]),
        ("damaged", ["Damage: arrival 5 (5.csv) is missing.", "2 more files are damaged"]),
    ],
)
def test_the_headline_names_what_is_to_be_done(document_of, name, words):
    note = document_of(name).blocks[0]
    text = " ".join((note.text, *note.context, *note.remarks))
    assert [one for one in words if one not in text] == []


@pytest.mark.parametrize(
    ("name", "title", "why"),
    [
        ("empty", "Score", "Held-out scores are not known: no round has been decided."),
        ("nothing served", "Score", "Held-out scores are not known: no model served on rows whose scores are stored."),
        ("one round", "Score", "not known: none has come since a model serves."),
        ("empty", "Cost", "Costs are not known"),
        ("empty", "Audits and licences", "there was no audit yet"),
        ("one round", "Audits and licences", "there was no audit yet"),
        ("fixed", "Audits and licences", "the policy warm is fixed"),
        ("empty", "Watch", "no model serves"),
        ("one round", "Watch", "the champion is the first one"),
        ("nine rounds", "Watch", "no row has arrived since the champion was promoted"),
        ("rolled back", "Watch", "what was rolled back is no longer compared"),
        ("empty", "Promotions and refusals", "No round has been run yet."),
        ("empty", "Champions", "No model has been promoted yet."),
        ("empty", "Arrivals", "Nothing has arrived yet."),
        ("nine rounds", "Deletions", "No deletion was requested."),
        ("empty", "Events", "Nothing beside arrivals and rounds has happened."),
    ],
)
def test_what_is_missing_says_why(document_of, name, title, why):
    absent = [one.text for one in section(document_of(name), title) if isinstance(one, Paragraph)]
    assert any(why in text for text in absent), absent


def test_damaged_scores_are_counted_in_the_captions(document_of):
    captions = {chart.name: chart.caption for chart in document_of("damaged").charts()}
    assert "Of 4 rounds too few scores are stored to show a mean." in captions["held-out"]
    assert "No model served for 1 arrival." in captions["arrivals"]


def test_rounds_are_listed_newest_first_with_their_reasons(document_of):
    table = table_of(document_of("nine rounds"), "Promotions and refusals")
    assert column(table, "round") == [str(number) for number in range(9, 0, -1)]
    assert column(table, "outcome")[:2] == ["promoted", "kept"]
    assert column(table, "why")[1] == f"+0.8 [-1.0, 2.0] points on 24 {ODD}"
    assert column(table, "trained")[-2:] == [
        "warm: plateau, former; cold (audit): plateau, undecided",
        "cold: plateau, former",
    ]
    assert column(table, "training steps")[-1] == "240"


def test_comparisons_name_opponent_interval_and_number(document_of):
    fold = section(document_of("nine rounds"), "Promotions and refusals")[-1]
    assert fold.rows[-1] == ("1", "cold", "majority (learns nothing)", "+1.0 [-2.0, 4.0] points", "24", "5.0 points")
    assert any(row[2] == "champion, class no alone" and row[3] == "accuracy without bounds" for row in fold.rows)


def test_errors_are_shown_in_their_own_direction(document_of):
    document = document_of("errors")
    fold = section(document, "Promotions and refusals")[-1]
    assert fold.rows[-1][3] == "rmse -0.01 [-0.04, 0.02]"
    assert "a positive difference is a larger error" in fold.caption
    audits = next(chart for chart in document.charts() if chart.name == "audits")
    assert audits.caption.startswith("Rmse of the cold start minus that of the strategy")
    assert "Dashed" not in audits.caption, "the allowed loss changes with the error"


def test_a_diverged_model_is_in_the_table_and_stops_no_chart(document_of):
    document = document_of("diverged")
    assert column(table_of(document, "Promotions and refusals"), "trained")[0] == "warm: diverged, diverged"
    assert {"held-out", "cost"} <= {chart.name for chart in document.charts()}


def test_a_rollback_is_among_champions_and_events(document_of):
    document = document_of("rolled back")
    table = table_of(document, "Champions")
    assert column(table, "how")[:3] == ["rolled back by hand", "rolled back by the watch", "passed the gate"]
    assert column(table, "why")[:3] == [f"Rolled back: {ODD}", "rolled back: 5.0 points worse", "round 7"]
    assert set(column(table_of(document, "Events"), "kind")) >= {"watch", "rollback"}
    assert column(table_of(document, "Deletions"), "keys") == ["3"]
    assert "excluded" in column(table_of(document, "Arrivals"), "state")


def test_arrivals_list_rows_sides_duplicates_and_notes(document_of):
    table = table_of(document_of("nine rounds"), "Arrivals")
    assert column(table, "arrival")[:2] == ["10", "9"]
    assert (column(table, "round")[0], column(table, "held out")[0], column(table, "dropped")[1]) == ("waits", "8", "0")
    assert column(table, "notes")[1] == f"Column <i>x</i> of {ODD} is ignored."
    assert re.fullmatch(r"\d+\.\d %", column(table, "accuracy before training")[1])


def test_groups_are_called_groups(document_of):
    document = document_of("groups")
    fold = section(document, "Promotions and refusals")[-1]
    assert "groups" in fold.header
    assert "of 24 groups each" in next(chart.caption for chart in document.charts() if chart.name == "audits")


def test_hostile_names_are_shown_as_they_are(project_page, project_of):
    page = project_page("odd names")
    found = Texts(page)
    assert project_of("odd names").name in found.text
    assert f"{ODD}3.csv" in found.text
    assert f"champion, class {ODD} alone" in found.text
    count = len(re.findall('id="spec-', page))
    assert found.tags.count("script") == count + 1 + 2


def test_old_rows_of_tables_are_folded_and_none_is_lost(document_of):
    document = document_of("300 rounds")
    tables = [one for one in section(document, "Promotions and refusals") if isinstance(one, Table)]
    assert [len(table.rows) for table in tables] == [10, 290, 500]
    assert [row[0] for table in tables[:2] for row in table.rows] == [str(number) for number in range(300, 0, -1)]
    assert "The newest 500 of" in tables[2].caption
    titles = [one.title for one in section(document, "Arrivals") if isinstance(one, Group)]
    assert titles == ["291 earlier arrivals"]


def test_a_page_of_300_rounds_stays_small(project_page, document_of):
    assert len(project_page("300 rounds")) < 2_000_000
    for chart in document_of("300 rounds").charts():
        assert len(chart.spec.get("datasets", {})) == 0
        assert sum("values" in layer.get("data", {}) for layer in chart.spec.get("layer", ())) <= 3, (
            "data are there once"
        )


@pytest.mark.parametrize("count", [1, MOST_DRAWN, MOST_DRAWN + 1, 5000])
def test_no_chart_draws_more_than_the_eye_tells_apart(count):
    numbers = range(7, 7 + count)
    found = drawn(numbers)
    assert {7, 6 + count} <= found <= set(numbers)
    assert len(found) <= MOST_DRAWN + 1
    assert (words_on_drawn(numbers, "rounds") == "") == (count <= MOST_DRAWN)


@pytest.mark.parametrize("name", ["nine rounds", "300 rounds"])
def test_licences_cover_every_round_once(document_of, name):
    chart = next(chart for chart in document_of(name).charts() if chart.name == "licences")
    spans = [one for one in find(chart, "values") if one["arm"] == "warm"]
    rounds = [number for one in spans for number in range(one["start"], one["end"] + 1)]
    assert rounds == list(range(1, int(name.split()[0]) + 1) if name[0].isdigit() else range(1, 10))
    assert [one["status"] for one in spans] == ["untried", "trial", "licensed"]


def find(chart: Chart, key: str):
    """Return the values of the first data of a chart's specification."""
    data = chart.spec.get("data") or next(iter(chart.spec["datasets"].values()))
    return data[key] if isinstance(data, dict) else data


def test_the_file_is_in_the_project_or_where_it_is_wanted(tmp_path):
    folder = made("one round", tmp_path)
    found = write_retrain_report(folder)
    assert found.html == folder / "report" / "index.html"
    assert found.lines() == [f"Report: {found.html}"]
    before = found.html.read_text()
    other = write_retrain_report(folder, tmp_path / "page.html")
    assert other.to_dict() == {"html": str(tmp_path / "page.html")}
    assert other.html.read_text() == before, "the same project has the same page"
    assert sorted(path.name for path in found.html.parent.iterdir()) == ["index.html"]


def test_nothing_is_written_without_a_project(tmp_path):
    with pytest.raises(InputError, match="warmstart retrain init"):
        write_retrain_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_is_an_error_in_one_sentence(tmp_path):
    folder = made("empty", tmp_path)
    with pytest.raises(
        StorageError, match=r"The report cannot be written to .*page\.html \(No such file or directory\)"
    ):
        write_retrain_report(folder, tmp_path / "no such folder" / "page.html")
    (folder / "report").write_text("a file in the way")
    with pytest.raises(StorageError, match="File exists"):
        write_retrain_report(folder)
    assert (folder / "report").read_text() == "a file in the way"


def test_a_damaged_ledger_is_an_error_in_one_sentence(tmp_path):
    folder = made("one round", tmp_path)
    (folder / LEDGER).write_bytes(b"no database" * 100)
    with pytest.raises(StorageError, match="restore it from a backup"):
        write_retrain_report(folder)
    assert not (folder / "report").exists()


def test_a_copy_of_the_folder_has_the_same_page(tmp_path):
    folder = made("nine rounds", tmp_path / "one")
    copy = shutil.copytree(folder, tmp_path / "two" / folder.name)
    pages = [write_retrain_report(one, tmp_path / f"{place}.html").html for place, one in enumerate((folder, copy))]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_the_page_is_made_without_pytorch(tmp_path):
    folder = made("one round", tmp_path)
    code = (
        "import sys; from warmstart.reports import write_retrain_report; "
        f"write_retrain_report({str(folder)!r}); "
        "print([name for name in ('torch', 'scipy', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
