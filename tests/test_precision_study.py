"""The study of bfloat16 beside float32 works at its smallest, and its page agrees with its file."""

import json
from pathlib import Path

import pytest

import precision
from bench._tables import Table, as_markdown
from recorded import nearly
from warmstart.store import RoundRecord, StudyRecords

ROOT = Path(__file__).parents[1]
RESULT = json.loads((ROOT / "benchmarks/results/precision.json").read_text())
PAGE = (ROOT / "docs/precision.md").read_text()


def test_both_precisions_are_paired_by_seed(tmp_path):
    file = tmp_path / "result.json"
    precision.main([
        "--data", "digits", "--subset", "120", "--width", "2", "--max-epochs", "1", "--seeds", "2",
        "--directory", str(tmp_path / "studies"), "--json", str(file),
    ])  # fmt: skip
    result = json.loads(file.read_text())
    assert {name: len(seeds) for name, seeds in result["seeds"].items()} == {"fp32": 2, "bf16": 2}
    assert {name: made["precision"] for name, made in result["provenance"].items()} == {"fp32": "fp32", "bf16": "bf16"}
    assert result["n"] == 2
    assert all(found["bf16 - fp32"]["n"] == 2 for found in result["differences"].values())


def record(arm, number, accuracy, seed=0):
    return RoundRecord(arm, seed, number, 9, 9, accuracy, {}, 0.9, "converged", 1, 10 * number, 9, None, 9.0, 1.0)


def records(cold, warm):
    rounds = [record("cold", 1, 0.1), record("cold", 2, cold), record("warm", 1, 0.1), record("warm", 2, warm)]
    return StudyRecords({}, ("cold", "warm"), 2, 1, tuple(rounds), {}, {})


def test_a_seed_gives_the_last_rounds_accuracy_and_all_rounds_steps():
    (seed,) = precision.measured(records(0.75, 0.5))
    assert list(seed.values()) == [0.75, 0.5, 0.25, 30, 30]


def test_a_seed_that_diverged_has_no_gap():
    (seed,) = precision.measured(records(0.75, None))
    assert list(seed.values()) == [0.75, None, None, 30, 30]


def test_the_difference_is_that_of_bfloat16_to_float32():
    seeds = {"fp32": [0.5, 0.6, 0.7], "bf16": [0.4, 0.51, 0.59]}
    by_precision = {
        name: [dict.fromkeys(precision.MEASURES, value) for value in values] for name, values in seeds.items()
    }
    found = precision.compared(by_precision)["cold accuracy"]
    assert found["bf16 - fp32"]["mean"] == pytest.approx(-0.1)
    assert found["words"].startswith("lower by 10.0 points [")


def test_the_page_has_the_table_of_the_file():
    header, *rows = precision.table(RESULT)
    assert as_markdown(Table("", header, rows)) in PAGE
    assert "benchmarks/results/precision.json" in PAGE


def test_differences_in_the_file_follow_from_its_seeds():
    assert precision.compared(RESULT["seeds"]) == nearly(RESULT["differences"])
    assert {len(seeds) for seeds in RESULT["seeds"].values()} == {RESULT["n"]}
