import json
from dataclasses import replace
from math import inf, nan

import pytest

from chapters import ACCURACY, DIFFERENCE, GRID, LAYERS, MANY, NOTHING, SINGLE
from warmstart.paper import Axis, Cell, Curves, Format, HeatMap, Point, Source
from warmstart.reports.paper import _heat_map, _rows
from warmstart.reports.paper._curves import curves_chart
from warmstart.reports.paper._looks import looks_of
from warmstart.reports.paper._values import log_ticks, title_lines, value_text


def curves(*points: Point, log=False, joined=True) -> Curves:
    axis = Axis("quantity", log=log)
    return Curves("made-up", "Made up.", axis, axis, points, joined=joined)


def line(series="cold", count=4, by=Source.US, **missing) -> list[Point]:
    points = [Point(series, x, float(x), x - 0.5, x + 0.5, 3, by) for x in range(1, count + 1)]
    return [replace(points[0], **missing), *points[1:]]


def banded(chart: Curves) -> set[str]:
    return {row["label"] for row in _rows.rows_of(chart) if row["banded"]}


def layers(chart: Curves) -> list[dict]:
    return curves_chart(chart).to_dict()["layer"]


def line_of(chart: Curves) -> dict:
    return next(layer for layer in layers(chart) if layer["mark"]["type"] == "line")


def kinds(chart: Curves) -> list[str]:
    return [layer["mark"]["type"] for layer in layers(chart)]


def test_a_row_holds_what_is_drawn_and_what_was_given():
    row = _rows.rows_of(replace(ACCURACY, points=(Point("cold", 1500, 0.5123456, 0.5, 0.52, 5, Source.PAPER),)))[0]
    assert row == {
        "label": "cold (paper)",
        "x": 1500,
        "y": 0.51235,
        "low": 0.5,
        "high": 0.52,
        "at": "1,500",
        "value": "51.23%",
        "interval": "[50.00%, 52.00%]",
        "seeds": "5",
        "banded": False,
        "marked": True,
    }


@pytest.mark.parametrize(
    ("points", "labels"),
    [
        (line(count=4), {"cold"}),
        (line(count=3), set()),
        (line(by=Source.PAPER), set()),
        (line(low=None), set()),
        (line(y=None), set()),
        ([*line(), *line("warm", count=3), *line("warm", by=Source.PAPER)], {"cold"}),
    ],
)
def test_bands_are_for_whole_series_of_ours_with_four_points(points, labels):
    assert banded(curves(*points)) == labels


def test_a_scatter_plot_has_bars_and_no_band_or_line():
    assert kinds(curves(*line(), joined=False)) == ["rule", "point"]
    assert kinds(curves(*line(), *line("warm", count=2))) == ["area", "rule", "line", "point"]


def test_on_a_logarithmic_axis_what_has_no_place_is_left_out_and_named():
    chart = curves(Point("a", 0, 1.0), Point("b", 1, 0.0), Point("c", 1, -2.0), Point("d", 1, 3.0), log=True)
    assert [(row["label"], row["y"]) for row in _rows.rows_of(chart)] == [("b", None), ("c", None), ("d", 3.0)]
    assert _rows.words_on_left_out(chart).endswith("a at 0, b at 1, c at 1.")
    assert _rows.left_out(replace(chart, x=Axis("x"), y=Axis("y"))) == []


def test_an_interval_down_to_zero_is_drawn_to_the_smallest_value_and_reported_in_full():
    rows = _rows.rows_of(curves(Point("a", 1, 3.0, -1.0, 7.0), Point("b", 1, 0.25), log=True))
    assert (rows[0]["low"], rows[0]["high"], rows[0]["interval"]) == (0.25, 7.0, "[-1, 7]")
    assert _rows.rows_of(curves(Point("a", 1, 3.0, -1.0, 7.0)))[0]["low"] == -1.0


@pytest.mark.parametrize("value", [None, nan, inf])
def test_what_is_no_number_is_no_value(value):
    chart = curves(Point("a", 1, value), Point("a", 2, 1.0, value, 2.0))
    rows = _rows.rows_of(chart)
    assert [(row["y"], row["low"], row["high"]) for row in rows] == [(None, None, None), (1.0, None, None)]
    assert (rows[0]["value"], rows[1]["interval"]) == ("-", "none")
    json.dumps(curves_chart(chart).to_dict(), allow_nan=False)


def test_a_chart_without_a_value_has_nothing_to_draw():
    assert not _rows.has_points(NOTHING)
    assert not _rows.has_points(replace(NOTHING, points=()))
    assert all(map(_rows.has_points, (ACCURACY, DIFFERENCE, SINGLE)))


def test_long_lines_are_marked_here_and_there_and_show_every_point():
    long = curves(*(Point("a", x, 1.0) for x in reversed(range(200))), *line("b"))
    marked = [row["x"] for row in _rows.rows_of(long) if row["marked"] and row["label"] == "a"]
    assert sorted(marked) == list(range(0, 200, 8))
    assert all(row["marked"] for row in _rows.rows_of(long) if row["label"] == "b")
    shown, hidden = [layer for layer in layers(long) if layer["mark"]["type"] == "point"]
    assert shown["transform"] == [{"filter": "datum.marked"}]
    assert (hidden["mark"]["opacity"], "transform" in hidden) == (0, False)
    assert all(row["marked"] for row in _rows.rows_of(replace(long, joined=False)))


