"""First rounds that arms have in common: finished once, and the same as if each had finished its own."""

import os
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from runs import ONE, TWO, interrupt, results
from warmstart.data import DataSource
from warmstart.diagnostics import Correlation, GradientNorms
from warmstart.models import MLP
from warmstart.penalties import EWC, L2
from warmstart.queries import Margin
from warmstart.store import RoundRecord, Store
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Active, Growing, Part
from warmstart.studies import Arm, Study, run_study
from warmstart.studies._first_rounds import first_rounds
from warmstart.training import OptimizerState, Recipe, StoppingRule

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
    return Store(directory).histories()


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
    """Return which arms have the first round of another, which seconds tell: no two trainings take the same."""
    rounds = [record for record in Store(directory).rounds() if record.round == 1]
    pairs = {(one.arm, other.arm, one.seed) for one in rounds for other in rounds if one.seconds == other.seconds}
    return {(one, other) for one, other, _ in pairs if one < other}


@pytest.mark.parametrize("execution", [ONE, TWO], ids=["one worker", "two workers"])
def test_shared_first_rounds_give_the_results_of_studies_of_single_arms(execution, alone, tmp_path):
    records = run_study(FEW, tmp_path / "study", execution=execution)
    assert ordered(results(records)) == alone[0]
    assert histories(tmp_path / "study") == alone[1]
    assert was_taken_over(tmp_path / "study") == SHARED


def test_who_takes_over_from_whom():
    arms = [
        Cold(scale=0.5),
        Warm(),
        ShrinkPerturb(before_first_round=True),
        Cold(),
        Arm(Warm(), penalty=L2(0.1)),
        Arm(Warm(), first_epochs=2),
        Arm(Cold(), penalty=L2(0.1)),
        Arm(Warm(), optimizer_state=OptimizerState.KEEP),
        Arm(ShrinkPerturb(), first_epochs=2),
        Arm(Warm(), learning_rate=0.5),
        Arm(Warm(), learning_rate=0.5, first_learning_rate=0.001),
    ]
    assert first_rounds(Study(arms)) == {
        "cold": "warm",
        "cold:penalty=l2:penalty.strength=0.1": "warm:penalty=l2:penalty.strength=0.1",
        "shrink-perturb:first-epochs=2": "warm:first-epochs=2",
        "warm:learning-rate=0.5:first-learning-rate=0.001": "warm",
    }


# 1: the leader's first round alone; 2, 3: that of one or both followers too; 4: its second round as well.
@pytest.mark.parametrize("rounds", [1, 2, 3, 4])
def test_an_interrupted_study_takes_over_what_is_left_to_take_over(rounds, expected, tmp_path):
    interrupt(ONE_SEED, tmp_path, rounds)
    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE))) == expected
    assert was_taken_over(tmp_path) == SHARED


def test_those_whose_leader_has_gone_on_play_their_first_round_themselves(expected, tmp_path):
    """As in a store from before first rounds were shared."""
    interrupt(ONE_SEED, tmp_path, 5)
    with closing(sqlite3.connect(tmp_path / "results.sqlite")) as connection, connection:
        connection.execute("DELETE FROM round WHERE arm != 'cold'")
    assert Store(tmp_path).last_round("cold", 0)[0] > 1
    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE))) == expected
    seconds = {r.arm: r.seconds for r in Store(tmp_path).rounds() if (r.round, r.seed) == (1, 0)}
    assert len(set(seconds.values())) == len(seconds)


def test_a_leader_that_lost_its_checkpoint_plays_again_and_hands_on(expected, tmp_path):
    interrupt(ONE_SEED, tmp_path, 1)
    (lost,) = (tmp_path / "checkpoints").rglob("*.safetensors")
    lost.unlink()
    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE))) == expected
    assert was_taken_over(tmp_path) == SHARED


def test_a_follower_that_lost_its_checkpoint_plays_its_first_round_itself(expected, tmp_path):
    interrupt(ONE_SEED, tmp_path, 4)
    finished = Store(tmp_path).finished("warm", 0, 1)
    assert finished is not None
    (tmp_path / finished.checkpoint).unlink()
    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE))) == expected


def test_followers_that_are_ahead_of_their_leader_are_left_alone(expected, tmp_path):
    """As two workers leave it that are stopped while the leader's second round takes its time."""
    interrupt(ONE_SEED, tmp_path, 1)
    first = tmp_path / str(Store(tmp_path).last_round("cold", 0)[1])
    content = first.read_bytes()
    run_study(ONE_SEED, tmp_path, execution=ONE)
    first.write_bytes(content)
    with closing(sqlite3.connect(tmp_path / "results.sqlite")) as connection, connection:
        connection.execute("DELETE FROM round WHERE arm = 'cold' AND round > 1")
    heard = []
    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE, listener=heard.append))) == expected
    assert [(e.arm, e.round) for e in heard if isinstance(e, RoundRecord)] == [("cold", 2), ("cold", 3)]


def test_a_file_system_without_second_names_gets_copies(expected, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    assert ordered(results(run_study(ONE_SEED, tmp_path, execution=ONE))) == expected
    assert was_taken_over(tmp_path) == SHARED


@pytest.mark.skipif(os.name != "posix", reason="folders are synchronized where the system can")
def test_a_second_name_has_reached_the_disk_before_a_round_tells_of_it(tmp_path, monkeypatch):
    settled, fsync = set(), os.fsync

    def note(handle):
        settled.add(os.fstat(handle).st_ino)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note)
    interrupt(ONE_SEED, tmp_path, 2)
    folders = {(tmp_path / str(Store(tmp_path).last_round(arm, 0)[1])).parent for arm in ("cold", "warm")}
    assert len(folders) == 2
    assert {folder.stat().st_ino for folder in folders} <= settled


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
    assert len({(record.seed, record.accuracy, record.seconds) for record in records.rounds}) == 2
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
