import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from warmstart.analysis import summarize
from warmstart.reports import _study, for_terminal, result_table, study_document
from warmstart.reports._document import as_json, settings_table
from warmstart.reports._markdown import as_markdown
from warmstart.reports._study import how_to_read
from warmstart.store import StudyRecords


def shown(summary, width=160) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(result_table(summary))
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_the_terminal_shows_accuracy_difference_costs_and_stop_reasons(summary):
    text = shown(summary)
    factor = f"({summary.arms[1].last_round['steps'].ratio.mean:.2f}x)"
    for part in ("difference", "to cold", "96.8 ± 1.1 %", "reference", "-2.6 points", "[-3.1, -2.1]", factor):
        assert part in text
    assert "29 converged, 3 limit" in text
    assert "After round 4, with 95 % intervals over seeds; differences and factors are to cold." in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_terminal_table_fits_its_width(any_summary, width):
    assert max(map(len, shown(any_summary, width).splitlines())) <= width


def test_labels_that_look_like_markup_are_shown_as_they_are(summary_of):
    assert "warm [bold]*_`" in shown(summary_of("odd labels"), 200)


@pytest.mark.parametrize("name", ["results", "costs", "rounds"])
def test_every_row_has_a_cell_for_every_title(any_summary, name):
    table = getattr(_study, name)(any_summary)
    assert all(len(row) == len(table.header) for row in table.rows)


def test_all_four_costs_of_every_strategy_are_listed(summary):
    rows = _study.costs(summary).rows
    assert len(rows) == 3 * 4
    assert {row[1] for row in rows} == {"training steps", "samples processed", "FLOPs", "seconds"}


