import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from warmstart.analysis import summarize
from warmstart.basics import ACCURACY
from warmstart.reports import write_report
from warmstart.reports.charts import (
    charts_of,
    cost_chart,
    difference_chart,
    next_score_chart,
    score_chart,
    stop_reasons_chart,
    tradeoff_chart,
)
from warmstart.reports.charts._references import level_rules, levels_in_reach, words_on_equal_curves
from warmstart.reports.charts._style import COLOURS, DASHES, SHAPES, theme

ARRIVALS = ["next-score", "score", "difference", "cost", "score-against-cost", "stop-reasons"]
NAMES = ["score", "difference", "cost", "score-against-cost", "stop-reasons"]


def rows_of(chart) -> list[dict[str, Any]]:
    return list(_rows(chart.to_dict()))


def _rows(spec: Any) -> Iterator[dict[str, Any]]:
    if isinstance(spec, dict):
        yield from spec.get("data", {}).get("values", ())
    for part in spec.values() if isinstance(spec, dict) else spec if isinstance(spec, list) else ():
        yield from _rows(part)


def captions(summary) -> dict[str, str]:
    return {chart.name: chart.caption for chart in charts_of(summary)}


def luminance(colour: str) -> float:
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_chart_of_every_study_is_valid_and_captioned(any_summary):
    for chart in charts_of(any_summary):
        json.dumps(chart.spec, allow_nan=False)
        assert chart.title
        assert chart.caption


@pytest.mark.parametrize(
    ("study", "names"),
    [
        ("four rounds", NAMES),
        ("one strategy", [name for name in NAMES if name != "difference"]),
        ("arrivals", ARRIVALS),
        ("nothing yet", []),
        ("all lost", ["cost", "stop-reasons"]),
    ],
)
def test_a_report_has_the_charts_that_apply(summary_of, study, names):
    assert [chart.name for chart in charts_of(summary_of(study))] == names


def test_the_score_chart_shows_the_summarys_intervals(summary):
    rows = [row for row in rows_of(score_chart(summary)) if row["arm"] == "warm"]
    expected = [row.score for row in summary.rounds if row.arm == "warm"]
    assert [row["mean"] for row in rows] == pytest.approx([value.mean for value in expected], rel=1e-4)
    assert [row["high"] for row in rows] == pytest.approx([value.high for value in expected], rel=1e-4)


def test_the_difference_chart_shows_points_of_all_but_the_reference(summary):
    rows = [row for row in rows_of(difference_chart(summary)) if "arm" in row]
    assert {row["arm"] for row in rows} == {"warm", "shrink-perturb:shrink=0.6"}
    expected = [row.score_difference.mean for row in summary.rounds if row.arm == "warm"]
    assert [row["mean"] for row in rows if row["arm"] == "warm"] == pytest.approx([100 * e for e in expected], rel=1e-4)


def test_the_cost_chart_offers_four_costs_of_a_round_and_in_sum(summary):
    params = {param["name"]: param for param in cost_chart(summary).to_dict()["params"]}
    assert params["cost"]["bind"]["options"] == ["steps", "samples", "flops", "seconds"]
    assert params["scope"]["bind"]["options"] == ["round", "sum"]
    last = [row for row in rows_of(cost_chart(summary)) if row["arm"] == "cold"][-1]
    assert last["sum_steps_mean"] == pytest.approx(summary.arms[0].total["steps"].value.mean, rel=1e-4)
    assert last["round_flops_mean"] == pytest.approx(summary.arms[0].last_round["flops"].value.mean, rel=1e-4)


def test_the_tradeoff_chart_has_a_point_per_seed_and_the_means(summary):
    rows = rows_of(tradeoff_chart(summary))
    seeds = [row for row in rows if "seed" in row and row["arm"] == "warm"]
    mean = next(row for row in rows if "seed" not in row and row["arm"] == "warm")
    assert len(seeds) == 8
    assert sum(row["sum_steps_mean"] for row in seeds) / 8 == pytest.approx(mean["sum_steps_mean"], rel=1e-3)
    assert sum(row["mean"] for row in seeds) / 8 == pytest.approx(mean["mean"], rel=1e-3)


def test_the_tradeoff_of_an_unfinished_study_holds_finished_trials_only(summary_of):
    rows = [row for row in rows_of(tradeoff_chart(summary_of("unfinished"))) if "seed" in row]
    assert len(rows) == 37 // 4


