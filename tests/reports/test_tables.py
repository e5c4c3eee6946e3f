import io
from dataclasses import replace

import pytest
from rich.console import Console

from warmstart.reports import _tables, result_table
from warmstart.reports._words import how_to_read, report_title, subtitle


def shown(summary, width=160) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(result_table(summary))
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_the_terminal_shows_accuracy_difference_costs_and_endings(summary):
    text = shown(summary)
    factor = f"({summary.arms[1].last_round['steps'].ratio.mean:.2f}x)"
    for part in ("difference", "to cold", "96.8 % ± 1.1", "reference", "lower by 2.6 points", "[2.1, 3.1]", factor):
        assert part in text
    assert "29 converged, 3 limit" in text
    assert "95 % intervals over seeds, after round 4" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_terminal_table_fits_its_width(any_summary, width):
    assert max(map(len, shown(any_summary, width).splitlines())) <= width


def test_labels_that_look_like_markup_are_shown_as_they_are(summary_of):
    assert "warm [bold]*_`" in shown(summary_of("odd labels"), 200)


@pytest.mark.parametrize("name", ["results", "costs", "rounds"])
def test_every_row_has_a_cell_for_every_title(any_summary, name):
    table = getattr(_tables, name)(any_summary)
    assert all(len(row) == len(table.header) for row in table.rows)


def test_all_four_costs_of_every_strategy_are_listed(summary):
    rows = _tables.costs(summary).rows
    assert len(rows) == 3 * 4
    assert {row[1] for row in rows} == {"training steps", "samples processed", "FLOPs", "seconds"}


def test_settings_are_flattened_to_dotted_names():
    values = {"stop": {"limit": None, "level": 1}, "model": {"hidden": [8, 8], "bias": True}, "empty": []}
    assert _tables.settings(values).rows == [
        ("stop.limit", "none"),
        ("stop.level", "1"),
        ("model.hidden", "8, 8"),
        ("model.bias", "yes"),
        ("empty", "none"),
    ]


@pytest.mark.parametrize(
    ("name", "title", "line"),
    [
        ("four rounds", "cold, warm and shrink-perturb:shrink=0.6 on digits", "4 rounds, 8 seeds"),
        ("one strategy", "cold on digits", "4 rounds, 8 seeds"),
        ("many", "9 strategies on digits", "4 rounds, 8 seeds"),
        ("unfinished", "cold, warm and", "4 rounds, 8 seeds (37 of 96 rounds finished)"),
        ("one seed", "cold, warm and", "4 rounds, 1 seed"),
    ],
)
def test_the_title_names_strategies_and_size(summary_of, name, title, line):
    summary = summary_of(name)
    assert report_title(summary).startswith(title)
    assert subtitle(summary) == line


def test_the_reading_aid_says_what_intervals_costs_and_seconds_are(summary):
    text = " ".join(how_to_read(summary))
    for part in (
        "95 % confidence intervals",
        "does not say that two strategies are equal",
        "Seconds depend on the machine",
    ):
        assert part in text
    assert "(here 2 trials at a time)" in text
    assert "data held out of training (597 samples)" in text


@pytest.mark.parametrize(
    ("evaluate", "words"),
    [
        ("holdout", "holdouts of different seeds overlap, so intervals speak about seeds on these data, not about new"),
        ("test", "the same for all seeds, so intervals speak about seeds on these data, not about new data"),
    ],
)
def test_the_reading_aid_says_what_intervals_do_not_cover(summary, evaluate, words):
    assert words in " ".join(how_to_read(replace(summary, data={"evaluate": evaluate})))


@pytest.mark.parametrize(("stream", "told"), [({"name": "two-phase"}, True), ({"name": "growing"}, False), ({}, False)])
def test_the_reading_aid_says_which_rounds_costs_cover(summary, stream, told):
    text = " ".join(how_to_read(replace(summary, study={"stream": stream})))
    assert "over all rounds; the last round alone, which is what the next retraining costs, has its own column." in text
    assert ("With two phases round 1 is the same for cold and warm" in text) is told
