"""The measurements of growth work at their smallest sizes, and their page agrees with their file."""

import json
import sys
from pathlib import Path

import pytest

import growth
import growth_page
import growth_storing
from growth_curves import Curve, exponent, measured
from warmstart.store import TrialStore
from warmstart.studies import is_complete, read_study

ROOT = Path(__file__).parents[1]
RESULT = json.loads((ROOT / "benchmarks/results/growth.json").read_text())


@pytest.mark.parametrize("curve", growth.CURVES, ids=lambda curve: f"{curve.axis}: {curve.name}")
def test_every_cost_can_be_measured(curve, tmp_path):
    assert curve.prepare(min(curve.sizes), tmp_path)() > 0


@pytest.mark.parametrize("trials", [2, 6])
def test_a_prepared_study_is_one_that_the_library_reads(trials, tmp_path):
    study = growth_storing.study_of(trials, 3)
    growth_storing.stored(tmp_path, study, 3, 3)
    records = read_study(tmp_path)
    assert len(records.rounds) == 3 * trials
    assert is_complete(study, tmp_path)
    assert not is_complete(growth_storing.study_of(trials + 2, 3), tmp_path)


def test_rounds_are_added_to_a_trial_that_has_some(tmp_path):
    action = growth_storing.adding(20, tmp_path)
    action()
    (key,) = growth_storing.keys_of(growth_storing.study_of(2, 20)).trials["cold"]
    stored = TrialStore(tmp_path).read(key)
    assert stored is not None
    assert len(stored.rounds) == 20 + growth_storing.TIMES


def test_costs_are_measured_over_three_decades():
    spans = {(curve.axis, curve.name): curve.sizes[-1] / curve.sizes[0] for curve in growth.CURVES}
    assert {key: span for key, span in spans.items() if span < 1000} == {}
    assert len(spans) == len(growth.CURVES), "names are distinct"


def test_a_curve_has_the_repetitions_asked_for_and_its_exponent():
    linear = Curve("samples", "x", "y", (1, 10, 100, 1000), lambda size, _: lambda: 0.001 * size)
    found = measured(linear, repeats=3, sizes=linear.sizes)
    assert [point["seconds"] for point in found["points"]] == [[0.001 * size] * 3 for size in linear.sizes]
    assert found["exponent"] == pytest.approx(1)


def test_a_long_action_is_repeated_less_often():
    slow = Curve("samples", "x", "y", (1, 2), lambda size, _: lambda: 6.0 * size)
    counts = [len(point["seconds"]) for point in measured(slow, repeats=9, sizes=slow.sizes)["points"]]
    assert counts == [2, 1]


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_memory_is_that_of_the_action_alone():
    hungry = Curve(
        "samples", "x", "y", (32, 64), lambda size, _: lambda: float(len(bytearray(size * 2**20))), memory=True
    )
    small, large = (point["mebibytes"] for point in measured(hungry, repeats=1, sizes=hungry.sizes)["points"])
    assert 24 < small < 48 < large < 80


@pytest.mark.parametrize("power", [0, 0.5, 2])
def test_the_exponent_is_that_of_the_upper_two_decades(power):
    sizes = [1, 10, 100, 1000, 10_000]
    assert exponent(sizes, [7.0, 3.0, *(size**power for size in sizes[2:])]) == pytest.approx(power)


def test_the_page_agrees_with_its_file():
    assert (ROOT / "docs/growth.md").read_text() == growth_page.page(RESULT, growth.CURVES) + "\n"


def test_every_curve_is_in_the_file_and_on_a_chart():
    assert [(curve["axis"], curve["name"]) for curve in RESULT["curves"]] == [(c.axis, c.name) for c in growth.CURVES]
    for axis in growth_page.axes(RESULT):
        drawn = (ROOT / "docs/images" / growth_page.image_name(axis)).read_text()
        assert all(curve.name in drawn for curve in growth.CURVES if curve.axis == axis)


def test_the_charts_agree_with_the_file():
    spec = growth_page.chart("samples", RESULT).to_dict()
    rows = [row for layer in spec["layer"] for row in layer.get("data", {}).get("values", []) if "name" in row]
    first = RESULT["curves"][0]
    expected = [point["size"] for point in first["points"]]
    assert [row["size"] for row in rows if row["name"] == first["name"]][: len(expected)] == expected
