"""What a study would take, said before it runs."""

import time
from dataclasses import replace

import numpy as np
import pytest

from runs import ONE, TWO, interrupt
from warmstart.analysis import AutoSeeds
from warmstart.basics import InputError
from warmstart.data import Dataset, DataSource, LabelledArrays
from warmstart.executors import Execution
from warmstart.models import MLP, LogisticRegression
from warmstart.strategies import Cold, Warm
from warmstart.streams import Active, Growing, TwoPhase
from warmstart.studies import Study, estimate, run_study
from warmstart.studies._estimate import Timing
from warmstart.training import StoppingRule
from warmstart.trial import TrainOn

FIXED = StoppingRule(train_accuracy=None, patience=None, max_epochs=4)
FEW = Study(
    [Cold(), Warm()],
    data=DataSource(subset=300),
    architecture=LogisticRegression(),
    stream=Growing(rounds=4),
    stop=StoppingRule(max_epochs=10),
    seeds=3,
)


class OwnLearner:
    """A learner of the user's own, as bare as can be."""

    def build(self, data, seed):
        from torch import nn

        return nn.Linear(64, 10)

    def train(self, model, round):
        raise AssertionError("an estimate does not train it")

    def evaluate(self, model, data):
        raise AssertionError("an estimate does not evaluate it")


def test_it_counts_what_the_study_consists_of():
    found = estimate(FEW, execution=ONE)
    assert (found.strategies, found.seeds, found.rounds, found.stored_rounds) == (2, (3, 3), 4, 0)
    assert found.arrivals == (50, 50, 50, 50)
    assert (found.data["fit_samples"], found.data["evaluation_samples"]) == (200, 100)
    assert found.epochs == (1, 10)
    assert (found.workers, found.device, found.parameters) == (1, "cpu", 650)
    assert not found.from_stored


def seconds_of(study, directory=None, *, execution=ONE):
    found = estimate(study, directory, execution=execution).seconds
    assert found is not None
    return found


@pytest.fixture
def paced(monkeypatch):
    """Every step takes a millisecond per sample that it trains on, and a tenth of one per sample evaluated."""
    monkeypatch.setattr(
        "warmstart.studies._estimate._timings",
        lambda study, *_: {label: Timing(1e-3, 1e-4, 650, 2**20) for label in study.labels},
    )


@pytest.mark.parametrize(("changes", "passes"), [
    ({"stop": FIXED}, (4 * 500, 4 * 500)),
    ({}, (500, 10 * 500)),
    ({"stop": StoppingRule(max_epochs=10, max_steps=2)}, (500, 2 * (50 + 100 + 128 + 128))),
    ({"stop": FIXED, "train_on": TrainOn.ARRIVAL}, (4 * 200, 4 * 200)),
    ({"stop": FIXED, "stream": TwoPhase()}, (4 * 300, 4 * 300)),
])  # fmt: skip
def test_samples_times_epochs_are_what_takes_time(changes, passes, paced):
    study = replace(FEW, **changes)
    rounds = 2 if "stream" in changes else 4
    for found, of_trial in zip(seconds_of(study), passes, strict=True):
        assert found == pytest.approx(2 * 3 * (1e-3 * of_trial + 1e-4 * 100 * rounds))


def test_trials_side_by_side_share_the_time(paced):
    one, two = (seconds_of(replace(FEW, stop=FIXED), execution=execution)[0] for execution in (ONE, TWO))
    assert two == pytest.approx(one / 2)
    many = Execution(workers=64, device="cpu")  # of which only six have something to do
    assert seconds_of(replace(FEW, stop=FIXED), execution=many)[0] == pytest.approx(one / 6)


def test_a_fixed_number_of_epochs_leaves_no_range():
    found = estimate(replace(FEW, stop=FIXED), execution=ONE)
    assert found.epochs == (4, 4)
    assert found.seconds is not None
    assert found.seconds[0] == found.seconds[1]


def test_it_is_about_what_the_study_then_takes(tmp_path):
    study = replace(FEW, architecture=MLP(width=256), data=DataSource(), stop=replace(FIXED, max_epochs=8))
    expected, _ = seconds_of(study)
    run_study(study, tmp_path / "study", execution=ONE)
    began = time.perf_counter()
    run_study(replace(study, seeds=6), tmp_path / "study", execution=ONE)  # three seeds more
    taken = time.perf_counter() - began
    # On a machine that does other things as well; a wrong unit or a forgotten factor is off by more.
    assert taken / 5 < expected < taken * 5


