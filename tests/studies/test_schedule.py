"""First rounds that arms have in common: finished once, and the same as if each had finished its own."""

import os
import pickle
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from runs import ONE, TWO, StopError, interrupt, results
from warmstart.basics import InputError, StorageError
from warmstart.data import DataSource
from warmstart.diagnostics import Correlation, GradientNorms
from warmstart.models import MLP
from warmstart.penalties import EWC, L2
from warmstart.queries import Margin
from warmstart.store import RoundRecord, TrialStore, checkpoint_file, read_study_index
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Active, Growing, Part
from warmstart.studies import Arm, Study, StudyProgress, read_histories, read_study, run_study
from warmstart.studies._keys import trial_keys
from warmstart.training import OptimizerState, Recipe, StoppingRule
from warmstart.trial import first_start

FEW = Study(
    [Cold(), Warm(), Cold(scale=0.5), Arm(Warm(), penalty=EWC(3.0, samples=16))],
    data=DataSource(subset=120),
    architecture=MLP(width=12),
    stream=Growing(rounds=3),
    recipe=Recipe(learning_rate=0.003, batch_size=32),
    stop=StoppingRule(0.95, max_epochs=2),
    measurements=[Correlation(), GradientNorms()],
    seeds=2,
)
ONE_SEED = replace(FEW, seeds=1)
EWC_SPEC = "warm:penalty=ewc:penalty.strength=3:penalty.samples=16"
SHARED = {("cold", "warm"), ("cold", EWC_SPEC), ("warm", EWC_SPEC)}


def histories(directory):
    return read_histories(directory)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The results and histories of every arm as a study of its own."""
    records, known = [], {}
    for index, arm in enumerate(FEW.arms):
        directory = tmp_path_factory.mktemp("alone") / str(index)
        records += results(run_study(replace(FEW, arms=[arm]), directory, execution=ONE))
        known |= histories(directory)
    return ordered(records), known


@pytest.fixture(scope="module")
def expected(alone):
    """Those of the first seed."""
    return [record for record in alone[0] if record.seed == 0]


def ordered(records):
    return sorted(records, key=lambda record: (record.seed, record.arm, record.round))


def was_taken_over(directory):
    """Return which arms have the first round of another, as seconds show: no two trainings take the same."""
    rounds = [record for record in read_study(directory).rounds if record.round == 1]
    pairs = {(one.arm, other.arm, one.seed) for one in rounds for other in rounds if one.seconds == other.seconds}
    return {(one, other) for one, other, _ in pairs if one < other}


@pytest.mark.parametrize("execution", [ONE, TWO], ids=["one worker", "two workers"])
def test_shared_first_rounds_give_the_results_of_studies_of_single_arms(execution, alone, tmp_path):
    records = run_study(FEW, tmp_path / "study", execution=execution)
    assert ordered(results(records)) == alone[0]
    assert histories(tmp_path / "study") == alone[1]
    assert was_taken_over(tmp_path / "study") == SHARED


def test_what_has_first_rounds_in_common():
    arms = {
        "plain": [Cold(scale=0.5), Warm(), ShrinkPerturb(before_first_round=True), Cold()],
        "decayed": [Arm(Warm(), penalty=L2(0.1)), Arm(Cold(), penalty=L2(0.1))],
        "short": [Arm(Warm(), first_epochs=2), Arm(ShrinkPerturb(), first_epochs=2)],
        "kept": [Arm(Warm(), optimizer_state=OptimizerState.KEEP)],
        "kept cold": [Arm(Cold(), optimizer_state=OptimizerState.KEEP)],
        "fast": [Arm(Warm(), learning_rate=0.5)],
    }
    arms["plain"] += [Arm(Warm(), penalty=EWC(3.0)), Arm(Warm(), learning_rate=0.1, first_learning_rate=0.001)]
    study = Study([arm for group in arms.values() for arm in group])
    families = trial_keys(study, data=["digits"], signature="").families
    found = iter(families[label] for label in study.labels)
    groups = [{next(found) for _ in group} for group in arms.values()]
    assert [len(group) for group in groups] == [1] * len(groups)
    assert len(set.union(*groups)) == len(groups)


def test_keys_change_with_all_that_decides_numbers_and_with_nothing_else():
    study = replace(FEW, arms=[Cold(), Warm()])
    plain = trial_keys(study, data=["a"], signature="s").trials
    changes = {
        "stream": Growing(rounds=2),
        "stop": StoppingRule(0.9),
        "measurements": [],
        "architecture": MLP(width=13),
    }
    others = [
        trial_keys(replace(study, **{name: value}), data=["a"], signature="s").trials for name, value in changes.items()
    ]
    others += [trial_keys(study, data=["b"], signature="s").trials, trial_keys(study, data=["a"], signature="t").trials]
    keys = [key for trials in (plain, *others) for of_seeds in trials.values() for key in of_seeds]
    assert len(set(keys)) == len(keys) == 7 * 4
    longer = trial_keys(
        replace(study, seeds=5, arms=[Warm(), ShrinkPerturb(), Cold()]), data=["a"], signature="s"
    ).trials
    assert {label: of_seeds[:2] for label, of_seeds in longer.items() if label in plain} == plain


# 1: the leader's first round alone; 2, 3: that of one or both followers too; 4: its second round as well.
@pytest.mark.parametrize("rounds", [1, 2, 3, 4])
def test_an_interrupted_study_takes_over_what_is_left_to_take_over(rounds, expected, tmp_path):
    interrupt(ONE_SEED, tmp_path, rounds)
    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE))) == expected
    assert was_taken_over(tmp_path) == SHARED


def key_of(directory, arm, seed=0):
    return trial_keys_of(directory)[arm][seed]


def trial_keys_of(directory):
    return read_study_index(directory)["keys"]


def forget(directory, arm):
    store, key = TrialStore(directory), key_of(directory, arm)
    with store.lock(key):
        store.forget(key)


def test_those_whose_leader_lost_its_first_checkpoint_run_their_first_round_themselves(expected, tmp_path):
    interrupt(ONE_SEED, tmp_path, 5)
    for arm in ONE_SEED.labels[1:]:
        forget(tmp_path, arm)
    (tmp_path / checkpoint_file(key_of(tmp_path, "cold"), 1)).unlink()
    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE))) == expected
    assert ("cold", "warm") not in was_taken_over(tmp_path)


def test_a_leader_that_lost_its_checkpoint_runs_again_for_the_others(expected, tmp_path):
    interrupt(ONE_SEED, tmp_path, 1)
    (lost,) = (tmp_path / "checkpoints").rglob("*.safetensors")
    lost.unlink()
    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE))) == expected
    assert was_taken_over(tmp_path) == SHARED


def test_a_follower_that_lost_its_checkpoint_takes_its_first_round_over_again(expected, tmp_path):
    interrupt(ONE_SEED, tmp_path, 4)
    for path in (tmp_path / "checkpoints" / key_of(tmp_path, "warm")).glob("*"):
        path.unlink()
    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE))) == expected
    assert was_taken_over(tmp_path) == SHARED


def test_a_further_strategy_and_further_seeds_run_alone(alone, tmp_path):
    small = replace(FEW, arms=FEW.arms[:2], seeds=1)
    run_study(small, tmp_path, execution=ONE)
    heard = []
    records = run_study(FEW, tmp_path, execution=ONE, listener=heard.append)
    assert ordered(results(records)) == alone[0]
    new = {(event.arm, event.seed) for event in heard if isinstance(event, RoundRecord)}
    assert new == {(arm, seed) for arm in FEW.labels for seed in range(2)} - {("cold", 0), ("warm", 0)}
    assert was_taken_over(tmp_path) == SHARED
    smaller = run_study(small, tmp_path, execution=ONE, listener=heard.append)
    assert ordered(results(smaller)) == [r for r in alone[0] if r.seed == 0 and r.arm in small.labels]


RUNS = """
import pickle, sys
from warmstart.executors import Execution
from warmstart.studies import run_study
with open(sys.argv[1], "rb") as file:
    study = pickle.load(file)
