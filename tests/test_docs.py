"""What the documentation says is what the result files hold."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from bench._main import blocks_of, read_results
from bench._words import ratio_text, seconds_text, share_text, time_text
from bench.parts import PARTS
from rebuilding import chapters_of
from recorded_page import filled
from warmstart.analysis import Summary
from warmstart.paper import Table
from warmstart.reports._markdown import escaped
from warmstart.reports._study import results

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CITED = [
    (page, name) for page in PAGES for name in sorted(set(re.findall(r"`(results/[^`]+\.json)`", page.read_text())))
]
# These pages have tests of their own.
STUDIES = [
    (page, name)
    for page, name in CITED
    if not name.startswith("results/paper/")
    and name.removeprefix("results/").removesuffix(".json")
    not in ("scale-control", "retrain-study", "retrain-example", "licence-simulation")
]
PERFORMANCE = "benchmarks/results/cpu-1-thread.json"
FINDINGS = [
    (page, name)
    for page, name in CITED
    if json.loads((ROOT / name).read_text()).get("schema") == "warmstart.findings/1"
]


@pytest.mark.parametrize(("page", "name"), STUDIES, ids=lambda value: getattr(value, "name", value))
def test_every_cited_result_stands_as_its_file_has_it(page, name):
    table = results(Summary.from_dict(json.loads((ROOT / name).read_text())))
    lines = page.read_text().splitlines()
    for row in (table.header, *table.rows):
        assert f"| {' | '.join(row)} |" in lines


@pytest.mark.parametrize(("page", "name"), FINDINGS, ids=lambda value: getattr(value, "name", value))
def test_every_cited_finding_stands_as_its_file_has_it(page, name):
    lines = page.read_text().splitlines()
    for chapter in chapters_of(json.loads((ROOT / name).read_text())):
        for finding in chapter.findings:
            assert f"| {escaped(finding.claim)} | {finding.verdict} |" in lines
        for exhibit in (exhibit for exhibit in chapter.exhibits if isinstance(exhibit, Table)):
            for row in (exhibit.header, *exhibit.rows):
                assert f"| {' | '.join(map(escaped, row))} |" in lines


def test_every_result_file_is_cited():
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "results").rglob("*.json")}
    assert {name for _, name in CITED} == files


@pytest.mark.parametrize("name", sorted({name for _, name in CITED}))
def test_result_files_name_data_and_not_where_they_were(name):
    assert re.findall(r'"name": ?"(?:/|~|[A-Za-z]:\\)[^"]*"', (ROOT / name).read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    within = [link for link in links if link.startswith("#")]
    assert [link for link in links if link not in within and not (page.parent / link.partition("#")[0]).exists()] == []
    assert [link for link in within if f'<a id="{link[1:]}"></a>' not in text] == []


def test_the_readme_links_every_page():
    links = re.findall(r"\]\((docs/[^)]+\.md)\)", (ROOT / "README.md").read_text())
    assert sorted({*links}) == [f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))]


def test_the_page_on_performance_has_the_tables_of_its_file():
    results = read_results(ROOT / PERFORMANCE)
    page = (ROOT / "docs/performance.md").read_text()
    assert PERFORMANCE in page
    assert page == filled(page, blocks_of(results))
    marks = re.findall(r"<!-- (?!end)(.+) -->", page)
    assert marks == [*(name for name in PARTS if name in results), "origins"]


def texts(value, whole=None):
    """All texts that a figure may stand as on a page: a number, a share of a whole, or a median with its quartiles."""
    if isinstance(value, dict) and "median" in value:
        percent, giga = ({key: value[key] * factor for key in value} for factor in (100, 1e-9))
        quartiles = "{median:.0f} % [{lower_quartile:.0f}, {upper_quartile:.0f}]".format(**percent)
        rate = "{median:,.1f} [{lower_quartile:,.1f}, {upper_quartile:,.1f}]".format(**giga)
        rates = {f"{rate} GFLOP/s", f"{rate} GB/s"}
        return {ratio_text(value), time_text(value), quartiles, f"{value['median']:,.0f}", *rates}
    if isinstance(value, dict):
        return set().union(*(texts(each, value.get("total", whole)) for each in value.values()), value)
    if not isinstance(value, float) or isinstance(value, bool):
        return set()
    shares = {share_text(value / whole)} if whole else set()
    return {f"{value:,.0f}", f"{value / 1e6:,.2f} M", share_text(value), seconds_text(value), *shares}


ONCE = {
    "Other ways of training": "training",
    "What bounds training": "training",
    "Peak rates of the machine": "training",
    "bfloat16 beside float32": "precision",
    "Other ways to compute, beside the bare loop in float32": "precision",
    "What a step of ResNet-18, width 16, is made of": "profile",
    "Where the demo's seconds go": "demo",
    "A step of the demo's model": "demo",
    "Starting two workers": "workers",
    "Queries for 1,000 of 50,000 samples": "queries",
}


def cells_of(title):
    """The cells of a table that was measured once, without those that name what was measured."""
    page = (ROOT / "docs/performance.md").read_text()
    lines = page.split(f"### {title}\n")[1].split("\n### ")[0].split("\n## ")[0].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][2:]
    return [cell.strip() for row in rows for cell in row[1:] if re.match(r"\d", cell.strip())]


@pytest.mark.parametrize("title", ONCE)
def test_what_was_measured_once_stands_as_its_file_has_it(title):
    known = texts(json.loads((ROOT / PERFORMANCE).read_text())["parts"][ONCE[title]]["measured"])
    cells = cells_of(title)
    assert cells
    assert [cell for cell in cells if cell not in known and cell not in ("10", "100")] == []


def test_every_table_that_was_measured_once_is_looked_at():
    page = (ROOT / "docs/performance.md").read_text().split("## Measured once")[1].split("\n## ")[0]
    assert re.findall(r"^### (.+)$", page, re.MULTILINE) == list(ONCE)


def test_what_the_page_on_performance_says_was_measured_in_full():
    assert [name for name, result in read_results(ROOT / PERFORMANCE).items() if result["made"]["quick"]] == []


def test_the_rows_that_a_decision_takes_are_those_of_the_formula():
    page = (ROOT / "docs/judging.md").read_text()
    rows = re.findall(r"^\| (\d+) % \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", page, re.MULTILINE)
    assert [int(row[0]) for row in rows] == [2, 5, 10, 20]
    for share, *numbers in rows:
        expected = [6.7 * int(share) / 100 / tolerance**2 for tolerance in (0.01, 0.02, 0.05)]
        assert [int(number.replace(",", "")) for number in numbers] == pytest.approx(expected, abs=0.6)


def test_the_nights_on_the_page_are_those_of_the_recorded_project():
    page = (ROOT / "docs/retraining.md").read_text() + (ROOT / "README.md").read_text()
    result = json.loads((ROOT / "results/retrain-example.json").read_text())
    printed = {line for night in result["nights"] for line in (*night["add"], *night["update"])}
    printed |= {*result["status"], *result["history"]}
    begins = (
        r"Arrival \d",
        r"Round \d",
        "rolled back:",
        "warm is ",
        "Project ",
        "Model ",
        "Policy: ",
        "Audit",
        r"\d+  20",
        r"\d rounds running",
    )
    quote = re.compile(rf"    (?:{'|'.join(begins)}|\d+ arrivals|  \S|    \S+ [0-9a-f]{{12}} \().*")
    quoted = [line[4:] for line in page.splitlines() if quote.fullmatch(line)]
    assert len(quoted) > 25
    assert [line for line in quoted if line not in printed] == []


def test_the_floors_that_contributors_read_are_those_that_are_checked():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    shown = [re.findall(r"`(\w+)`", row) for row in re.findall(r"^\| \d+ \| ([^|]+) \|", text, re.MULTILINE)]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if "warmstart.basics" in one.get("layers", ()))
    assert [sorted(row) for row in shown] == [sorted(re.findall(r"warmstart\.(\w+)", layer)) for layer in layers]
