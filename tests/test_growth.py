"""Costs can be measured, growth that is too steep is seen, and the page on growth agrees with its file."""

import json
import re
import statistics
from pathlib import Path

import pytest
import torch
from torch.utils.benchmark import Timer

from bench import _costs as costs
from bench._costs import CURVES, Curve
from bench.parts import PARTS
from bench.parts.growth import exponent, measured
from warmstart.store import TrialStore
from warmstart.studies import is_complete, read_study

ROOT = Path(__file__).parents[1]
RESULT = json.loads((ROOT / "benchmarks/results/growth.json").read_text())
PAGE = (ROOT / "docs/growth.md").read_text()


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: f"{curve.axis}: {curve.name}")
def test_every_cost_can_be_measured(curve, tmp_path):
    assert curve.prepare(min(curve.sizes), tmp_path).timeit(1).median > 0


@pytest.mark.parametrize("trials", [2, 6])
def test_a_prepared_study_is_one_that_the_library_reads(trials, tmp_path):
    study = costs.study_of(trials, 3)
    costs.stored(tmp_path, study, 3, 3)
    records = read_study(tmp_path)
    assert len(records.rounds) == 3 * trials
    assert is_complete(study, tmp_path)
    assert not is_complete(costs.study_of(trials + 2, 3), tmp_path)


def test_rounds_are_added_to_a_trial_that_has_some(tmp_path):
    costs.adding(20, tmp_path).timeit(5)
    (key,) = costs.keys_of(costs.study_of(2, 20)).trials["cold"]
    stored = TrialStore(tmp_path).read(key)
    assert stored is not None
    assert len(stored.rounds) >= 25


def test_the_clock_of_a_study_stands_still_while_it_trains(tmp_path, monkeypatch):
    clock, rounds = [0.0], 2

    def run_study(*arguments, **options):
        clock[0] += 7.5
        return type("Records", (), {"rounds": [type("Round", (), {"seconds": 3.0})] * rounds})

    monkeypatch.setattr(costs.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(costs.ws, "run_study", run_study)
    assert costs.beside_training(rounds, tmp_path).timeit(1).median == pytest.approx(1.5)


def test_costs_are_measured_over_three_decades():
    spans = {(curve.axis, curve.name): curve.sizes[-1] / curve.sizes[0] for curve in CURVES}
    assert {key: span for key, span in spans.items() if span < 1000} == {}
    assert len(spans) == len(CURVES), "names are distinct"


@pytest.mark.parametrize("power", [0, 0.5, 2])
def test_the_exponent_is_that_of_the_upper_two_decades(power):
    sizes = [1, 10, 100, 1000, 10_000]
    assert exponent(sizes, [7.0, 3.0, *(size**power for size in sizes[2:])]) == pytest.approx(power)


@pytest.mark.parametrize(("power", "fails"), [(0.9, False), (1.2, False), (1.5, True), (2, True)])
def test_a_cost_that_grows_faster_than_its_size_stops_a_release(power, fails):
    def prepare(size, _):
        clock = [0.0]

        def work():
            clock[0] += 0.001 * size**power

        return Timer("work()", globals={"work": work}, timer=lambda: clock[0])

    curve = Curve(CURVES[0].axis, CURVES[0].name, (1, 10, 100, 1000), prepare)
    found = measured(curve, curve.sizes, longest=1)
    assert found["exponent"] == pytest.approx(power)
    (gate,) = PARTS["growth"].gates({"curves": [found]}).values()
    assert gate.fails(None) is fails


def test_what_is_measured_leaves_the_number_of_threads(tmp_path):
    before = torch.get_num_threads()
    CURVES[0].prepare(1000, tmp_path).timeit(1)
    assert torch.get_num_threads() == before


def _digits(value):
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def _seconds(point):
    median = statistics.median(point["seconds"])
    unit, size = next(((u, s) for u, s in (("µs", 1e-6), ("ms", 1e-3)) if median < 1000 * s), ("s", 1.0))
    shown = [_digits(value / size) for value in (median, min(point["seconds"]), max(point["seconds"]))]
    return f"{shown[0]} {unit} [{shown[1]}, {shown[2]}]"


def _row(curve):
    first, *_, last = curve["points"]
    memory = f"{last['mebibytes']:,.0f} MiB" if "mebibytes" in last else ""
    sizes = f"{first['size']:,} to {last['size']:,}"
    return f"| {curve['name']} | {sizes} | {_seconds(first)} | {_seconds(last)} | {curve['exponent']:.2f} | {memory} |"


@pytest.mark.parametrize("axis", dict.fromkeys(curve["axis"] for curve in RESULT["curves"]))
def test_the_page_agrees_with_its_file(axis):
    section = PAGE.split(f"## With {axis}\n")[1].split("\n## ")[0]
    curves = [curve for curve in RESULT["curves"] if curve["axis"] == axis]
    assert re.findall(r"^\| .* \|$", section, re.MULTILINE)[2:] == [_row(curve) for curve in curves]
    drawn = (ROOT / f"docs/images/growth-{axis}.svg").read_text()
    assert f"](images/growth-{axis}.svg)" in section
    assert all(curve["name"] in drawn for curve in curves)
    assert RESULT["provenance"]["commit"] in PAGE


def test_what_a_release_measures_again_was_recorded_under_the_same_name():
    recorded = {(curve["axis"], curve["name"]) for curve in RESULT["curves"]}
    assert {(curve.axis, curve.name) for curve in CURVES} <= recorded
    assert {curve.name for curve in CURVES if curve.limit < 1} == {"adding a round"}
    steep = {(c.axis, c.name): c.limit for c in CURVES}
    assert [c["name"] for c in RESULT["curves"] if c["exponent"] > steep.get((c["axis"], c["name"]), 2)] == []
