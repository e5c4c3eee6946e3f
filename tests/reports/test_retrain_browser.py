import pytest
from test_browser import COLLIDING, MARKS

from simulated_projects import PROJECTS

pytestmark = pytest.mark.browser


@pytest.fixture
def open_project(visit, project_page, tmp_path):
    """Open the page of a project; see ``visit``."""

    def opened(name, **options):
        file = tmp_path / "index.html"
        file.write_text(project_page(name), encoding="utf-8")
        return visit(file, **options)

    return opened


@pytest.mark.parametrize("name", list(PROJECTS))
def test_every_chart_is_drawn_without_a_complaint_or_a_request(open_project, name):
    page = open_project(name)
    figures = page.query_selector_all("figure")
    assert len(figures) >= (name not in ("empty", "waiting"))
    assert all(figure.evaluate(MARKS) >= 1 for figure in figures)
    assert page.complaints == []
    assert [url for url in page.requested if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.parametrize("width", [1200, 600])
@pytest.mark.parametrize("name", ["one round", "nine rounds", "watched", "errors", "300 rounds"])
def test_no_text_of_a_chart_covers_another(open_project, name, width):
    assert open_project(name, width=width).evaluate(COLLIDING) == []


@pytest.mark.parametrize("name", ["nine rounds", "odd names"])
def test_nothing_but_tables_is_wider_than_a_narrow_screen(open_project, name):
    page = open_project(name, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_missing_value_breaks_the_line(open_project):
    figure = open_project("damaged").query_selector("figure[data-chart=held-out]")
    # Of six rounds the third and the fifth are known: two marks, and no line between them.
    assert figure.evaluate("figure => figure.querySelectorAll('.mark-symbol.role-mark path').length") == 2
    line = figure.query_selector(".mark-line path").get_attribute("d")
    assert "L" not in line.replace("L0,0", "")


def test_older_rounds_open_by_a_click(open_project):
    page = open_project("300 rounds")
    fold = page.query_selector("details:has-text('290 earlier rounds')")
    row = fold.query_selector("tbody tr:last-child")
    assert not row.is_visible()
    fold.query_selector("summary").click()
    assert row.is_visible()


def test_charts_follow_a_dark_page(open_project):
    page = open_project("one round")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.querySelectorAll('figure[data-drawn=dark]').length === 3", timeout=30_000)
    assert page.complaints == []