def test_bars_of_stop_reasons_are_stacked_without_gaps(summary_of):
    rows = [row for row in rows_of(stop_reasons_chart(summary_of("diverged"))) if row["arm"] == "warm"]
    assert [(row["stop_reason"], row["start"], row["end"]) for row in rows] == [
        ("converged", 0, 27),
        ("limit", 27, 30),
        ("diverged", 30, 32),
    ]


def test_the_same_strategy_looks_the_same_in_every_chart(summary):
    scales = set()
    for chart in charts_of(summary)[:4]:
        for layer in chart.spec["layer"]:
            for unit in layer.get("layer", [layer]):
                if "color" in unit["encoding"]:
                    scales.add(json.dumps(unit["encoding"]["color"]["scale"], sort_keys=True))
    assert len(scales) == 1


def test_strategies_differ_in_colour_or_shape_up_to_forty_two():
    looks = {(COLOURS[index % len(COLOURS)], SHAPES[index % len(SHAPES)]) for index in range(42)}
    assert len(looks) == 42
    assert len(set(map(str, DASHES))) == len(DASHES)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(("paper", "contrast"), [("#ffffff", 2.0), ("#16191d", 3.0)])
def test_colours_stand_out_from_both_backgrounds(colour, paper, contrast):
    dark, light = sorted((luminance(colour), luminance(paper)))
    assert (light + 0.05) / (dark + 0.05) > contrast


def test_light_and_dark_themes_differ_in_colour_only():
    light, dark = theme(dark=False), theme(dark=True)
    assert light["axis"]["labelColor"] != dark["axis"]["labelColor"]
    assert light["axis"].keys() == dark["axis"].keys()
    assert light["font"] == dark["font"]


def test_a_long_study_stays_small(make_summary):
    summary = make_summary(arms=("cold", "warm", "a", "b", "c", "d"), rounds=40)
    assert sum(len(json.dumps(chart.spec)) for chart in charts_of(summary)) < 400_000


def test_of_a_study_of_many_rounds_some_are_drawn_and_the_page_says_so(make_summary, summary):
    long = make_summary(seeds=2, rounds=450)
    numbers = {row["round"] for row in rows_of(score_chart(long))}
    assert numbers == {row["round"] for row in rows_of(cost_chart(long))} == {*range(1, 450, 3), 450}
    told = captions(long)
    assert all("Of 450 rounds, 151 are drawn" in told[name] for name in ("score", "difference", "cost"))
    assert not any("drawn" in caption for caption in captions(summary).values())


def test_of_a_study_of_many_seeds_the_first_are_drawn_as_points_and_the_page_says_so(make_summary, summary):
    broad = make_summary(arms=("cold", "warm", "a", "b", "c"), seeds=230, rounds=1)
    rows = [row for row in rows_of(tradeoff_chart(broad)) if "seed" in row]
    assert [row["seed"] for row in rows if row["arm"] == "a"] == list(range(200))
    assert len(rows) == 5 * 200
    assert "for each of the first 200 of 230 seeds" in captions(broad)["score-against-cost"]
    assert "one faint point per seed, " in captions(summary)["score-against-cost"]


def test_images_and_page_are_drawn_from_charts_built_once(summary, tmp_path, monkeypatch):
    built = []
    monkeypatch.setattr("warmstart.reports.charts._all.tradeoff_chart", lambda s: built.append(s) or tradeoff_chart(s))
    write_report(summary, tmp_path)
    assert built == [summary]


def test_charts_take_name_unit_and_direction_from_the_metric(rmse_summary):
    specs = {chart.name: chart.spec for chart in charts_of(rmse_summary)}
    assert specs["score"]["title"] == "Rmse in °C, mean with 95 % interval"
    assert specs["difference"]["title"] == "Rmse minus that of cold, in °C"
    assert "Rmse by " in json.dumps(specs["score-against-cost"]["title"])
    assert "ccuracy" not in json.dumps(specs)
    assert "%" not in json.dumps([layer["encoding"]["y"].get("axis") for layer in specs["score"]["layer"]])
    told = captions(rmse_summary)
    assert charts_of(rmse_summary)[0].title == "Rmse against data seen"
    assert "Below zero is better." in told["difference"]
    assert told["score-against-cost"].endswith("Down and to the left is better.")


def test_menus_offer_the_costs_that_were_counted(rmse_summary):
    params = {param["name"]: param for param in cost_chart(rmse_summary).to_dict()["params"]}
    assert (params["cost"]["value"], params["cost"]["bind"]["options"]) == ("samples", ["samples", "seconds"])


