"""Studies whose results decide how many seeds there are."""

import os
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest

from runs import LANES, ONE, TWO, StopError, interrupt, results
from warmstart.analysis import AutoSeeds, summarize
from warmstart.basics import InputError
from warmstart.data import DataSource
from warmstart.models import MLP, LogisticRegression
from warmstart.store import RoundRecord
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import TwoPhase
from warmstart.studies import (
    Study,
    StudyProgress,
    read_study,
    read_study_file,
    run_study,
    study_from_dict,
    study_to_dict,
)
from warmstart.training import Recipe, StoppingRule

# What hardly learns is far behind: that takes few seeds to see. How far warm starts are ahead takes more.
FEW = Study(
    [Cold(), "cold:learning-rate=1e-9"],
    data=DataSource(subset=200),
    architecture=LogisticRegression(),
    stream=TwoPhase(),
    recipe=Recipe(learning_rate=0.002, batch_size=32),
    stop=StoppingRule(0.99, max_epochs=2),
    seeds=AutoSeeds(max=14, width=1.0),
)
MORE = replace(FEW, arms=[Cold(), Warm(), ShrinkPerturb(shrink=0.1)], seeds=AutoSeeds(max=14, width=40.0))


@pytest.fixture(scope="module")
def fixed(tmp_path_factory):
    """The results of as many seeds as there may be."""
    return results(run_study(replace(MORE, seeds=14), tmp_path_factory.mktemp("fixed") / "study", execution=ONE))


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return run_study(MORE, tmp_path_factory.mktemp("auto") / "study", execution=ONE)


def seeds_of(records):
    return sorted({record.seed for record in records.rounds})


def test_it_ends_with_the_first_seeds_that_are_enough(expected, fixed):
    count = expected.seeds_expected
    assert 7 < count < 14
    assert seeds_of(expected) == list(range(count))
    assert results(expected) == [record for record in fixed if record.seed < count]
    summary = summarize(expected)
    assert summary.complete
    found = [difference.interval for arm in summary.arms if (difference := arm.score_difference)]
    assert len(found) == 2
    widths = [interval for interval in found if interval is not None]
    assert len(widths) == 2
    assert all(high < 0 or low > 0 or 100 * (high - low) < 40 for low, high in widths)


def test_a_clear_difference_takes_fewest_seeds(tmp_path):
    heard = []
    fast = replace(FEW, recipe=Recipe(learning_rate=0.05))
    records = run_study(fast, tmp_path, execution=ONE, listener=heard.append)
    assert records.seeds_expected == 8
    said = [event for event in heard if isinstance(event, str) and "seeds" in event]
    assert said[0].startswith("7 seeds done; interval of cold:learning-rate=1e-09 - cold [")
    assert said[1].startswith("8 seeds are enough")
    assert [(event.done, event.total) for event in heard if isinstance(event, StudyProgress)] == [(0, 28), (28, 32)]
    assert len([event for event in heard if isinstance(event, RoundRecord)]) == 32


@pytest.mark.parametrize("execution", [TWO, LANES], ids=["two workers", "lanes"])
def test_several_at_a_time_end_with_the_same_seeds(execution, expected, tmp_path):
    heard = []
    records = run_study(MORE, tmp_path, execution=execution, listener=heard.append)
    assert results(records) == results(expected)
    assert records.seeds_expected == expected.seeds_expected
    assert results(read_study(tmp_path)) == results(expected)
    last = [event for event in heard if isinstance(event, StudyProgress)][-1]
    assert (last.done, last.total, set(last.left.values())) == (last.total, len(expected.rounds), {0})


@pytest.mark.parametrize("rounds", [5, 41, 45, 58])
def test_an_interrupted_study_resumes_to_the_same_seeds(rounds, expected, tmp_path):
    interrupt(MORE, tmp_path, rounds)
    assert not summarize(read_study(tmp_path)).complete
    assert results(run_study(MORE, tmp_path, execution=ONE)) == results(expected)