def test_every_worker_takes_memory():
    one, two = (estimate(FEW, execution=execution).memory_bytes for execution in (ONE, TWO))
    assert one is not None
    assert two is not None
    assert one > 100 * 2**20
    assert two > one + 100 * 2**20


def test_stored_rounds_are_not_run_again_and_tell_the_pace(tmp_path):
    interrupt(FEW, tmp_path, 8)
    found = estimate(FEW, tmp_path, execution=ONE)
    assert found.stored_rounds == 8
    assert found.from_stored
    assert found.seconds[0] == found.seconds[1]
    records = run_study(replace(FEW, seeds=1), tmp_path, execution=ONE).rounds
    pace = {
        arm: sum(one.seconds for one in records if one.arm == arm) / sum(50 * number for number in (1, 2, 3, 4))
        for arm in FEW.labels
    }
    assert found.seconds[0] == pytest.approx(sum(2 * 500 * rate for rate in pace.values()))
    run_study(FEW, tmp_path, execution=ONE)
    complete = estimate(FEW, tmp_path, execution=ONE)
    assert (complete.stored_rounds, complete.seconds) == (24, (0, 0))


def test_a_strategy_without_stored_rounds_is_expected_to_take_what_the_others_did(tmp_path):
    run_study(replace(FEW, arms=[Cold()], seeds=2), tmp_path, execution=ONE)
    found = estimate(replace(FEW, seeds=2), tmp_path, execution=ONE)
    assert found.stored_rounds == 8
    assert found.from_stored
    assert found.seconds[0] > 0


def test_nothing_is_written(tmp_path):
    estimate(FEW, tmp_path / "new", execution=TWO)
    assert not list(tmp_path.iterdir())
    interrupt(FEW, tmp_path / "begun", 2)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    estimate(replace(FEW, seeds=5), tmp_path / "begun", execution=ONE)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_results_decide_between_fewest_and_most_seeds():
    found = estimate(replace(FEW, seeds=AutoSeeds(max=21), stop=FIXED), execution=ONE)
    assert found.seeds == (7, 21)
    assert found.seconds[1] == pytest.approx(3 * found.seconds[0])


def test_data_in_memory_are_described():
    generator = np.random.default_rng(0)
    part = LabelledArrays(generator.normal(size=(60, 5)).astype(np.float32), generator.integers(0, 2, 60))
    data = Dataset("mine", part, None, ("no", "yes"), notes=("row is left out: it numbers the rows",))
    found = estimate(replace(FEW, data=DataSource(), stream=TwoPhase()), dataset=data, execution=ONE)
    assert (found.data["name"], found.data["train_samples"], found.rounds) == ("mine", 60, 2)
    assert found.notes == ("row is left out: it numbers the rows",)


def test_streams_that_ask_and_a_source_are_counted():
    asking = estimate(replace(FEW, stream=Active(rounds=4)), execution=ONE)
    assert asking.arrivals == (50, 50, 50, 50)
    source = estimate(replace(FEW, source=DataSource(subset=200)), execution=ONE)
    assert (source.rounds, len(source.arrivals)) == (5, 4)


def test_of_a_learner_of_ones_own_nothing_is_known_before_a_round():
    found = estimate(Study([Cold(), Warm()], learner=OwnLearner(), seeds=2), execution=ONE)
    assert (found.epochs, found.seconds, found.memory_bytes) == (None, None, None)
    assert found.rounds == 5


def test_what_cannot_be_run_cannot_be_estimated(tmp_path):
    with pytest.raises(InputError, match="arrival_size must be at most 200"):
        estimate(replace(FEW, stream=Growing(arrival_size=1000)), execution=ONE)
    interrupt(FEW, tmp_path, 1)
    with pytest.raises(InputError, match="contains a different study"):
        estimate(replace(FEW, stream=TwoPhase()), tmp_path, execution=ONE)


def test_an_estimate_leaves_random_numbers_and_threads_as_they_were(untouched_globals):
    estimate(FEW, execution=ONE)
