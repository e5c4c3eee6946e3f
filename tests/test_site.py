"""The site is built strictly, needs nothing from elsewhere, and has a page for all that is exported."""

import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from urllib.parse import unquote, urldefrag

import pytest

pytest.importorskip("sphinx", reason="the extra docs is not installed")
pytest.importorskip("myst_parser", reason="the extra docs is not installed")
pytest.importorskip("pydata_sphinx_theme", reason="the extra docs is not installed")
pytest.importorskip("latex2mathml", reason="the extra docs is not installed")

import warmstart
from docsite._evidence import BUDGET, IN_TIME, REDUCED, TABLES, TO_TARGET, TRANSFER, beside_cold, counts, measured
from docsite._formulas import FORMULAS, MODELS
from docsite._pages import on_the_site, prose, table
from warmstart.cli._flags import FLAGS
from warmstart.cli._main import warmstart as commands
from warmstart.retrain import RetrainSettings
from warmstart.specs import PENALTY, QUERY, STRATEGY, kebab, options_for

ROOT = Path(__file__).parents[1]
# One worker builds the site for all.
pytestmark = pytest.mark.xdist_group("site")
METHODS = [(name, owner) for kind in (STRATEGY, PENALTY, QUERY) for name, owner in kind.known().items()]
IDS = [name for name, _ in METHODS]