def test_a_published_series_has_the_colour_and_shape_of_ours_but_hollow_marks_and_dashes():
    looks = {look.label: look for look in looks_of(ACCURACY.points)}
    assert list(looks) == ["cold", "warm", "cold (paper)", "cold (reproduction)"]
    ours, paper, other = looks["cold"], looks["cold (paper)"], looks["cold (reproduction)"]
    assert {(look.colour, look.shape) for look in (ours, paper, other)} == {(ours.colour, ours.shape)}
    assert [look.hollow for look in (ours, paper, other)] == [False, True, True]
    assert len({ours.dash, paper.dash, other.dash}) == 3
    assert looks["warm"].colour != ours.colour


def test_many_series_are_distinguishable():
    looks = looks_of([Point(f"{n}", 0, 0.0, by=by) for n in range(42) for by in Source])
    assert len({(look.colour, look.shape, look.hollow) for look in looks}) == 42 * 2
    first = [look for look in looks if not look.hollow][:18]
    assert len({(look.colour, look.dash) for look in first}) == 18
    assert {look.dash for look in first}.isdisjoint(look.dash for look in looks if look.hollow)


def test_axes_are_as_they_are_asked_for():
    x, y = (line_of(MANY)["encoding"][axis] for axis in "xy")
    assert (x["scale"]["type"], y["scale"]["type"], x["title"]) == ("log", "log", ["step"])
    assert y["axis"]["values"] == [0.0001, 0.001, 0.01, 0.1, 1.0]
    assert line_of(ACCURACY)["encoding"]["y"]["axis"]["format"] == ".3~%"
    assert line_of(ACCURACY)["encoding"]["x"]["axis"]["values"] == [1000, 2000, 3000, 4000, 5000]


def test_a_line_marks_zero_where_it_is_asked_for():
    (rule,) = [layer for layer in layers(DIFFERENCE) if layer.get("data")]
    assert (rule["mark"]["type"], rule["data"]["values"]) == ("rule", [{"y": 0}])
    assert not [layer for layer in layers(replace(DIFFERENCE, zero=False)) if layer.get("data")]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1.0, 1000.0, [1.0, 10.0, 100.0, 1000.0]),
        (1.0, 99.0, [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]),
        (0.0011, 0.0049, [0.002]),
        (3e-7, 2e-3, [1e-6, 1e-5, 1e-4, 1e-3]),
    ],
)
def test_ticks_of_a_logarithmic_axis(low, high, ticks):
    assert log_ticks(low, high) == ticks


@pytest.mark.parametrize(("value", "text"), [(0.04, "0.0"), (-0.04, "0.0"), (1.26, "+1.3"), (-1.26, "-1.3")])
def test_points_have_a_sign_unless_they_are_nothing(value, text):
    assert value_text(value, Format.POINTS) == text


def test_long_titles_take_several_lines():
    assert all(len(line) <= 44 for line in title_lines("a title of many words " * 9))
    assert " ".join(title_lines("a title of many words " * 9)) == ("a title of many words " * 9).strip()


def test_a_remark_names_five_points_and_counts_the_others():
    nowhere = replace(NOTHING, points=tuple(Point("a", n, None) for n in range(7)))
    assert _rows.words_on_left_out(nowhere).endswith("a at 3, a at 4 and 2 more.")
    assert _rows.words_on_left_out(SINGLE) == ""


def test_a_heat_map_has_every_pair_in_order_of_appearance():
    heat = HeatMap("h", "", "x", "y", Axis("v"), (Cell("b", "2", 1.5), Cell("a", "1", 2.0), Cell("a", "2", None)))
    rows = _heat_map.rows_of(heat)
    assert [(row["x"], row["y"], row["value"], row["text"]) for row in rows] == [
        ("b", "2", 1.5, "1.5"),
        ("a", "2", None, "-"),
        ("b", "1", None, "-"),
        ("a", "1", 2.0, "2"),
    ]
    encoding = _heat_map.heat_map_chart(heat).to_dict()["layer"][0]["encoding"]
    assert (encoding["x"]["sort"], encoding["y"]["sort"]) == (["b", "a"], ["2", "1"])


def test_a_heat_map_shows_interval_and_seeds():
    row = _heat_map.rows_of(GRID)[0]
    assert (row["text"], row["interval"], row["seeds"]) == ("30.0%", "[20.00%, 70.00%]", "5")


def test_differences_have_a_scale_with_zero_in_its_middle():
    (scale,) = [
        layer["encoding"]["color"]["scale"]
        for layer in _heat_map.heat_map_chart(LAYERS).to_dict()["layer"]
        if "scale" in layer["encoding"].get("color", {})
    ]
    assert scale["domain"] == [-7.0, 7.0]


@pytest.mark.parametrize("values", [(None, None), (0.0, 0.0), (nan, 1.0)])
@pytest.mark.parametrize("form", Format)
def test_heat_maps_of_odd_values_are_valid(values, form):
    cells = tuple(Cell(str(index), "row", value) for index, value in enumerate(values))
    chart = _heat_map.heat_map_chart(HeatMap("h", "", "x", "y", Axis("v", form), cells))
    json.dumps(chart.to_dict(), allow_nan=False)