def test_scores_on_the_next_arrival_stand_over_the_arrival_that_they_are_of(summary_of):
    summary = summary_of("arrivals")
    rows = rows_of(next_score_chart(summary))
    warm = [row for row in rows if row.get("arm") == "warm"]
    assert [row["arrival"] for row in warm] == [2, 3, 4, 5]
    expected = [row.next_score.mean for row in summary.rounds if row.arm == "warm" and row.round < 5]
    assert [row["mean"] for row in warm] == pytest.approx(expected, rel=1e-4)
    levels = [row for row in rows if row.get("baseline") == "persistence"]
    assert [row["arrival"] for row in levels] == [2, 3, 4, 5]
    assert levels[0]["mean"] == pytest.approx(summary.rounds[0].next_baselines["persistence"].mean, rel=1e-4)
    assert "Grey: majority (solid) and persistence (dashed)." in captions(summary)["next-score"]


def test_baselines_are_lines_with_their_names_and_training_scores_dotted(summary_of):
    summary = summary_of("arrivals")
    rows = rows_of(score_chart(summary))
    assert [row["label"] for row in rows if "level" in row] == 2 * ["majority 73.1 %"] + 2 * ["persistence 85.2 %"]
    trained = [row["train"] for row in rows if row.get("arm") == "cold"]
    assert trained == pytest.approx([row.train_score.mean for row in summary.rounds if row.arm == "cold"], rel=1e-4)
    assert "Thin dotted: training accuracy. Dashed grey: what learns nothing." in captions(summary)["score"]


def test_names_of_baselines_stand_where_the_curves_are_farther_away_and_beside_each_other():
    rows = [{"round": 1, "mean": 0.6}, {"round": 2, "mean": 0.9}, {"round": 3, "mean": None}]

    def sides(levels):
        layers = [layer.to_dict(validate=False) for layer in level_rules(ACCURACY, levels, rows)]
        return [layer["mark"]["align"] for layer in layers if layer["mark"]["type"] == "text"]

    assert sides({"low": 0.62}) == ["right"]
    assert sides({"high": 0.88}) == ["left"]
    assert sides({"low": 0.62, "lower": 0.61, "high": 0.88}) == ["right", "left", "left"]


def test_another_metric_has_no_training_scores_and_its_own_baselines(make_arrivals):
    summary = summarize(make_arrivals(), metric="balanced-accuracy")
    rows = rows_of(score_chart(summary))
    assert not any(row.get("train") for row in rows)
    assert {row["label"] for row in rows if "level" in row} == {"majority 50.0 %", "persistence 84.0 %"}
    assert "Thin dotted" not in captions(summary)["score"]
    points = [row for row in rows_of(tradeoff_chart(summary)) if "seed" in row and row["arm"] == "cold"]
    assert sum(row["mean"] for row in points) / len(points) == pytest.approx(summary.arms[0].score.mean, rel=1e-3)


@pytest.mark.parametrize(
    ("level", "near"), [(0.85, True), (0.75, True), (0.69, False), (1.0, True), (1.2, False), (None, None)]
)
def test_levels_are_drawn_where_they_leave_half_of_the_height_to_the_scores(level, near):
    drawn, far = levels_in_reach({"it": level}, [0.8, None, 0.9])
    assert ("it" in drawn, "it" in far) == (near is True, near is False)


def test_curves_that_cannot_be_told_apart_are_named(summary_of, summary):
    assert (
        "cold, warm and shrink-perturb:shrink=0.6 are identical in all rounds."
        in captions(summary_of("alike"))["score"]
    )
    assert "identical" not in captions(summary)["score"]
    first = [replace(row, score=summary.rounds[0].score) if row.round == 1 else row for row in summary.rounds]
    assert words_on_equal_curves(first) == " cold, warm and shrink-perturb:shrink=0.6 are identical in round 1."


def test_of_marks_on_top_of_each_other_those_below_are_larger(summary_of):
    steps = [step for step in all_transforms(score_chart(summary_of("alike")).to_dict()) if step.get("as") in LOOKS]
    assert {step["as"] for step in steps} == set(LOOKS)
    for step in steps:
        values = list(json.loads(step["calculate"].removesuffix("[datum.arm]")).values())
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == 3


LOOKS = ("stroke", "spot")


def all_transforms(spec: Any) -> Iterator[dict[str, Any]]:
    if isinstance(spec, dict):
        yield from spec.get("transform", ())
    for part in spec.values() if isinstance(spec, dict) else spec if isinstance(spec, list) else ():
        yield from all_transforms(part)
