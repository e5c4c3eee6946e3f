"""The page on precision has the table of its file, and the file's differences follow from its seeds."""

import json
from pathlib import Path

import pytest

from warmstart.analysis import plain
from warmstart.statistics import describe_difference, mean_interval, paired_difference

ROOT = Path(__file__).parents[1]
FILE = "benchmarks/results/precision.json"
RESULT = json.loads((ROOT / FILE).read_text())
PAGE = (ROOT / "docs/precision.md").read_text()
UNITS = {
    "cold accuracy": ("%", "points", 100.0),
    "warm accuracy": ("%", "points", 100.0),
    "gap, cold - warm": ("points", "points", 100.0),
    "cold steps": ("steps", "steps", 1.0),
    "warm steps": ("steps", "steps", 1.0),
}


@pytest.mark.parametrize("name", UNITS)
def test_differences_in_the_file_follow_from_its_seeds(name):
    _, unit, scale = UNITS[name]
    found = RESULT["differences"][name]
    fp32, bf16 = ([seed[name] for seed in RESULT["seeds"][precision]] for precision in ("fp32", "bf16"))
    assert len(fp32) == len(bf16) == RESULT["n"]
    difference = paired_difference(bf16, fp32)
    for key, estimate in (("fp32", mean_interval(fp32)), ("bf16", mean_interval(bf16)), ("bf16 - fp32", difference)):
        assert found[key] == pytest.approx(plain(estimate))
    assert found["words"] == describe_difference(difference, unit=unit, scale=scale)


@pytest.mark.parametrize("name", UNITS)
def test_the_page_has_the_table_of_the_file(name):
    unit, _, scale = UNITS[name]
    found = RESULT["differences"][name]
    means = [
        f"{scale * one['mean']:.1f} {unit} ± {scale * (one['high'] - one['mean']):.1f}"
        for one in (found["fp32"], found["bf16"])
    ]
    assert f"| {' | '.join([name, *means, found['words']])} |" in PAGE.splitlines()


def test_the_page_names_its_file_and_the_commit_that_made_it():
    (commit,) = {made["commit"] for made in RESULT["provenance"].values()}
    assert FILE in PAGE
    assert commit in PAGE