def run(code, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "tools"), str(ROOT / "src")))}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    done = run(
        "import sys; from pathlib import Path; from docsite.__main__ import build\n"
        "sys.exit(build(Path(sys.argv[1]), source=Path(sys.argv[2])))",
        folder / "site",
        folder / "source",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return folder


@pytest.fixture(scope="session")
def pages(built):
    """Return what every page has, by its path."""
    return {path.relative_to(built / "site").as_posix(): Page(path) for path in (built / "site").rglob("*.html")}


class Page(HTMLParser):
    """The ids of a page, what it links to, and what a browser loads for it."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.assets = set(), [], []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") not in ("index", "search", "next", "prev"):
            self.assets.append(values["href"])
        elif tag in ("script", "img", "iframe", "source", "video", "audio", "object", "embed"):
            self.assets += [values[name] for name in ("src", "data", "srcset", "poster") if values.get(name)]


def inside(page, link):
    """Return path and fragment of a link within the site; None for others."""
    if re.match(r"[a-z]+:", link):
        return None
    path, fragment = urldefrag(link)
    folder = Path(page).parent
    target = os.path.normpath(folder / unquote(path)) if path else page
    return target, unquote(fragment)


def test_every_page_is_reached_from_the_first(pages):
    seen, left = set(), ["index.html"]
    while left:
        page = left.pop()
        if page not in seen:
            seen.add(page)
            left += [found[0] for link in pages[page].links if (found := inside(page, link)) and found[0] in pages]
    assert set(pages) - seen == {"search.html"}  # the field at the top leads there
    assert len(seen) > 80


def test_every_link_within_the_site_leads_somewhere(built, pages):
    lost = []
    for page, content in pages.items():
        for target, fragment in filter(None, (inside(page, link) for link in content.links)):
            is_there = (built / "site" / target).exists()
            if not is_there or (fragment and target in pages and fragment not in pages[target].ids):
                lost.append((page, target, fragment))
    assert lost == []


def test_nothing_is_loaded_from_elsewhere(built, pages):
    assets = {asset for page in pages.values() for asset in page.assets}
    assert len(assets) > 5
    assert [asset for asset in assets if re.match(r"(https?:)?//", asset)] == []
    for path in (built / "site").rglob("*.css"):
        style = path.read_text(encoding="utf-8")
        assert re.findall(r"(?:url\(\s*[\"']?|@import\s+[\"'])((?:https?:)?//[^)\"']+)", style) == [], path.name


def test_a_site_is_small(built):
    assert sum(path.stat().st_size for path in (built / "site").rglob("*") if path.is_file()) < 12e6


def test_a_mistake_is_an_error(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(ROOT / "tools/docsite/static", source / "_static")
    shutil.copy(ROOT / "tools/docsite/conf.py", source)
    (source / "index.md").write_text("# A\n\n[b](nothing.md), {py:class}`warmstart.NoSuchName`, ![c](no.svg)\n")
    code = (
        "import sys; from pathlib import Path; from docsite.__main__ import run_sphinx\n"
        "sys.exit(run_sphinx(*map(Path, sys.argv[1:])))"
    )
    done = run(code, source, tmp_path / "out")
    assert done.returncode == 1
    for complaint in ("nothing.md", "NoSuchName", "no.svg"):
        assert complaint in done.stderr


@pytest.mark.parametrize(("name", "owner"), METHODS, ids=IDS)
def test_every_method_has_a_card(pages, name, owner):
    page = pages[f"methods/{name}.html"]
    assert {"one-line", "options", "measured", "when-it-failed", "source", "reference"} <= page.ids
    assert ("<math " in page.text) == (owner.__name__ in FORMULAS)
    assert any(link.endswith(f"#warmstart.{owner.__name__}") for link in page.links)
    for option in options_for(owner):
        assert f">{kebab(option)}<" in page.text
    assert any(link.endswith(f"methods/{name}.html") for link in pages["methods.html"].links)


@pytest.mark.parametrize(("name", "owner"), [pair for pair in METHODS if pair[1].__name__ in FORMULAS])
def test_a_formula_names_options_of_its_method(name, owner):
    upright = set(re.findall(r"\\mathrm\{(\w+)\}", FORMULAS[owner.__name__]))
    assert upright - MODELS <= set(options_for(owner))


def test_there_are_no_formulas_of_anything_else():
    assert set(FORMULAS) <= {owner.__name__ for _, owner in METHODS}
    assert len(FORMULAS) > 10


@pytest.mark.parametrize("name", IDS)
def test_the_command_of_a_card_can_be_typed(built, name):
    lines = re.findall(r"^\$ warmstart (.*)$", (built / f"source/methods/{name}.md").read_text(), re.MULTILINE)
    assert lines
    for command, *arguments in map(shlex.split, lines):
        made = commands.commands[command].make_context(command, arguments)
        typed = [value for value in made.params.values() if isinstance(value, str)]
        assert any(name in value for value in typed)


def test_every_command_has_a_section_with_its_flags(pages):
    for name, command in commands.commands.items():
        children = getattr(command, "commands", {})
        page = next(page for path, page in pages.items() if "/commands/" in path and f"warmstart-{name}" in page.ids)
        for child, owner in {"": command, **children}.items():
            assert f"warmstart-{name}-{child}".rstrip("-") in page.ids
            for flag in [flag for param in owner.params for flag in param.opts if flag.startswith("--")]:
                assert f">{flag}<" in page.text


def test_every_public_name_is_documented_once(pages):
    names = [name for name in warmstart.__all__ if not inspect.ismodule(getattr(warmstart, name))]
    for name in names:
        assert [path for path, page in pages.items() if f"warmstart.{name}" in page.ids].__len__() == 1, name
    assert len(names) > 100


def test_every_setting_of_a_file_is_documented(pages):
    study = pages["reference/study-toml.html"].text
    places = [flag.place.rpartition(".")[2] for flags in FLAGS.values() for flag in flags]
    assert [place for place in places if f">{kebab(place)}<" not in study] == []
    project = pages["reference/project-toml.html"].text
    assert [name for name in vars(RetrainSettings()) if f">{kebab(name)}<" not in project] == []


def test_what_was_measured_is_what_the_pages_say():
    documented = "".join((ROOT / "docs" / name).read_text() for name in ("results.md", "normalization.md"))
    summaries = [
        row for row in measured() if row.file.count("/") == 1 and "study" not in row.file and "scale" not in row.file
    ]
    assert len(summaries) > 20
    assert [row.difference_text for row in summaries if row.difference_text.strip("*") not in documented] == []
    paper = (ROOT / "docs/paper.md").read_text()
    tables = [row for row in measured() if "#paper-table-1" in row.setting]
    assert len(tables) > 10
    for row in tables:
        ends = sorted(abs(round(100 * end, 1)) for end in (row.difference.low, row.difference.high))
        assert not row.outcome or f"[{ends[0]}, {ends[1]}]" in paper


def test_a_difference_is_that_of_its_seeds():
    content = json.loads((ROOT / "results/paper/desk.json").read_text())
    (case,) = content["experiments"]["two-phase"]
    arms = content["studies"][case["study"]]["arms"]
    scores = [
        [s for s, r in zip(arms[arm]["rounds"]["score"], arms[arm]["rounds"]["round"], strict=True) if r == 2]
        for arm in ("cold", "warm")
    ]
    by_hand = sum(warm - cold for cold, warm in zip(*scores, strict=True)) / len(scores[0])
    (row,) = [row for row in measured() if "#paper-two-phase" in row.setting]
    assert row.difference.mean == pytest.approx(by_hand)
    assert (row.arm, row.reference, row.difference.n, row.outcome) == ("warm", "cold", 6, -1)


def rows_of(regime, arm):
    found = [row for row in beside_cold(measured()) if row.regime == regime and row.arm == arm]
    assert found
    return found


def ways(regime, arm):
    """Return how often the score was higher, lower, and neither."""
    return tuple(map(int, counts(rows_of(regime, arm))[1:4]))


def factor(regime, arm):
    return median(row.cost.mean for row in rows_of(regime, arm))


def test_what_the_page_on_choosing_says_is_what_was_measured():
    """The sentences of its first table, and the one on cost of the start page."""
    higher, lower, neither = ways(TO_TARGET, "warm")
    assert (higher, lower > neither) == (0, True)
    higher, lower, _ = ways(TO_TARGET, "shrink-perturb")
    assert (higher > 0, lower) == (True, 0)
    higher, lower, neither = ways(TO_TARGET, "cold:scale=0.5")
    assert higher > lower + neither
    assert ways(BUDGET, REDUCED)[:2] == (0, len(rows_of(BUDGET, REDUCED)))
    for arm in ("warm", "shrink-perturb"):
        full, half, third = (row.difference for row in rows_of(BUDGET, arm))
        assert full.low > 0
        assert not half.detected
        assert third.high < 0
        assert third.mean < -0.01
    assert min(row.difference.mean for row in rows_of(BUDGET, REDUCED)) < -0.05
    assert max(row.difference.mean for row in rows_of(BUDGET, "norm-matched")) < 0.005
    assert ways(TABLES, "warm")[1] == 0
    assert ways(TABLES, "shrink-perturb")[0] > 0
    assert ways(IN_TIME, "warm")[1] == 1
    shrunk = "shrink-perturb:shrink=0.3:perturb=0.0001:noise=gaussian"
    assert (ways(TRANSFER, shrunk)[1], factor(TRANSFER, shrunk) < 0.9) == (0, True)
    assert min(ways(TRANSFER, "warm")[:2]) > 0
    assert [0.4 < factor(regime, "warm") < 0.7 for regime in (TO_TARGET, BUDGET, TABLES, IN_TIME)] == [True] * 4
    lines = [
        part["lines"]["cost"]
        for part in json.loads((ROOT / "results/retrain-study.json").read_text())["comparisons"].values()
    ]
    assert any(row.cost.low > 1 for row in measured() if row.arm == "auto")
    assert not any(line["verdict"] == "met" for line in lines if line["limit"] < 1)


def test_links_and_words_of_the_repository_become_those_of_the_site():
    assert on_the_site("[a](../results), [b](https://x.org/c.md), [d](#e)", "docs") == (
        "[a](result-files.md), [b](https://x.org/c.md), [d](#e)"
    )
    assert on_the_site('<a id="x"></a>\n', "docs") == "(x)=\n"
    assert prose("a_b `c_d` *e*") == r"a\_b `c_d` \*e\*"
    assert table(("a",), [("b|c",), (r"d\|e",)]).splitlines()[2:] == [r"| b\|c |", r"| d\|e |"]


@pytest.fixture
def open_page(built, browser):
    """Open a page of the site; it carries what it complained of and asked for."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.complaints, page.requested = [], []
    # The theme reports its own doings at the lowest level.
    page.on("console", lambda message: message.type in ("error", "warning") and page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("requestfailed", lambda request: page.complaints.append(request.url))

    def opened(path, *, place=None):
        page.goto(f"{place or (built / 'site').as_uri()}/{path}")
        return page

    yield opened
    context.close()


@pytest.fixture
def served(built):
    """Serve the site as any web server does, and return its address."""
    handler = partial(Quiet, directory=str(built / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.mark.browser
@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("index.html", "In your own loop"),
        ("methods/ewc.html", "When it failed"),
        ("reference/api/strategies.html", "theta <- shrink"),
    ],
)
@pytest.mark.parametrize("width", [1200, 360])
def test_a_page_is_shown_without_a_complaint_or_a_request(open_page, path, wanted, width):
    page = open_page(path)
    page.set_viewport_size({"width": width, "height": 800})
    assert wanted in page.inner_text("article")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == []
    assert [url for url in page.requested if not url.startswith(("file:", "data:"))] == []


@pytest.mark.browser
@pytest.mark.parametrize("is_served", [True, False], ids=["served", "as files"])
@pytest.mark.parametrize(
    ("words", "found"), [("shrink-perturb", "methods/shrink-perturb.html"), ("worker died", "faq.html")]
)
def test_a_reader_finds_it_by_searching(request, open_page, words, found, is_served):
    place = {"place": request.getfixturevalue("served")} if is_served else {}
    page = open_page("index.html", **place)
    page.keyboard.press("Control+k")
    page.locator("dialog input[type=search], .search-button__search-container input[type=search]").last.fill(words)
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a", timeout=30_000)
    page.wait_for_function("!document.querySelector('#search-progress')?.innerText.includes('Searching')")
    links = page.evaluate("[...document.querySelectorAll('#search-results li a')].map(link => link.href)")
    assert any(found in link for link in links[:10])
    assert page.complaints == []
    allowed = (*place.values(), "data:") if is_served else ("file:", "data:")
    assert [url for url in page.requested if not url.startswith(allowed)] == []


@pytest.mark.browser
def test_a_formula_is_drawn(open_page):
    page = open_page("methods/shrink-perturb.html")
    box = page.locator("math").first.bounding_box()
    assert box["width"] > 100
    assert 10 < box["height"] < 60
