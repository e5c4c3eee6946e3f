import pytest

from chapters import CHAPTERS, DRAWN, FULL, MAPS, NOTE, SWEEP
from warmstart.reports._html import as_html
from warmstart.reports.paper._document import paper_document

pytestmark = pytest.mark.browser

MARKS = "figure => figure.querySelectorAll('svg .role-mark path, svg .mark-rect path').length"
LABELS = "figure => [...figure.querySelectorAll('.role-legend-label text')].map(text => text.textContent)"

# Contrast as the Web Content Accessibility Guidelines define it.
CONTRAST = """
function luminance(colour) {
  const canvas = document.createElement('canvas').getContext('2d');
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(part => part / 255);
  const linear = parts.map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}
function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}
"""
CELLS = """figure => {
  %s
  const cells = [...figure.querySelectorAll('.mark-rect path:not([stroke-dasharray])')];
  const texts = [...figure.querySelectorAll('.mark-text')][0].querySelectorAll('text');
  return cells.map((cell, index) => contrast(cell.getAttribute('fill'), texts[index].getAttribute('fill')));
}"""
BADGES = """() => {
  %s
  return [...document.querySelectorAll('.badge')].map(badge => {
    const style = getComputedStyle(badge);
    const clear = style.backgroundColor === 'rgba(0, 0, 0, 0)';
    const ground = clear ? getComputedStyle(document.body).backgroundColor : style.backgroundColor;
    return contrast(style.color, ground);
  });
}"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return pages by name; a page is made once, because bundling its scripts takes a second."""
    folder, found = tmp_path_factory.mktemp("pages"), {}
    for name, chapters in {"all": CHAPTERS, "curves": (FULL, SWEEP), "maps": (MAPS,)}.items():
        found[name] = folder / f"{name}.html"
        html = as_html(paper_document(chapters, "Title", NOTE))
        found[name].write_text(html, encoding="utf-8")
    return found


@pytest.mark.parametrize(("scheme", "width"), [("light", 1000), ("dark", 1000), ("light", 360)])
def test_every_chapter_and_chart_is_there_without_a_complaint_or_a_request(visit, files, scheme, width):
    page = visit(files["all"], scheme=scheme, width=width)
    for chapter in CHAPTERS:
        assert page.query_selector(f"section#{chapter.id} h2").text_content() == chapter.title
    figures = page.query_selector_all("figure")
    assert [figure.get_attribute("data-chart") for figure in figures] == list(DRAWN)
    assert all(figure.get_attribute("data-drawn") == scheme and figure.evaluate(MARKS) > 0 for figure in figures)
    assert page.complaints == []
    assert [url for url in page.requested if not url.startswith(("file:", "data:", "blob:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_published_marks_are_hollow_and_their_lines_dashed(visit, files):
    figure = visit(files["curves"]).query_selector("figure[data-chart=table-1-accuracy]")
    assert figure.evaluate(LABELS) == ["cold", "warm", "cold (paper)", "cold (reproduction)"]
    symbols = figure.query_selector_all(".role-legend-symbol path")
    fills, strokes = ([symbol.get_attribute(name) for symbol in symbols] for name in ("fill", "stroke"))
    assert fills == [strokes[0], strokes[1], "transparent", "transparent"]
    assert strokes[0] == strokes[2] == strokes[3] != strokes[1]
    dashes = {path.get_attribute("stroke-dasharray") for path in figure.query_selector_all(".mark-line path")}
    assert len(dashes) == 3
    assert len(figure.query_selector_all(".mark-symbol.role-mark path")) == 5 + 3 + 5 + 2


def test_a_click_in_the_legend_fades_the_others(visit, files):
    figure = visit(files["curves"]).query_selector("figure[data-chart=table-1-accuracy]")
    figure.query_selector_all(".role-legend-symbol path")[2].click()
    lines = figure.query_selector_all(".mark-line path")
    strong = [line for line in lines if float(line.get_attribute("opacity")) == 1]
    assert len(lines) == 4
    assert [line.get_attribute("stroke-dasharray") for line in strong] == ["5,3"]


def test_a_point_shows_its_value_interval_and_seeds(visit, files):
    page = visit(files["curves"])
    figure = page.query_selector("figure[data-chart=table-1-accuracy]")
    figure.query_selector(".mark-symbol.role-mark path").hover()
    page.wait_for_selector("#vg-tooltip-element.visible")
    told = page.query_selector("#vg-tooltip-element").inner_text()
    for part in ("cold", "training samples seen", "1,000", "45.00%", "[44.00%, 46.00%]", "5"):
        assert part in told


def test_a_line_is_broken_where_there_is_no_value(visit, files):
    figure = visit(files["curves"]).query_selector("figure[data-chart=table-1-difference]")
    path = figure.query_selector(".mark-line path").get_attribute("d")
    assert path.count("M") == 2
    assert len(figure.query_selector_all(".mark-symbol.role-mark path")) == 2
    assert len(figure.query_selector_all(".mark-rule.role-mark line")) == 1 + 2


def test_axes_are_labelled_in_their_format(visit, files):
    page = visit(files["curves"])
    labels = "figure => [...figure.querySelectorAll('.role-axis-label text')].map(text => text.textContent)"
    expected = {
        "table-1-accuracy": {"2,000", "50%"},
        "table-1-difference": {"0", "−2", "1"},  # noqa: RUF001
        "sweep-frontier": {"10", "100", "1,000"},
        "sweep-many": {"1", "0.1", "0.01", "10", "10k"},
    }
    for name, texts in expected.items():
        assert texts <= set(page.query_selector(f"figure[data-chart={name}]").evaluate(labels))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_value_can_be_read_on_its_colour(visit, files, scheme):
    page = visit(files["maps"], scheme=scheme)
    for name, count in (("grid", 30), ("layers", 26)):
        contrasts = page.query_selector(f"figure[data-chart=shrink-grid-{name}]").evaluate(CELLS % CONTRAST)
        assert len(contrasts) == count
        assert min(contrasts) >= 4.5


def test_a_cell_without_a_value_has_a_dashed_edge_and_a_dash(visit, files):
    figure = visit(files["maps"]).query_selector("figure[data-chart=shrink-grid-grid]")
    assert len(figure.query_selector_all(".mark-rect path[stroke-dasharray]")) == 6
    texts = [text.text_content() for text in figure.query_selector_all(".mark-text.role-mark text")]
    assert texts.count("-") == 6
    assert "30.0%" in texts


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_verdicts_can_be_read(visit, files, scheme):
    contrasts = visit(files["all"], scheme=scheme).evaluate(BADGES % CONTRAST)
    assert len(contrasts) == 2 * sum(len(chapter.findings) for chapter in CHAPTERS)
    assert min(contrasts) >= 4.5


def test_charts_are_redrawn_when_the_reader_turns_to_dark(visit, files):
    page = visit(files["curves"])
    label = "figure[data-chart=table-1-accuracy] .role-axis-label text"
    light = page.query_selector(label).get_attribute("fill")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.querySelectorAll('figure[data-drawn=dark]').length === 5", timeout=30_000)
    assert page.query_selector(label).get_attribute("fill") != light


def test_the_overview_leads_to_a_chapter(visit, files):
    page = visit(files["all"])
    page.click("a[href='#ewc']")
    assert page.evaluate("Math.abs(document.getElementById('ewc').getBoundingClientRect().top)") < 800
    assert page.url.endswith("#ewc")