def test_settings_are_flattened_to_dotted_names():
    values = {"stop": {"limit": None, "level": 1}, "model": {"hidden": [8, 8], "bias": True}, "empty": []}
    assert settings_table(values).rows == [
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
    document = study_document(summary, drawn=False)
    assert document.title.startswith(title)
    assert document.subtitle == line


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


def test_tables_take_names_and_units_from_the_metric_and_leave_out_what_was_not_counted(rmse_summary):
    table = _study.results(rmse_summary)
    titles = ("samples, all rounds", "samples, last round", "seconds, all rounds")
    assert table.header == ("strategy", "rmse", "difference to cold", "training rmse", *titles, "rounds ended")
    assert [row[1:3] for row in table.rows[:2]] == [
        ("1.063 ± 0.022 °C", "reference"),
        ("1.116 ± 0.021 °C", "+0.053 [+0.043, +0.063] °C"),
    ]
    assert {row[1] for row in _study.costs(rmse_summary).rows} == {"samples processed", "seconds"}
    assert _study.rounds(rmse_summary).header[3:] == (
        "rmse",
        "difference to cold",
        "training rmse",
        "samples",
        "seconds",
    )


def test_the_reading_aid_names_the_metric_its_direction_and_the_counted_costs(rmse_summary):
    text = " ".join(how_to_read(rmse_summary))
    assert "Differences of rmse are in °C. A lower rmse is better." in text
    assert "evaluation: samples processed (repeats counted) and wall-clock seconds." in text
    assert "Floating-point operations could not be counted." in text
    assert "accuracy" not in text.lower()


def test_a_cost_that_was_counted_for_some_strategies_says_so(summary):
    trials = [replace(one, flops=None) if one.arm == "warm" else one for one in summary.trials]
    records = StudyRecords(
        {}, ("cold", "warm"), 4, 8, tuple(one for one in trials if one.arm in ("cold", "warm")), {}, {}
    )
    cells = {row[0]: row[2] for row in _study.costs(summarize(records)).rows if row[1] == "FLOPs"}
    assert cells["warm"] == "not counted"
    assert cells["cold"].endswith(" G")


def test_training_scores_and_churn_are_beside_the_held_out_scores(summary_of):
    table = _study.results(summary_of("arrivals"))
    assert table.header[1:5] == ("accuracy", "difference to cold", "training accuracy", "churn")
    assert [row[3] for row in table.rows] == 3 * ["99.2 ± 0.0 %"]
    assert all(row[4].endswith(" %") for row in table.rows)


@pytest.mark.parametrize(
    ("width", "columns"), [(80, set()), (110, {"training", "churn"}), (300, {"training", "churn"})]
)
def test_a_terminal_has_them_where_there_is_room(make_arrivals, width, columns):
    text = shown(summarize(make_arrivals(arms=("cold",))), width)
    assert {name for name in ("training", "churn") if name in text} == columns
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100


def test_equal_costs_and_scores_are_called_the_same(summary_of):
    summary = summary_of("alike")
    warm = _study.results(summary).rows[1]
    assert warm[2] == "the same"
    assert warm[4].endswith("(the same)")
    assert {row[3] for row in _study.costs(summary).rows if row[0] == "warm" and row[1] != "seconds"} == {"the same"}


def test_scores_over_time_stand_beside_those_of_predictors_that_learn_nothing(summary_of, summary):
    ((cold, warm, *_, majority, persistence),) = (table.rows for table in _study.over_time(summary_of("arrivals")))
    assert (cold[0], cold[2]) == ("cold", "reference")
    assert warm[2].endswith("points")
    assert (majority[0], persistence[0]) == ("majority (learns nothing)", "persistence (learns nothing)")
    assert persistence[1].startswith("84.")
    assert _study.over_time(summary) == []


def test_churn_has_its_factor_to_the_reference(summary_of, summary):
    (table,) = _study.churn(summary_of("arrivals"))
    assert table.header == ("strategy", "churn", "times cold", "negative flips", "times cold")
    assert table.rows[0][2] == table.rows[0][4] == "reference"
    assert re.fullmatch(r"0\.\d\dx \[0\.\d\dx, 0\.\d\dx\]", table.rows[1][2])
    assert "mean over the updates up to round 5" in table.caption
    assert _study.churn(summary) == []


def test_metrics_have_units_and_classes_their_recall(summary_of, rmse_summary):
    metrics, recalls = _study.metrics(summary_of("arrivals"))
    assert metrics.header == ("predictor", "accuracy", "log loss", "balanced accuracy")
    labels = [row[0] for row in metrics.rows]
    assert labels[3:] == ["majority (learns nothing)", "persistence (learns nothing)"]
    assert metrics.rows[3][1:] == ("73.1 ± 0.0 %", "0.580 ± 0.000 nats", "50.0 ± 0.0 %")
    assert metrics.rows[4][2] == "-"
    assert recalls.header == ("class", "share", "cold", "warm", "shrink-perturb:shrink=0.6")
    assert [row[:2] for row in recalls.rows] == [("no", "73 %"), ("yes", "27 %")]
    assert recalls.rows[1][2] == "50.0 ± 0.0 %"
    assert [table.header for table in _study.metrics(rmse_summary)] == [("predictor", "rmse", "log loss")]


def test_of_many_classes_there_is_no_table(make_arrivals):
    records = make_arrivals()
    recalls = {f"recall: {number}": 0.5 for number in range(21)}
    rounds = tuple(replace(one, metrics={**one.metrics, **recalls}) for one in records.rounds)
    assert len(_study.metrics(summarize(replace(records, rounds=rounds)))) == 1


def test_the_rounds_have_training_scores_next_scores_and_churn(summary_of):
    table = _study.rounds(summary_of("arrivals"))
    assert table.header[5:8] == ("training accuracy", "next accuracy", "churn")
    assert table.rows[0][7] == table.rows[-1][6] == "-"


def test_notes_on_the_data_have_a_section_of_their_own(summary_of):
    document = study_document(summary_of("arrivals"), drawn=False)
    titles = [block.title for block in document.blocks[1:]]
    assert titles == [
        "Results",
        "Score over time",
        "Churn",
        "Metrics",
        "All costs",
        "Data",
        "How to read it",
        "Details",
    ]
    data = document.blocks[titles.index("Data") + 1]
    assert data.blocks[0].items == ("Columns turned to numbers: contract ('monthly' in row 2).",)


def test_the_context_stands_between_verdict_and_notes_everywhere(summary_of):
    summary = summary_of("arrivals")
    document = study_document(summary, drawn=False)
    assert summary.context[0] == "2 classes: no 73 %, yes 27 %."
    console = Console(file=io.StringIO(), width=1000)
    for part in for_terminal(document):
        console.print(part)
    for text in (as_markdown(document), console.file.getvalue()):  # pyright: ignore[reportAttributeAccessIssue]
        places = [text.index(part) for part in (summary.verdict, summary.context[1], summary.notes[0])]
        assert places == sorted(places)
    assert json.loads(as_json(document))["blocks"][0]["context"] == list(summary.context)
