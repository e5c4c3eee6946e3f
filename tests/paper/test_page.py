"""The page of all experiments in a real browser."""

import pytest

from warmstart.paper import known_experiments, read_chapters
from warmstart.reports import write_paper_report


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("paper")
def test_the_page_opens_with_every_experiment_and_draws_every_chart(tiny, tmp_path, visit):
    directory, setting = tiny
    files = write_paper_report(read_chapters(directory), tmp_path, note=setting.words)
    page = visit(files.html)
    for experiment in known_experiments().values():
        section = page.query_selector(f"section#{experiment.id}")
        assert section.query_selector("h2").text_content() == experiment.title
        assert section.query_selector("figure[data-drawn] svg") is not None
        assert section.query_selector("table tbody tr") is not None
    assert page.complaints == []
    assert [address for address in page.requested if not address.startswith(("file:", "blob:", "data:"))] == []
