"""The simulation of trials and years works at its smallest, and the page and the code agree with its file."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import licence_simulation as simulation
from recorded_page import filled
from warmstart.retrain import _policy

ROOT = Path(__file__).parents[1]
RESULT = json.loads((ROOT / "results/licence-simulation.json").read_text())
PAGE = (ROOT / "docs/judging.md").read_text()


@pytest.fixture(scope="module")
def tiny():
    return simulation.simulated(trials=20, years=1)


def test_everything_that_the_page_shows_is_simulated(tiny):
    assert {key: len(value) for key, value in tiny.items() if key.startswith("by_")} == {
        key: len(value) for key, value in RESULT.items() if key.startswith("by_")
    }
    assert all(0 <= one["licensed"] <= 20 and 0 < one["audits"] <= 20 for one in tiny["by_loss"])
    assert json.loads(json.dumps(tiny)) == tiny


def test_the_same_seed_simulates_the_same(tiny):
    again = simulation.simulated(trials=20, years=1)
    assert {**again, "provenance": None} == {**tiny, "provenance": None}


@pytest.mark.parametrize("name", simulation.SHAPES)
def test_the_shapes_have_mean_0_and_variance_1(name):
    drawn = simulation.SHAPES[name](np.random.default_rng(0), (200_000,))
    skewness = float(re.sub(r"[^-\d]", "", name) or 0)
    assert np.mean(drawn) == pytest.approx(0, abs=0.01)
    assert np.var(drawn) == pytest.approx(1, abs=0.03)
    assert np.mean(drawn**3) == pytest.approx(skewness, abs=0.15)


def test_the_page_agrees_with_its_file():
    blocks = simulation.blocks(RESULT)
    assert all(f"<!-- {name} -->" in PAGE for name in blocks)
    assert filled(PAGE, blocks) == PAGE


def share(key, **of):
    (found,) = (one for one in RESULT[key] if all(one[name] == value for name, value in of.items()))
    return found["licensed"] / RESULT["trials"]


def test_what_the_policy_says_of_itself_is_in_the_file():
    said = re.search(r"the tolerance (\d+) % end .* (\d+) % at a skewness of -1, (\d+) % at -2",
                     " ".join(_policy.PolicyState.after_difference.__doc__.split()))  # fmt: skip
    shares = [share("by_shape", shape=name) for name in ("normal", "skewness -1", "skewness -2")]
    assert [int(one) for one in said.groups()] == [round(100 * one) for one in shares]
    (audits,) = (one["audits"] for one in RESULT["by_loss"] if (one["loss"], one["noise"]) == (1.0, 2.0))
    assert round(audits) == 7


def test_the_promise_of_a_tenth_holds_in_the_file_but_for_skewed_losses():
    slack = 2 * (0.1 * 0.9 / RESULT["trials"]) ** 0.5
    assert all(share("by_loss", loss=1.0, noise=noise) < 0.1 + slack for noise in simulation.NOISES)
    assert all(one["counted"]["licensed"] / RESULT["trials"] < 0.1 + slack for one in RESULT["by_rows"])
    assert share("by_loss", loss=0.0, noise=1.0) > 0.9