run_study(study, sys.argv[2], execution=Execution(workers=1, device="cpu"))
"""


def test_two_processes_share_the_work(alone, tmp_path):
    (tmp_path / "asked").write_bytes(pickle.dumps(FEW))
    command = [sys.executable, "-c", RUNS, tmp_path / "asked", tmp_path / "study"]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(timeout=200) for process in processes] == [0, 0]
    assert ordered(results(read_study(tmp_path / "study"))) == alone[0]


def test_threads_of_one_process_run_their_studies_one_after_the_other(alone, tmp_path):
    found = {}

    def work(number):
        found[number] = results(run_study(FEW, tmp_path / str(number), execution=ONE))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ordered(found[number]) for number in range(2)] == [alone[0]] * 2


def test_studies_with_a_common_store_share_trials(alone, tmp_path):
    parts = [replace(FEW, arms=arms) for arms in (FEW.arms[:3], FEW.arms[1:])]
    counts, found = [], []
    for number, study in enumerate(parts):
        heard = []
        directory = tmp_path / "studies" / str(number)
        found += results(run_study(study, directory, store=tmp_path, execution=ONE, listener=heard.append))
        counts.append(len({(event.arm, event.seed) for event in heard if isinstance(event, RoundRecord)}))
        assert ordered(results(read_study(directory))) == [r for r in alone[0] if r.arm in study.labels]
    assert counts == [6, 2]


def test_a_file_system_without_second_names_gets_copies(expected, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE))) == expected
    assert was_taken_over(tmp_path) == SHARED


def test_a_diverged_first_round_is_taken_over_too(tmp_path):
    arms = [Arm(strategy, first_learning_rate=1e25) for strategy in (Cold(), Warm(), ShrinkPerturb())]
    study = replace(ONE_SEED, arms=arms)
    together = run_study(study, tmp_path / "together", execution=ONE)
    assert [record.stop_reason for record in together.rounds if record.round == 1] == ["diverged"] * 3
    single = [
        record
        for index, arm in enumerate(arms)
        for record in results(run_study(replace(study, arms=[arm]), tmp_path / str(index), execution=ONE))
    ]
    assert ordered(results(together)) == ordered(single)
    assert {record.stop_reason for record in together.rounds if record.round > 1} != {"diverged"}


def test_what_has_but_one_round_is_done_when_it_is_taken_over(tmp_path):
    study = replace(FEW, arms=[Cold(), Warm(), ShrinkPerturb()], stream=Part(0.5))
    records = run_study(study, tmp_path, execution=ONE)
    assert len(records.rounds) == 3 * 2
    assert len({(record.seed, record.score, record.seconds) for record in records.rounds}) == 2
    assert results(run_study(study, tmp_path, execution=ONE)) == results(records)


def test_followers_ask_their_own_models_after_the_first_round(tmp_path):
    study = replace(FEW, arms=[Cold(), Warm()], stream=Active(Margin(), rounds=3), seeds=1)
    together = results(run_study(study, tmp_path / "together", execution=ONE))
    single = [
        record
        for index, arm in enumerate(study.arms)
        for record in results(run_study(replace(study, arms=[arm]), tmp_path / str(index), execution=ONE))
    ]
    assert ordered(together) == ordered(single)


def test_a_damaged_checkpoint_is_named_and_deleting_it_is_a_way_out(expected, tmp_path):
    interrupt(ONE_SEED, tmp_path, 1)
    path = tmp_path / checkpoint_file(key_of(tmp_path, "cold"), 1)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    # The leader itself cannot be resumed, and the sentence names its file.
    with pytest.raises(InputError, match=rf"{path} cannot be read .* delete it to train this trial again"):
        run_study(ONE_SEED, tmp_path, execution=ONE)
    heard = []
    others = replace(ONE_SEED, arms=ONE_SEED.arms[1:])
    run_study(others, tmp_path, execution=ONE)  # so that the leader alone is left, with a first round of no use
    path.unlink()
    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE, listener=heard.append))) == expected
    assert next(event for event in heard if isinstance(event, StudyProgress)).done == 9


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_a_follower_does_without_a_first_round_that_cannot_be_read(how, expected, tmp_path, monkeypatch):
    run_study(ONE_SEED, tmp_path, execution=ONE)
    forget(tmp_path, "warm")
    path, heard = tmp_path / checkpoint_file(key_of(tmp_path, "cold"), 1), []

    def damage(*start):  # at the last moment: another study in the store may have no use for it
        path.unlink() if how == "gone" else path.write_bytes(path.read_bytes()[:-1] + b"?")
        return first_start(*start)

    monkeypatch.setattr("warmstart.studies._runner.first_start", damage)
    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE, listener=heard.append))) == expected
    (said,) = [event for event in heard if isinstance(event, str) and "round 1 is trained" in event]
    assert said.startswith("warm, seed 0: round 1 is trained, though cold has an equal one: The checkpoint ")


def test_a_trial_deleted_after_it_was_read_begins_again(expected, tmp_path):
    interrupt(ONE_SEED, tmp_path, 2)

    def delete(event):
        if isinstance(event, StudyProgress):
            for path in (tmp_path / "trials").iterdir():
                path.unlink()

    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE, listener=delete))) == expected


def test_a_failure_while_a_trial_is_prepared_leaves_no_lock(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise StorageError("no space")

    alone, heard = replace(ONE_SEED, arms=[Cold()]), []
    with monkeypatch.context() as patch:
        patch.setattr(TrialStore, "open", fail)
        with pytest.raises(StorageError) as caught:
            run_study(alone, tmp_path, execution=ONE)
    with pytest.raises(StopError):
        run_study(alone, tmp_path, execution=ONE, listener=lambda event: stop_waiting(heard, event))
    assert isinstance(heard[-1], RoundRecord)
    del caught  # until here, as in a notebook, all that failed is still there with its traceback


def stop_waiting(heard, event):
    heard.append(event)
    if isinstance(event, RoundRecord) or str(event).startswith("Waiting"):
        raise StopError


def test_a_study_returns_its_own_results_though_another_process_lets_it_grow(tmp_path):
    grown = replace(ONE_SEED, seeds=2, arms=ONE_SEED.arms[:2])
    begun = []

    def grow(event):
        if isinstance(event, RoundRecord) and not begun:
            begun.append(event)
            with pytest.raises(StopError):
                run_study(grown, tmp_path, execution=ONE, listener=lambda event: stop_waiting([], event))

    records = run_study(replace(grown, seeds=1), tmp_path, execution=ONE, listener=grow)
    assert (records.seeds_expected, len(records.rounds)) == (1, 6)
    assert read_study(tmp_path).seeds_expected == 2
