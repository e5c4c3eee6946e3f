import pytest

from drawn_pages import COLLIDING, MARKS

pytestmark = pytest.mark.browser


@pytest.fixture
def open_page(visit, page_of, tmp_path):
    """Open the page of a study; see ``visit``."""

    def opened(name, **options):
        file = tmp_path / "report.html"
        file.write_text(page_of(name), encoding="utf-8")
        return visit(file, **options)

    return opened


@pytest.mark.parametrize(
    "name", ["four rounds", "two rounds", "one round", "one seed", "all lost", "odd labels", "arrivals"]
)
def test_every_chart_is_drawn_without_a_complaint_or_a_request(open_page, name):
    page = open_page(name)
    figures = page.query_selector_all("figure")
    assert len(figures) == {"all lost": 2, "arrivals": 6}.get(name, 5)
    assert all(figure.evaluate(MARKS) > 1 for figure in figures)
    assert page.complaints == []
    assert [url for url in page.requested if not url.startswith(("file:", "data:", "blob:"))] == []


def test_the_menus_change_what_the_cost_chart_shows(open_page):
    figure = open_page("four rounds").query_selector("figure[data-chart=cost]")
    assert "Mean training steps, each round" in figure.text_content()
    line = figure.query_selector(".mark-line path").get_attribute("d")
    cost, scope = figure.query_selector_all("select")
    scope.select_option("sum")
    cost.select_option("samples")
    assert "Mean samples processed, all rounds so far" in figure.text_content()
    assert figure.query_selector(".mark-line path").get_attribute("d") != line


def test_a_click_in_the_legend_fades_the_other_strategies(open_page):
    figure = open_page("four rounds").query_selector("figure[data-chart=score]")
    figure.query_selector(".role-legend-symbol path").click()
    opacities = [path.get_attribute("opacity") for path in figure.query_selector_all(".mark-line path")]
    assert sorted(float(opacity) for opacity in opacities) == [0.1, 0.1, 0.15, 0.15, 0.9, 1.0]


def test_charts_are_redrawn_when_the_reader_turns_to_dark(open_page):
    page = open_page("four rounds")
    label = "figure[data-chart=score] .role-axis-label text"
    light = page.query_selector(label).get_attribute("fill")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.querySelectorAll('figure[data-drawn=dark]').length === 5", timeout=30_000)
    assert page.query_selector(label).get_attribute("fill") != light


@pytest.mark.parametrize("name", ["four rounds", "many"])
def test_nothing_but_tables_is_wider_than_a_narrow_screen(open_page, name):
    page = open_page(name, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    widths = page.evaluate("[...document.querySelectorAll('figure svg')].map(svg => svg.getBoundingClientRect().right)")
    assert max(widths) <= 360


@pytest.mark.parametrize("width", [1200, 600])
@pytest.mark.parametrize("name", ["four rounds", "one round", "many", "arrivals", "130 arrivals", "alike"])
def test_no_text_of_a_chart_covers_another(open_page, name, width):
    assert open_page(name, width=width).evaluate(COLLIDING) == []


@pytest.mark.parametrize("width", [1200, 600])
def test_classes_and_baselines_are_on_the_first_screen(open_page, summary_of, width):
    page = open_page("arrivals", width=width)
    context = page.query_selector(".verdict .context")
    assert "no 73\u00a0%" in context.text_content()
    assert "Always predicting 'no'" in context.text_content()
    box = context.bounding_box()
    assert box["y"] + box["height"] < 800


def test_identical_curves_can_be_told_apart(open_page):
    figure = open_page("alike").query_selector("figure[data-chart=score]")
    lines = figure.query_selector_all(".mark-line path[stroke-width]")
    looks = {(line.get_attribute("stroke-width"), line.get_attribute("stroke-dasharray")) for line in lines}
    # Three strategies, and their training scores.
    assert len(looks) == 3 + 1