def test_a_complete_study_is_only_read(expected, tmp_path, monkeypatch):
    run_study(MORE, tmp_path, execution=ONE)
    monkeypatch.setattr("warmstart.studies._study_data.load", lambda *_, **__: pytest.fail("nothing is left to train"))
    assert results(run_study(MORE, tmp_path)) == results(expected)


def test_further_seeds_of_another_study_do_not_count(expected, tmp_path):
    run_study(replace(MORE, seeds=12), tmp_path, execution=ONE)
    heard = []
    records = run_study(MORE, tmp_path, execution=ONE, listener=heard.append)
    assert results(records) == results(expected)
    assert not [event for event in heard if isinstance(event, RoundRecord)]
    # And the other way round: what was decided first is only part of what is asked for then.
    grown = run_study(replace(MORE, seeds=9), tmp_path, execution=ONE)
    assert grown.seeds_expected == 9
    assert seeds_of(grown) == list(range(9))


def test_a_wider_rule_needs_fewer_of_the_stored_seeds(tmp_path):
    narrow = run_study(replace(MORE, seeds="auto:max=12:width=0.5"), tmp_path, execution=ONE)
    assert narrow.seeds_expected == 12
    heard = []
    wide = run_study(replace(MORE, seeds="auto:max=20:width=40"), tmp_path, execution=ONE, listener=heard.append)
    assert wide.seeds_expected < 12
    assert not [event for event in heard if isinstance(event, RoundRecord)]
    assert study_from_dict(read_study_file(tmp_path / "study.toml")).seeds == AutoSeeds(20, 40.0)


RUNS = """
import pickle, sys
from warmstart.executors import Execution
from warmstart.studies import run_study
with open(sys.argv[1], "rb") as file:
    study = pickle.load(file)
print(run_study(study, sys.argv[2], execution=Execution(workers=1, device="cpu")).seeds_expected)
"""


def test_two_processes_end_with_the_same_seeds(expected, tmp_path):
    (tmp_path / "asked").write_bytes(pickle.dumps(MORE))
    command = [sys.executable, "-c", RUNS, tmp_path / "asked", tmp_path / "study"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) for _ in range(2)]
    said = [process.communicate(timeout=200)[0] for process in processes]
    assert [int(text) for text in said] == [expected.seeds_expected] * 2
    assert results(read_study(tmp_path / "study")) == results(expected)


def test_a_seed_whose_training_diverged_is_no_pair(tmp_path):
    sgd = Recipe(optimizer="sgd", learning_rate=0.01)
    study = replace(
        FEW, architecture=MLP(width=8), recipe=sgd, arms=[Cold(), "warm:learning-rate=1e25"], seeds=AutoSeeds(max=8)
    )
    heard = []
    records = run_study(study, tmp_path, execution=ONE, listener=heard.append)
    assert records.seeds_expected == 8
    assert "8 seeds done, the most allowed; too few pairs of warm:learning-rate=1e+25 and cold" in str(heard[-1])


def test_a_listener_that_fails_leaves_no_lock(expected, tmp_path):
    def stop(event):
        if isinstance(event, str) and event.startswith("7 seeds done"):
            raise StopError

    with pytest.raises(StopError):
        run_study(MORE, tmp_path, execution=ONE, listener=stop)
    assert results(run_study(MORE, tmp_path, execution=ONE)) == results(expected)


def test_a_study_says_so_in_its_file_and_comes_back():
    assert study_to_dict(MORE)["seeds"] == "auto:max=14:width=40"
    assert study_from_dict(study_to_dict(MORE)) == MORE
    assert replace(MORE, seeds="auto") == replace(MORE, seeds=AutoSeeds())
    assert MORE.max_seeds == 14
    assert replace(MORE, seeds=3).max_seeds == 3


def test_a_single_strategy_has_nothing_that_could_decide():
    with pytest.raises(InputError, match="seeds must be a number for a single strategy"):
        Study([Cold()], seeds="auto")
