"""The page on stopping has the tables of its file."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILE = "benchmarks/results/stopping.json"
RESULTS = json.loads((ROOT / FILE).read_text())["results"]
PAGE = (ROOT / "docs/stopping.md").read_text()


@pytest.mark.parametrize(
    ("name", "factor", "form"), [("accuracy", 100.0, ".1f"), ("log loss", 1.0, ".3f"), ("steps", 1.0, ".0f")]
)
def test_the_page_has_the_tables_of_its_file(name, factor, form):
    heads = [f"{data} (n = {found['99 %']['n']})" for data, found in RESULTS.items()]
    lines = [f"| {name} | {' | '.join(heads)} |", f"|---|{'---|' * len(RESULTS)}"]
    for rule in next(iter(RESULTS.values())):
        numbers = [found[rule][name] for found in RESULTS.values()]
        halves = [(one["mean"] * factor, (one["high"] - one["mean"]) * factor) for one in numbers]
        lines.append(f"| {rule} | {' | '.join(f'{mean:{form}} ± {half:{form}}' for mean, half in halves)} |")
    assert "\n".join(lines) in PAGE
    assert FILE in PAGE
