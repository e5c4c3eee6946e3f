import json
import re
from html.parser import HTMLParser

import pytest

LOADING = {"src", "href", "srcset", "data", "poster", "action"}


class Reader(HTMLParser):
    """Collects what a browser would load, the text that it would show, and the scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.scripts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [f"{tag} {name}={value}" for name, value in attrs if name in LOADING]

    def handle_data(self, data):
        # A script's text arrives in pieces; the parser says itself whether it is inside one.
        if self.cdata_elem == "script":
            self.scripts.append(data)
        else:
            self.text += data


@pytest.fixture
def html(page_of) -> str:
    return page_of("four rounds")


def test_the_page_loads_nothing(html):
    reader = Reader(html)
    assert reader.loads == []
    assert not {"link", "iframe", "img", "base"} & set(reader.tags)
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_forbids_itself_every_request(html):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "http" not in policy[1]


def test_the_verdict_comes_before_everything_else(html, summary):
    text = Reader(html).text
    assert text.index(summary.verdict) < text.index("Results") < text.index("Accuracy against data seen")
    assert all(note in text for note in summary.notes)


def test_the_page_holds_results_reading_aid_settings_and_provenance(html):
    text = Reader(html).text
    for part in ("-2.6 [-3.1, -2.1] points", "How to read it", "recipe.learning_rate", "6f9c6f9c", "2.6.0"):
        assert part in text


def test_every_chart_has_its_place_and_its_specification(html):
    specs = re.findall(r'<script type="application/json" id="spec-([\w-]+)">(.*?)</script>', html, re.S)
    assert [name for name, _ in specs] == re.findall(r'<figure data-chart="([\w-]+)"', html)
    assert len(specs) == 5
    assert all(json.loads(spec)["width"] == "container" for _, spec in specs)


def test_labels_cannot_break_out_of_text_or_script(page_of):
    reader = Reader(page_of("odd labels"))
    assert "b" not in reader.tags
    assert "</script><b>|x" in reader.text
    assert reader.tags.count("script") == 5 + 1 + 2


def test_a_study_without_a_finished_round_has_a_page_without_charts(page_of):
    html = page_of("nothing yet")
    assert "0 of 96 rounds have finished" in html
    assert "<script" not in html


def test_a_single_strategy_has_no_difference_chart(page_of):
    assert 'id="spec-difference"' not in page_of("one strategy")
